"""Notes of what has to be computed again, written in the transaction that changes it, and read by `sessions`.

Any number of writers note at once; of an account's sessions one refresh at a time takes care, and whoever deletes
records waits for it (`hold`). A refresh sees the notes of one moment, and the records of the same moment: what is
committed later has notes of its own.
"""

from collections.abc import Collection, Iterable
from typing import Any

from psycopg import Connection

from sessiontree.record import Record
from sessiontree.store.parts.notes import NEW, PLACE, ROWS, SESSION, SMALL_ROWS, Notes, lost, merged, of_others, ranges
from sessiontree.store.postgres.amounts import to_array

WAITING = "select coalesce(sum(case when what in ('new', 'rows') then last - first + 1 else 1 end), 0) from dirty"
ACCOUNTS = "select account from dirty group by account order by min(number)"
LOCK = "session"
"""The counter whose row a refresh holds; it is the account's last session's number as well."""

_NOTE = "insert into dirty (account, what, first, last) values (%s, %s, %s, %s)"
_NOTE_ALL = """insert into dirty (account, what, first, last)
    select %s, %s, each, each from unnest(%s::bigint[]) as each"""
_AT_ONCE = 1000  # notes read at once
# An insert alone would wait for whoever holds the lock.
_MAKE_LOCK = """insert into counter (account, name, value) select %(account)s, %(name)s, 0
    where not exists (select from counter where account = %(account)s and name = %(name)s) on conflict do nothing"""
_NEXT = """select number, what, first, last from dirty
    where account = %(account)s and number > %(after)s order by number limit %(limit)s"""
_NEXT_SMALL = _NEXT.replace("order by", f"and last - first < {SMALL_ROWS} order by")
# "offset 0": range by range, by the index, and never all of the account, however few these were when this was planned.
_AT_HOME = """select home.row from unnest(%s::bigint[], %s::bigint[]) as noted (first, last) cross join lateral
    (select row from home where account = %s and home.row between noted.first and noted.last offset 0) as home"""
_OF_THESE_AT_HOME = "select row from home where account = %s and row = any(%s::bigint[])"


def note_new(db: Connection[Any], account_id: int, first: int, last: int) -> None:
    """The records of these rows (both included) are new."""
    db.execute(_NOTE, [account_id, NEW, first, last])


def note_rows(db: Connection[Any], account_id: int, first: int, last: int) -> None:
    """The records of these rows (both included) have changed."""
    db.execute(_NOTE, [account_id, ROWS, first, last])


def note_places(db: Connection[Any], account_id: int, places: Iterable[int]) -> None:
    """Whoever has a link at these places may have another parent now: see `lost`."""
    _note_all(db, account_id, PLACE, places)


def note_sessions(db: Connection[Any], account_id: int, numbers: Iterable[int]) -> None:
    """These sessions have to be computed again; before a record's row is deleted, those of its home and visits."""
    _note_all(db, account_id, SESSION, numbers)


def _note_all(db: Connection[Any], account_id: int, what: str, values: Iterable[int]) -> None:
    ordered = sorted(set(values))
    if ordered:
        db.execute(_NOTE_ALL, [account_id, what, to_array(ordered)])


def note_changed(db: Connection[Any], account_id: int, changed: dict[int, tuple[Record, Record]]) -> None:
    """Records have other contents now: by row, the old and the new."""
    for first, last in ranges(changed):
        note_rows(db, account_id, first, last)
    note_places(db, account_id, [at for old, new in changed.values() for at in lost(account_id, old.keys, new.keys)])


def hold(db: Connection[Any], account_id: int) -> None:
    """Wait for a refresh of the account that is under way, and keep others away until this transaction ends.

    Before asking in which sessions records stand that are about to be deleted: a refresh that began before would put
    them back. A refresh that waits for this transaction finds that it has to begin anew.
    """
    make_lock(db, account_id)
    db.execute("update counter set value = value where account = %s and name = %s", [account_id, LOCK])


