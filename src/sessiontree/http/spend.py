"""`GET /v2/spend`: what was spent, by groups. Filters are as for lists of sessions, but they are on records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar

from starlette.responses import Response

from sessiontree import query, spending
from sessiontree.http.filters import DATE_RANGE, FILTER, RECORD_TYPE, Filtering, filtering_of, read_condition
from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import BAD_FILTER, UNKNOWN_VALUE, RequestError
from sessiontree.http.routes import JSON, Call, encode
from sessiontree.http.session_filters import CURRENCY, PRODUCT, Range, currency_code, known, narrow, record_types
from sessiontree.query import Condition
from sessiontree.store import Store
from sessiontree.store.spend import SpendQuery, SpendRow

GROUP_BY, TIME_ZONE, SESSION_TYPE = "group_by", "time_zone", "filter[session_type]"
_OF_ALL_TYPES = (DATE_RANGE, RECORD_TYPE, PRODUCT, CURRENCY, SESSION_TYPE)
_COMPARED = ("eq", "gte", "gt", "lte", "lt")
_TICK = timedelta.resolution
_LAST = datetime.max.replace(tzinfo=UTC)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: of the store, and of the form of the answer."""

    query: SpendQuery
    grouping: spending.Grouping
    zone_name: str


async def spend(call: Call) -> Response:
    """What was spent, by groups."""
    store, account, parameters = call.service.store, call.account, call.parameters()

    def answer() -> Response:
        asked = read_spend(parameters, store, account, datetime.now(UTC))
        rows = found_rows(store, account, asked.query)
        return Response(encode(spending.answer_json(rows, asked.grouping, asked.zone_name)), media_type=JSON)

    return await call.service.in_thread(answer)


def read_spend(parameters: Parameters, store: Store, account: str, now: datetime) -> Asked:
    """What the parameters ask for."""
    zone_name = parameters.text(TIME_ZONE) or spending.TIME_ZONE
    zone = _read(TIME_ZONE, zone_name, spending.read_zone)
    types = record_types(parameters, RECORD_TYPE, store.catalog)
    filtering = _filtering(store, account, types[0]) if len(types) == 1 else None
    grouping = _grouping(parameters, filtering)
    since, until = _bounds(parameters, zone, now)
    session_types = record_types(parameters, SESSION_TYPE, store.catalog)
    asked = SpendQuery(
        by=grouping.by,
        zone=zone,
        since=since,
        until=until,
        record_types=_of_products(parameters, store, types),
        currency=currency_code(parameters),
        session_types=frozenset(session_types) or None,
        conditions=tuple(_conditions(parameters, filtering, zone)),
    )
    return Asked(asked, grouping, zone_name)


def _read(parameter: str, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise RequestError(400, UNKNOWN_VALUE, f"{text[:80]!r} {error}", parameter=parameter) from None


def _filtering(store: Store, account: str, name: str) -> Filtering:
    return filtering_of(store.catalog, store.catalog.types[name], store.fields(account, name))


def _grouping(parameters: Parameters, filtering: Filtering | None) -> spending.Grouping:
    text = parameters.text(GROUP_BY) or spending.GROUP_BY
    if filtering is None:
        return _read(GROUP_BY, text, lambda text: spending.read_grouping(text, None))
    id_field = filtering.declared.id_field
    return _read(GROUP_BY, text, lambda text: spending.read_grouping(text, filtering.fields, id_field))


def _of_products(parameters: Parameters, store: Store, types: tuple[str, ...]) -> frozenset[str] | None:
    """The types that are asked for, by name and by product; None for all."""
    all_types = store.catalog.types.values()
    products = known(parameters, PRODUCT, sorted({declared.product for declared in all_types}))
    if not products:
        return frozenset(types) or None
    found = frozenset(declared.name for declared in all_types if declared.product in products)
    return found & frozenset(types) if types else found


def found_rows(store: Store, account: str, asked: SpendQuery) -> list[SpendRow]:
    """The rows of a query. A currency that no record has is told: an empty answer would say that nothing was spent."""
    rows = store.spend.table(account, asked)
    if not rows and asked.currency is not None:
        stored = sorted({row.currency for row in store.spend.table(account, SpendQuery(by=())) if row.currency})
        if stored and asked.currency not in stored:
            text = f"no record has a cost in {asked.currency}; there are {', '.join(stored)}"
            raise RequestError(400, UNKNOWN_VALUE, text, parameter=CURRENCY)
    return rows


def _bounds(parameters: Parameters, zone: tzinfo, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The moments in which records start: the first, and the first after the last."""
    starts = Range()
    name = parameters.text(DATE_RANGE)
    if name is not None:
        first, end = _read(DATE_RANGE, name, lambda name: query.date_range(name, now, zone))
        starts.narrow(first.astimezone(UTC), end.astimezone(UTC) - _TICK, DATE_RANGE)
    for parameter in parameters.names():
        match = FILTER.fullmatch(parameter)
        if match and match[1] == spending.STARTED_AT:
            text = parameters.required(parameter)
            narrow(starts, parameter, match[2] or "eq", text, lambda text: spending.read_moment(text, zone), _TICK)
    return starts.low, None if starts.high is None or starts.high >= _LAST else starts.high + _TICK


def _conditions(parameters: Parameters, filtering: Filtering | None, zone: tzinfo) -> Iterator[Condition]:
    """The filters on fields of the records."""
    for parameter in parameters.names():
        if parameter in _OF_ALL_TYPES or not parameter.startswith("filter"):
            continue
        match = FILTER.fullmatch(parameter)
        if not match:
            text = "filters are written filter[field]=value or filter[field][gte]=value"
            raise RequestError(400, BAD_FILTER, text, parameter=parameter)
        if match[1] == spending.STARTED_AT:
            continue
        condition = _condition(filtering, parameter, match[1], match[2] or "eq", parameters.required(parameter))
        if filtering and filtering.fields[condition.field] == "time" and condition.op in _COMPARED:
            moment = _read(parameter, condition.value, lambda text: spending.read_moment(text, zone))
            condition = Condition(condition.field, condition.op, moment.isoformat())
        yield condition


def _condition(filtering: Filtering | None, parameter: str, name: str, op: str, value: str) -> Condition:
    if filtering is None:
        text = f"{name[:80]!r} is a field of records: fields need one filter[record_type]"
        raise RequestError(400, BAD_FILTER, text, parameter=parameter)
    return read_condition(filtering, parameter, name, op, value)
