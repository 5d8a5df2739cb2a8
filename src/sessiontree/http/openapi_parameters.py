"""The parameters of the operations, as OpenAPI has them."""

from typing import Any

from sessiontree.demo_data import GUIDE_EVENT, GUIDE_SESSION
from sessiontree.http.answers import DescribedParameter
from sessiontree.http.filters import PAGE_SIZE, PAGE_SIZE_MAX
from sessiontree.http.metadata import PARAMETERS
from sessiontree.query import RANGES

Json = dict[str, Any]
_TYPE = {"$ref": "#/components/schemas/RecordType"}


def _query(name: str, description: str, schema: Json, *, required: bool = False, example: Any = None) -> Json:
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
    return _query(name, described.description, schema, example=example)


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
NAMED_TYPE = _query("record_type", "The type of every record of the body; without it each record names its own.", _TYPE)
ONE_RECORD = (
    _query("record_type", "The record type.", _TYPE, required=True, example=GUIDE_EVENT[0]),
    _query("id", "The record's id.", {"type": "string", "minLength": 1}, required=True, example=GUIDE_EVENT[1]),
)
DETAIL = (
    _query("filter[record_type]", "The record type to list.", _TYPE, required=True, example="inference"),
    _query("filter[id]", "The id of a record.", {"type": "string", "minLength": 1}),
    _query(
        "filter[date_range]",
        f"Records that start in one of these ranges, in UTC: {RANGES}. Weeks begin on Monday; last_N_days are the N "
        "days before today, and today.",
        {
            "type": "string",
            "pattern": "^(yesterday|today|tomorrow|(last|this|next)_(week|month)|last_[1-9][0-9]{0,3}_days)$",
        },
        example="last_7_days",
    ),
    _query("sort", "Fields with commas between them; a minus in front turns the order around.", {"type": "string"}),
    _query("page[number]", "The page, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
    _query(
        "page[size]",
        f"Records on a page; more than {PAGE_SIZE_MAX} count as {PAGE_SIZE_MAX}.",
        {"type": "integer", "minimum": 1, "default": PAGE_SIZE},
    ),
    _query("record_type", "The same as filter[record_type], as links to records have it.", _TYPE),
    _query("id", "The same as filter[id], as links to records have it.", {"type": "string", "minLength": 1}),
)
