"""Queries over the records of one type: conditions, order, page; and what it means that a record meets a condition.

Reading a query out of request parameters is in `filters`; running one is the store's affair.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import total_ordering
from typing import Any

import msgspec

from sessiontree.record import read_time

SAME = "is"
"""The same text: how ids and links are equal, whatever their fields are declared as. Nobody writes it."""
OPERATORS = ("eq", "gte", "gt", "lte", "lt", "contains", "starts_with", "ends_with")
_TEXT_OPERATORS = ("contains", "starts_with", "ends_with")
NUMBERS = ("amount", "number", "integer")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Condition:
    """A field compared with a value. `op` is one of OPERATORS, or SAME."""

    field: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Query:
    """The records of one type that meet all conditions, whose start lies in [since, until), sorted, one page of them.

    `sort` lists (field, descending); records that lack the field come last either way, and ties go by arrival. Without
    it the latest start comes first, of equal ones the last to arrive. Pages count from 1.
    """

    record_type: str
    conditions: tuple[Condition, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    page: int = 1
    size: int = 20


class Matcher:
    """Which records meet a query's conditions, and how they sort. `fields` are the type's fields with their types."""

    def __init__(self, query: Query, fields: Mapping[str, str]) -> None:
        self._tests = [(each.field, _test(each, fields.get(each.field, "string"))) for each in query.conditions]
        self._sort = [(field, reading(fields.get(field, "string")), descending) for field, descending in query.sort]
        self._decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

    def matches(self, body: bytes) -> bool:
        """Whether the record of this body meets every condition."""
        if not self._tests:
            return True
        get = self._decode(body).get
        return all(test(value_text(get(field))) for field, test in self._tests)

    def sort_key(self, body: bytes) -> tuple[Any, ...]:
        """Sorts as the query wants it."""
        get = self._decode(body).get
        return tuple([_sort_value(value_text(get(field)), read, down) for field, read, down in self._sort])


def reading(field_type: str) -> Callable[[str], Any]:
    """How the values of a field compare: numbers exactly, times as moments, all else as text. Raises ValueError."""
    if field_type in NUMBERS:
        return _number
    return read_time if field_type == "time" else str


def check(condition: Condition, field_type: str) -> None:
    """Raises ValueError, which says what the value should be, for one that cannot be compared with the field's."""
    if condition.op not in _TEXT_OPERATORS:
        reading(field_type)(condition.value)


def _number(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("is not a decimal such as 0.0052")
    return Decimal(text)


def value_text(raw: msgspec.Raw | bytes | None) -> str | None:
    """A JSON value as text, a number as it is written; None for null and for nothing at all."""
    if raw is None:
        return None
    data = bytes(raw)
    if data[:1] == b'"':
        return str(msgspec.json.decode(data))
    return None if data == b"null" else data.decode()


def _test(condition: Condition, field_type: str) -> Callable[[str | None], bool]:
    wanted, op = condition.value, condition.op
    if op in _TEXT_OPERATORS:
        find = {"contains": str.__contains__, "starts_with": str.startswith, "ends_with": str.endswith}[op]
        return lambda text: text is not None and bool(find(text, wanted))
    if op == SAME:
        return lambda text: text == wanted
    read = reading(field_type)
    compare = _COMPARISONS[op]
    value = read(wanted)

    def test(text: str | None) -> bool:
        try:
            return text is not None and compare(read(text), value)
        except ValueError:
            return False

    return test


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "gte": lambda a, b: bool(a >= b),
    "gt": lambda a, b: bool(a > b),
    "lte": lambda a, b: bool(a <= b),
    "lt": lambda a, b: bool(a < b),
}


@total_ordering
class _Falling:
    """Turns the order of values around."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Falling) and bool(self.value == other.value)

    def __lt__(self, other: "_Falling") -> bool:
        return bool(other.value < self.value)


def _sort_value(text: str | None, read: Callable[[str], Any], descending: bool) -> tuple[int, Any]:
    if text is None:
        return 1, 0
    try:
        value = read(text)
    except ValueError:
        return 1, 0
    return 0, _Falling(value) if descending else value


_LAST_DAYS = re.compile(r"last_([1-9][0-9]{0,3})_days")
RANGES = "yesterday, today, tomorrow, last_week, this_week, next_week, last_month, this_month, next_month, last_N_days"


def date_range(name: str, now: datetime, zone: tzinfo = UTC) -> tuple[datetime, datetime]:
    """The first moment of a named range of days in a zone, and the first after it; weeks start on Monday.

    `last_N_days` are the N days before today, and today. Raises ValueError for a name that is none.
    """
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    match = _LAST_DAYS.fullmatch(name)
    if match:
        return today - timedelta(days=int(match[1])), today + timedelta(days=1)
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}
    if name in days:
        first = today + timedelta(days=days[name])
        return first, first + timedelta(days=1)
    which, _, unit = name.partition("_")
    steps = {"last": -1, "this": 0, "next": 1}
    if which in steps and unit == "week":
        first = today - timedelta(days=today.weekday()) + timedelta(weeks=steps[which])
        return first, first + timedelta(weeks=1)
    if which in steps and unit == "month":
        return _month(today, steps[which]), _month(today, steps[which] + 1)
    raise ValueError(f"is not one of {RANGES}")


def _month(day: datetime, step: int) -> datetime:
    year, month = divmod(day.year * 12 + day.month - 1 + step, 12)
    return day.replace(year=year, month=month + 1, day=1)
