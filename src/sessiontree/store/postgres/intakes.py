"""Intakes in PostgreSQL: listing them, and undoing one step by step.

A step locks the intake's row first, so that of several who undo it at once each takes other records.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.store.intakes import FILE, HTTP, Intake, Preview, UnknownIntake, number_of
from sessiontree.store.parts.contents import Mine, total
from sessiontree.store.parts.intake_rows import AFTER_ALL, COLUMNS, all_rows, changed_by, cut, made_by, read_intake
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.postgres import removing
from sessiontree.store.postgres.text import from_text
from sessiontree.store.removing import Removal, together

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

# With the account itself in both places, since Citus does not conclude that one shard has both tables' rows.
_SELECT = f"select {COLUMNS.replace('intake.account', '%(account)s')} from intake "  # noqa: S608 - only our own names
_BEFORE = " account = %(account)s and number < %(last)s order by number desc limit %(limit)s"
_PAGES = {
    None: _SELECT + "where" + _BEFORE,
    FILE: _SELECT + "where files is not null and" + _BEFORE,
    HTTP: _SELECT + "where case when files is null then true end and" + _BEFORE,  # else taken for few: all read, sorted
}
_ONE = _SELECT + "where account = %(account)s and number = %(number)s"
_CHANGED = """select row from record where account = %(account)s and intake = %(intake)s and row > %(after)s
    union select row from history where account = %(account)s and intake = %(intake)s and row > %(after)s
    order by row limit %(limit)s"""
_REPEATED = """select coalesce(sum(unchanged), 0)::bigint from intake
    where account = %s and number > %s and undone is null"""
_FIRST_MADE = "select first, last from intake where account = %s and number = %s and first is not null"
_LATER_MADE = "select first, last from intake_rows where account = %s and intake = %s"
_MOVE_MADE = """insert into intake_rows (account, intake, first, last) select account, number, first, last from intake
    where account = %s and number = %s and first is not null"""
_DEALT_WITH = "delete from intake_rows where account = %s and intake = %s and first = any(%s::bigint[])"
_SHORTEN = "update intake_rows set first = %s where account = %s and intake = %s and first = %s"


class PostgresIntakes:
    """See `store.intakes.Intakes` for what each question means."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store

    def page(self, account: str, *, limit: int, before: str | None = None, source: str | None = None) -> list[Intake]:
        last = AFTER_ALL if before is None else number_of(before)
        with self._store.snapshot(account) as snapshot:
            values = {"account": snapshot.account_id, "last": last, "limit": limit}
            return [_read(row) for row in snapshot.db.execute(_PAGES[source], values)]

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
                sessions |= removing.sessions_of(db, account_id, [each.row for each in going if not each.stays])
                looked(len(rows))
            (repeated,) = db.execute(_REPEATED, [account_id, number]).fetchone() or (0,)
        removal = together(parts)
        return Preview(removal, len(sessions), min(repeated, removal.records))

    def undo(self, account: str, id: str, at: datetime, *, limit: int = 500) -> Removal | None:
        number = number_of(id)
        return self._store.write(lambda db: self._step(db, account, id, number, at, limit))

    def _step(
        self, db: Connection[Any], account: str, id: str, number: int | None, at: datetime, limit: int
    ) -> Removal | None:
        store, account_id = self._store, self._store.kinds.account_id(db, account)
        if account_id is None or number is None:
            raise UnknownIntake(id)
        removing.begin(db, account_id)
        found = _get(db, account_id, number, lock=True)
        if found is None:
            raise UnknownIntake(id)
        if found.is_over:
            return None
        if found.undo_began is None:
            _begin(db, account_id, number, at)
        rows = _made_next(db, account_id, number, limit)
        mine = made_by(number) if rows else changed_by(number)
        rows = rows or _changed(db, account_id, number, after=0, limit=limit)
        if not rows:
            _mark(db, "undone", account_id, number, at)
            return None
        removing.lock(store, db, account_id, rows)
        going = list(removing.contents(store, db, account_id, rows, mine))
        removing.take_out(store, db, account_id, going)
        return total(going)


def _get(db: Connection[Any], account_id: int | None, number: int | None, *, lock: bool = False) -> Intake | None:
    values = {"account": account_id, "number": number}
    row = db.execute(_ONE + (" for update" if lock else ""), values).fetchone()
    return None if row is None else _read(row)


def _read(row: Sequence[Any]) -> Intake:
    number, received, files, *others = row
    return read_intake((number, received, None if files is None else from_text(files), *others))


def _mark(db: Connection[Any], column: str, account_id: int, number: int, at: datetime) -> None:
    statement = f"update intake set {column} = %s where account = %s and number = %s"  # noqa: S608 - only our own names
    db.execute(statement, [to_micros(at), account_id, number])


def _begin(db: Connection[Any], account_id: int, number: int, at: datetime) -> None:
    """From now on all rows that the intake made are in one table, to be worked off."""
    _mark(db, "undo_began", account_id, number, at)
    which = [account_id, number]
    db.execute(_MOVE_MADE, which)
    db.execute("update intake set first = null, last = null where account = %s and number = %s", which)


def _made_next(db: Connection[Any], account_id: int, number: int, limit: int) -> list[int]:
    """The next rows that the intake made; notes that they have been dealt with."""
    found = db.execute(f"{_LATER_MADE} order by first limit %s", [account_id, number, limit]).fetchall()
    rows, used_up, shortened = cut(found, limit)
    db.execute(_DEALT_WITH, [account_id, number, used_up])
    if shortened is not None:
        first, next_first = shortened
        db.execute(_SHORTEN, [next_first, account_id, number, first])
    return rows


def _changed(db: Connection[Any], account_id: int, number: int, *, after: int, limit: int) -> list[int]:
    """The next rows with contents that name the intake."""
    values = {"account": account_id, "intake": number, "after": after, "limit": limit}
    return [row for (row,) in db.execute(_CHANGED, values)]


def _all(db: Connection[Any], account_id: int, number: int) -> Iterator[tuple[Sequence[int], Mine]]:
    """All rows with contents of the intake, some at a time, each once."""
    made = db.execute(f"{_FIRST_MADE} union all {_LATER_MADE} order by first", [account_id, number] * 2).fetchall()
    return all_rows(number, made, lambda after, limit: _changed(db, account_id, number, after=after, limit=limit))
