"""Lists of sessions in SQLite: a page in any order, all of a selection, and the changes in order.

A list is made of groups, one after another, each in the order of an index: the sessions that have the sorting value,
then those without; of totals one group for each currency, first the one that totals are ranked in. A cursor is the
place of a row in its group, so that going on is one range of the index. Where starts are bounded, or an id is asked
for, the few that remain are sorted instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessiontree.session_query import Cursor, SelectionTotals, SessionChange, SessionPage, SessionQuery
from sessiontree.sessions import Session
from sessiontree.store.parts import session_pages
from sessiontree.store.parts.session_pages import NOT_ALWAYS, SEQUENCE, SHOWN, WITH_VALUE, WITHOUT, Placed, ranked
from sessiontree.store.parts.session_rows import read_session
from sessiontree.store.sqlite.session_selection import Selection, currencies, ranked_currency, select, totals

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot
    from sessiontree.store.sqlite.store import SqliteStore

_BY_VALUE = {
    "started_at": ("session.start", "session_by_start"),
    "duration": ("session.duration", "session_by_duration"),
    "event_count": ("session.event_count", "session_by_events"),
}
_BY_COST = {
    "total": (("ranked.whole", "ranked.rest", "ranked.session"), "session_by_total"),
    "total_per_minute": (("ranked.minute_whole", "ranked.minute_rest", "ranked.session"), "session_by_minute"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Part of a list: where its rows come from, a further condition with its values, and what they are sorted by."""

    name: str
    source: str
    where: str
    values: tuple[Any, ...]
    keys: tuple[str, ...]


def page(snapshot: "SqliteSnapshot", query: SessionQuery) -> SessionPage:
    """See `Sessions.page`."""
    account_id = snapshot.account_id
    if account_id is None:
        return SessionPage((), None, SelectionTotals(), fresh=True)
    sessions, following, selection = _some(snapshot, query)
    (waiting,) = snapshot.db.execute("select exists (select 1 from dirty where account = ?)", [account_id]).fetchone()
    ranked_in = ranked_currency(snapshot, query) if query.by_amount else None
    return SessionPage(sessions, following, totals(snapshot.db, selection), fresh=not waiting, ranked_in=ranked_in)


def walk(store: "SqliteStore", account: str, query: SessionQuery) -> Iterator[Session]:
    """See `Sessions.walk`."""

    def ask(query: SessionQuery) -> tuple[list[Session], Cursor | None]:
        with store.snapshot(account) as snapshot:
            return _some(snapshot, query)[:2] if snapshot.account_id is not None else ([], None)

    return session_pages.walk(query, ask)


def last_change(snapshot: "SqliteSnapshot") -> int:
    """See `Sessions.last_change`."""
    statement = """select max((select coalesce(max(sequence), 0) from session where account = :account),
                              (select coalesce(max(sequence), 0) from session_gone where account = :account))"""
    return int(snapshot.db.execute(statement, {"account": snapshot.account_id}).fetchone()[0])


def changes(snapshot: "SqliteSnapshot", since: int, limit: int) -> Sequence[SessionChange]:
    """See `Sessions.changes`."""
    if since > last_change(snapshot):
        raise ValueError("is ahead of every change here; begin again without it")
    values = [snapshot.account_id, since, limit]
    where = "where account = ? and sequence > ? order by sequence limit ?"
    rows = snapshot.db.execute(f"select {SHOWN} from session indexed by session_by_change {where}", values)  # noqa: S608
    found = [SessionChange(row[SEQUENCE], row[2], row[3], read_session(row)) for row in rows]
    gone = snapshot.db.execute(f"select sequence, record_type, id from session_gone {where}", values)  # noqa: S608
    found += [SessionChange(sequence, record_type, id, None) for sequence, record_type, id in gone]
    return sorted(found, key=lambda change: change.sequence)[:limit]


