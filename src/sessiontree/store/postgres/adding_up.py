"""The tables of a PostgreSQL store as they are added up."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sessiontree.sessions import Session
from sessiontree.store.checks import Sums
from sessiontree.store.parts.adding_up import AddingUp
from sessiontree.store.parts.session_rows import Row
from sessiontree.store.parts.tables import AT_ONCE, CostRow, RecordRow
from sessiontree.store.postgres.amounts import from_numeric
from sessiontree.store.postgres.session_rows import COLUMNS, read_row, read_session

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot

_RECORDS = """select kind, packed, home.session, session.number is not null from record
    left join home on home.account = record.account and home.row = record.row
    left join session on session.account = home.account and session.number = home.session
    where record.account = %s order by record.row"""
_SESSIONS = f"select {COLUMNS} from session where account = %s order by number"  # noqa: S608
_MEMBERS = "select row, session from {table} where account = %s and row = any(%s::bigint[])"
_MEMBER_COUNT = """select count(*) from {table} join session on session.account = {table}.account
    and number = {table}.session where {table}.account = %s"""
_COSTS = """select cost.session, cost.currency, cost.total, cost.elsewhere, number is not null from session_cost as cost
    left join session on session.account = cost.account and number = cost.session
    where cost.account = %s order by cost.session"""
_COSTS_OF = """select session, currency, total, elsewhere from session_cost
    where account = %s and session = any(%s::bigint[])"""
_SPEND = "select kind, currency, amount, events from spend where account = %s"
_KEPT_COUNTS = "select sessions, events, unpriced from session_sum where account = %s and currency = ''"
_KEPT_COSTS = """select currency, sessions, total, elsewhere from session_sum
    where account = %s and currency <> '' and sessions > 0"""


def sums(snapshot: "PostgresSnapshot", advance: Callable[[int], None]) -> Sums:
    """See `Moment.sums`."""
    store = snapshot.store
    return AddingUp(_Tables(snapshot), types=store.catalog.types, unpack=store.packer.unpack, advance=advance).run()


class _Tables:
    """See `Tables`."""

    def __init__(self, snapshot: "PostgresSnapshot") -> None:
        self._db = snapshot.db
        self._account_id = snapshot.account_id
        self._names = _names(snapshot)

    def _pieces(self, statement: str) -> Iterator[list[tuple[Any, ...]]]:
        """What a statement finds of the account, from a cursor of the server's: the tables may be of any size."""
        with self._db.cursor("adding_up") as cursor:
            cursor.execute(statement, [self._account_id])
            while rows := cursor.fetchmany(AT_ONCE):
                yield rows

    def records(self) -> Iterator[Sequence[RecordRow]]:
        for rows in self._pieces(_RECORDS):
            yield [RecordRow(self._names[kind], *others) for kind, *others in rows]

    def sessions(self) -> Iterator[Sequence[tuple[Row, Session]]]:
        for rows in self._pieces(_SESSIONS):
            yield [(read_row(values), read_session(values)) for values in rows]

    def members(self, table: str, rows: list[int]) -> list[tuple[int, int]]:
        return self._db.execute(_MEMBERS.format(table=table), [self._account_id, rows]).fetchall()

    def member_count(self, table: str) -> int:
        (count,) = self._db.execute(_MEMBER_COUNT.format(table=table), [self._account_id]).fetchone() or (0,)
        return int(count)

    def costs(self) -> Iterator[CostRow]:
        for rows in self._pieces(_COSTS):
            for number, currency, total, elsewhere, there in rows:
                yield CostRow(number, currency, from_numeric(total), from_numeric(elsewhere), there)

    def costs_of(self, numbers: list[int]) -> dict[int, dict[str, tuple[int, int]]]:
        found: dict[int, dict[str, tuple[int, int]]] = {}
        for number, currency, total, elsewhere in self._db.execute(_COSTS_OF, [self._account_id, numbers]):
            found.setdefault(number, {})[currency] = (from_numeric(total), from_numeric(elsewhere))
        return found

    def spend(self) -> Iterator[tuple[str, str | None, int, int]]:
        for rows in self._pieces(_SPEND):
            for kind, currency, amount, events in rows:
                yield self._names[kind], currency, from_numeric(amount), events

    def kept_counts(self) -> tuple[int, int, int]:
        return self._db.execute(_KEPT_COUNTS, [self._account_id]).fetchone() or (0, 0, 0)

    def kept_costs(self) -> dict[str, tuple[int, int, int]]:
        kept = self._db.execute(_KEPT_COSTS, [self._account_id])
        return {code: (count, from_numeric(total), from_numeric(others)) for code, count, total, others in kept}


def _names(snapshot: "PostgresSnapshot") -> dict[int, str]:
    """The types of the account's records, by the numbers of their kinds."""
    if snapshot.account_id is None:
        return {}
    kinds = snapshot.store.kinds.kinds_of(snapshot.db, snapshot.account_id)
    return {kind: name for name, kind in kinds.items()}
