"""The pages of the catalogue: all record types and who belongs under whom, and one type with all that is declared."""

from dataclasses import dataclass

from starlette.responses import Response

from sessiontree.catalog import Catalog, RecordType, Relationship
from sessiontree.errors import UnknownRecordType
from sessiontree.http import metadata
from sessiontree.http.refusals import NOT_FOUND, RequestError
from sessiontree.http.routes import JSON, encode, example_id
from sessiontree.http.service import Service
from sessiontree.pages import layout, shown
from sessiontree.pages.addresses import path_of
from sessiontree.pages.catalogue_picture import BOX_HEIGHT, BOX_WIDTH, families, pairs, picture
from sessiontree.pages.record_counts import record_counts
from sessiontree.pages.records import record_path
from sessiontree.pages.sending import answer, redirect
from sessiontree.pages.visits import Visit

PATH = "/catalogue"
_FORMATS = ("html", "json")


@dataclass(frozen=True, slots=True)
class Category:
    """A category: its colour in the picture, its types, and those of them that have no relations."""

    name: str
    color: int
    types: list[RecordType]
    alone: list[str]


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field of a type: what it holds, what it is used for, and whether it is declared or has only been seen."""

    name: str
    kind: str
    uses: list[str]
    declared: bool


@dataclass(frozen=True, slots=True)
class Example:
    """The latest event of a type, and where to see it; a virtual one may have no record."""

    id: str
    session: str
    record: str


async def catalogue(visit: Visit) -> Response:
    """All types; `format=json` gives the API's metadata."""
    service, account = visit.call.service, visit.call.account
    catalog = service.catalog
    if visit.parameters().choice("format", _FORMATS[0], _FORMATS) == "json":
        return answer(visit.call.scope, encode(metadata.all_types(catalog)), media_type=JSON)
    counts = await service.in_thread(lambda: record_counts(service.store, account))
    related, alone = families(catalog)
    categories = _categories(catalog, alone)
    colors = {category.name: category.color for category in categories}
    return layout.page(
        visit,
        "catalogue.html",
        title="Catalogue",
        json=f"{PATH}?format=json",
        pictures=[picture(catalog, family, colors) for family in related],
        box=(BOX_WIDTH, BOX_HEIGHT),
        categories=categories,
        children=catalog.children,
        counts=counts,
        pairs=pairs,
    )


def _categories(catalog: Catalog, alone: list[str]) -> list[Category]:
    names = sorted({declared.category for declared in catalog.types.values()})
    return [
        Category(
            name,
            at % shown.COLORS,
            [declared for _, declared in sorted(catalog.types.items()) if declared.category == name],
            [each for each in alone if catalog.types[each].category == name],
        )
        for at, name in enumerate(names)
    ]


async def record_type(visit: Visit) -> Response:
    """One type; `format=json` gives the API's metadata of it."""
    service, account = visit.call.service, visit.call.account
    try:
        declared = service.catalog.resolve(visit.call.names[0])
    except UnknownRecordType as error:
        raise RequestError(404, NOT_FOUND, str(error)) from None
    query = visit.call.scope["query_string"].decode("latin-1")
    if declared.name != visit.call.names[0]:  # an alias
        return redirect(type_path(declared.name) + ("?" + query if query else ""))
    json = visit.parameters().choice("format", _FORMATS[0], _FORMATS) == "json"
    example = await service.in_thread(lambda: example_id(service, account, declared))
    if json:
        described = metadata.one_type(service.catalog, declared, example or metadata.EVENT_ID)
        return answer(visit.call.scope, encode(described), media_type=JSON)
    return await service.in_thread(lambda: _type_page(visit, declared, example))


def _type_page(visit: Visit, declared: RecordType, example: str | None) -> Response:
    service, account = visit.call.service, visit.call.account
    below = service.catalog.children[declared.name]
    count = record_counts(service.store, account).get(declared.name, 0)
    return layout.page(
        visit,
        "catalogue-type.html",
        title=declared.name,
        json=f"{type_path(declared.name)}?format=json",
        type=declared,
        color=shown.color(declared.product),
        below=below,
        count=count,
        top_count=service.store.sessions.count_tops(account, declared.name),
        example=None if example is None else _example(service, account, declared, example),
        fields=_fields(service, account, declared, below),
        quantity=declared.quantity,
    )


def _example(service: Service, account: str, declared: RecordType, id: str) -> Example:
    stored = not declared.virtual or bool(service.store.history(account, declared.name, id))
    return Example(id, path_of(declared.name, id), record_path(declared.name, id) if stored else "")


def _fields(service: Service, account: str, declared: RecordType, below: tuple[Relationship, ...]) -> list[FieldRow]:
    """The declared fields in their order, then those that records have shown, each with what it is used for."""
    kinds = {
        **declared.fields,
        **{n: k for n, k in service.store.fields(account, declared.name).items() if n not in declared.fields},
    }
    uses: dict[str, list[str]] = {name: [] for name in kinds}
    for name, use in _uses(declared, below):
        if name in uses and use not in uses[name]:
            uses[name].append(use)
    return [FieldRow(name, kind, uses[name], name in declared.fields) for name, kind in kinds.items()]


def _uses(declared: RecordType, below: tuple[Relationship, ...]) -> list[tuple[str, str]]:
    quantity = declared.quantity
    roles = {
        "its id": (declared.id_field,),
        "a second id": declared.second_id_fields,
        "start": declared.start_fields,
        "finish": declared.finish_fields,
        "cost": declared.cost_fields,
        "currency": (declared.currency_field,),
        "quantity": quantity.fields if quantity else (),
        "rate": quantity.rate_fields if quantity else (),
    }
    found = [(name, use) for use, names in roles.items() for name in names]
    found += [(via.local_field, f"finds its {each.parent}") for each in declared.parents for via in each.via]
    finders: dict[str, dict[str, None]] = {}
    for each in below:
        for via in each.via:
            finders.setdefault(via.parent_field, {})[each.child] = None
    return found + [(field, f"found by: {', '.join(children)}") for field, children in finders.items()]


def type_path(name: str) -> str:
    """The page of a record type."""
    return f"{PATH}/{name}"
