"""The periods along a chart of spend: which moments each covers, also those in which nothing was spent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from sessiontree.periods import month_of, periods_of

BARS_MAX = 400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta.resolution
_FIRST, _LAST = 2 * 12, 9999 * 12  # months of UTC, with room at both ends for those of other zones


@dataclass(frozen=True, slots=True)
class Bounds:
    """A period by its label, as the answer has it: its first moment, and the first after it."""

    label: str
    since: datetime
    until: datetime


def chart_periods(
    unit: str, zone: tzinfo, labels: list[str], since: datetime | None, until: datetime | None
) -> list[Bounds] | None:
    """The periods of a range in order, cut to it; where it has no end, or too many, from the first label to the last.

    None if those are too many as well, or beyond what calendars know.
    """
    if not labels:
        return []
    first, last = _moment(labels[0], zone), _moment(labels[-1], zone)
    for begin, end in ((since or first, until or last + _TICK), (max(first, since or first), last + _TICK)):
        found = []
        for bounds in _periods(unit, zone, begin, end):
            found.append(bounds)
            if len(found) > BARS_MAX:
                break
        else:
            known = {bounds.label for bounds in found}
            return [_cut(bounds, since, until) for bounds in found] if known.issuperset(labels) else None
    return None


def _moment(label: str, zone: tzinfo) -> datetime:
    """The beginning of the period with this label."""
    moment = datetime.fromisoformat(label if len(label) > len("2026-03") else f"{label}-01")
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(UTC)


def _periods(unit: str, zone: tzinfo, begin: datetime, end: datetime) -> Iterator[Bounds]:
    """The whole periods that have a moment in [begin, end); those of two months of UTC are put together."""
    months = range(max(_FIRST, month_of(_micros(begin)) - 1), min(_LAST, month_of(_micros(end)) + 2))
    open_label, since, until = "", 0, 0
    for month in months:
        for period in periods_of((unit,), zone, month):
            label = period.labels[0] or ""
            if label == open_label:
                until = period.end
                continue
            if until > _micros(begin) and since < _micros(end) and open_label:
                yield Bounds(open_label, _at(since), _at(until))
            if period.first >= _micros(end):
                return
            open_label, since, until = label, period.first, period.end


def _cut(bounds: Bounds, since: datetime | None, until: datetime | None) -> Bounds:
    return Bounds(bounds.label, max(bounds.since, since or bounds.since), min(bounds.until, until or bounds.until))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK


def _at(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
