"""Intakes as both stores keep them: a row of the table `intake`, and the rows of the records that one brought.

Records that an intake made are noted as ranges of rows; those that it changed name it in each content.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from sessiontree.store.intakes import Intake, id_of
from sessiontree.store.parts.contents import Mine
from sessiontree.store.parts.micros import from_micros

COLUMNS = """number, received, files, key, created, updated, unchanged, rejected,
    exists (select 1 from intake_unfinished as u where u.account = intake.account and u.number = intake.number),
    undo_began, undone"""
AFTER_ALL = (1 << 63) - 1
_AT_ONCE = 1000

Ranges = Sequence[tuple[int, int]]
"""First and last rows, in order."""


def read_intake(values: Sequence[Any]) -> Intake:
    """An intake from its columns."""
    number, received, files, key, created, updated, unchanged, rejected, unfinished, began, undone = values
    return Intake(
        id=id_of(number),
        received=from_micros(received),
        files=files,
        key=key,
        created=created,
        updated=updated,
        unchanged=unchanged,
        rejected=rejected,
        unfinished=bool(unfinished),
        undo_began=None if began is None else from_micros(began),
        undone=None if undone is None else from_micros(undone),
    )


def made_by(number: int) -> Mine:
    """The intake's contents in the rows that it made: the first ones, too, which name nobody."""
    return lambda intake: intake is None or intake == number


def changed_by(number: int) -> Mine:
    """The intake's contents in the rows that others made."""
    return lambda intake: intake == number


def cut(made: Ranges, limit: int) -> tuple[list[int], list[int], tuple[int, int] | None]:
    """The first rows of some ranges, up to the limit.

    And what that does to the ranges: the first rows of those that are used up, and of one that is not its first row
    with the one that it begins with then.
    """
    rows: list[int] = []
    used_up: list[int] = []
    for first, last in made:
        end = min(last, first + limit - len(rows) - 1)
        rows += range(first, end + 1)
        if end < last:
            return rows, used_up, (first, end + 1)
        used_up.append(first)
        if len(rows) == limit:
            break
    return rows, used_up, None


def all_rows(
    number: int, made: Ranges, changed: Callable[[int, int], Sequence[int]]
) -> Iterator[tuple[Sequence[int], Mine]]:
    """All rows with contents of an intake, some at a time, each once.

    `changed` gives the next rows after one, up to a limit, with contents that name the intake.
    """
    for first, last in made:
        for start in range(first, last + 1, _AT_ONCE):
            yield range(start, min(last + 1, start + _AT_ONCE)), made_by(number)
    after = 0
    while rows := changed(after, _AT_ONCE):
        yield [row for row in rows if not _within(made, row)], changed_by(number)
        after = rows[-1]


def _within(ranges: Ranges, row: int) -> bool:
    at = bisect_right(ranges, row, key=itemgetter(0)) - 1
    return at >= 0 and row <= ranges[at][1]
