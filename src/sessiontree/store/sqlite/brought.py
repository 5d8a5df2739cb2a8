"""Noting in SQLite what each intake brings, while its records are added; taking it back is in `intakes`."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import chain

from sessiontree.store.intakes import IntakeUndone
from sessiontree.store.parts.brought import COLUMNS, Brought, count

_LAST_REMOVED = "last row removed"
_AT_ONCE = 200
_NEW = f"insert into intake ({COLUMNS}) values "  # noqa: S608 - only our own names
_MORE = """update intake set created = created + ?, updated = updated + ?, unchanged = unchanged + ?,
    rejected = rejected + ? where account = ? and number = ?"""


def note(db: sqlite3.Connection, account_id: int, received: datetime, brought: Sequence[Brought]) -> None:
    """Count what intakes brought, and note the rows they made. Raises IntakeUndone. Inside a writing transaction."""
    found = count(account_id, received, brought, _known(db, account_id, [each.number for each in brought]))
    for begin in range(0, len(found.new), _AT_ONCE):
        some = found.new[begin : begin + _AT_ONCE]
        db.execute(_NEW + _marks(len(some), len(some[0])), list(chain.from_iterable(some)))
    db.executemany(_MORE, found.more)
    db.executemany("insert into intake_rows values (?, ?, ?, ?)", found.rows)
    db.executemany("insert into intake_unfinished values (?, ?)", found.unfinished)
    db.executemany("delete from intake_unfinished where account = ? and number = ?", found.finished)


def _known(db: sqlite3.Connection, account_id: int, numbers: Sequence[int]) -> set[int]:
    """Those of the intakes that have brought something before."""
    known: set[int] = set()
    for begin in range(0, len(numbers), _AT_ONCE):
        some = numbers[begin : begin + _AT_ONCE]
        statement = "select number, undo_began from intake where account = ? and number in "
        statement += _marks(1, len(some))
        for number, undo_began in db.execute(statement, [account_id, *some]):
            if undo_began is not None:
                raise IntakeUndone
            known.add(number)
    return known


@cache
def _marks(rows: int, columns: int) -> str:
    one = f"({','.join('?' * columns)})"
    return ",".join([one] * rows)


def next_row(db: sqlite3.Connection) -> int:
    """The number of the next record: one that no record has or had."""
    statement = """select max(coalesce((select max(row) from record), 0),
        coalesce((select value from setting where name = ?), 0)) + 1"""
    return int(db.execute(statement, [_LAST_REMOVED]).fetchone()[0])


def note_removed(db: sqlite3.Connection, last: int) -> None:
    """Remember that this row is about to be removed, and perhaps lower ones. Inside a writing transaction."""
    db.execute(
        "insert into setting values (?, ?) on conflict do update set value = max(value, excluded.value)",
        [_LAST_REMOVED, last],
    )
