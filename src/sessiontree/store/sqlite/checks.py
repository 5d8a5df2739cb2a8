"""Looking at everything that a SQLite store has of an account, in one read transaction; see `store.checks`."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sessiontree.record import Record
from sessiontree.store.checks import Identity, Row, Sums
from sessiontree.store.parts.session_rows import COLUMNS, read_row, read_session
from sessiontree.store.sqlite import adding_up, records
from sessiontree.store.sqlite.snapshot import SqliteSnapshot

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_AT_ONCE = 512


class SqliteMoment:
    """See `Moment`: a read transaction on this thread's connection."""

    def __init__(self, store: "SqliteStore", snapshot: SqliteSnapshot) -> None:
        self._store = store
        self._db = snapshot.db
        self._account = snapshot.account
        self._account_id = snapshot.account_id
        self.waiting = self._count("select count(*) from dirty where account = ?")

    def _count(self, statement: str) -> int:
        return int(self._db.execute(statement, [self._account_id]).fetchone()[0])

    def session_count(self) -> int:
        return self._count("select count(*) from session where account = ?")

    def snapshot(self) -> SqliteSnapshot:
        return SqliteSnapshot(self._store, self._db, self._account)

    def sums(self, advance: Callable[[int], None]) -> Sums:
        return adding_up.sums(self.snapshot(), advance)

    def numbers(self, *, after: int, limit: int) -> list[int]:
        statement = "select number from session where account = ? and number > ? order by number limit ?"
        return [number for (number,) in self._db.execute(statement, [self._account_id, after, limit])]

    def sample(self, count: int) -> list[int]:
        statement = "select number from session where account = ? order by random() limit ?"
        return sorted(number for (number,) in self._db.execute(statement, [self._account_id, count]))

    def rows(self, numbers: Sequence[int]) -> list[Row]:
        found = []
        for number in numbers:
            statement = f"select {COLUMNS} from session where number = ? and account = ?"  # noqa: S608
            values = self._db.execute(statement, [number, self._account_id]).fetchone()
            if values is not None:
                listed = read_row(values)
                homes, visits = self._identities(listed.homes), self._identities(listed.visits)
                found.append(Row(number, read_session(values), homes, visits))
        time.sleep(0)  # lets go of the interpreter
        return found

    def _identities(self, rows: list[int]) -> frozenset[Identity]:
        found = set()
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for (packed,) in self._db.execute(f"select packed from record where row in ({marks})", some):  # noqa: S608
                record = self._store.packer.unpack(packed)
                found.add((record.record_type, record.id))
        return frozenset(found)


class SqliteChecks:
    """See `Checks`."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store

    @contextmanager
    def moment(self, account: str) -> Iterator[SqliteMoment]:
        with self._store.snapshot(account) as snapshot:
            yield SqliteMoment(self._store, snapshot)

    def records(self, account: str, record_type: str | None = None) -> Iterator[Record]:
        return records.records(self._store, account, record_type)

    def count(self, account: str, record_type: str | None = None) -> int:
        return records.count(self._store, account, record_type)
