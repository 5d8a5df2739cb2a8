"""Writing what a refresh has worked out: session rows, their costs, and which records they hold.

A row whose numbers are as they were keeps its revision and its place in the list of changes.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sessiontree.store.sqlite.refresh import Identity, Refresh
from sessiontree.store.sqlite.session_rows import Row, costs_of
from sessiontree.store.sqlite.write import insert_rows

_NUMBER = "last session"
_SEQUENCE = "last change of account "


def write(db: sqlite3.Connection, refresh: Refresh) -> None:
    """Write what differs between the sessions as they were and as they are."""
    account_id, old, new = refresh.account_id, refresh.old, refresh.new
    sequence, number = _last(db, f"{_SEQUENCE}{account_id}"), _last(db, _NUMBER)
    replaced: list[int] = []
    gone: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    costs: list[tuple[Any, ...]] = []
    for identity, before in old.items():
        if identity not in new:
            sequence += 1
            gone.append((account_id, sequence, *identity))
            replaced.append(before.number)
    for identity, (row, session) in new.items():
        present = old.get(identity)
        if present is None:
            number += 1
            row.number = number
        else:
            row.number, row.revision, row.sequence = present.number, present.revision, present.sequence
            if row.equals(present):
                continue
            replaced.append(row.number)
        if present is None or row.numbers != present.numbers:
            sequence += 1
            row.revision, row.sequence = row.revision + 1, sequence
        rows.append(row.values(account_id))
        costs += costs_of(account_id, row, session)
    _hold(db, refresh)
    db.executemany("delete from session where number = ?", [(each,) for each in replaced])
    insert_rows(db, "session", 20, rows)
    insert_rows(db, "session_cost", 9, costs)
    came = [identity for identity in new if identity not in old]
    _forget_gone(db, account_id, [*came, *(identity for identity in old if identity not in new)])
    insert_rows(db, "session_gone", 4, gone)
    counters = [(f"{_SEQUENCE}{account_id}", sequence), (_NUMBER, number)]
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
    for table in ("home", "visit"):
        db.executemany(f"delete from {table} where row = ? and session = ?", left[table])  # noqa: S608
        insert_rows(db, table, 2, sorted(come[table]))


def _tables(row: Row, before: Row | None) -> list[tuple[str, list[int], list[int]]]:
    if before is None:
        return [("home", row.homes, []), ("visit", row.visits, [])]
    return [("home", row.homes, before.homes), ("visit", row.visits, before.visits)]
