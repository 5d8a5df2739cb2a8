"""Query parameters, read by type: whatever is wrong with one is a 400 that names it.

Unknown ones are the business of `known_parameters`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, unquote_to_bytes

from sessiontree.http.refusals import BAD_REQUEST, MISSING, OUT_OF_RANGE, UNKNOWN_VALUE, RequestError
from sessiontree.record import read_time

QUERY_BYTES_MAX = 16_384
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The moments from `since` up to, and without, `until`."""

    since: datetime
    until: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


class Parameters:
    """The parameters of one query string."""

    def __init__(self, query: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        if query:
            for name, value in _pairs(query):
                self._values.setdefault(name, []).append(value)

    def names(self) -> list[str]:
        """Every name given, once each, in order."""
        return list(self._values)

    def without(self, name: str) -> "Parameters":
        """These without the one of this name."""
        others = Parameters(b"")
        others._values = {each: values for each, values in self._values.items() if each != name}
        return others

    def text(self, name: str) -> str | None:
        """The value of a parameter, None if it is not given."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise RequestError(400, BAD_REQUEST, f"{name} is given {len(values)} times; give it once", parameter=name)
        if not values[0]:
            raise RequestError(400, BAD_REQUEST, f"{name} is empty; give it a value or leave it out", parameter=name)
        return values[0]

    def required(self, name: str) -> str:
        """The value of a parameter that must be given."""
        value = self.text(name)
        if value is None:
            raise RequestError(400, MISSING, f"{name} is missing", parameter=name)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _BOOLEANS:
            raise RequestError(400, BAD_REQUEST, f"{name} is not one of true, false, 1, 0", parameter=name)
        return _BOOLEANS[value.lower()]

    def integer(self, name: str, default: int, *, low: int, high: int | None = None) -> int:
        """A whole number within bounds."""
        value = self.text(name)
        if value is None:
            return default
        if not (value.removeprefix("-").isdecimal() and value.isascii()) or len(value) > 18:
            raise RequestError(400, BAD_REQUEST, f"{name} is not a whole number", parameter=name)
        number = int(value)
        if number < low or (high is not None and number > high):
            bounds = f"from {low} on" if high is None else f"from {low} to {high}"
            raise RequestError(400, OUT_OF_RANGE, f"{name} is a whole number {bounds}", parameter=name)
        return number

    def choice(self, name: str, default: str, options: Sequence[str]) -> str:
        """One of the options."""
        value = self.text(name)
        if value is None:
            return default
        if value not in options:
            raise RequestError(400, UNKNOWN_VALUE, f"{name} is not one of {', '.join(options)}", parameter=name)
        return value

    def window(self, name: str) -> Window | None:
        """What a time hint allows: a date means that day (UTC) and a day on either side, a time 24 hours."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return _window(value)
        except ValueError:
            text = f"{name} is not an ISO 8601 date or time such as 2026-03-17 or 2026-03-17T10:00:00Z"
            raise RequestError(400, BAD_REQUEST, text + "; a + is written %2B", parameter=name) from None


@lru_cache(maxsize=1024)
def _pairs(query: bytes) -> list[tuple[str, str]]:
    if len(query) > QUERY_BYTES_MAX:
        raise RequestError(400, BAD_REQUEST, f"the query is longer than {QUERY_BYTES_MAX} bytes")
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        text = "the query is not percent-encoded UTF-8"
        raise RequestError(400, BAD_REQUEST, text, parameter=_unreadable(query)) from None


def _unreadable(query: bytes) -> str | None:
    """The name of the parameter whose value is not percent-encoded UTF-8."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        try:
            unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            return unquote_to_bytes(name).decode(errors="replace")
    return None


def _window(text: str) -> Window:
    try:
        day = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        moment = read_time(text)
        return Window(_moved(moment, -_DAY), _moved(moment, _DAY + timedelta.resolution))
    return Window(_moved(day, -_DAY), _moved(day, 2 * _DAY))


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Years end at 1 and 9999."""
    try:
        return moment + by
    except OverflowError:
        return (datetime.min if by < timedelta() else datetime.max).replace(tzinfo=UTC)