def hold_all(db: Connection[Any], account_id: int) -> None:
    """Wait for a refresh of the account, then for whoever has noted something, and keep others from both.

    Nobody can change a record without a note: until this transaction ends, all of its statements see one moment.
    Two of these take turns, since each drops notes in the end.
    """
    hold(db, account_id)
    db.execute("lock table dirty in share row exclusive mode")


def begin(db: Connection[Any], account_id: int) -> int | None:
    """The account's last session's number, and its lock; None while another has it.

    Inside a transaction that sees one moment: if another refresh has ended since, the database says so by its error for
    transactions that have to be tried again. Or after `hold_all`.
    """
    statement = "select value from counter where account = %s and name = %s for update skip locked"
    found = db.execute(statement, [account_id, LOCK]).fetchone()
    return None if found is None else int(found[0])


def make_lock(db: Connection[Any], account_id: int) -> None:
    """Let there be a lock of this account, in a transaction before `begin`."""
    db.execute(_MAKE_LOCK, {"account": account_id, "name": LOCK})


def take(db: Connection[Any], account_id: int, limit: int, *, small_first: bool) -> Notes:
    """The account's oldest notes, of about `limit` records; with `small_first` only small ones, if there are any.

    They stay until `drop`.
    """
    notes = Notes(account_id)
    if small_first:
        _take(db, notes, _NEXT_SMALL, limit)
    if not notes.numbers:
        _take(db, notes, _NEXT, limit)
    notes.rows = list(merged(notes.rows))
    return notes


def _take(db: Connection[Any], notes: Notes, next_ones: str, limit: int) -> None:
    """Take up notes until the limit is reached."""
    after = -1
    while limit > 0 and notes.shortened is None:
        values = {"account": notes.account_id, "after": after, "limit": min(limit, _AT_ONCE)}
        found = _about(db.execute(next_ones, values).fetchall(), limit)
        if not found:
            break
        done = _at_home(db, notes.account_id, [(first, last) for _, what, first, last in found if what == NEW])
        for number, what, first, last in found:
            if limit <= 0 or notes.shortened is not None:
                break
            limit -= notes.take(number, what, first, last, limit, done)
        after = found[-1][0]


def _about(found: list[tuple[Any, ...]], limit: int) -> list[tuple[Any, ...]]:
    """The first of these notes: as many as are of `limit` records, and at least one."""
    for at, (_, _, first, last) in enumerate(found):
        if limit <= 0:
            return found[:at]
        limit -= last - first + 1
    return found


def _at_home(db: Connection[Any], account_id: int, noted: Collection[tuple[int, int]]) -> set[int]:
    """The rows of these ranges that are in a session: of new ones those worked in with others of the same session."""
    if not noted:
        return set()
    firsts, lasts = zip(*merged(noted), strict=True)
    return {row for (row,) in db.execute(_AT_HOME, [to_array(firsts), to_array(lasts), account_id])}


def others(db: Connection[Any], notes: Notes, rows: Collection[int]) -> tuple[set[int], set[int]]:
    """Those of the rows that are noted, but not in these notes, as new, without a home as yet, or as changed."""
    if not rows:
        return set(), set()
    statement = """select what, first, last from dirty
        where account = %s and what in ('new', 'rows') and last >= %s and first <= %s"""
    noted = db.execute(statement, [notes.account_id, min(rows), max(rows)])
    new, changed = of_others(notes, rows, noted)
    if new:
        new -= {row for (row,) in db.execute(_OF_THESE_AT_HOME, [notes.account_id, to_array(new)])}
    return new, changed


def drop(db: Connection[Any], notes: Notes) -> None:
    """These notes have been worked through."""
    statement = "delete from dirty where account = %s and number = any(%s::bigint[])"
    db.execute(statement, [notes.account_id, to_array(notes.numbers)])
    if notes.shortened is not None:
        number, first = notes.shortened
        statement = "update dirty set first = %s where account = %s and number = %s"
        db.execute(statement, [first, notes.account_id, number])
