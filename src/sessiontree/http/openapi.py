"""The API's description as OpenAPI 3.1: what each operation takes and answers, with the schemas of our own structs.

`OPERATIONS` says what only people can say; the rest is derived. A test holds it against the routes there are.
"""

import msgspec

from sessiontree import __version__
from sessiontree.catalog import Catalog
from sessiontree.http import (
    answers,
    import_answers,
    openapi_examples,
    openapi_exports,
    openapi_keys,
    openapi_sessions,
    openapi_unfit,
)
from sessiontree.http.openapi_exports import LINES, TREE_EXPORT, contents
from sessiontree.http.openapi_operation import Json, Operation
from sessiontree.http.openapi_parameters import (
    DETAIL,
    DRY_RUN,
    EVENT_ID,
    IMPORT_ID,
    IMPORT_LIST,
    NAMED_TYPE,
    ONE_RECORD,
    RECORD_TYPE,
    SESSION_ID,
    SPEND,
    TREE,
)
from sessiontree.wire import SessionAnalysis, SpendAnswer

_TIMES = {
    "created_at",
    "completed_at",
    "started_at",
    "finished_at",
    "received_at",
    "undone_at",
    "expires_at",
    "last_used_at",
    "revoked_at",
    "last_updated",
    "as_of",
}


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/v2/session_analysis/metadata"): Operation(
        "listRecordTypes",
        "All record types",
        "Every record type of the catalogue with its names and relationships, and the parameters of the analysis.",
        answers.Metadata,
        openapi_examples.METADATA,
    ),
    ("GET", "/v2/session_analysis/metadata/{record_type}"): Operation(
        "describeRecordType",
        "One record type",
        "A record type with its relationships, and queries to try. A name that means no type is 404 here.",
        answers.TypeMetadata,
        openapi_examples.TYPE_METADATA,
        (RECORD_TYPE,),
        (404,),
    ),
    ("GET", "/v2/session_analysis/{record_type}/{event_id}"): Operation(
        "analyzeSession",
        "The session tree of an event",
        "The event and everything below it, with exact costs. Whatever is shown, costs and counts are those of the "
        "whole tree. The way up to the top of the session is in `ancestors`.",
        SessionAnalysis,
        openapi_examples.SESSION,
        (RECORD_TYPE, EVENT_ID, *TREE, *TREE_EXPORT),
        (400, 404),
        files=LINES,
    ),
    **openapi_exports.OPERATIONS,
    ("GET", "/v2/detail_records"): Operation(
        "listDetailRecords",
        "List detail records",
        "Records of one type as they were received, a page at a time; without `sort` the latest start comes first. "
        "Any field of the type can be filtered: `filter[field]=value`, or `filter[field][op]=value` with gte, gt, "
        "lte, lt, contains, starts_with or ends_with. `filter[id]` is always the type's id.",
        answers.RecordsPage,
        openapi_examples.RECORDS,
        DETAIL,
        (400,),
    ),
    ("POST", "/v2/detail_records"): Operation(
        "addDetailRecords",
        "Send detail records",
        "One record, an array, or one record a line (NDJSON), plain or packed with gzip. What is answered as stored is "
        "durable. Sending records again is safe: the same content is counted as unchanged. Records that cannot be "
        "stored are listed with the reason, and the others are stored; when none could be, the status is 400.",
        answers.IngestAnswer,
        openapi_examples.INGEST,
        (NAMED_TYPE,),
        (400, 409, 413, 415),
        takes_records=True,
    ),
    ("GET", "/v2/detail_records/options"): Operation(
        "listFilterOptions",
        "What can be filtered and sorted",
        "The fields of a record type: the declared ones, and those that stored records have shown.",
        answers.Options,
        openapi_examples.OPTIONS,
        ONE_RECORD[:1],
        (400,),
    ),
    ("GET", "/v2/detail_records/history"): Operation(
        "getRecordHistory",
        "Every version of a record",
        "Each content that a record has had with its time of receipt, oldest first; the last is the present one.",
        answers.RecordHistory,
        openapi_examples.HISTORY,
        ONE_RECORD,
        (400, 404),
    ),
    ("GET", "/v2/spend"): Operation(
        "getSpend",
        "Spend by group",
        "The costs of records themselves added up by time, product, type, currency, session type or any field; a row "
        "for each group and currency, all in one answer. What has no time, or lacks the field, is in a group of its "
        "own that is null and comes last; containers cost nothing and have the currency null.",
        SpendAnswer,
        openapi_examples.SPEND,
        SPEND,
        (400,),
    ),
    **openapi_sessions.OPERATIONS,
    **openapi_unfit.OPERATIONS,
    ("GET", "/v2/imports"): Operation(
        "listImports",
        "Imports and ingest requests",
        "Every import run and ingest request of the account, the latest first: where its records came from, what "
        "became of them, and whether it has been undone. `filter[source]=file` leaves out the requests.",
        import_answers.Imports,
        openapi_examples.IMPORTS,
        IMPORT_LIST,
        (400,),
    ),
    ("POST", "/v2/imports/{id}/undo"): Operation(
        "undoImport",
        "Take an import back",
        "Takes out every content of a record that the import brought: records that it created are removed, those that "
        "it changed get back the content before. What other imports brought stays; what they found unchanged is not "
        "theirs. It goes on where it was stopped; one that is undone already is left alone, and the answer says so; "
        "one that was rejected stays so.",
        import_answers.UndoAnswer,
        openapi_examples.UNDONE,
        (IMPORT_ID, DRY_RUN),
        (400, 404),
    ),
    ("DELETE", "/v2/sessions/{record_type}/{id}"): Operation(
        "deleteSession",
        "Delete a session",
        "Removes the records that are at home in the session, with their histories. Records that are only shown there "
        "and are at home in another session stay.",
        import_answers.DeleteAnswer,
        openapi_examples.DELETED,
        (RECORD_TYPE, SESSION_ID, DRY_RUN),
        (400, 404, 409),
    ),
    **openapi_keys.OPERATIONS,
    ("GET", "/healthz"): Operation(
        "isAlive", "Alive", "The process answers.", answers.Health, {"status": "alive"}, key=False
    ),
    ("GET", "/readyz"): Operation(
        "isReady", "Ready", "A write reaches the disk; 503 if not.", answers.Health, {"status": "ready"}, key=False
    ),
    ("GET", "/metrics"): Operation(
        "getMetrics", "Metrics", "What the server counts about itself, for Prometheus.", "text/plain", key=False
    ),
    ("GET", "/openapi.json"): Operation(
        "getOpenapi", "This description", "The API as OpenAPI 3.1.", "application/json", key=False
    ),
}

