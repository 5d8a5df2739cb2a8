"""Hours, days, weeks and months of a zone: every moment lies in the period that the zone's own clock shows."""

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from sessiontree.periods import SECOND, UNITS, month_bounds, month_of, periods_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    *("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "America/Havana"),
    *("Pacific/Apia", "America/Asuncion", "Africa/Casablanca", "America/New_York"),
)
MONTHS = ("0001-01", "1893-04", "1945-04", "1987-10", "2006-10", "2011-12", "2026-03", "2026-04", "2026-10", "9999-12")


def shown(unit: str, moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    if unit == "hour":
        fixed = timezone(local.utcoffset() or timedelta())
        return local.replace(minute=0, second=0, microsecond=0, tzinfo=fixed).isoformat().replace("+00:00", "Z")
    if unit == "week":
        return (local.date() - timedelta(days=local.weekday())).isoformat()
    return local.date().isoformat()[: 7 if unit == "month" else 10]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("units", [("hour",), ("day",), ("week",), ("month",), ("week", "month"), UNITS])
def test_every_moment_lies_in_the_period_of_the_zones_clock(name: str, units: tuple[str, ...]) -> None:
    zone, choose = ZoneInfo(name), random.Random(name)
    for text in MONTHS:
        month = int(text[:4]) * 12 + int(text[5:]) - 1
        first, end = month_bounds(month)
        assert (month_of(first), month_of(end - 1)) == (month, month)
        periods = periods_of(units, zone, month)
        firsts = [period.first for period in periods]
        assert [*firsts[1:], end] == [period.end for period in periods]
        assert firsts[0] == first
        near = [choose.choice(firsts) + choose.randrange(-2, 2) for _ in range(50)]
        anywhere = [choose.randrange(first, end) for _ in range(50)]
        for at in [*near, *anywhere]:
            if first + 86_400 * SECOND <= at < end - 86_400 * SECOND:  # at the ends of time clocks would leave them
                moment = EPOCH + timedelta(microseconds=at)
                labels = periods[bisect_right(firsts, at) - 1].labels
                assert labels == tuple(shown(unit, moment, zone) for unit in units), moment


def labels(unit: str, zone: str, month: str) -> list[str | None]:
    return [
        period.labels[0] for period in periods_of((unit,), ZoneInfo(zone), int(month[:4]) * 12 + int(month[5:]) - 1)
    ]


def test_a_day_may_be_skipped_or_come_in_two_parts() -> None:
    assert labels("day", "Pacific/Apia", "2011-12")[-4:] == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    back = labels("day", "America/St_Johns", "2006-10")
    assert back[-6:-2] == ["2006-10-28", "2006-10-29", "2006-10-28", "2006-10-29"]


def test_the_ends_of_time_have_periods_too() -> None:
    for zone in ("America/New_York", "Asia/Tokyo"):
        assert labels("day", zone, "0001-01")[0] == "0001-01-01"
        assert labels("day", zone, "9999-12")[-1] == "9999-12-31"
