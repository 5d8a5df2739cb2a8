"""What time a question about spend covers: whole hours, for which sums are kept, and the rest, for which none are."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sessiontree.periods import Period, month_bounds, month_of, periods_of
from sessiontree.store.spend import SpendQuery
from sessiontree.store.sqlite.micros import to_micros

HOUR = 3_600_000_000
FIRST, END = month_bounds(12)[0], month_bounds(9999 * 12 + 11)[1]

Labels = tuple[str | None, ...]


class Span(NamedTuple):
    """Some time with the labels of its periods: from a first to a last hour, or to the moment after the last."""

    first: int
    last: int
    labels: Labels


@dataclass(slots=True)
class Pieces:
    """`hours` are spans of hours since 1970, `moments` of microseconds since then. `untimed` are the labels of records
    without a start, if those are asked for.
    """

    hours: list[Span] = field(default_factory=list)
    moments: list[Span] = field(default_factory=list)
    untimed: Labels | None = None


def pieces(db: sqlite3.Connection, kinds: Sequence[int], query: SpendQuery, *, whole_hours: bool) -> Pieces:
    """The pieces of the periods in which these kinds have records; all as moments unless `whole_hours`."""
    found = Pieces()
    if query.since is None and query.until is None:
        found.untimed = (None,) * len(query.units)
    for first, end, labels in _periods(db, kinds, query):
        from_hour, to_hour = (-(-first // HOUR), end // HOUR) if whole_hours else (0, 0)
        if from_hour >= to_hour:
            found.moments.append(Span(first, end, labels))
            continue
        found.hours.append(Span(from_hour, to_hour - 1, labels))
        ends = (Span(first, from_hour * HOUR, labels), Span(to_hour * HOUR, end, labels))
        found.moments += [each for each in ends if each.first < each.last]
    return found


def _periods(db: sqlite3.Connection, kinds: Sequence[int], query: SpendQuery) -> Iterator[Period]:
    since = FIRST if query.since is None else to_micros(query.since)
    until = END if query.until is None else to_micros(query.until)
    if not query.units:
        yield Period(since, until, ())
        return
    last = _latest(db, kinds, until)
    for month in _months(db, kinds, since, until):
        for first, end, labels in periods_of(query.units, query.zone, month):
            if end > since and first < until and first <= last:
                yield Period(max(first, since), min(end, until), labels)


def _months(db: sqlite3.Connection, kinds: Sequence[int], since: int, until: int) -> Iterator[int]:
    """The months of UTC in which records start, found by the index: a record may claim any year from 1 to 9999."""
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
