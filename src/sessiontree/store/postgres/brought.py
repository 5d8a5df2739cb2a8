"""Noting in PostgreSQL what each intake brings, while its records are added; taking it back is in `intakes`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from sessiontree.store.intakes import IntakeUndone
from sessiontree.store.parts.brought import COLUMNS, Brought, count
from sessiontree.store.postgres.text import to_text

_NEW = f"""insert into intake ({COLUMNS})
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""  # noqa: S608 - only our own names
_MORE = """update intake set created = created + %s, updated = updated + %s, unchanged = unchanged + %s,
    rejected = rejected + %s where account = %s and number = %s"""
_UNFINISHED = "insert into intake_unfinished (account, number) values (%s, %s)"
_FINISHED = "delete from intake_unfinished where account = %s and number = %s"
# One by one, by the index, whatever the planner knows; and in one order: none waits for another that waits for it.
_KNOWN = """select known.* from unnest(%s::bigint[]) as named (at) cross join lateral (
    select number, undo_began from intake where account = %s and number = named.at offset 0 for update) as known"""


def note(db: Connection[Any], account_id: int, received: datetime, brought: Sequence[Brought]) -> None:
    """Count what intakes brought, and note the rows they made. Raises IntakeUndone. Inside a writing transaction.

    An intake that has brought something before stays locked until the end: its undo cannot begin in between.
    """
    known = _known(db, account_id, [each.number for each in brought])
    found = count(account_id, received, brought, known, to_text)
    _write(db, _NEW, found.new)
    _write(db, _MORE, found.more)
    _write(db, "insert into intake_rows (account, intake, first, last) values (%s, %s, %s, %s)", found.rows)
    _write(db, _UNFINISHED, found.unfinished)
    _write(db, _FINISHED, found.finished)


def _known(db: Connection[Any], account_id: int, numbers: Sequence[int]) -> set[int]:
    """Those of the intakes that have brought something before."""
    known: set[int] = set()
    for number, undo_began in db.execute(_KNOWN, [sorted(set(numbers)), account_id]):
        if undo_began is not None:
            raise IntakeUndone
        known.add(number)
    return known


def _write(db: Connection[Any], statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        db.cursor().executemany(statement, rows)
