"""The parameters of a list of detail records, as a query: filters, date range, sort and page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sessiontree.catalog import Catalog, RecordType
from sessiontree.errors import UnknownRecordType
from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import BAD_FILTER, BAD_REQUEST, MISSING, UNKNOWN_VALUE, RequestError
from sessiontree.query import OPERATORS, SAME, Condition, Query, check, date_range
from sessiontree.record import read_time

PAGE_SIZE = 20
PAGE_SIZE_MAX = 50
RECORD_TYPE = "filter[record_type]"
DATE_RANGE = "filter[date_range]"
FILTER = re.compile(r"filter\[([^\[\]]+)\](?:\[([^\[\]]*)\])?")
_SORT_FIELDS_MAX = 10


@dataclass(frozen=True, slots=True)
class Filtering:
    """A type, all fields that its records have, with their types, and those by which its records are linked."""

    declared: RecordType
    fields: Mapping[str, str]
    linking: frozenset[str]

    def field(self, name: str, parameter: str) -> str:
        """The field of this name; `id` is always the type's id field."""
        field = self.declared.id_field if name == "id" else name
        if field in self.fields:
            return field
        has = ", ".join(sorted(self.fields))
        text = f"{self.declared.name} records have no field {name[:80]!r}; they have {has}"
        raise RequestError(400, BAD_FILTER, text, parameter=parameter)


def filtering_of(catalog: Catalog, declared: RecordType, shown: Mapping[str, str]) -> Filtering:
    """What can be asked of a type's records; `shown` are the fields that stored ones have."""
    linking = frozenset({declared.id_field, *catalog.link_fields(declared.name)})
    return Filtering(declared, {**shown, **declared.fields}, linking)


def record_type(parameters: Parameters, catalog: Catalog) -> RecordType:
    """The type that a list is of: `filter[record_type]`, or the bare `record_type` of a record's own link."""
    types = {}
    for parameter in (RECORD_TYPE, "record_type"):
        if (name := parameters.text(parameter)) is not None:
            try:
                declared = catalog.resolve(name)
            except UnknownRecordType as error:
                raise RequestError(400, UNKNOWN_VALUE, str(error), parameter=parameter) from None
            types[declared.name] = declared
    if not types:
        text = f"{RECORD_TYPE} is missing: name the record type to list"
        raise RequestError(400, MISSING, text, parameter=RECORD_TYPE)
    if len(types) > 1:
        text = f"{RECORD_TYPE} and record_type name different types; give one of them"
        raise RequestError(400, BAD_REQUEST, text, parameter=RECORD_TYPE)
    return next(iter(types.values()))


def read_query(
    parameters: Parameters, catalog: Catalog, fields_of: Callable[[str], Mapping[str, str]], now: datetime
) -> Query:
    """The query that the parameters ask for. `fields_of` tells what fields the stored records of a type have shown."""
    declared = record_type(parameters, catalog)
    filtering = filtering_of(catalog, declared, fields_of(declared.name))
    conditions = _conditions(parameters, filtering)
    since, until = read_date_range(parameters, now)
    for each in conditions:
        since, until = _narrowed(each, declared, since, until)
    return Query(
        record_type=declared.name,
        conditions=tuple(conditions),
        since=since,
        until=until,
        sort=_sort(parameters, filtering),
        page=parameters.integer("page[number]", 1, low=1),
        size=min(parameters.integer("page[size]", PAGE_SIZE, low=1), PAGE_SIZE_MAX),
    )


def _conditions(parameters: Parameters, filtering: Filtering) -> list[Condition]:
    found = []
    for parameter in parameters.names():
        match = FILTER.fullmatch("filter[id]" if parameter == "id" else parameter)
        if parameter in (RECORD_TYPE, DATE_RANGE) or (not match and not parameter.startswith("filter")):
            continue
        if not match:
            text = "filters are written filter[field]=value or filter[field][gte]=value"
            raise RequestError(400, BAD_FILTER, text, parameter=parameter)
        value = parameters.text(parameter)
        assert value is not None
        found.append(read_condition(filtering, parameter, match[1], match[2] or "eq", value))
    return found


def read_condition(filtering: Filtering, parameter: str, name: str, op: str, value: str) -> Condition:
    """The condition that a parameter puts on a field."""
    if op not in OPERATORS:
        text = f"{op[:40]!r} is no comparison: use one of {', '.join(OPERATORS[1:])}, or none for equal values"
        raise RequestError(400, BAD_FILTER, text, parameter=parameter)
    condition = Condition(filtering.field(name, parameter), op, value)
    if op == "eq" and condition.field in filtering.linking:
        return Condition(condition.field, SAME, value)
    try:
        check(condition, filtering.fields[condition.field])
    except ValueError as error:
        raise RequestError(400, BAD_FILTER, f"{value[:80]!r} {error}", parameter=parameter) from None
    return condition


def read_date_range(parameters: Parameters, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The first moment of `filter[date_range]` and the first after it."""
    name = parameters.text(DATE_RANGE)
    if name is None:
        return None, None
    try:
        return date_range(name, now)
    except ValueError as error:
        raise RequestError(400, UNKNOWN_VALUE, f"{name[:80]!r} {error}", parameter=DATE_RANGE) from None


def _narrowed(
    condition: Condition, declared: RecordType, since: datetime | None, until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """A bound on the field that is the start wherever it is present bounds the start too: less has to be looked at."""
    if condition.field not in declared.start_fields[:1] or declared.fields.get(condition.field) != "time":
        return since, until
    if condition.op in ("eq", "gte", "gt"):
        since = max(read_time(condition.value), since or datetime.min.replace(tzinfo=UTC))
    if condition.op in ("eq", "lte", "lt") and (moment := read_time(condition.value)).year < 9999:
        until = min(moment + timedelta(microseconds=1), until or datetime.max.replace(tzinfo=UTC))
    return since, until


def _sort(parameters: Parameters, filtering: Filtering) -> tuple[tuple[str, bool], ...]:
    text = parameters.text("sort")
    if text is None:
        return ()
    names = text.split(",")
    if len(names) > _SORT_FIELDS_MAX or not all(name.removeprefix("-") for name in names):
        text = f"sort lists one to {_SORT_FIELDS_MAX} fields with commas between them, such as -created_at,id"
        raise RequestError(400, BAD_REQUEST, text, parameter="sort")
    return tuple((filtering.field(name.removeprefix("-"), "sort"), name.startswith("-")) for name in names)
