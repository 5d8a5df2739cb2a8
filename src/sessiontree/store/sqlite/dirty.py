"""Notes of what has to be computed again, written in the transaction that changes it, and read by `sessions`."""

import sqlite3
from collections.abc import Collection, Iterable

from sessiontree.record import Record
from sessiontree.store.parts.notes import NEW, PLACE, ROWS, SESSION, SMALL_ROWS, Notes, lost, merged, of_others, ranges

WAITING = "select coalesce(sum(case when what in ('new', 'rows') then last - first + 1 else 1 end), 0) from dirty"
_SMALL = f"last - first < {SMALL_ROWS}"
_ACCOUNT = "select account from dirty where {} order by number limit 1"
_TAKE = "select number, what, first, last from dirty where account = ? and {} order by number"
_AT_HOME = "select row from home where row between ? and ?"
_NOTE = "insert into dirty (account, what, first, last) values (?, ?, ?, ?)"


def note_new(db: sqlite3.Connection, account_id: int, first: int, last: int) -> None:
    """The records of these rows (both included) are new."""
    db.execute(_NOTE, [account_id, NEW, first, last])


def note_rows(db: sqlite3.Connection, account_id: int, first: int, last: int) -> None:
    """The records of these rows (both included) have changed."""
    db.execute(_NOTE, [account_id, ROWS, first, last])


def note_places(db: sqlite3.Connection, account_id: int, places: Iterable[int]) -> None:
    """Whoever has a link at these places may have another parent now: see `lost`."""
    db.executemany(_NOTE, [(account_id, PLACE, each, each) for each in sorted(set(places))])


def note_sessions(db: sqlite3.Connection, account_id: int, numbers: Iterable[int]) -> None:
    """These sessions have to be computed again; before a record's row is deleted, those of its home and visits."""
    db.executemany(_NOTE, [(account_id, SESSION, each, each) for each in sorted(set(numbers))])


def note_changed(db: sqlite3.Connection, account_id: int, changed: dict[int, tuple[Record, Record]]) -> None:
    """Records have other contents now: by row, the old and the new."""
    for first, last in ranges(changed):
        note_rows(db, account_id, first, last)
    note_places(db, account_id, [at for old, new in changed.values() for at in lost(account_id, old.keys, new.keys)])


def take(db: sqlite3.Connection, limit: int, *, small_first: bool) -> Notes | None:
    """The oldest notes of one account, of about `limit` records; with `small_first` only small ones, if there are any.

    They stay until `drop`. None if nothing waits.
    """
    which = _SMALL if small_first and db.execute(_ACCOUNT.format(_SMALL)).fetchone() else "true"
    account = db.execute(_ACCOUNT.format(which)).fetchone()
    if account is None:
        return None
    notes = Notes(account[0])
    for number, what, first, last in db.execute(_TAKE.format(which), account):
        if limit <= 0 or notes.shortened is not None:
            break
        at_home = {row for (row,) in db.execute(_AT_HOME, [first, last])} if what == NEW else ()
        limit -= notes.take(number, what, first, last, limit, at_home)
    notes.rows = list(merged(notes.rows))
    return notes


def others(db: sqlite3.Connection, notes: Notes, rows: Collection[int]) -> tuple[set[int], set[int]]:
    """Those of the rows that are noted, but not in these notes, as new, without a home as yet, or as changed."""
    if not rows:
        return set(), set()
    statement = """select what, first, last from dirty
        where account = ? and what in ('new', 'rows') and last >= ? and first <= ?"""
    noted = db.execute(statement, [notes.account_id, min(rows), max(rows)])
    new, changed = of_others(notes, rows, noted)
    return {row for row in new if not db.execute("select 1 from home where row = ?", [row]).fetchone()}, changed


def drop(db: sqlite3.Connection, notes: Notes) -> None:
    """These notes have been worked through."""
    db.executemany("delete from dirty where number = ?", [(number,) for number in notes.numbers])
    if notes.shortened is not None:
        number, first = notes.shortened
        db.execute("update dirty set first = ? where number = ?", [first, number])


def waiting(db: sqlite3.Connection) -> int:
    """About how many records the notes are of; 0 only without any note."""
    return int(db.execute(WAITING).fetchone()[0])
