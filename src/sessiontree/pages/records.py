"""Browsing detail records: a list of one type with the API's filters, and one record with its history and session.

The list takes the parameters of `GET /v2/detail_records`. The form's filter comes as three fields, and becomes the one
parameter that the API has for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
from markupsafe import Markup, escape
from starlette.responses import Response

from sessiontree.catalog import RecordType
from sessiontree.errors import UnknownRecordType
from sessiontree.http import answers, filters
from sessiontree.http.filters import DATE_RANGE, RECORD_TYPE
from sessiontree.http.refusals import NOT_FOUND, RequestError
from sessiontree.http.routes import JSON, encode, records_page
from sessiontree.pages import filter_form, layout, shown
from sessiontree.pages.addresses import Address, address, address_of, path_of
from sessiontree.pages.record_counts import record_counts
from sessiontree.pages.record_values import FIELDS_MAX, JSON_BYTES_MAX, receipts, texts, values
from sessiontree.pages.sending import answer, own_address, redirect
from sessiontree.pages.visits import Visit
from sessiontree.query import OPERATORS, Query
from sessiontree.record import Record
from sessiontree.store import Asks, Page

PATH = "/records"
PAGE = "page[number]"
FORM = ("of", "field", "op", "value")
_COUNTED = "/spend?group_by=record_type&format=json"  # where the API counts the records of each type
_FORMATS = ("html", "json")
_COLUMNS_MAX = 7
_CELL_CHARS = 48
_OPERATORS = dict(zip(OPERATORS, ("=", "≥", ">", "≤", "<", "contains", "starts with", "ends with"), strict=True))


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the list: where its head leads, and how the list is sorted by it now ("": not)."""

    name: str
    href: str
    sorted: str
    number: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A record in the list: where its page is, and its cells."""

    href: str
    cells: list[Markup]


async def records(visit: Visit) -> Response:
    """The list, as JSON too; without a type, the types that there are records of."""
    return await visit.call.service.in_thread(lambda: _answer(visit))


def _answer(visit: Visit) -> Response:
    call, parameters = visit.call, visit.parameters()
    service, account = call.service, call.account
    at = address_of(PATH, parameters)
    json = parameters.choice("format", _FORMATS[0], _FORMATS) == "json"
    if "record_type" in at.given:  # as links of the API have it
        return redirect(at.but({RECORD_TYPE: at.given["record_type"], "record_type": None, PAGE: None}))
    if not json and RECORD_TYPE not in at.given:
        host = own_address(call.scope)
        return layout.page(
            visit, "records.html", title="Records", json=_COUNTED, type=None, counts=_counts(visit), address=host
        )
    if any(name in at.given for name in FORM):
        return redirect(_of_form(at))
    fields = service.store.fields(account, filters.record_type(parameters, service.catalog).name)
    query = filters.read_query(parameters.without("format"), service.catalog, lambda name: fields, datetime.now(UTC))
    page = service.store.page(account, query)
    if json:
        return answer(call.scope, encode(records_page(page, query)), media_type=JSON)
    return _page(visit, at, query, fields, page)


def _of_form(at: Address) -> str:
    """The address that the form asks for. `of` is the type that its filters are for: another begins without."""
    of, field, op, value = (at.given.get(name, "") for name in FORM)
    if of and of != at.given.get(RECORD_TYPE):
        return Address(PATH, {name: at.given[name] for name in (RECORD_TYPE, DATE_RANGE) if name in at.given}).but()
    changes: dict[str, str | None] = dict.fromkeys((*FORM, PAGE))
    if field and value:
        changes[f"filter[{field}]" if op in ("", "eq") else f"filter[{field}][{op}]"] = value
    return at.but(changes)


def _page(visit: Visit, at: Address, query: Query, seen: Mapping[str, str], found: Page) -> Response:
    declared = visit.call.service.catalog.types[query.record_type]
    kinds = {**declared.fields, **{name: seen[name] for name in sorted(seen) if name not in declared.fields}}
    first = Address(PATH, {name: value for name, value in at.given.items() if name != PAGE})
    contents = [texts(each.body) for each in found.records]
    names = _columns(declared, [name for name in kinds if any(_says(each.get(name)) for each in contents)])
    pages = -(-found.total // query.size)
    return layout.page(
        visit,
        "records.html",
        title=f"Records of {declared.name}",
        json=at.here(format="json"),
        type=declared,
        color=shown.color(declared.product),
        counts=_counts(visit),
        address="",
        form=_form(first),
        kinds=sorted(kinds),
        operators=_OPERATORS,
        columns=[_column(name, kinds[name], query, first) for name in names],
        rows=[
            Row(
                record_path(each.record_type, each.id),
                [_cell(each, declared, name, content.get(name)) for name in names],
            )
            for each, content in zip(found.records, contents, strict=True)
        ],
        total=found.total,
        start=(query.page - 1) * query.size + 1,
        previous=at.here(**{PAGE: str(query.page - 1)}) if 1 < query.page <= pages + 1 else "",
        next=at.here(**{PAGE: str(query.page + 1)}) if query.page < pages else "",
        beginning=first.but(),
    )


def _form(at: Address) -> filter_form.FilterForm:
    """The filters that the address has, without the type, which is not taken off."""
    form = filter_form.form_of(at, [next(filter_form.time_fields(at))], kept=(RECORD_TYPE, "sort"))
    chips = [chip for chip in form.chips if RECORD_TYPE in parse_qs(urlsplit(chip.without).query)]
    return replace(form, chips=chips, active=bool(chips or form.fields[0].value))


def _counts(visit: Visit) -> list[tuple[str, int]]:
    """The types that there are records of, by name."""
    return sorted(record_counts(visit.call.service.store, visit.call.account).items())


def _columns(declared: RecordType, present: list[str]) -> list[str]:
    """The fields that say most: id, times, cost, what links it; then others, of those that the records have."""
    foremost = [*declared.start_fields[:1], *declared.finish_fields[:1], *declared.cost_fields[:1]]
    names = dict.fromkeys([*foremost, *declared.ref_fields, *declared.second_id_fields, *present])
    others = [name for name in names if name in present and name not in (declared.id_field, "record_type")]
    return [declared.id_field, *others][:_COLUMNS_MAX]


def _column(name: str, kind: str, query: Query, at: Address) -> Column:
    descending = dict(query.sort[:1]).get(name)
    sorted = "" if descending is None else "descending" if descending else "ascending"
    return Column(
        name, at.but(sort=name if descending else f"-{name}"), sorted, kind in ("amount", "number", "integer")
    )


def _says(text: str | None) -> bool:
    """Whether a field has a value that tells something."""
    return text not in (None, "", "null")


def _cell(record: Record, declared: RecordType, name: str, text: str | None) -> Markup:
    if name in declared.cost_fields[:1]:
        return _cost(record)
    if name in declared.start_fields[:1] and record.start is not None:
        return shown.instant(record.start)
    if name in declared.finish_fields[:1] and record.finish is not None:
        return shown.instant(record.finish)
    if text is None or not _says(text):
        return Markup('<span class="muted">&ndash;</span>')
    if len(text) > _CELL_CHARS:
        return Markup('<bdi title="{}">{}…</bdi>').format(text[:500], text[: _CELL_CHARS - 1])
    return Markup("<bdi>{}</bdi>").format(text)


async def record(visit: Visit) -> Response:
    """One record; `format=json` gives all its versions as the API does."""
    return await visit.call.service.in_thread(lambda: _record(visit))


def _record(visit: Visit) -> Response:
    call, (name, id) = visit.call, visit.call.names
    service, account = call.service, call.account
    try:
        declared = service.catalog.resolve(name)
    except UnknownRecordType as error:
        raise RequestError(404, NOT_FOUND, str(error)) from None
    if declared.name != name:
        return redirect(record_path(declared.name, id))
    versions = service.store.history(account, name, id)
    with service.store.snapshot(account) as snapshot:
        found = next(iter(snapshot.find(Asks({(name, id)}, set(), set()))), None)
    if not versions or found is None:
        raise RequestError(404, NOT_FOUND, f"no {name} record with this id is stored")
    if visit.parameters().choice("format", _FORMATS[0], _FORMATS) == "json":
        told = [answers.RecordVersion(each.received, msgspec.Raw(each.body)) for each in versions]
        return answer(call.scope, encode(answers.RecordHistory(told)), media_type=JSON)
    fields = list(values(found.body))
    tops = service.store.sessions.of_record(account, name, id)
    return layout.page(
        visit,
        "record.html",
        title=f"Record {name} {id}",
        json=f"{record_path(name, id)}?format=json",
        type=declared,
        color=shown.color(declared.product),
        record=found,
        cost=_cost(found),
        sessions=[(top, address(path_of(*top), {"event": f"{name}/{id}"})) for top in tops],
        below=path_of(name, id),
        fields=fields[:FIELDS_MAX],
        left=max(0, len(fields) - FIELDS_MAX),
        receipts=receipts(versions),
        body=found.body.decode("utf-8", "replace") if len(found.body) <= JSON_BYTES_MAX else "",
    )


def _cost(record: Record) -> Markup:
    if record.cost is not None and record.currency is not None:
        return shown.amount(record.cost, record.currency)
    return Markup('<span class="unpriced">unpriced</span>') if record.cost_status == "unpriced" else escape("none")


def record_path(record_type: str, id: str) -> str:
    """The page of a record."""
    return path_of(record_type, id).replace("/sessions/", f"{PATH}/", 1)
