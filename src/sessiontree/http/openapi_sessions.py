"""The operations about many sessions, as OpenAPI has them."""

from sessiontree.http import openapi_examples
from sessiontree.http.openapi_operation import Json, Operation
from sessiontree.http.openapi_parameters import DATE_RANGE, query
from sessiontree.http.session_answers import SessionChanges, SessionList
from sessiontree.session_query import LIMIT, LIMIT_MAX, SORT, SORTS
from sessiontree.sessions import STATUSES

_TEXT: Json = {"type": "string", "minLength": 1}
_TIME: Json = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
_AMOUNT: Json = {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,12})?$"}
LIMIT_PARAMETER = query("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT})
FILTERS = (
    query("filter[started_at][gte]", "Sessions that start then or later; gt, lte and lt as well.", _TIME),
    query("filter[started_at][lt]", "Sessions that start before.", _TIME),
    DATE_RANGE,
    query("filter[record_type]", "The type of the session's top; several with commas between.", _TEXT),
    query("filter[product]", "Sessions with an event of this product; several with commas between.", _TEXT),
    query(
        "filter[status]",
        "How far the session is; several with commas between.",
        {"type": "string", "pattern": f"^({'|'.join(STATUSES)})(,({'|'.join(STATUSES)}))*$"},
    ),
    query(
        "filter[currency]",
        "Sessions with an amount in this currency. Totals are compared and ranked in it, else in the one that most "
        "sessions have.",
        {"type": "string", "pattern": "^[A-Za-z]{3}$"},
    ),
    query("filter[total][gte]", "Sessions whose total is at least this; gt, lte and lt as well.", _AMOUNT),
    query("filter[total][lte]", "Sessions whose total is at most this.", _AMOUNT),
)
ORDER = (
    query(
        "sort",
        "A minus in front turns the order around. Sessions without the value come last either way.",
        {"type": "string", "enum": [f"{sign}{name}" for name in SORTS for sign in ("", "-")], "default": f"-{SORT}"},
        example="-total",
    ),
    LIMIT_PARAMETER,
    query("cursor", "Where the page before ended: its `meta.next_cursor`, with the same sort and filters.", _TEXT),
)
_SINCE = query(
    "since",
    "What was answered as `meta.next_since`; without it from the beginning.",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
)

_ROW: Json = {
    "record_type": "call-session",
    "id": "4c9063e0-1e4b-11f1-b789-0242ac120002",
    "status": "completed",
    "started_at": "2026-03-17T10:00:00Z",
    "finished_at": "2026-03-17T10:02:32Z",
    "duration_seconds": "152",
    "cost": {"total": "0.005100", "currency": "USD"},
    "event_count": 2,
    "elsewhere_count": 0,
    "unpriced_count": 0,
    "cost_by_product": openapi_examples.SESSION["meta"]["cost_by_product"],
    "problems": [],
    "unlinked": False,
    "as_of": "2026-03-17T10:02:41.020000Z",
    "revision": 1,
    "links": openapi_examples.SESSION["root"]["links"],
}
_LIST: Json = {
    "data": [_ROW],
    "meta": {
        "next_cursor": None,
        "limit": LIMIT,
        "total": {
            "session_count": 1,
            "event_count": 2,
            "unpriced_count": 0,
            "cost": [{"total": "0.005100", "currency": "USD"}],
        },
        "fresh": True,
    },
}
_CHANGES: Json = {
    "data": [{"record_type": "recording", "id": "rec-1", "gone": True}, _ROW],
    "meta": {"next_since": "4711"},
}

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/v2/sessions"): Operation(
        "listSessions",
        "List sessions",
        "What each session adds up to, in any order, and in `meta.total` what the whole selection does, each record "
        "counted once. All filters can be combined. With one `filter[record_type]` any field of that type's records "
        "can be filtered by, as for detail records: `filter[field]=value` or `filter[field][op]=value`.",
        SessionList,
        _LIST,
        (*FILTERS, *ORDER),
        (400,),
    ),
    ("GET", "/v2/sessions/changes"): Operation(
        "listSessionChanges",
        "Sessions that changed",
        "Every session whose numbers changed since an earlier answer, as it is now, in the order of the changes; and "
        "those that are gone. Empty `data` says that there is nothing more for now.",
        SessionChanges,
        _CHANGES,
        (_SINCE, LIMIT_PARAMETER),
        (400,),
    ),
}
