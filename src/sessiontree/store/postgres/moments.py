"""When an id was made, as far as it says so: by that, the database looks first where its records probably are."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sessiontree.store.postgres.months import FIRST_YEAR, LAST_YEAR, Month

_GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def made(value: str) -> datetime | None:
    """The time in a UUID of version 1 or 7; None for any other text, and for years in which nobody makes records."""
    if len(value) != 36 or value[8] != "-" or not value.isascii():
        return None
    try:
        if value[13:15] == "-1":
            ticks = int(value[15:18] + value[9:13] + value[0:8], 16)
            at = _GREGORIAN + timedelta(microseconds=ticks // 10)
        elif value[13:15] == "-7":
            at = _EPOCH + timedelta(milliseconds=int(value[0:8] + value[9:13], 16))
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return at if FIRST_YEAR <= at.year < LAST_YEAR else None


def month_of(values: Iterable[str]) -> Month | None:
    """The month in which the records of these ids probably start; None if the ids do not say one and the same."""
    moments = [made(value) for value in values]
    months = {None if each is None else (each.year, each.month) for each in moments}
    return next(iter(months)) if len(months) == 1 else None


def month_between(since: datetime, until: datetime) -> Month:
    """The month in the middle of two moments: what lies about them probably lies there."""
    middle = (since + (until - since) / 2).astimezone(UTC)
    return (middle.year, middle.month)
