"""What each path answers. How a request gets here, and what becomes of errors, is in `server`."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote

import msgspec
from starlette.responses import Response

from sessiontree.catalog import RecordType
from sessiontree.errors import EventNotFound, TreeTooLarge, UnknownRecordType
from sessiontree.export import Export
from sessiontree.http import answers, filters, metadata
from sessiontree.http.export_parameters import tree_form
from sessiontree.http.metrics import CONTENT_TYPE as METRICS_TYPE
from sessiontree.http.parameters import Parameters, Window
from sessiontree.http.refusals import BAD_ID, NOT_FOUND, RequestError
from sessiontree.http.service import Service
from sessiontree.query import Query
from sessiontree.record import valid_id
from sessiontree.rendering import session_json
from sessiontree.store import ApiKey, Page
from sessiontree.tree import Tree

JSON = "application/json"
READY_FOR_SECONDS = 1.0
encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Call:
    """One request on its way to an answer: `names` are the parts of the path that stand for something."""

    service: Service
    scope: dict  # type: ignore[type-arg]  # as ASGI has it
    receive: Callable[[], Awaitable[dict]]  # type: ignore[type-arg]
    request_id: str
    names: list[str]
    key: ApiKey | None

    @property
    def account(self) -> str:
        """Whose records are asked for."""
        assert self.key is not None, "routes that ask for records have a scope"
        return self.key.account

    def parameters(self) -> Parameters:
        """The query parameters."""
        return Parameters(self.scope["query_string"])

    def headers(self) -> dict[str, str]:
        """The headers of the request by name, names and values in lower case; of a repeated one the last counts."""
        return {name.decode("latin-1"): value.decode("latin-1").lower() for name, value in self.scope["headers"]}


Handler = Callable[[Call], Awaitable[Response]]


class JsonBody(Response):
    """An answer that is JSON already, without what the base class prepares for all kinds of answers."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.status_code = 200
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        self.background = None


def json_answer(answer: msgspec.Struct) -> Response:
    """An answer as JSON."""
    return JsonBody(encode(answer))


@dataclass(frozen=True, slots=True)
class TreeAsked:
    """What is asked for about an event: how many levels below it, whether with records, and near which time."""

    depth: int
    records: bool
    near: Window | None
    parameters: Parameters


@lru_cache(maxsize=256)
def _tree_asked(query: bytes) -> TreeAsked:
    """Read once for all requests that ask alike. Raises RequestError, and then again each time."""
    parameters = Parameters(query)
    depth = parameters.integer("max_depth", metadata.DEPTH_DEFAULT, low=metadata.DEPTH_MIN, high=metadata.DEPTH_MAX)
    children = parameters.boolean("include_children", True)
    records = parameters.choice("expand", metadata.EXPAND[0], metadata.EXPAND) == "record"
    return TreeAsked(depth if children else 0, records, parameters.window("date_time"), parameters)


async def session_analysis(call: Call) -> Response:
    """The session tree of an event."""
    service, (name, event_id) = call.service, call.names
    asked = _tree_asked(call.scope["query_string"])
    form = None
    if asked.parameters.text("format") is not None:
        form = await service.short_read(lambda: tree_form(asked.parameters, service.store, call.account))
    declared = service.catalog.resolve(name)
    if not valid_id(event_id):
        text = "an id is 1 to 255 printable characters without /"
        raise RequestError(400, BAD_ID, text, parameter="event_id")

    def render(tree: Tree) -> bytes:
        if asked.near is not None and tree.created_at() not in asked.near:
            raise EventNotFound(declared.name, event_id)
        if form is not None:
            return b"".join(Export(form).chunks([tree]))
        body = session_json(tree, depth_max=asked.depth, records=asked.records, now=datetime.now(UTC))
        tree.release()
        return body

    try:
        if service.store.waits:
            hint = None if asked.near is None else (asked.near.since, asked.near.until)
            body = await service.short_tree(call.account, declared, event_id, render, hint)
        else:
            body = render(service.quick_analysis.tree(call.account, declared, event_id))
    except TreeTooLarge:  # for the event loop; all other requests would wait for it
        body = await service.in_thread(lambda: render(service.analysis.tree(call.account, declared, event_id)))
    return JsonBody(body) if form is None else Response(body, media_type=form.media_type)


