"""Which sessions a query selects, as a condition in SQL, and what all of them add up to."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from sessiontree import money
from sessiontree.catalog import RecordType
from sessiontree.query import Matcher, Query
from sessiontree.session_query import SelectionTotals, SessionQuery
from sessiontree.sessions import COMPLETED, IN_PROGRESS, SETTLING
from sessiontree.store import Asks
from sessiontree.store.parts.listing import quick_asks
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.sqlite.snapshot import SqliteSnapshot

# Sums of amounts in four parts each, none of which outgrows 64 bits.
_PARTS = ("({0}whole >> 32)", "({0}whole & 4294967295)", "({0}rest >> 20)", "({0}rest & 1048575)")
SUMS = ", ".join(f"sum({part.format(prefix)})" for prefix in ("", "elsewhere_") for part in _PARTS)
SUM_COLUMNS = """total_whole_high, total_whole_low, total_rest_high, total_rest_low,
    elsewhere_whole_high, elsewhere_whole_low, elsewhere_rest_high, elsewhere_rest_low"""
_STATUS = {
    IN_PROGRESS: "coalesce(open_start > ?, 0)",
    SETTLING: "not coalesce(open_start > ?, 0) and changed > ?",
    COMPLETED: "not coalesce(open_start > ?, 0) and changed <= ?",
}


@dataclass(slots=True)
class Selection:
    """A condition on the table `session`, with its values in order.

    `everything`: all sessions of the account. `bounded`: within a range of starts. `few`: no more than their ids name.
    `index` holds no other sessions of the account than these and some more, by their start.
    """

    where: str
    values: list[Any]
    everything: bool = True
    bounded: bool = False
    few: bool = False
    index: str | None = None

    @property
    def source(self) -> str:
        """Where its sessions come from."""
        return "session" if self.few or self.index is None else f"session indexed by {self.index}"

    def add(self, condition: str, *values: Any) -> None:
        """Select only those that meet this too."""
        self.where += f" and {condition}"
        self.values += values
        self.everything = False


def currencies(snapshot: SqliteSnapshot) -> list[str]:
    """See `Sessions.currencies`."""
    statement = """select currency from session_cost_sum where account = ? and sessions > 0
        order by sessions desc, currency"""
    return [currency for (currency,) in snapshot.db.execute(statement, [snapshot.account_id])]


def ranked_currency(snapshot: SqliteSnapshot, query: SessionQuery) -> str | None:
    """The currency in which totals are compared and ranked: what a list began with it goes on with."""
    if query.currency is not None or query.cursor is not None:
        return query.currency or (query.cursor and query.cursor.currency)
    return next(iter(currencies(snapshot)), None)


def select(snapshot: SqliteSnapshot, query: SessionQuery) -> Selection:
    """The selection of a query."""
    selection = Selection("session.account = ?", [snapshot.account_id])
    for moment, test in ((query.since, "session.start >= ?"), (query.until, "session.start < ?")):
        if moment is not None:
            selection.add(test, to_micros(moment))
            selection.bounded = True
    if query.record_types:
        selection.add(f"session.record_type in ({_marks(query.record_types)})", *query.record_types)
    if query.products:
        products = "select 1 from json_each(cast(session.details as text), '$[2]') where json_extract(value, '$[0]')"
        selection.add(f"exists ({products} in ({_marks(query.products)}))", *query.products)
    if query.statuses:
        _add_statuses(selection, query)
    if query.currency is not None:
        selection.add(_has_cost(), query.currency)
    for bound, sign in ((query.total_min, ">="), (query.total_max, "<=")):
        if bound is not None:
            amount = (ranked_currency(snapshot, query), *divmod(bound, money.UNIT))
            selection.add(_has_cost(f" and (cost.whole, cost.rest) {sign} (?, ?)"), *amount)
    if query.unlinked:  # the first condition is the one under which the index serves
        reasons = [int(reason) for reason in query.unlinked]
        selection.add(f"session.unlinked > 0 and session.unlinked in ({_marks(query.unlinked)})", *reasons)
        selection.index = "session_unlinked"
    if query.with_problems:
        selection.add("session.problem_count > 0")
        selection.index = "session_with_problems"
    if query.conditions:
        _add_conditions(selection, snapshot, query)
    return selection


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _has_cost(condition: str = "") -> str:
    costs = "select 1 from session_cost as cost where cost.session = session.number and cost.currency = ?"
    return f"exists ({costs}{condition})"


def _add_statuses(selection: Selection, query: SessionQuery) -> None:
    clock = query.clock
    assert clock is not None, "a status depends on the present"
    moments = [to_micros(clock.now - clock.open_for), to_micros(clock.now - clock.settle_for)]
    tests = [_STATUS[status] for status in query.statuses]
    values = [value for test in tests for value in moments[: test.count("?")]]
    selection.add(f"({' or '.join(f'({test})' for test in tests)})", *values)


def _add_conditions(selection: Selection, snapshot: SqliteSnapshot, query: SessionQuery) -> None:
    """The record of a session's top is looked at by a function of ours, which SQLite calls."""
    (record_type,) = query.record_types
    declared = snapshot.store.catalog.types[record_type]
    records = Query(record_type, query.conditions)
    ids = _ids(snapshot, declared, records)
    if ids is not None:
        selection.add("session.id in (select value from json_each(?))", json.dumps(ids))
        selection.few = True
    fields = snapshot.store.fields(snapshot.account, record_type) | dict(declared.fields)
    meets = partial(_meets, snapshot, declared, Matcher(records, fields).matches)
    snapshot.db.create_function("meets", 1, meets)
    selection.add("meets(session.id)")


