"""Writing what a refresh has worked out: session rows, their costs, and which records they hold."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sessiontree.store.parts.notes import ranges
from sessiontree.store.parts.refresh import Refresh
from sessiontree.store.parts.session_changes import Changes, Identity, held
from sessiontree.store.sqlite import dirty
from sessiontree.store.sqlite.session_costs import costs_of
from sessiontree.store.sqlite.write import insert_rows

_NUMBER = "last session"
_SEQUENCE = "last change of account "


def write(db: sqlite3.Connection, refresh: Refresh) -> None:
    """Write what differs between the sessions as they were and as they are."""
    account_id = refresh.account_id
    counter = f"{_SEQUENCE}{account_id}"
    changes = Changes(refresh.old, refresh.new, number=_last(db, _NUMBER), sequence=_last(db, counter))
    _hold(db, refresh)
    for first, last in ranges(refresh.again):
        dirty.note_rows(db, account_id, first, last)
    db.executemany("delete from session where number = ?", [(row.number,) for row in changes.replaced])
    costs: list[tuple[Any, ...]] = []
    for row, session in changes.written:
        costs += costs_of(account_id, row, session)
    insert_rows(db, "session", 20, [row.values(account_id) for row, _ in changes.written])
    insert_rows(db, "session_cost", 9, costs)
    _forget_gone(db, account_id, changes.came_or_went)
    insert_rows(db, "session_gone", 4, [(account_id, sequence, *identity) for sequence, identity in changes.gone])
    counters = [(counter, changes.sequence), (_NUMBER, changes.number)]
    db.executemany("insert or replace into setting values (?, ?)", counters)


def _last(db: sqlite3.Connection, counter: str) -> int:
    """The last number given; none is ever given again. Changes are counted for each account, numbers for all."""
    found = db.execute("select value from setting where name = ?", [counter]).fetchone()
    return int(found[0]) if found else 0


def _forget_gone(db: sqlite3.Connection, account_id: int, identities: Sequence[Identity]) -> None:
    """Whoever follows the changes needs only the last of each session."""
    if db.execute("select 1 from session_gone where account = ? limit 1", [account_id]).fetchone():
        statement = "delete from session_gone where account = ? and record_type = ? and id = ?"
        db.executemany(statement, [(account_id, *identity) for identity in identities])


def _hold(db: sqlite3.Connection, refresh: Refresh) -> None:
    """Write which records are at home in which session, and which visit which."""
    left, come = held(refresh.old, refresh.new)
    for table in ("home", "visit"):
        db.executemany(f"delete from {table} where row = ? and session = ?", left[table])  # noqa: S608
        insert_rows(db, table, 2, sorted(come[table]))
