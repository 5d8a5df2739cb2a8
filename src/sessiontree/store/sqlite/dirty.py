"""Notes of what has to be computed again, written in the transaction that changes it, and read by `sessions`."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

from sessiontree.record import Record
from sessiontree.store.parts.notes import PLACE, ROWS, SESSION, Notes, lost, merged, ranges

WAITING = "select coalesce(sum(case what when 'rows' then last - first + 1 else 1 end), 0) from dirty"
BETWEEN = "select what, first, last from dirty where number between ? and ?"
ALL = ((0, (1 << 63) - 1),)
_TAKE = """select number, account, what, first, last from dirty where number between ?1 and ?2
    and account = coalesce(?3, (select account from dirty where number >= ?1 order by number limit 1))
    order by number"""
_NOTE = "insert into dirty (account, what, first, last) values (?, ?, ?, ?)"


def note_rows(db: sqlite3.Connection, account_id: int, first: int, last: int) -> None:
    """The records of these rows (both included) are new or have changed."""
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


def note_removed(db: sqlite3.Connection, account_id: int, removed: dict[int, Record]) -> None:
    """These records are about to be deleted: note whom that concerns, and let go of their rows."""
    for row, record in removed.items():
        held = "select session from home where row = :row union select session from visit where row = :row"
        note_sessions(db, account_id, [number for (number,) in db.execute(held, {"row": row})])
        db.execute("delete from home where row = ?", [row])
        db.execute("delete from visit where row = ?", [row])
        note_places(db, account_id, lost(account_id, record.keys))


def take(
    db: sqlite3.Connection,
    limit: int,
    remaining: Callable[[int, int], Sequence[int]],
    numbers: Sequence[tuple[int, int]] = ALL,
) -> Notes | None:
    """The oldest notes of the account that has the oldest, of about `limit` records. They stay until `drop`.

    `remaining` says which rows of a range have not been worked in yet. Only notes with `numbers` in these ranges count.
    """
    notes: Notes | None = None
    for number, account_id, what, first, last in _chosen(db, numbers):
        notes = notes or Notes(account_id)
        if what == ROWS:
            rows = remaining(first, last)
            notes.rows += ranges(rows[:limit])
            if len(rows) > limit:
                notes.shortened = (number, rows[limit])
                break
            limit -= len(rows)
        elif what == PLACE:
            notes.places.append(first)
            limit -= 1
        else:
            notes.sessions.add(first)
            limit -= 1
        notes.numbers.append(number)
        if limit <= 0:
            break
    if notes is not None:
        notes.rows = list(merged(notes.rows))
    return notes


def _chosen(db: sqlite3.Connection, numbers: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str, int, int]]:
    """The notes with these numbers of one account, that of the first."""
    account_id: int | None = None
    for first, last in numbers:
        for note in db.execute(_TAKE, (first, last, account_id)):
            account_id = note[1]
            yield note


def others(db: sqlite3.Connection, notes: Notes, rows: Collection[int]) -> set[int]:
    """Those of the rows that are noted, but not in these notes."""
    if not rows:
        return set()
    statement = "select first, last from dirty where account = ? and what = 'rows' and last >= ? and first <= ?"
    noted = merged(db.execute(statement, [notes.account_id, min(rows), max(rows)]))
    mine = set(chain.from_iterable([range(first, last + 1) for first, last in notes.rows]))
    return {row for first, last in noted for row in range(first, last + 1) if row in rows} - mine


def drop(db: sqlite3.Connection, notes: Notes) -> None:
    """These notes have been worked through."""
    db.executemany("delete from dirty where number = ?", [(number,) for number in notes.numbers])
    if notes.shortened is not None:
        number, first = notes.shortened
        db.execute("update dirty set first = ? where number = ?", [first, number])


def last(db: sqlite3.Connection) -> int:
    """The number of the last note, 0 without any."""
    return int(db.execute("select coalesce(max(number), 0) from dirty").fetchone()[0])


def waiting(db: sqlite3.Connection) -> int:
    """About how many records the notes are of; 0 only without any note."""
    return int(db.execute(WAITING).fetchone()[0])
