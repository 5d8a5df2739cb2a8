"""What this process remembers for its next refresh of the sessions: records that it added, and rows worked in ahead.

Most of what a refresh looks at was added a moment ago: reading it back would be a fifth of the work. Any other change
of the store, by whomever, makes it forget all; that costs time and nothing else.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from msgspec.structs import force_setattr

from sessiontree.record import Record

BYTES_MAX = 8 << 20


class Recent:
    """Records of neighbouring rows, in the order of rows, and the state of the store in which they are right.

    `worked` are rows that a refresh has worked in although their notes wait still, each with the number of the last
    note for which that holds.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop everything: nothing is known."""
        self._first = 0  # the row of the first record
        self._records: list[Record] = []
        self._bytes = 0
        self._state: tuple[int, int] | None = None
        self.worked: dict[int, int] = {}

    def begin(self, db: sqlite3.Connection) -> None:
        """A transaction begins, of `add` or of a refresh: see whether anybody else has written since the last one."""
        if self._state != _state(db):
            self.forget()

    def end(self, db: sqlite3.Connection) -> None:
        """It ends. Should it fail, all must be forgotten."""
        self._state = _state(db)

    def keep(self, created: Mapping[int, Record], received: datetime) -> None:
        """These were added, by row. They are not to be changed by whoever else holds them."""
        records = list(created.values())
        first = next(iter(created))
        length = sum([len(record.body) for record in records])
        if not self._records:
            self._first = first
        if first == self._first + len(self._records) and self._bytes + length <= BYTES_MAX:
            for record in records:
                force_setattr(record, "received", received)
            self._records += records
            self._bytes += length

    def changed(self, rows: Collection[int]) -> None:
        """The records of these rows are others now."""
        if any(self._first <= row < self._first + len(self._records) for row in rows):
            self.forget()

    def take(self, first: int, last: int) -> list[tuple[int, Record]] | None:
        """The records of these rows, which with those before them are not kept any longer; None if not all are here."""
        begin, end = first - self._first, last + 1 - self._first
        if begin < 0 or end > len(self._records):
            return None
        found = list(zip(range(first, last + 1), self._records[begin:end], strict=True))
        self._bytes -= sum([len(record.body) for record in self._records[:end]])
        del self._records[:end]
        self._first = last + 1
        return found

    def look(self, rows: Iterable[int]) -> list[tuple[int, Record]]:
        """Those of the rows that are here."""
        first, count, records = self._first, len(self._records), self._records
        return [(row, records[row - first]) for row in rows if 0 <= row - first < count]


def _state(db: sqlite3.Connection) -> tuple[int, int]:
    """Differs after any change: by another connection, or by this one."""
    return db.execute("pragma data_version").fetchone()[0], db.total_changes
