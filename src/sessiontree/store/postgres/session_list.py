"""Lists of sessions in PostgreSQL: a page in any order, all of a selection, and the changes in order.

A list is made of groups, one after another, each in the order of an index: the sessions that have the sorting value,
then those without; of totals one group for each currency, first the one that totals are ranked in. A cursor is the
place of a row in its group, so that going on is one range of the index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sessiontree.money import UNIT
from sessiontree.session_query import Cursor, SelectionTotals, SessionChange, SessionPage, SessionQuery
from sessiontree.sessions import Session
from sessiontree.store.parts import session_pages
from sessiontree.store.parts.session_pages import NOT_ALWAYS, SEQUENCE, SHOWN, WITH_VALUE, WITHOUT, Placed, ranked
from sessiontree.store.postgres.amounts import from_numeric, to_numeric
from sessiontree.store.postgres.session_rows import read_session
from sessiontree.store.postgres.session_selection import (
    PLAN_ANEW,
    Selection,
    currencies,
    ranked_currency,
    select,
    totals,
)
from sessiontree.store.postgres.text import from_text, to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot
    from sessiontree.store.postgres.store import PostgresStore

_BY_VALUE = {"started_at": "session.start", "duration": "session.duration", "event_count": "session.event_count"}
_BY_COST = {"total": "ranked.total", "total_per_minute": "ranked.minute"}
_RANKED = "session_cost as ranked join session on session.account = ranked.account and number = ranked.session"


@dataclass(frozen=True, slots=True)
class Group:
    """Part of a list: where its rows come from, a further condition with its values, and what they are sorted by.

    `value` is None where all rows are alike in what sorts them; they stand in the order of `number` then.
    """

    name: str
    source: str
    where: str
    values: tuple[Any, ...]
    value: str | None
    number: str


def page(snapshot: "PostgresSnapshot", query: SessionQuery) -> SessionPage:
    """See `Sessions.page`."""
    account_id = snapshot.account_id
    if account_id is None:
        return SessionPage((), None, SelectionTotals(), fresh=True)
    sessions, following, selection = _some(snapshot, query)
    noted = snapshot.db.execute("select 1 from dirty where account = %s limit 1", [account_id]).fetchone()
    ranked_in = ranked_currency(snapshot, query) if query.by_amount else None
    return SessionPage(sessions, following, totals(snapshot.db, selection), fresh=noted is None, ranked_in=ranked_in)


def walk(store: "PostgresStore", account: str, query: SessionQuery) -> Iterator[Session]:
    """See `Sessions.walk`."""

    def ask(query: SessionQuery) -> tuple[list[Session], Cursor | None]:
        with store.snapshot(account) as snapshot:
            return _some(snapshot, query)[:2] if snapshot.account_id is not None else ([], None)

    return session_pages.walk(query, ask)


def last_change(snapshot: "PostgresSnapshot") -> int:
    """See `Sessions.last_change`."""
    statement = """select greatest((select coalesce(max(sequence), 0) from session where account = %(account)s),
                                   (select coalesce(max(sequence), 0) from session_gone where account = %(account)s))"""
    found = snapshot.db.execute(statement, {"account": snapshot.account_id}).fetchone()
    return int(found[0]) if found else 0


def changes(snapshot: "PostgresSnapshot", since: int, limit: int) -> Sequence[SessionChange]:
    """See `Sessions.changes`."""
    if since > last_change(snapshot):
        raise ValueError("is ahead of every change here; begin again without it")
    values = [snapshot.account_id, since, limit]
    where = "where account = %s and sequence > %s order by sequence limit %s"
    cursor = snapshot.db.cursor(binary=True)
    cursor.execute(f"select {SHOWN} from session {where}", values)  # noqa: S608 - only our own names
    found = [_change(row[SEQUENCE], row[2], row[3], read_session(row)) for row in cursor]
    cursor.execute(f"select sequence, record_type, id from session_gone {where}", values)  # noqa: S608
    found += [_change(sequence, record_type, id, None) for sequence, record_type, id in cursor]
    return sorted(found, key=lambda change: change.sequence)[:limit]


def _change(sequence: int, record_type: str, id: str, session: Session | None) -> SessionChange:
    return SessionChange(sequence, from_text(record_type), from_text(id), session)


def _some(snapshot: "PostgresSnapshot", query: SessionQuery) -> tuple[list[Session], Cursor | None, Selection]:
    """The sessions up to the limit, the place after them, and the selection."""
    snapshot.db.execute(PLAN_ANEW)
    ranked_in, selection = ranked_currency(snapshot, query), select(snapshot, query)
    known = [] if query.currency or query.sort in _BY_VALUE else currencies(snapshot)
    listed = groups(query, selection, known, ranked_in)

    def sessions(group: Group, limit: int) -> list[Placed]:
        statement, values = _statement(group, selection, query)
        rows = snapshot.db.cursor(binary=True).execute(statement, [*values, limit])
        return [(_place(*row[:2]), read_session(row[2:])) for row in rows]

    return *session_pages.page(query, ranked_in, listed, sessions), selection


def _place(value: int | Decimal | None, number: int) -> tuple[int, ...]:
    """The place of a row in its group, as a cursor has it."""
    if value is None:
        return (number,)
    return (*divmod(from_numeric(value), UNIT), number) if isinstance(value, Decimal) else (value, number)


def groups(query: SessionQuery, selection: Selection, known: Sequence[str], ranked_in: str | None) -> Iterator[Group]:
    """The groups of a list, in order. `known` are the currencies beside `ranked_in` that there are."""
    if query.sort in _BY_VALUE:
        value = _BY_VALUE[query.sort]
        yield Group(WITH_VALUE, "session", f"{value} is not null", (), value, "session.number")
        if query.sort in NOT_ALWAYS:
            yield Group(WITHOUT, "session", f"{value} is null", (), None, "session.number")
        return
    value = _BY_COST[query.sort]
    valued = f"{value.partition('.')[2]} is not null"
    earlier: list[str] = []
    for name in ranked(known, ranked_in):
        where = f"ranked.account = %s and ranked.currency = %s and ranked.{valued}"
        where += f" and {_no_cost(f'{valued} and currency = any(%s::text[])')}" if earlier else ""
        values = (selection.account_id, to_text(name), *([list(earlier)] if earlier else []))
        yield Group(name, _RANKED, where, values, value, "ranked.session")
        earlier.append(to_text(name))
    if query.currency is None or query.sort == "total_per_minute":
        yield Group(WITHOUT, "session", _no_cost(valued), (), None, "session.number")


def _no_cost(condition: str) -> str:
    """The condition that a session has no such cost."""
    costs = "select from session_cost as cost where cost.account = session.account and cost.session = session.number"
    return f"not exists ({costs} and {condition})"


def _statement(group: Group, selection: Selection, query: SessionQuery) -> tuple[str, list[Any]]:
    """The statement that gives the rows of a group from the query's cursor on, with its values but a limit."""
    direction, sign = ("desc", "<") if query.descending else ("asc", ">")
    order = ", ".join(f"{key} {direction}" for key in (group.value, group.number) if key is not None)
    where = f"{group.where} and {selection.where}"
    after, values = _after(group, query.cursor, sign)
    shown = f"select {group.value or 'null::bigint'}, {group.number}, {SHOWN} from {group.source}"  # noqa: S608
    return f"{shown} where {where}{after} order by {order} limit %s", [*group.values, *selection.values, *values]


def _after(group: Group, cursor: Cursor | None, sign: str) -> tuple[str, tuple[Any, ...]]:
    """The condition that leads on from a cursor: one range of the group's index."""
    if cursor is None or cursor.group != group.name:
        return "", ()
    *value, number = cursor.values
    if group.value is None:
        return f" and {group.number} {sign} %s::bigint", (number,)
    if len(value) == 1:
        return f" and ({group.value}, {group.number}) {sign} (%s::bigint, %s::bigint)", (*value, number)
    amount = to_numeric(value[0] * UNIT + value[1])
    return f" and ({group.value}, {group.number}) {sign} (%s::numeric, %s::bigint)", (amount, number)
