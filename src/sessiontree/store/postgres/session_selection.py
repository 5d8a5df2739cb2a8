"""Which sessions a query selects, as a condition in SQL, and what all of them add up to."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg import Connection

from sessiontree.catalog import RecordType
from sessiontree.query import Matcher, Query
from sessiontree.session_query import SelectionTotals, SessionQuery
from sessiontree.sessions import COMPLETED, IN_PROGRESS, SETTLING
from sessiontree.store import Asks
from sessiontree.store.parts.listing import quick_asks
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.postgres import list as lists
from sessiontree.store.postgres.amounts import from_numeric, to_numeric
from sessiontree.store.postgres.snapshot import PostgresSnapshot
from sessiontree.store.postgres.text import from_text, to_text

# What a list asks depends on what is asked for: worth a plan of its own, unlike the statements for a tree.
PLAN_ANEW = "set local plan_cache_mode = force_custom_plan"
_ROWS_AT_ONCE = 500
_STATUS = {
    IN_PROGRESS: "coalesce(open_start > %s, false)",
    SETTLING: "not coalesce(open_start > %s, false) and changed > %s",
    COMPLETED: "not coalesce(open_start > %s, false) and changed <= %s",
}
_HAS_COST = """exists (select from session_cost as cost where cost.account = session.account
    and cost.session = session.number and cost.currency = %s{})"""
_TOPS = """select number, session.id, packed from session
    left join identity on identity.account = session.account and kind = %s and identity.id = session.id
    left join record on record.account = session.account and record.row = identity.row
        and record.start = identity.start
    where """


@dataclass(slots=True)
class Selection:
    """A condition on the table `session`, with its values in order. `everything`: all sessions of the account."""

    where: str
    values: list[Any]
    everything: bool = True

    @property
    def account_id(self) -> int | None:
        """Whose sessions they are."""
        account_id: int | None = self.values[0]
        return account_id

    def add(self, condition: str, *values: Any) -> None:
        """Select only those that meet this too."""
        self.where += f" and {condition}"
        self.values += values
        self.everything = False


def currencies(snapshot: PostgresSnapshot) -> list[str]:
    """See `Sessions.currencies`."""
    statement = """select currency from session_sum where account = %s and currency <> '' and sessions > 0
        order by sessions desc, currency"""
    return [currency for (currency,) in snapshot.db.execute(statement, [snapshot.account_id])]


def ranked_currency(snapshot: PostgresSnapshot, query: SessionQuery) -> str | None:
    """The currency in which totals are compared and ranked: what a list began with it goes on with."""
    if query.currency is not None or query.cursor is not None:
        return query.currency or (query.cursor and query.cursor.currency)
    return next(iter(currencies(snapshot)), None)


def select(snapshot: PostgresSnapshot, query: SessionQuery) -> Selection:
    """The selection of a query."""
    selection = Selection("session.account = %s", [snapshot.account_id])
    for moment, test in ((query.since, "session.start >= %s"), (query.until, "session.start < %s")):
        if moment is not None:
            selection.add(test, to_micros(moment))
    if query.record_types:
        selection.add("session.record_type = any(%s::text[])", [to_text(name) for name in query.record_types])
    if query.products:
        selection.add("session.products && %s::text[]", [to_text(name) for name in query.products])
    if query.statuses:
        _add_statuses(selection, query)
    if query.currency is not None:
        selection.add(_HAS_COST.format(""), to_text(query.currency))
    for bound, sign in ((query.total_min, ">="), (query.total_max, "<=")):
        if bound is not None:
            amount = (to_text(ranked_currency(snapshot, query) or ""), to_numeric(bound))
            selection.add(_HAS_COST.format(f" and cost.total {sign} %s::numeric"), *amount)
    if query.unlinked:  # the first condition is the one under which the index serves
        reasons = [int(reason) for reason in query.unlinked]
        selection.add("session.unlinked > 0 and session.unlinked = any(%s::integer[])", reasons)
    if query.with_problems:
        selection.add("session.problem_count > 0")
    if query.conditions:
        _add_conditions(selection, snapshot, query)
    return selection


def _add_statuses(selection: Selection, query: SessionQuery) -> None:
    clock = query.clock
    assert clock is not None, "a status depends on the present"
    moments = [to_micros(clock.now - clock.open_for), to_micros(clock.now - clock.settle_for)]
    tests = [_STATUS[status] for status in query.statuses]
    values = [value for test in tests for value in moments[: test.count("%s")]]
    selection.add(f"({' or '.join(f'({test})' for test in tests)})", *values)


def _add_conditions(selection: Selection, snapshot: PostgresSnapshot, query: SessionQuery) -> None:
    """The records of the tops are looked at here, one after another, as far as all else selects them."""
    (record_type,) = query.record_types
    declared = snapshot.store.catalog.types[record_type]
    records = Query(record_type, query.conditions)
    ids = _ids(snapshot, declared, records)
    if ids is not None:
        selection.add("session.id = any(%s::text[])", [to_text(id) for id in ids])
    fields = lists.fields(snapshot, record_type) | dict(declared.fields)
    numbers = list(_meeting(snapshot, selection, declared, Matcher(records, fields).matches))
    selection.add("session.number = any(%s::bigint[])", numbers)


def _ids(snapshot: PostgresSnapshot, declared: RecordType, records: Query) -> list[str] | None:
    """The ids to which a condition on an id or a link value limits the sessions; None without such a condition."""
    asks = quick_asks(snapshot.store.catalog, records)
    if asks is None or asks.ids:
        return None if asks is None else [id for _, id in asks.ids]
    return [record.id for record in _found(snapshot, asks) if record.record_type == declared.name]


def _found(snapshot: PostgresSnapshot, asks: Asks) -> list[Any]:
    """The same moment once more: a snapshot gives each record once."""
    return PostgresSnapshot(snapshot.store, snapshot.db, snapshot.account).find(asks)


def _meeting(
    snapshot: PostgresSnapshot, selection: Selection, declared: RecordType, matches: Callable[[bytes], bool]
) -> Iterator[int]:
    """The sessions of a selection whose top's record meets the conditions; of a top without one, its id alone."""
    account_id, kinds = snapshot.account_id, snapshot.store.kinds
    kind = 0 if account_id is None else kinds.kind_id(snapshot.db, account_id, declared.name) or 0
    with closing(snapshot.db.cursor("tops", binary=True)) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        for number, id, packed in cursor.execute(_TOPS + selection.where, [kind, *selection.values]):
            if packed is None:
                body = msgspec.json.encode({declared.id_field: from_text(id)})
            else:
                body = snapshot.store.packer.unpack(packed).body
            if matches(body):
                yield number


