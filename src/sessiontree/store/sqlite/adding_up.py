"""The tables of a SQLite store as they are added up."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sessiontree.money import UNIT
from sessiontree.sessions import Session
from sessiontree.store.checks import Sums
from sessiontree.store.parts.adding_up import AddingUp
from sessiontree.store.parts.session_rows import COLUMNS, Row, read_row, read_session
from sessiontree.store.parts.tables import AT_ONCE, CostRow, RecordRow
from sessiontree.store.sqlite.session_selection import SUM_COLUMNS, amount_of

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot

_KINDS = "select id, record_type from kind where account = ?"
_RECORDS = """select kind, packed, home.session, session.account from record
    left join home on home.row = record.row left join session on session.number = home.session
    where +kind in (select id from kind where account = ?) order by record.row"""  # the plus: no other order than this
_SESSIONS = f"select {COLUMNS} from session where account = ? order by number"  # noqa: S608
_MEMBERS = "select row, session from {table} where row in (select value from json_each(?))"
_MEMBER_COUNT = "select count(*) from {table} join session on number = {table}.session where account = ?"
_COSTS = """select cost.session, cost.currency, whole, rest, elsewhere_whole, elsewhere_rest, number is not null
    from session_cost as cost left join session on number = cost.session and session.account = cost.account
    where cost.account = ?"""
_COSTS_OF = """select currency, whole, rest, elsewhere_whole, elsewhere_rest from session_cost
    where session = ? and +account = ?"""  # the plus: by session, not by account
_SPEND = """select record_type, currency, whole, rest, events from spend join kind on kind.id = kind
    where account = ?"""
_KEPT_COUNTS = "select sessions, events, unpriced from session_sum where account = ?"
_KEPT_COSTS = f"select currency, sessions, {SUM_COLUMNS} from session_cost_sum where account = ? and sessions > 0"  # noqa: S608


def sums(snapshot: "SqliteSnapshot", advance: Callable[[int], None]) -> Sums:
    """See `Moment.sums`."""
    store = snapshot.store
    return AddingUp(_Tables(snapshot), types=store.catalog.types, unpack=store.packer.unpack, advance=advance).run()


class _Tables:
    """See `Tables`."""

    def __init__(self, snapshot: "SqliteSnapshot") -> None:
        self._db = snapshot.db
        self._account_id = snapshot.account_id

    def _pieces(self, statement: str) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._db.execute(statement, [self._account_id])
        while rows := cursor.fetchmany(AT_ONCE):
            yield rows

    def records(self) -> Iterator[Sequence[RecordRow]]:
        account_id, kinds = self._account_id, dict(self._db.execute(_KINDS, [self._account_id]).fetchall())
        for rows in self._pieces(_RECORDS):
            yield [RecordRow(kinds[kind], packed, home, owner == account_id) for kind, packed, home, owner in rows]

    def sessions(self) -> Iterator[Sequence[tuple[Row, Session]]]:
        for rows in self._pieces(_SESSIONS):
            yield [(read_row(values), read_session(values)) for values in rows]

    def members(self, table: str, rows: list[int]) -> list[tuple[int, int]]:
        return self._db.execute(_MEMBERS.format(table=table), [json.dumps(rows)]).fetchall()

    def member_count(self, table: str) -> int:
        return int(self._db.execute(_MEMBER_COUNT.format(table=table), [self._account_id]).fetchone()[0])

    def costs(self) -> Iterator[CostRow]:
        for number, currency, *amounts, there in self._db.execute(_COSTS, [self._account_id]):
            yield CostRow(number, currency, *_total_and_elsewhere(*amounts), there)

    def costs_of(self, numbers: list[int]) -> dict[int, dict[str, tuple[int, int]]]:
        found = {}
        for number in numbers:
            costs = self._db.execute(_COSTS_OF, [number, self._account_id])
            found[number] = {currency: _total_and_elsewhere(*amounts) for currency, *amounts in costs}
        return found

    def spend(self) -> Iterator[tuple[str, str | None, int, int]]:
        for name, currency, whole, rest, events in self._db.execute(_SPEND, [self._account_id]):
            yield name, currency, whole * UNIT + rest, events

    def kept_counts(self) -> tuple[int, int, int]:
        counts: tuple[int, int, int] | None = self._db.execute(_KEPT_COUNTS, [self._account_id]).fetchone()
        return counts or (0, 0, 0)

    def kept_costs(self) -> dict[str, tuple[int, int, int]]:
        kept = self._db.execute(_KEPT_COSTS, [self._account_id])
        return {code: (count, amount_of(*parts[:4]), amount_of(*parts[4:])) for code, count, *parts in kept}


def _total_and_elsewhere(whole: int, rest: int, other_whole: int, other_rest: int) -> tuple[int, int]:
    return whole * UNIT + rest, other_whole * UNIT + other_rest
