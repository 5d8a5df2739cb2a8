"""Writing what a refresh has worked out: session rows, their costs, which records they hold, and what all add up to."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection

from sessiontree.store.parts.notes import ranges
from sessiontree.store.parts.refresh import Refresh
from sessiontree.store.parts.session_changes import Changes, Identity, held
from sessiontree.store.postgres import dirty
from sessiontree.store.postgres.amounts import to_array, to_numeric
from sessiontree.store.postgres.binary import texts
from sessiontree.store.postgres.session_rows import COSTS, WRITTEN, costs_of, sums_of, values_of
from sessiontree.store.postgres.text import to_text

_CHANGE = "change"
_ANALYZE_AT = (100, 1_000, 10_000, 100_000)
"""When there are so many sessions, the planner has to know. Where it knows nothing, any index that begins with the
account looks good to it, and all sessions are read to find a few; by itself the database looks once a minute at most.
"""
_ADD_SUMS = """insert into session_sum as kept (account, currency, sessions, events, unpriced, total, elsewhere)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (account, currency) do update set
        sessions = kept.sessions + excluded.sessions, events = kept.events + excluded.events,
        unpriced = kept.unpriced + excluded.unpriced, total = kept.total + excluded.total,
        elsewhere = kept.elsewhere + excluded.elsewhere"""
_LEAVE_HOME = "delete from home where account = %s and row = any(%s::bigint[])"  # a record has one
_LEAVE_VISIT = "delete from visit where account = %s and row = %s and session = %s"
_GONE = """select gone.sequence from unnest(%s::text[], %s::text[]) as back (record_type, id) cross join lateral (
    select sequence from session_gone
        where account = %s and record_type = back.record_type and id = back.id offset 0) as gone"""
_FORGET = "delete from session_gone where account = %s and sequence = any(%s::bigint[])"
_REMOVE = "delete from session where account = %s and number = any(%s::bigint[])"
_REMOVE_COSTS = "delete from session_cost where account = %s and session = any(%s::bigint[])"
_COUNT = """insert into counter (account, name, value) values (%s, %s, %s)
    on conflict (account, name) do update set value = excluded.value"""


def write(db: Connection[Any], refresh: Refresh, number: int) -> None:
    """Write what differs between the sessions as they were and as they are; `number` is the last session's."""
    account_id = refresh.account_id
    changes = Changes(refresh.old, refresh.new, number=number, sequence=_last_change(db, account_id))
    _hold(db, refresh)
    for first, last in ranges(refresh.again):
        dirty.note_rows(db, account_id, first, last)
    _replace(db, account_id, changes)
    _forget_gone(db, account_id, changes.came_or_went)
    gone = [(account_id, sequence, *map(to_text, identity)) for sequence, identity in changes.gone]
    _copy(db, "session_gone", "account, sequence, record_type, id", gone)
    if any(number < at <= changes.number for at in _ANALYZE_AT):
        # Of one without a row the planner would think for long that it has none: costs may come later than sessions.
        has_costs = db.execute("select 1 from session_cost where account = %s limit 1", [account_id]).fetchone()
        db.execute(f"analyze session, home{', session_cost' if has_costs else ''}")
    for name, value in ((dirty.LOCK, changes.number), (_CHANGE, changes.sequence)):
        db.execute(_COUNT, [account_id, name, value])


def _last_change(db: Connection[Any], account_id: int) -> int:
    """The last place in the account's list of changes that was given; none is ever given again."""
    statement = "select value from counter where account = %s and name = %s"
    found = db.execute(statement, [account_id, _CHANGE]).fetchone()
    return int(found[0]) if found else 0


def _replace(db: Connection[Any], account_id: int, changes: Changes) -> None:
    """Write rows in the place of others, and their costs; keep the sums of all in step."""
    if changes.replaced:
        numbers = to_array(row.number for row in changes.replaced)
        db.execute(_REMOVE, [account_id, numbers])
        db.execute(_REMOVE_COSTS, [account_id, numbers])
    written = [row for row, _ in changes.written]
    _copy(db, "session", WRITTEN, [values_of(row, account_id) for row in written])
    costs = [cost for row, session in changes.written for cost in costs_of(account_id, row, session)]
    _copy(db, "session_cost", COSTS, costs)
    for currency, (sessions, events, unpriced, total, elsewhere) in sorted(sums_of(changes.replaced, written).items()):
        amounts = (to_numeric(total), to_numeric(elsewhere))
        db.execute(_ADD_SUMS, [account_id, currency, sessions, events, unpriced, *amounts])


def _copy(db: Connection[Any], table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    if rows:
        with db.cursor() as cursor, cursor.copy(f"copy {table} ({columns}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)


def _copy_held(db: Connection[Any], table: str, account_id: int, held: Sequence[tuple[int, int]]) -> None:
    """As `_copy`, of rows and sessions: by far the most that is written."""
    if held:
        with db.cursor() as cursor, cursor.copy(f"copy {table} (account, row, session) from stdin") as copy:
            copy.write("".join([f"{account_id}\t{row}\t{session}\n" for row, session in held]))


def _forget_gone(db: Connection[Any], account_id: int, identities: Sequence[Identity]) -> None:
    """Whoever follows the changes needs only the last of each session."""
    if db.execute("select 1 from session_gone where account = %s limit 1", [account_id]).fetchone():
        names = texts([to_text(name) for name, _ in identities]), texts([to_text(id) for _, id in identities])
        known = [sequence for (sequence,) in db.execute(_GONE, [*names, account_id])]
        if known:
            db.execute(_FORGET, [account_id, to_array(known)])


def _hold(db: Connection[Any], refresh: Refresh) -> None:
    """Write which records are at home in which session, and which visit which."""
    left, come = held(refresh.old, refresh.new)
    if left["home"]:
        db.execute(_LEAVE_HOME, [refresh.account_id, to_array(row for row, _ in left["home"])])
    if left["visit"]:
        db.cursor().executemany(_LEAVE_VISIT, [(refresh.account_id, *each) for each in sorted(left["visit"])])
    for table in ("home", "visit"):
        _copy_held(db, table, refresh.account_id, sorted(come[table]))
