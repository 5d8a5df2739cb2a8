"""What time a question about spend covers: whole hours, for which sums are kept, and the rest, for which none are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sessiontree.periods import Period, month_bounds, periods_of
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.spend import SpendQuery

HOUR = 3_600_000_000
FIRST, END = month_bounds(12)[0], month_bounds(9999 * 12 + 11)[1]

Labels = tuple[str | None, ...]

# From a first moment to before a last one: the months of UTC with records, and a moment after which none starts.
Starts = Callable[[int, int], tuple[Iterable[int], int]]


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


def pieces(query: SpendQuery, starts: Starts, *, whole_hours: bool) -> Pieces:
    """The pieces of the periods in which records start; all as moments unless `whole_hours`."""
    found = Pieces()
    if query.since is None and query.until is None:
        found.untimed = (None,) * len(query.units)
    for first, end, labels in _periods(query, starts):
        from_hour, to_hour = (-(-first // HOUR), end // HOUR) if whole_hours else (0, 0)
        if from_hour >= to_hour:
            found.moments.append(Span(first, end, labels))
            continue
        found.hours.append(Span(from_hour, to_hour - 1, labels))
        ends = (Span(first, from_hour * HOUR, labels), Span(to_hour * HOUR, end, labels))
        found.moments += [each for each in ends if each.first < each.last]
    return found


def _periods(query: SpendQuery, starts: Starts) -> Iterator[Period]:
    since = FIRST if query.since is None else to_micros(query.since)
    until = END if query.until is None else to_micros(query.until)
    if not query.units:
        yield Period(since, until, ())
        return
    months, last = starts(since, until)
    for month in months:
        for first, end, labels in periods_of(query.units, query.zone, month):
            if end > since and first < until and first <= last:
                yield Period(max(first, since), min(end, until), labels)
