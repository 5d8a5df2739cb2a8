"""The parameters that select sessions, as a query: lists, exports and all else that goes by sessions take the same.

`filter[...]` with a comparison as for detail records. A session's own names come first: `started_at`, `total`,
`currency`, `product`, `status` and `record_type` are the session's, and any other is a field of its top's record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sessiontree import money
from sessiontree.catalog import Catalog
from sessiontree.errors import UnknownRecordType
from sessiontree.http.filters import DATE_RANGE, FILTER, RECORD_TYPE, filtering_of, read_condition, read_date_range
from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import BAD_FILTER, UNKNOWN_VALUE, RequestError
from sessiontree.query import Condition
from sessiontree.record import read_time
from sessiontree.session_query import LIMIT, LIMIT_MAX, SORT, SORTS, Clock, SessionQuery, read_cursor
from sessiontree.sessions import STATUSES
from sessiontree.settings import Settings
from sessiontree.store import Store

PRODUCT, STATUS, CURRENCY = "filter[product]", "filter[status]", "filter[currency]"
_ONE_OF = (RECORD_TYPE, PRODUCT, STATUS, CURRENCY, DATE_RANGE)
_BOUNDS = {"eq": (True, True), "gte": (True, False), "gt": (True, False), "lte": (False, True), "lt": (False, True)}
_TICK = timedelta.resolution
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Range:
    """Bounds on a value, both included, in whole steps; and which parameter gave each."""

    low: Any = None
    high: Any = None

    def narrow(self, low: Any, high: Any, parameter: str) -> None:
        """Within these bounds too. Raises RequestError when nothing is left."""
        if low is not None:
            self.low = low if self.low is None else max(self.low, low)
        if high is not None:
            self.high = high if self.high is None else min(self.high, high)
        if self.low is not None and self.high is not None and self.low > self.high:
            text = "the range ends before it begins; turn its ends around"
            raise RequestError(400, BAD_FILTER, text, parameter=parameter)


def clock(settings: Settings, now: datetime) -> Clock:
    """What statuses depend on."""
    open_for, settle_for = timedelta(hours=settings.open_hours), timedelta(minutes=settings.settle_minutes)
    return Clock(now, open_for, settle_for)


def read_query(parameters: Parameters, store: Store, account: str, settings: Settings, now: datetime) -> SessionQuery:
    """The sessions that the parameters select, in the usual order, from the first."""
    return SessionQuery(**_selection(parameters, store, account, now), clock=clock(settings, now))


def read_page_query(
    parameters: Parameters, store: Store, account: str, settings: Settings, now: datetime
) -> SessionQuery:
    """As `read_query`, with `sort`, `limit` and `cursor`."""
    sort, descending = _sort(parameters)
    limit = parameters.integer("limit", LIMIT, low=1, high=LIMIT_MAX)
    cursor = None
    if (text := parameters.text("cursor")) is not None:
        try:
            cursor = read_cursor(text, sort=sort, descending=descending)
        except ValueError as error:
            raise RequestError(400, UNKNOWN_VALUE, f"cursor {error}", parameter="cursor") from None
    selection = _selection(parameters, store, account, now)
    if cursor is not None and selection["currency"] not in (None, cursor.currency):
        text = "cursor is of a list in another currency; begin this one without a cursor"
        raise RequestError(400, UNKNOWN_VALUE, text, parameter="cursor")
    order: dict[str, Any] = {"sort": sort, "descending": descending, "limit": limit, "cursor": cursor}
    return SessionQuery(**selection, **order, clock=clock(settings, now))


def _sort(parameters: Parameters) -> tuple[str, bool]:
    text = parameters.text("sort") or f"-{SORT}"
    name = text.removeprefix("-")
    if name not in SORTS:
        text = f"sort is one of {', '.join(SORTS)}, with a minus in front for falling order"
        raise RequestError(400, UNKNOWN_VALUE, text, parameter="sort")
    return name, text.startswith("-")


def _selection(parameters: Parameters, store: Store, account: str, now: datetime) -> dict[str, Any]:
    starts, totals = Range(), Range()
    _narrow_to_date_range(starts, parameters, now)
    types = record_types(parameters, RECORD_TYPE, store.catalog)
    conditions = []
    for parameter in parameters.names():
        if not parameter.startswith("filter") or parameter in _ONE_OF:
            continue
        name, op = _parts(parameter)
        value = parameters.text(parameter)
        assert value is not None
        if name == "started_at":
            narrow(starts, parameter, op, value, read_time, _TICK)
        elif name == "total":
            narrow(totals, parameter, op, value, money.read, 1)
        else:
            conditions.append(_condition(parameter, name, op, value, types, store, account))
    if starts.high is not None and starts.high >= _LAST:  # there is no moment after; whoever has a start is within
        starts = Range(starts.low or _FIRST)
    return {
        "since": starts.low,
        "until": None if starts.high is None else starts.high + _TICK,
        "record_types": types,
        "products": known(parameters, PRODUCT, sorted({each.product for each in store.catalog.types.values()})),
        "statuses": known(parameters, STATUS, STATUSES),
        "currency": _currency(parameters, store, account),
        "total_min": totals.low,
        "total_max": totals.high,
        "conditions": tuple(conditions),
    }


def _narrow_to_date_range(starts: Range, parameters: Parameters, now: datetime) -> None:
    since, until = read_date_range(parameters, now)
    starts.narrow(since, None if until is None else until - _TICK, DATE_RANGE)


def listed(parameters: Parameters, parameter: str) -> list[str]:
    """The values of a parameter with commas between them."""
    text = parameters.text(parameter)
    return [] if text is None else text.split(",")


def record_types(parameters: Parameters, parameter: str, catalog: Catalog) -> tuple[str, ...]:
    """The record types that a parameter names, with commas between them; none if it is not given."""
    try:
        return tuple(dict.fromkeys(catalog.resolve(name).name for name in listed(parameters, parameter)))
    except UnknownRecordType as error:
        raise RequestError(400, UNKNOWN_VALUE, str(error), parameter=parameter) from None


def known(parameters: Parameters, parameter: str, options: Sequence[str]) -> tuple[str, ...]:
    """The values of a parameter with commas between them, each one of the options; none if it is not given."""
    values = listed(parameters, parameter)
    for value in values:
        if value not in options:
            text = f"{value[:80]!r} is not one of {', '.join(options)}"
            raise RequestError(400, UNKNOWN_VALUE, text, parameter=parameter)
    return tuple(values)


def currency_code(parameters: Parameters) -> str | None:
    """The currency asked for."""
    value = parameters.text(CURRENCY)
    if value is None:
        return None
    if len(value) != 3 or not (value.isascii() and value.isalpha()):
        text = f"{value[:80]!r} is not a three-letter currency code (ISO 4217) such as USD"
        raise RequestError(400, UNKNOWN_VALUE, text, parameter=CURRENCY)
    return value.upper()


def _currency(parameters: Parameters, store: Store, account: str) -> str | None:
    """The currency asked for; one that no session has is told, since an empty list would say that nothing was spent."""
    code = currency_code(parameters)
    stored = store.sessions.currencies(account) if code else ()
    if stored and code not in stored:
        text = f"no session has an amount in {code}; there are {', '.join(stored)}"
        raise RequestError(400, UNKNOWN_VALUE, text, parameter=CURRENCY)
    return code


def _parts(parameter: str) -> tuple[str, str]:
    match = FILTER.fullmatch(parameter)
    if not match:
        text = "filters are written filter[name]=value or filter[name][gte]=value"
        raise RequestError(400, BAD_FILTER, text, parameter=parameter)
    if f"filter[{match[1]}]" in _ONE_OF:
        text = f"{match[1]} is compared as a whole: filter[{match[1]}]=value"
        raise RequestError(400, BAD_FILTER, text, parameter=parameter)
    return match[1], match[2] or "eq"


def narrow(bounds: Range, parameter: str, op: str, text: str, read: Callable[[str], Any], step: Any) -> None:
    """Narrow a range by one parameter; `step` leads from a value to the next."""
    if op not in _BOUNDS:
        raise RequestError(400, BAD_FILTER, f"use one of {', '.join(_BOUNDS)} here", parameter=parameter)
    low, high = _BOUNDS[op]
    try:
        value = read(text)
        value = value + step if op == "gt" else value - step if op == "lt" else value
    except (ValueError, OverflowError) as error:
        reason = error if isinstance(error, ValueError) else "leaves nothing in the range"
        raise RequestError(400, BAD_FILTER, f"{text[:80]!r} {reason}", parameter=parameter) from None
    bounds.narrow(value if low else None, value if high else None, parameter)


def _condition(
    parameter: str, name: str, op: str, value: str, types: tuple[str, ...], store: Store, account: str
) -> Condition:
    """A condition on a field of the top's record."""
    if len(types) != 1:
        text = (
            f"{name[:80]!r} is no value of a session; fields of records need one filter[record_type]. Sessions have "
            "started_at, date_range, record_type, product, status, currency and total"
        )
        raise RequestError(400, BAD_FILTER, text, parameter=parameter)
    declared = store.catalog.types[types[0]]
    filtering = filtering_of(store.catalog, declared, store.fields(account, declared.name))
    return read_condition(filtering, parameter, name, op, value)
