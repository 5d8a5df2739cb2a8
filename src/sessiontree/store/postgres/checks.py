"""Looking at everything that a PostgreSQL store has of an account, in one read transaction; see `store.checks`."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sessiontree.record import Record
from sessiontree.store.checks import Identity, Row, Sums
from sessiontree.store.postgres import adding_up, records
from sessiontree.store.postgres.session_rows import COLUMNS, read_row, read_session
from sessiontree.store.postgres.snapshot import PostgresSnapshot

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

_ROWS = f"select {COLUMNS} from session where account = %s and number = any(%s::bigint[])"  # noqa: S608
_NUMBERS = "select number from session where account = %s and number > %s order by number limit %s"
_SAMPLE = "select number from session where account = %s order by random() limit %s"
_RECORDS = records.of_rows("row, packed")


class PostgresMoment:
    """See `Moment`: a read transaction on a connection of its own."""

    def __init__(self, store: "PostgresStore", snapshot: PostgresSnapshot) -> None:
        self._store = store
        self._db = snapshot.db
        self._account = snapshot.account
        self._account_id = snapshot.account_id
        self.waiting = self._count("select count(*) from dirty where account = %s")

    def _count(self, statement: str) -> int:
        (count,) = self._db.execute(statement, [self._account_id]).fetchone() or (0,)
        return int(count)

    def session_count(self) -> int:
        return self._count("select count(*) from session where account = %s")

    def snapshot(self) -> PostgresSnapshot:
        return PostgresSnapshot(self._store, self._db, self._account)

    def sums(self, advance: Callable[[int], None]) -> Sums:
        return adding_up.sums(self.snapshot(), advance)

    def numbers(self, *, after: int, limit: int) -> list[int]:
        return [number for (number,) in self._db.execute(_NUMBERS, [self._account_id, after, limit])]

    def sample(self, count: int) -> list[int]:
        return sorted(number for (number,) in self._db.execute(_SAMPLE, [self._account_id, count]))

    def rows(self, numbers: Sequence[int]) -> list[Row]:
        found = {values[0]: values for values in self._db.execute(_ROWS, [self._account_id, list(numbers)])}
        listed = [(read_row(found[number]), read_session(found[number])) for number in numbers if number in found]
        identities = self._identities([at for row, _ in listed for at in row.homes + row.visits])
        time.sleep(0)  # lets go of the interpreter
        return [
            Row(
                row.number,
                session,
                frozenset(identities[at] for at in row.homes if at in identities),
                frozenset(identities[at] for at in row.visits if at in identities),
            )
            for row, session in listed
        ]

    def _identities(self, rows: list[int]) -> dict[int, Identity]:
        found = {}
        for row, packed in self._db.execute(_RECORDS, [rows, self._account_id]):
            record = self._store.packer.unpack(packed)
            found[row] = (record.record_type, record.id)
        return found


class PostgresChecks:
    """See `Checks`."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store

    @contextmanager
    def moment(self, account: str) -> Iterator[PostgresMoment]:
        with self._store.snapshot(account) as snapshot:
            yield PostgresMoment(self._store, snapshot)

    def records(self, account: str, record_type: str | None = None) -> Iterator[Record]:
        return records.records(self._store, account, record_type)

    def count(self, account: str, record_type: str | None = None) -> int:
        return records.count(self._store, account, record_type)
