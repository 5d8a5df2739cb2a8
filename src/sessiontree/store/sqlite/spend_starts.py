"""When records start: the months that a question about spend has to look at, found by the index."""

import sqlite3
from collections.abc import Iterator, Sequence

from sessiontree.periods import month_bounds, month_of
from sessiontree.store.parts.spend_pieces import FIRST


def starts(db: sqlite3.Connection, kinds: Sequence[int], since: int, until: int) -> tuple[Iterator[int], int]:
    """The months in which records of these kinds start, and the latest start before `until`: see `Starts`."""
    return _months(db, kinds, since, until), _latest(db, kinds, until)


def _months(db: sqlite3.Connection, kinds: Sequence[int], since: int, until: int) -> Iterator[int]:
    """From one month to the next by the first start in it or later: a record may claim any year from 1 to 9999."""
    statement = "select min(start) from record where kind = ? and start >= ?"
    at = since
    while True:
        starts = [start for kind in kinds for (start,) in db.execute(statement, [kind, at]) if start is not None]
        if not starts or min(starts) >= until:
            return
        month = month_of(min(starts))
        yield month
        at = month_bounds(month)[1]


def _latest(db: sqlite3.Connection, kinds: Sequence[int], until: int) -> int:
    statement = "select max(start) from record where kind = ? and start < ?"
    starts = [start for kind in kinds for (start,) in db.execute(statement, [kind, until]) if start is not None]
    return max(starts, default=FIRST)
