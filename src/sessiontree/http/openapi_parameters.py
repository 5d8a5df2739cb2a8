"""The parameters of the operations, as OpenAPI has them."""

from typing import Any

from sessiontree.demo_data import GUIDE_EVENT, GUIDE_SESSION
from sessiontree.http.answers import DescribedParameter
from sessiontree.http.filters import PAGE_SIZE, PAGE_SIZE_MAX
from sessiontree.http.metadata import PARAMETERS
from sessiontree.query import RANGES
from sessiontree.spending import GROUP_BY, TIME_ZONE
from sessiontree.store.spend import NAMED

Json = dict[str, Any]
_TYPE = {"$ref": "#/components/schemas/RecordType"}


def query(name: str, description: str, schema: Json, *, required: bool = False, example: Any = None) -> Json:
    """A parameter of the query string."""
    described = {"name": name, "in": "query", "description": description, "required": required, "schema": schema}
    return described if example is None else {**described, "example": example}


def _tree_parameter(name: str, described: DescribedParameter) -> Json:
    schema: Json = {"type": described.type}
    if name == "max_depth":
        schema |= {"minimum": described.min, "maximum": described.max, "default": int(described.default)}
    elif name == "include_children":
        schema |= {"default": True}
    elif name == "expand":
        schema |= {"enum": described.enum_values, "default": described.default}
    else:
        schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    example = "2026-03-17" if name == "date_time" else None
    return query(name, described.description, schema, example=example)


RECORD_TYPE: Json = {
    "name": "record_type",
    "in": "path",
    "required": True,
    "description": "The record type, an alias of it, or its product.",
    "schema": _TYPE,
    "example": "call-session",
}
EVENT_ID: Json = {
    "name": "event_id",
    "in": "path",
    "required": True,
    "description": "The event's id: its record's id, or a declared second id.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[^/\u0000-\u001f\u007f]+$"},
    "example": GUIDE_SESSION,
}
TREE = tuple(_tree_parameter(name, described) for name, described in PARAMETERS.items())
IMPORT_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The import's id, as the answer to an ingest request or the list of imports has it.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "example": "3306478b1f989a4d",
}
SESSION_ID: Json = EVENT_ID | {"name": "id", "description": "The id of the session's top."}
DRY_RUN = query("dry_run", "Only say what would be done.", {"type": "boolean", "default": False})
IMPORT_LIST = (
    query("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}),
    query("cursor", "Where the page before ended: its `meta.next_cursor`.", {"type": "string"}),
    query("filter[source]", "Only import runs (`file`), or only ingest requests (`http`).", {"enum": ["file", "http"]}),
)
NAMED_TYPE = query("record_type", "The type of every record of the body; without it each record names its own.", _TYPE)
ONE_RECORD = (
    query("record_type", "The record type.", _TYPE, required=True, example=GUIDE_EVENT[0]),
    query("id", "The record's id.", {"type": "string", "minLength": 1}, required=True, example=GUIDE_EVENT[1]),
)
_DATE_RANGE: Json = {
    "type": "string",
    "pattern": "^(yesterday|today|tomorrow|(last|this|next)_(week|month)|last_[1-9][0-9]{0,3}_days)$",
}
DATE_RANGE = query(
    "filter[date_range]",
    f"Records that start in one of these ranges, in UTC: {RANGES}. Weeks begin on Monday; last_N_days are the N "
    "days before today, and today.",
    _DATE_RANGE,
    example="last_7_days",
)
DETAIL = (
    query("filter[record_type]", "The record type to list.", _TYPE, required=True, example="inference"),
    query("filter[id]", "The id of a record.", {"type": "string", "minLength": 1}),
    DATE_RANGE,
    query("sort", "Fields with commas between them; a minus in front turns the order around.", {"type": "string"}),
    query("page[number]", "The page, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
    query(
        "page[size]",
        f"Records on a page; more than {PAGE_SIZE_MAX} count as {PAGE_SIZE_MAX}.",
        {"type": "integer", "minimum": 1, "default": PAGE_SIZE},
    ),
    query("record_type", "The same as filter[record_type], as links to records have it.", _TYPE),
    query("id", "The same as filter[id], as links to records have it.", {"type": "string", "minLength": 1}),
)
_BOUND = "a date or time; without a zone it is one of `time_zone`."
SPEND = (
    query(
        "group_by",
        f"Up to 8 of {', '.join(NAMED)} with commas between them, and fields of the records where "
        "`filter[record_type]` names one type. A field that is called like one of these, or like a number of the rows, "
        "is written `record.NAME`.",
        {"type": "string", "default": GROUP_BY},
        example="day,product",
    ),
    query(
        "time_zone",
        "A name of the IANA database: hours, days, weeks (from Monday) and months are those of its clocks.",
        {"type": "string", "default": TIME_ZONE},
        example="Europe/Berlin",
    ),
    query(
        "filter[record_type]",
        "Only records of this type, or of these with commas between them. With one type any field of its records can "
        "be filtered as in lists of detail records.",
        {"type": "string"},
        example="inference",
    ),
    query("filter[product]", "Only of this product, or of these with commas between them.", {"type": "string"}),
    query("filter[currency]", "Only what has a cost in this currency.", {"type": "string", "pattern": "^[A-Za-z]{3}$"}),
    query("filter[session_type]", "Only records at home in sessions whose top is of this type.", _TYPE),
    query("filter[date_range]", "As of detail records, in `time_zone`.", _DATE_RANGE),
    query("filter[started_at][gte]", f"Records that start at or after {_BOUND}", {"type": "string"}),
    query("filter[started_at][gt]", f"Records that start after {_BOUND}", {"type": "string"}),
    query("filter[started_at][lte]", f"Records that start at or before {_BOUND}", {"type": "string"}),
    query("filter[started_at][lt]", f"Records that start before {_BOUND}", {"type": "string"}),
)