async def all_metadata(call: Call) -> Response:
    """All record types and their relationships."""
    return json_answer(metadata.all_types(call.service.catalog))


async def type_metadata(call: Call) -> Response:
    """One record type, with examples about an event that exists, where there is one."""
    service, name = call.service, call.names[0]
    try:
        declared = service.catalog.resolve(name)
    except UnknownRecordType as error:
        raise RequestError(404, NOT_FOUND, str(error), parameter="record_type") from None
    example = await service.in_thread(lambda: example_id(service, call.account, declared))
    return json_answer(metadata.one_type(service.catalog, declared, example or metadata.EVENT_ID))


def example_id(service: Service, account: str, declared: RecordType) -> str | None:
    """The latest event of a type; a virtual type's may be known by its children alone."""
    found = service.store.page(account, Query(declared.name, size=1)).records
    if found or not declared.virtual:
        return found[0].id if found else None
    for relationship in service.catalog.children[declared.name]:
        child = service.catalog.types[relationship.child]
        at = child.ref_fields.index(relationship.via[0].local_field)
        page = service.store.page(account, Query(child.name, size=5))
        for value in (record.refs[at] for record in page.records):
            if value is not None and valid_id(value):
                return value
    return None


async def list_records(call: Call) -> Response:
    """Detail records of one type, filtered, sorted, a page of them."""
    service, account, parameters = call.service, call.account, call.parameters()

    def answer() -> Response:
        query = filters.read_query(
            parameters, service.catalog, lambda name: service.store.fields(account, name), datetime.now(UTC)
        )
        return json_answer(records_page(service.store.page(account, query), query))

    return await service.in_thread(answer)


def records_page(page: Page, query: Query) -> answers.RecordsPage:
    """A page of records as it is answered."""
    meta = answers.PageMeta(query.page, query.size, -(-page.total // query.size), page.total)
    return answers.RecordsPage([msgspec.Raw(record.body) for record in page.records], meta)


async def options(call: Call) -> Response:
    """The fields by which detail records of a type can be filtered and sorted."""
    service, account = call.service, call.account
    declared = service.catalog.resolve(call.parameters().required("record_type"))
    shown = await service.in_thread(lambda: service.store.fields(account, declared.name))
    fields = shown | dict(declared.fields)
    listed = [answers.FieldOptions(name, fields[name], True, True) for name in sorted(fields)]
    return json_answer(answers.Options([answers.TypeOptions(declared.name, listed)]))


async def history(call: Call) -> Response:
    """Every content that a record has had."""
    service, account, parameters = call.service, call.account, call.parameters()
    declared = service.catalog.resolve(parameters.required("record_type"))
    id = parameters.required("id")
    versions = await service.in_thread(lambda: service.store.history(account, declared.name, id))
    if not versions:
        raise RequestError(404, NOT_FOUND, f"no {declared.name} record with this id is stored", parameter="id")
    return json_answer(
        answers.RecordHistory([answers.RecordVersion(v.received, msgspec.Raw(v.body)) for v in versions])
    )


async def healthz(call: Call) -> Response:
    """The process is alive."""
    return json_answer(answers.Health("alive"))


class Readyz:
    """Whether a write reaches the disk, proved at most once a second."""

    def __init__(self) -> None:
        self._proved = -READY_FOR_SECONDS

    async def __call__(self, call: Call) -> Response:
        """Proves a write; 503 if that fails."""
        if time.monotonic() - self._proved >= READY_FOR_SECONDS:
            await call.service.in_thread(call.service.store.check_write)
            self._proved = time.monotonic()
        return json_answer(answers.Health("ready"))


async def metrics(call: Call) -> Response:
    """What the server counts about itself."""
    return Response(await call.service.in_thread(call.service.metrics.text), media_type=METRICS_TYPE)


def path_part(raw: str) -> str:
    """A part of a path, percent-decoded. Raises RequestError for what is not UTF-8."""
    if "%" not in raw:
        return raw
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        text = "the path is not percent-encoded UTF-8"
        raise RequestError(400, BAD_ID, text, parameter="event_id") from None