def _ids(snapshot: SqliteSnapshot, declared: RecordType, records: Query) -> list[str] | None:
    """The ids to which a condition on an id or a link value limits the sessions; None without such a condition."""
    asks = quick_asks(snapshot.store.catalog, records)
    if asks is None or asks.ids:
        return None if asks is None else [id for _, id in asks.ids]
    return [record.id for record in _fresh(snapshot).find(asks) if record.record_type == declared.name]


def _meets(snapshot: SqliteSnapshot, declared: RecordType, matches: Callable[[bytes], bool], id: str) -> bool:
    """Whether the record of a top meets the conditions; of a top without one, its id alone."""
    found = _fresh(snapshot).find(Asks({(declared.name, id)}, set(), set()))
    return matches(found[0].body if found else msgspec.json.encode({declared.id_field: id}))


def _fresh(snapshot: SqliteSnapshot) -> SqliteSnapshot:
    """The same moment once more: a snapshot gives each record once."""
    return SqliteSnapshot(snapshot.store, snapshot.db, snapshot.account)


def totals(db: sqlite3.Connection, selection: Selection) -> SelectionTotals:
    """What all sessions of a selection add up to."""
    counts, sums = _kept(db, selection) if selection.everything else _summed(db, selection)
    found = SelectionTotals(*counts)
    for currency, *parts in sums:
        elsewhere = amount_of(*parts[4:])
        found.totals[currency] = amount_of(*parts[:4]) - elsewhere
        if elsewhere:
            found.elsewhere[currency] = elsewhere
    return found


def _kept(db: sqlite3.Connection, selection: Selection) -> tuple[tuple[int, int, int], list[tuple[Any, ...]]]:
    """The counts of all sessions of the account, and their sums by currency, as the triggers keep them."""
    counts = "select sessions, events, unpriced from session_sum as session where session.account = ?"
    sums = f"""select currency, {SUM_COLUMNS} from session_cost_sum as session
        where session.account = ? and sessions > 0"""  # noqa: S608 - only our own names
    counted = db.execute(counts, selection.values).fetchone()
    return counted or (0, 0, 0), db.execute(sums, selection.values).fetchall()


def _summed(db: sqlite3.Connection, selection: Selection) -> tuple[tuple[int, int, int], list[tuple[Any, ...]]]:
    """The counts of a selection, and its sums by currency, from the rows; in about the order in which these lie."""
    in_order = "session indexed by session_by_start"
    source = selection.source if selection.few or selection.index else in_order
    statement = f"""with chosen as materialized (
            select number, event_count - elsewhere_count as events, unpriced_count from {source}
            where {selection.where})
        select null, count(*), coalesce(sum(events), 0), coalesce(sum(unpriced_count), 0), 0, 0, 0, 0, 0 from chosen
        union all select currency, {SUMS} from chosen cross join session_cost on session = number
        group by currency"""  # noqa: S608 - only our own names
    (_, sessions, events, unpriced, *_), *sums = db.execute(statement, selection.values).fetchall()
    return (sessions, events, unpriced), sums


def amount_of(whole_high: int, whole_low: int, rest_high: int, rest_low: int) -> int:
    """The amount of a sum's four parts."""
    return ((whole_high << 32) + whole_low) * money.UNIT + (rest_high << 20) + rest_low