def _some(snapshot: "SqliteSnapshot", query: SessionQuery) -> tuple[list[Session], Cursor | None, Selection]:
    """The sessions up to the limit, the place after them, and the selection."""
    ranked_in, selection = ranked_currency(snapshot, query), select(snapshot, query)
    listed = groups(query, selection, [] if query.currency else currencies(snapshot), ranked_in)

    def sessions(group: Group, limit: int) -> list[Placed]:
        found: list[Placed] = []
        width = len(group.keys)
        for statement, values in statements(group, selection, query):
            if len(found) < limit:
                rows = snapshot.db.execute(statement, [*values, limit - len(found)])
                found += [(row[:width], read_session(row[width:])) for row in rows]
        return found

    return *session_pages.page(query, ranked_in, listed, sessions), selection


def groups(query: SessionQuery, selection: Selection, known: Sequence[str], ranked_in: str | None) -> Iterator[Group]:
    """The groups of a list, in order. `known` are the currencies beside `ranked_in` that there are."""
    if query.sort in _BY_VALUE:
        column, index = _BY_VALUE[query.sort]
        source = _source(selection, index)
        yield Group(WITH_VALUE, source, f"{column} is not null", (), (column, "session.number"))
        if query.sort in NOT_ALWAYS:
            yield Group(WITHOUT, source, f"{column} is null", (), ("session.number",))
        return
    keys, index = _BY_COST[query.sort]
    valued = f"{keys[0].partition('.')[2]} is not null"
    earlier: list[str] = []
    for name in ranked(known, ranked_in):
        where = f"ranked.account = ? and ranked.currency = ? and ranked.{valued}"
        where += f" and {_no_cost(valued, earlier)}" if earlier else ""
        yield Group(name, _ranked_source(selection, index), where, (selection.values[0], name, *earlier), keys)
        earlier.append(name)
    if query.currency is None or query.sort == "total_per_minute":
        yield Group(WITHOUT, selection.source, _no_cost(valued, ()), (), ("session.number",))


def _source(selection: Selection, index: str) -> str:
    if selection.few or selection.index is not None:
        return selection.source
    return f"session indexed by {'session_by_start' if selection.bounded else index}"


def _ranked_source(selection: Selection, index: str) -> str:
    if selection.few or selection.bounded or selection.index is not None:
        return f"{_source(selection, index)} cross join session_cost as ranked on ranked.session = session.number"
    return f"session_cost as ranked indexed by {index} cross join session on session.number = ranked.session"


def _no_cost(valued: str, currencies: Sequence[str]) -> str:
    """The condition that a session has no sorting value (in any of these currencies)."""
    among = f" and currency in ({', '.join('?' * len(currencies))})" if currencies else ""
    return f"not exists (select 1 from session_cost where session = session.number and {valued}{among})"  # noqa: S608


def statements(group: Group, selection: Selection, query: SessionQuery) -> Iterator[tuple[str, list[Any]]]:
    """The statements that give the rows of a group from the query's cursor on, with their values but a limit."""
    direction, sign = ("desc", "<") if query.descending else ("asc", ">")
    order = ", ".join(f"{key} {direction}" for key in group.keys)
    where = f"{group.where} and {selection.where}"
    shown = f"select {', '.join(group.keys)}, {SHOWN} from {group.source} where {where}"  # noqa: S608
    for after, values in _after(group, query.cursor, sign):
        yield f"{shown}{after} order by {order} limit ?", [*group.values, *selection.values, *values]


def _after(group: Group, cursor: Cursor | None, sign: str) -> list[tuple[str, tuple[int, ...]]]:
    """The conditions, one after another, that lead on from a cursor; each is one range of the group's index."""
    if cursor is None or cursor.group != group.name:
        return [("", ())]
    if len(group.keys) == 2:  # SQLite takes no range of equal values by a row's number out of a comparison of pairs
        value, number = group.keys
        return [
            (f" and {value} = ? and {number} {sign} ?", cursor.values),
            (f" and {value} {sign} ?", cursor.values[:1]),
        ]
    return [(f" and ({', '.join(group.keys)}) {sign} ({', '.join('?' * len(group.keys))})", cursor.values)]
