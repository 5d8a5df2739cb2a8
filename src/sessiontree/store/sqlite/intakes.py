"""Intakes in SQLite: listing them, and undoing one step by step."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sessiontree.store.intakes import Intake, Preview, UnknownIntake, id_of, number_of
from sessiontree.store.parts.contents import Mine, total
from sessiontree.store.parts.micros import from_micros, to_micros
from sessiontree.store.removing import Removal, together
from sessiontree.store.sqlite import removing

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_SELECT = "select number, received, files, key, created, updated, unchanged, rejected, undo_began, undone from intake "
_CHANGED = """select row from record where intake = :intake and row > :after
    union select row from history where intake = :intake and row > :after order by row limit :limit"""
_REPEATED = "select coalesce(sum(unchanged), 0) from intake where account = ? and number > ? and undone is null"
_FIRST_MADE = "select account, number, first, last from intake where account = ? and number = ? and first is not null"
_PREVIEW_ROWS = 1000
_AFTER_ALL = (1 << 63) - 1


class SqliteIntakes:
    """See `store.intakes.Intakes` for what each question means."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store

    def page(self, account: str, *, limit: int, before: str | None = None) -> list[Intake]:
        last = _AFTER_ALL if before is None else number_of(before)
        statement = _SELECT + "where account = ? and number < ? order by number desc limit ?"
        with self._store.snapshot(account) as snapshot:
            return [_intake(row) for row in snapshot.db.execute(statement, [snapshot.account_id, last, limit])]

    def get(self, account: str, id: str) -> Intake | None:
        with self._store.snapshot(account) as snapshot:
            return _get(snapshot.db, snapshot.account_id, number_of(id))

    def preview(self, account: str, id: str) -> Preview:
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
            (repeated,) = db.execute(_REPEATED, [account_id, number]).fetchone()
        return Preview(together(parts), len(sessions), repeated)

    def undo(self, account: str, id: str, at: datetime, *, limit: int = 500) -> Removal | None:
        store, number = self._store, number_of(id)
        with store.writing() as db:
            account_id = store.kinds.account_id(db, account)
            found = _get(db, account_id, number)
            if account_id is None or number is None or found is None:
                raise UnknownIntake(id)
            if found.undone is not None:
                return None
            if found.undo_began is None:
                _begin(db, account_id, number, at)
            rows = _made_next(db, account_id, number, limit)
            mine = _made_by(number) if rows else _changed_by(number)
            rows = rows or _changed(db, number, after=0, limit=limit)
            if not rows:
                _mark(db, "undone", account_id, number, at)
                return None
            going = list(removing.contents(store, db, account_id, rows, mine))
            removing.take_out(store, db, account_id, going)
            return total(going)


def _get(db: sqlite3.Connection, account_id: int | None, number: int | None) -> Intake | None:
    row = db.execute(_SELECT + "where account = ? and number = ?", [account_id, number]).fetchone()
    return None if row is None else _intake(row)


def _intake(row: tuple[Any, ...]) -> Intake:
    number, received, files, key, created, updated, unchanged, rejected, began, undone = row
    return Intake(
        id=id_of(number),
        received=from_micros(received),
        files=files,
        key=key,
        created=created,
        updated=updated,
        unchanged=unchanged,
        rejected=rejected,
        undo_began=None if began is None else from_micros(began),
        undone=None if undone is None else from_micros(undone),
    )


def _mark(db: sqlite3.Connection, column: str, account_id: int, number: int, at: datetime) -> None:
    statement = f"update intake set {column} = ? where account = ? and number = ?"  # noqa: S608 - only our own names
    db.execute(statement, [to_micros(at), account_id, number])


def _begin(db: sqlite3.Connection, account_id: int, number: int, at: datetime) -> None:
    """From now on all rows that the intake made are in one table, to be worked off."""
    _mark(db, "undo_began", account_id, number, at)
    which = [account_id, number]
    db.execute(f"insert into intake_rows {_FIRST_MADE}", which)
    db.execute("update intake set first = null, last = null where account = ? and number = ?", which)


def _made_by(number: int) -> Mine:
    """The intake's contents in the rows that it made: the first ones, too, which name nobody."""
    return lambda intake: intake is None or intake == number


def _changed_by(number: int) -> Mine:
    """The intake's contents in the rows that others made."""
    return lambda intake: intake == number


def _made_next(db: sqlite3.Connection, account_id: int, number: int, limit: int) -> list[int]:
    """The next rows that the intake made; notes that they have been dealt with."""
    rows: list[int] = []
    statement = "select first, last from intake_rows where account = ? and intake = ? order by first limit ?"
    for first, last in db.execute(statement, [account_id, number, limit]).fetchall():
        end = min(last, first + limit - len(rows) - 1)
        rows += range(first, end + 1)
        which = [account_id, number, first]
        if end == last:
            db.execute("delete from intake_rows where account = ? and intake = ? and first = ?", which)
        else:
            db.execute(
                "update intake_rows set first = ? where account = ? and intake = ? and first = ?", [end + 1, *which]
            )
        if len(rows) == limit:
            break
    return rows


def _changed(db: sqlite3.Connection, number: int, *, after: int, limit: int) -> list[int]:
    """The next rows with contents that name the intake."""
    return [row for (row,) in db.execute(_CHANGED, {"intake": number, "after": after, "limit": limit})]


def _all(db: sqlite3.Connection, account_id: int, number: int) -> Iterator[tuple[Sequence[int], Mine]]:
    """All rows with contents of the intake, some at a time, each once."""
    later = "select account, intake, first, last from intake_rows where account = ? and intake = ?"
    found = db.execute(f"{_FIRST_MADE} union all {later} order by first", [account_id, number] * 2)
    made = [(first, last) for _, _, first, last in found]
    for first, last in made:
        for start in range(first, last + 1, _PREVIEW_ROWS):
            yield range(start, min(last + 1, start + _PREVIEW_ROWS)), _made_by(number)
    after = 0
    while rows := _changed(db, number, after=after, limit=_PREVIEW_ROWS):
        yield [row for row in rows if not _within(made, row)], _changed_by(number)
        after = rows[-1]


def _within(ranges: Sequence[tuple[int, int]], row: int) -> bool:
    at = bisect_right(ranges, row, key=itemgetter(0)) - 1
    return at >= 0 and row <= ranges[at][1]