_STATUSES = {
    400: "A parameter is wrong or unknown, or an id or the body is wrong; the message says what to do.",
    401: "The key is missing, unknown, revoked or expired.",
    403: "The key's scopes do not allow this.",
    404: "Not found among the records that this key can see.",
    409: "Not now: others are writing what this depends on. Send it again.",
    413: "The body or a record is larger than allowed; the whole records before that were stored.",
    415: "The body is of a kind that is not taken.",
    429: "The key makes more requests a second than the operator allows; wait as long as Retry-After says.",
    500: "Something unforeseen; the operator finds the request id in the log.",
    503: "The store cannot be read or written now; try again.",
}


def document(catalog: Catalog) -> Json:
    """The whole description, for the record types of a catalogue."""
    structs = [each.answer for each in OPERATIONS.values() if not isinstance(each.answer, str)]
    structs += [each.takes for each in OPERATIONS.values() if each.takes is not None]
    _, schemas = msgspec.json.schema_components([*structs, answers.Errors], ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        _mark_times(schema)
    names = {name for t in catalog.types.values() for name in (t.name, *t.aliases, t.product) if catalog.find(name)}
    schemas["RecordType"] = {
        "type": "string",
        "description": "A record type, one of its aliases, or a product that only one type has.",
        "enum": sorted(names),
    }
    schemas["Record"] = {
        "type": "object",
        "description": "A record, with any fields.",
        "examples": [openapi_examples.RECORD],
    }
    paths: Json = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sessiontree",
            "version": __version__,
            "description": "Usage records in; exact session trees out. A parameter that an operation does not have is "
            "answered with 400; only those on session_analysis and detail_records ignore it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _mark_times(schema: Json) -> None:
    for name, described in schema.get("properties", {}).items():
        if name in _TIMES:
            for each in described.get("anyOf", [described]):
                if each.get("type") == "string":
                    each["format"] = "date-time"


def _operation(method: str, operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "security": [{"key": []}] if operation.key else [],
        "parameters": list(operation.parameters),
        "responses": {str(operation.status): _answer(operation)},
    }
    if operation.takes_records:
        described["requestBody"] = _body()
    if operation.takes is not None:
        schema = {"$ref": f"#/components/schemas/{operation.takes.__name__}"}
        content = {"application/json": {"schema": schema, "example": operation.takes_example}}
        described["requestBody"] = {"required": True, "content": content}
    errors = {*operation.errors, 500, 503} | ({400, 401, 403, 429} if operation.key else set())
    for status in sorted(errors):
        described["responses"][str(status)] = _error(status)
    return described


def _answer(operation: Operation) -> Json:
    if isinstance(operation.answer, str):
        schema = {"type": "object"} if operation.answer == "application/json" else {"type": "string"}
        content: Json = {operation.answer: {"schema": schema}}
    else:
        schema = {"$ref": f"#/components/schemas/{operation.answer.__name__}"}
        content = {"application/json": {"schema": schema, "example": operation.example}}
    content |= contents(operation.files)
    return {"description": operation.summary, "headers": _headers(), "content": content}


def _headers(*, retry: bool = False) -> Json:
    headers: Json = {"X-Request-Id": {"description": "Names this answer in the log.", "schema": {"type": "string"}}}
    if retry:
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "string"}}
    return headers


def _error(status: int) -> Json:
    schema = {"$ref": "#/components/schemas/Errors"}
    example = openapi_examples.error(status)
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": _STATUSES[status], "headers": _headers(retry=status in (409, 429, 503)), "content": content}


def _body() -> Json:
    record = {"$ref": "#/components/schemas/Record"}
    one_or_more = {"oneOf": [record, {"type": "array", "items": record, "minItems": 1}]}
    lines = {"type": "string", "description": "One JSON object a line."}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": one_or_more, "example": openapi_examples.RECORD},
            "application/x-ndjson": {"schema": lines, "example": openapi_examples.LINES},
        },
    }