def totals(db: Connection[Any], selection: Selection) -> SelectionTotals:
    """What all sessions of a selection add up to."""
    counted, *sums = _kept(db, selection) if selection.everything else _summed(db, selection)
    found = SelectionTotals(*counted[1:4])
    for currency, _, _, _, total, others in sums:
        elsewhere = from_numeric(others)
        found.totals[currency] = from_numeric(total) - elsewhere
        if elsewhere:
            found.elsewhere[currency] = elsewhere
    return found


def _kept(db: Connection[Any], selection: Selection) -> list[tuple[Any, ...]]:
    """The counts of all sessions of the account, then their sums by currency, as refreshes keep them."""
    statement = f"""select currency, sessions, events, unpriced, total, elsewhere from session_sum as session
        where {selection.where} and sessions > 0 order by currency <> ''"""  # noqa: S608 - only our own names
    found = db.execute(statement, selection.values).fetchall()
    return found or [("", 0, 0, 0, 0, 0)]


def _summed(db: Connection[Any], selection: Selection) -> list[tuple[Any, ...]]:
    """The counts of a selection, then its sums by currency, from the rows."""
    statement = f"""with chosen as materialized (
            select number, event_count - elsewhere_count as events, unpriced_count from session
            where {selection.where})
        select '', count(*), coalesce(sum(events), 0)::bigint, coalesce(sum(unpriced_count), 0)::bigint, null, null
            from chosen
        union all select currency, 0, 0, 0, sum(total), sum(elsewhere)
            from chosen join session_cost as cost on cost.account = %s and session = number
        group by currency order by 1"""  # noqa: S608 - only our own names
    return db.execute(statement, [*selection.values, selection.account_id]).fetchall()
