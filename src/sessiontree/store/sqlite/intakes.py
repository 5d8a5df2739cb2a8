"""Intakes in SQLite: listing them, and undoing one step by step."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sessiontree.store.intakes import FILE, HTTP, Intake, Preview, UnknownIntake, number_of
from sessiontree.store.parts.contents import Mine, total
from sessiontree.store.parts.intake_rows import AFTER_ALL, COLUMNS, all_rows, changed_by, cut, made_by, read_intake
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.removing import Removal, together
from sessiontree.store.sqlite import removing

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_SELECT = f"select {COLUMNS} from intake "  # noqa: S608 - only our own names
_BEFORE = " account = ? and number < ? order by number desc limit ?"
_PAGES = {
    None: _SELECT + "where" + _BEFORE,
    FILE: f"select {COLUMNS} from intake indexed by intake_of_files where files is not null and" + _BEFORE,  # noqa: S608
    HTTP: _SELECT + "where files is null and" + _BEFORE,
}
_CHANGED = """select row from record where intake = :intake and row > :after
    union select row from history where intake = :intake and row > :after order by row limit :limit"""
_REPEATED = "select coalesce(sum(unchanged), 0) from intake where account = ? and number > ? and undone is null"
_FIRST_MADE = "select first, last from intake where account = ? and number = ? and first is not null"
_LATER_MADE = "select first, last from intake_rows where account = ? and intake = ?"
_MOVE_MADE = """insert into intake_rows select account, number, first, last from intake
    where account = ? and number = ? and first is not null"""
_DEALT_WITH = "delete from intake_rows where account = ? and intake = ? and first = ?"
_SHORTEN = "update intake_rows set first = ? where account = ? and intake = ? and first = ?"


class SqliteIntakes:
    """See `store.intakes.Intakes` for what each question means."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store

    def page(self, account: str, *, limit: int, before: str | None = None, source: str | None = None) -> list[Intake]:
        last = AFTER_ALL if before is None else number_of(before)
        with self._store.snapshot(account) as snapshot:
            found = snapshot.db.execute(_PAGES[source], [snapshot.account_id, last, limit])
            return [read_intake(row) for row in found]

    def get(self, account: str, id: str) -> Intake | None:
        with self._store.snapshot(account) as snapshot:
            return _get(snapshot.db, snapshot.account_id, number_of(id))

    def preview(self, account: str, id: str, looked: Callable[[int], None] = lambda records: None) -> Preview:
        store, number = self._store, number_of(id)
        sessions: set[int] = set()
        parts: list[Removal] = []
        with store.snapshot(account) as snapshot:
            db, account_id = snapshot.db, snapshot.account_id
            if account_id is None or number is None or _get(db, account_id, number) is None:
                raise UnknownIntake(id)
            for rows, mine in _all(db, account_id, number):
                going = list(removing.contents(store, db, account_id, rows, mine))
                parts.append(total(going))
                sessions |= removing.sessions_of(db, [each.row for each in going if not each.stays])
                looked(len(rows))
            (repeated,) = db.execute(_REPEATED, [account_id, number]).fetchone()
        removal = together(parts)
        return Preview(removal, len(sessions), min(repeated, removal.records))

    def undo(self, account: str, id: str, at: datetime, *, limit: int = 500) -> Removal | None:
        store, number = self._store, number_of(id)
        with store.writing() as db:
            account_id = store.kinds.account_id(db, account)
            found = _get(db, account_id, number)
            if account_id is None or number is None or found is None:
                raise UnknownIntake(id)
            if found.is_over:
                return None
            if found.undo_began is None:
                _begin(db, account_id, number, at)
            rows = _made_next(db, account_id, number, limit)
            mine = made_by(number) if rows else changed_by(number)
            rows = rows or _changed(db, number, after=0, limit=limit)
            if not rows:
                _mark(db, "undone", account_id, number, at)
                return None
            going = list(removing.contents(store, db, account_id, rows, mine))
            removing.take_out(store, db, account_id, going)
            return total(going)


def _get(db: sqlite3.Connection, account_id: int | None, number: int | None) -> Intake | None:
    row = db.execute(_SELECT + "where account = ? and number = ?", [account_id, number]).fetchone()
    return None if row is None else read_intake(row)


def _mark(db: sqlite3.Connection, column: str, account_id: int, number: int, at: datetime) -> None:
    statement = f"update intake set {column} = ? where account = ? and number = ?"  # noqa: S608 - only our own names
    db.execute(statement, [to_micros(at), account_id, number])


def _begin(db: sqlite3.Connection, account_id: int, number: int, at: datetime) -> None:
    """From now on all rows that the intake made are in one table, to be worked off."""
    _mark(db, "undo_began", account_id, number, at)
    which = [account_id, number]
    db.execute(_MOVE_MADE, which)
    db.execute("update intake set first = null, last = null where account = ? and number = ?", which)


def _made_next(db: sqlite3.Connection, account_id: int, number: int, limit: int) -> list[int]:
    """The next rows that the intake made; notes that they have been dealt with."""
    found = db.execute(f"{_LATER_MADE} order by first limit ?", [account_id, number, limit]).fetchall()
    rows, used_up, shortened = cut(found, limit)
    db.executemany(_DEALT_WITH, [(account_id, number, first) for first in used_up])
    if shortened is not None:
        first, next_first = shortened
        db.execute(_SHORTEN, [next_first, account_id, number, first])
    return rows


def _changed(db: sqlite3.Connection, number: int, *, after: int, limit: int) -> list[int]:
    """The next rows with contents that name the intake."""
    return [row for (row,) in db.execute(_CHANGED, {"intake": number, "after": after, "limit": limit})]


def _all(db: sqlite3.Connection, account_id: int, number: int) -> Iterator[tuple[Sequence[int], Mine]]:
    """All rows with contents of the intake, some at a time, each once."""
    made = db.execute(f"{_FIRST_MADE} union all {_LATER_MADE} order by first", [account_id, number] * 2).fetchall()
    return all_rows(number, made, lambda after, limit: _changed(db, number, after=after, limit=limit))
