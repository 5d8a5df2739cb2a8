"""Moments as SQLite keeps them: microseconds since 1970 in UTC, exactly."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The moment of so many microseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)
