"""What this process remembers for its next refresh of the sessions: records that it added, and rows worked in ahead.

Most of what a refresh looks at was added a moment ago: reading it back would be a fifth of the work. Any other change
of the store, by whomever, makes it forget all; that costs time and nothing else.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import force_setattr

from sessiontree.record import Record
from sessiontree.store.parts.notes import ranges

BYTES_MAX = 16 << 20


class Recent:
    """Records of neighbouring rows of one account, in their order, and the state of the store in which they are right.

    And rows that a refresh has worked in although their notes wait still: a byte for each, from a first one on.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop everything: nothing is known."""
        self._account_id: int | None = None
        self._first = 0  # the row of the first record
        self._records: list[Record] = []
        self._bytes = 0
        self._state: tuple[int, int] | None = None
        self._worked_from = 0
        self._worked = bytearray()

    def begin(self, db: sqlite3.Connection) -> None:
        """A transaction begins, of `add` or of a refresh: see whether anybody else has written since the last one."""
        if self._state != _state(db):
            self.forget()

    def end(self, db: sqlite3.Connection) -> None:
        """It ends. Should it fail, all must be forgotten."""
        self._state = _state(db)

    def keep(self, account_id: int, created: Mapping[int, Record], received: datetime) -> None:
        """These were added, by row. They are not to be changed by whoever else holds them."""
        records = list(created.values())
        first = next(iter(created))
        length = sum([len(record.body) for record in records])
        if not self._records:
            self._account_id, self._first = account_id, first
        if account_id != self._account_id:
            return
        if first == self._first + len(self._records) and self._bytes + length <= BYTES_MAX:
            for record in records:
                force_setattr(record, "received", received)
            self._records += records
            self._bytes += length

    def changed(self, rows: Collection[int]) -> None:
        """The records of these rows are others now."""
        if any(self._first <= row < self._first + len(self._records) for row in rows):
            self._records, self._bytes = [], 0
        for row in rows:
            if 0 <= row - self._worked_from < len(self._worked):
                self._worked[row - self._worked_from] = 0

    def take(self, account_id: int | None, first: int, last: int) -> list[Record] | None:
        """The records of these rows, which with those before them are not kept any longer; None if not all are here."""
        begin, end = first - self._first, last + 1 - self._first
        if account_id != self._account_id or begin < 0 or end > len(self._records):
            return None
        found = self._records[begin:end]
        self._bytes -= self._bytes * end // len(self._records)  # about
        del self._records[:end]
        self._first = last + 1
        return found

    def look(self, account_id: int | None, rows: Iterable[int]) -> list[tuple[int, Record]]:
        """Those of the rows that are here."""
        if account_id != self._account_id:
            return []
        first, count, records = self._first, len(self._records), self._records
        return [(row, records[row - first]) for row in rows if 0 <= row - first < count]

    def work_in(self, rows: Collection[int]) -> None:
        """These rows have been worked in before their turn."""
        if rows:
            if not self._worked:
                self._worked_from = min(rows)
            self._worked += bytes(max(0, max(rows) + 1 - self._worked_from - len(self._worked)))
        for row in rows:
            if row >= self._worked_from:
                self._worked[row - self._worked_from] = 1

    def remaining(self, first: int, last: int) -> Sequence[int]:
        """Those of the rows from first to last that have not been worked in."""
        worked, begin = self._worked, self._worked_from
        if first >= begin + len(worked):
            return range(first, last + 1)
        return [row for row in range(first, last + 1) if not 0 <= row - begin < len(worked) or not worked[row - begin]]

    def all_done(self) -> None:
        """No note waits."""
        self._worked = bytearray()


class Ours:
    """The notes that this process has written while adding, by their numbers: they come first in its refreshes.

    Otherwise what a client of the server has just sent would wait for all that an import beside it has stored. Only the
    order depends on this.
    """

    def __init__(self) -> None:
        self._numbers: set[int] = set()

    def add(self, first: int, last: int) -> None:
        """The notes from the first to the last, if any, are ours."""
        self._numbers.update(range(first, last + 1))

    def ranges(self) -> list[tuple[int, int]]:
        """The first and last of neighbours among them, oldest first."""
        return list(ranges(self._numbers))

    def done(self, numbers: Iterable[int]) -> None:
        """These notes are gone; soon others may have their numbers."""
        self._numbers.difference_update(numbers)

    def all_done(self) -> None:
        """No note waits."""
        self._numbers.clear()


def _state(db: sqlite3.Connection) -> tuple[int, int]:
    """Differs after any change: by another connection, or by this one."""
    return db.execute("pragma data_version").fetchone()[0], db.total_changes
