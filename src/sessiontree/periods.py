"""Hours, days, weeks and months of a time zone, as stretches of exact moments.

Clocks are put forward and back, and some zones differ from UTC by odd minutes: a day has 23 to 25 hours, an hour of the
clock may come twice. So the moments are cut, not the clock: within a stretch of constant offset, wherever a period of
local time begins. Weeks begin on Monday.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

UNITS = ("hour", "day", "week", "month")
SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86_400


class Period(NamedTuple):
    """The moments from `first` up to, and without, `end` (microseconds since 1970); a label for each unit asked for."""

    first: int
    end: int
    labels: tuple[str | None, ...]


@lru_cache(maxsize=300)
def periods_of(units: tuple[str, ...], zone: tzinfo, month: int) -> Sequence[Period]:
    """The periods of a month of UTC, in order and without a gap; those at its ends go on in its neighbours.

    Months are counted as in `month_of`. Several units give the periods in which all of them stay the same.
    """
    first, end = month_bounds(month)
    found = []
    for begin, until, offset in _constant(zone, first // SECOND, end // SECOND):
        at = begin
        while at < until:
            labels, following = _labels(units, at, offset)
            stop = min(until, following)
            found.append(Period(at * SECOND, stop * SECOND, labels))
            at = stop
    return found


def month_of(micros: int) -> int:
    """The month of UTC in which a moment lies, counted from January of a year 0."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.year * 12 + moment.month - 1


def month_bounds(month: int) -> tuple[int, int]:
    """The first moment of a month of UTC and the first after it, in microseconds."""
    year, index = divmod(month, 12)
    days = date(year, index + 1, 1).toordinal() - _EPOCH.toordinal()
    length = monthrange(year, index + 1)[1]
    return days * _DAY_SECONDS * SECOND, (days + length) * _DAY_SECONDS * SECOND


def _constant(zone: tzinfo, first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The stretches of constant offset: begin, end, offset; all in seconds. No zone changes its clocks twice a day."""
    begin, offset = first, _offset(zone, first)
    for low, high in pairwise([first, *range(first + _DAY_SECONDS - 1, end, _DAY_SECONDS)]):
        if _offset(zone, high) != offset:
            change = _change(zone, low, high)
            yield begin, change, offset
            begin, offset = change, _offset(zone, change)
    yield begin, end, offset


def _change(zone: tzinfo, low: int, high: int) -> int:
    """The first second after `low` that has another offset than `low`; `high` has another."""
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: tzinfo, seconds: int) -> int:
    """Seconds that the zone's clocks are ahead of UTC; none where the local year would not be one from 1 to 9999."""
    try:
        ahead = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).utcoffset()
    except OverflowError:
        return 0
    return ahead // timedelta(seconds=1) if ahead is not None else 0


def _labels(units: tuple[str, ...], at: int, offset: int) -> tuple[tuple[str, ...], int]:
    """The labels of the period in which a moment lies, and when the clock next shows the beginning of another."""
    local = at + offset
    day = _EPOCH.date() + timedelta(days=local // _DAY_SECONDS)
    labels = tuple([_label(unit, day, local, offset) for unit in units])
    if "hour" in units:
        following = local // 3600 * 3600 + 3600
    elif "day" in units or len(units) > 1:
        following = (local // _DAY_SECONDS + 1) * _DAY_SECONDS
    else:
        days = 7 - day.weekday() if units == ("week",) else monthrange(day.year, day.month)[1] - day.day + 1
        following = (local // _DAY_SECONDS + days) * _DAY_SECONDS
    return labels, following - offset


def _label(unit: str, day: date, local: int, offset: int) -> str:
    if unit == "hour":
        hour = datetime(day.year, day.month, day.day, local % _DAY_SECONDS // 3600)
        hour = hour.replace(tzinfo=timezone(timedelta(seconds=offset)))
        return hour.isoformat().replace("+00:00", "Z")
    if unit == "day":
        return day.isoformat()
    if unit == "week":
        return (day - timedelta(days=day.weekday())).isoformat()
    return day.isoformat()[:7]
