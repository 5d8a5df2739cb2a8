"""Writing what a refresh has worked out: session rows, their costs, which records they hold, and what all add up to.

A row whose numbers are as they were keeps its revision and its place in the list of changes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection

from sessiontree.store.postgres import dirty
from sessiontree.store.postgres.amounts import to_array, to_numeric
from sessiontree.store.postgres.refresh import Identity, Refresh
from sessiontree.store.postgres.session_rows import COSTS, WRITTEN, costs_of, sums_of, values_of
from sessiontree.store.postgres.text import to_text
from sessiontree.store.sqlite.session_rows import Row

_CHANGE = "change"
_ADD_SUMS = """insert into session_sum as kept (account, currency, sessions, events, unpriced, total, elsewhere)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (account, currency) do update set
        sessions = kept.sessions + excluded.sessions, events = kept.events + excluded.events,
        unpriced = kept.unpriced + excluded.unpriced, total = kept.total + excluded.total,
        elsewhere = kept.elsewhere + excluded.elsewhere"""
_LEAVE_HOME = "delete from home where account = %s and row = any(%s::bigint[])"  # a record has one
_LEAVE_VISIT = "delete from visit where account = %s and row = %s and session = %s"
_FORGET = "delete from session_gone where account = %s and record_type = %s and id = any(%s::text[])"
_COUNT = """insert into counter (account, name, value) values (%s, %s, %s)
    on conflict (account, name) do update set value = excluded.value"""


def write(db: Connection[Any], refresh: Refresh, number: int) -> None:
    """Write what differs between the sessions as they were and as they are; `number` is the last session's."""
    account_id, old, new = refresh.account_id, refresh.old, refresh.new
    sequence = _last_change(db, account_id)
    replaced: list[Row] = []
    gone: list[tuple[Any, ...]] = []
    written: list[Row] = []
    costs: list[tuple[Any, ...]] = []
    for identity, before in old.items():
        if identity not in new:
            sequence += 1
            gone.append((account_id, sequence, *map(to_text, identity)))
            replaced.append(before)
    for identity, (row, session) in new.items():
        present = old.get(identity)
        if present is None:
            number += 1
            row.number = number
        else:
            row.number, row.revision, row.sequence = present.number, present.revision, present.sequence
            if row.equals(present):
                continue
            replaced.append(present)
        if present is None or row.numbers != present.numbers:
            sequence += 1
            row.revision, row.sequence = row.revision + 1, sequence
        written.append(row)
        costs += costs_of(account_id, row, session)
    _hold(db, refresh)
    _replace(db, account_id, replaced, written, costs)
    came = [identity for identity in new if identity not in old]
    _forget_gone(db, account_id, [*came, *(identity for identity in old if identity not in new)])
    _copy(db, "session_gone", "account, sequence, record_type, id", gone)
    for name, value in ((dirty.LOCK, number), (_CHANGE, sequence)):
        db.execute(_COUNT, [account_id, name, value])


def _last_change(db: Connection[Any], account_id: int) -> int:
    """The last place in the account's list of changes that was given; none is ever given again."""
    statement = "select value from counter where account = %s and name = %s"
    found = db.execute(statement, [account_id, _CHANGE]).fetchone()
    return int(found[0]) if found else 0


def _replace(
    db: Connection[Any],
    account_id: int,
    replaced: Sequence[Row],
    written: Sequence[Row],
    costs: Sequence[tuple[Any, ...]],
) -> None:
    """Write rows in the place of others, and the costs; keep the sums of all in step."""
    if replaced:
        numbers = to_array(row.number for row in replaced)
        db.execute("delete from session where account = %s and number = any(%s::bigint[])", [account_id, numbers])
        db.execute("delete from session_cost where account = %s and session = any(%s::bigint[])", [account_id, numbers])
    _copy(db, "session", WRITTEN, [values_of(row, account_id) for row in written])
    _copy(db, "session_cost", COSTS, costs)
    for currency, (sessions, events, unpriced, total, elsewhere) in sorted(sums_of(replaced, written).items()):
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
        by_type: dict[str, list[str]] = {}
        for record_type, id in identities:
            by_type.setdefault(to_text(record_type), []).append(to_text(id))
        for name, ids in by_type.items():
            db.execute(_FORGET, [account_id, name, ids])


def _hold(db: Connection[Any], refresh: Refresh) -> None:
    """Write which records are at home in which session, and which visit which."""
    left: dict[str, list[tuple[int, int]]] = {"home": [], "visit": []}
    come: dict[str, list[tuple[int, int]]] = {"home": [], "visit": []}
    for identity, (row, _) in refresh.new.items():
        before = refresh.old.get(identity)
        for table, now, then in _tables(row, before):
            if not then:
                come[table] += [(each, row.number) for each in now]
            elif now != then:
                come[table] += [(each, row.number) for each in set(now).difference(then)]
                left[table] += [(each, row.number) for each in set(then).difference(now)]
    for identity, before in refresh.old.items():
        if identity not in refresh.new:
            left["home"] += [(each, before.number) for each in before.homes]
            left["visit"] += [(each, before.number) for each in before.visits]
    if left["home"]:
        db.execute(_LEAVE_HOME, [refresh.account_id, to_array(row for row, _ in left["home"])])
    if left["visit"]:
        db.cursor().executemany(_LEAVE_VISIT, [(refresh.account_id, *each) for each in sorted(left["visit"])])
    for table in ("home", "visit"):
        _copy_held(db, table, refresh.account_id, sorted(come[table]))


def _tables(row: Row, before: Row | None) -> list[tuple[str, list[int], list[int]]]:
    if before is None:
        return [("home", row.homes, []), ("visit", row.visits, [])]
    return [("home", row.homes, before.homes), ("visit", row.visits, before.visits)]
