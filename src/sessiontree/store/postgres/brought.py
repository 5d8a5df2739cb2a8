"""Noting in PostgreSQL what each intake brings, while its records are added; taking it back is in `intakes`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from sessiontree.store import Outcome
from sessiontree.store.intakes import IntakeUndone
from sessiontree.store.parts.brought import Brought
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.postgres.text import to_text

_OUTCOMES = tuple(Outcome)
_NEW = """insert into intake (account, number, received, files, key, created, updated, unchanged, rejected, first, last)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_MORE = """update intake set created = created + %s, updated = updated + %s, unchanged = unchanged + %s,
    rejected = rejected + %s where account = %s and number = %s"""
_KNOWN = """select number, undo_began from intake where account = %s and number = any(%s::bigint[])
    order by number for update"""


def note(db: Connection[Any], account_id: int, received: datetime, brought: Sequence[Brought]) -> None:
    """Count what intakes brought, and note the rows they made. Raises IntakeUndone. Inside a writing transaction.

    An intake that has brought something before stays locked until the end: its undo cannot begin in between.
    """
    known = _known(db, account_id, [each.number for each in brought])
    new: list[tuple[Any, ...]] = []
    more: list[tuple[Any, ...]] = []
    rows: list[tuple[int, ...]] = []
    at = to_micros(received)
    for (origin, _, rejected), number, outcomes, first, last in brought:
        counts = (*map(outcomes.count, _OUTCOMES), rejected)
        made = (first, last) if first <= last else (None, None)
        if number not in known:
            known.add(number)
            new.append((account_id, number, at, _text(origin.files), origin.key, *counts, *made))
        else:
            more.append((*counts, account_id, number))
            if first <= last:
                rows.append((account_id, number, first, last))
    _write(db, _NEW, new)
    _write(db, _MORE, more)
    _write(db, "insert into intake_rows (account, intake, first, last) values (%s, %s, %s, %s)", rows)


def _known(db: Connection[Any], account_id: int, numbers: Sequence[int]) -> set[int]:
    """Those of the intakes that have brought something before."""
    known: set[int] = set()
    for number, undo_began in db.execute(_KNOWN, [account_id, sorted(set(numbers))]):
        if undo_began is not None:
            raise IntakeUndone
        known.add(number)
    return known


def _text(files: str | None) -> str | None:
    return None if files is None else to_text(files)


def _write(db: Connection[Any], statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        db.cursor().executemany(statement, rows)
