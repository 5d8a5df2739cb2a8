"""Example answers for the API's description. A test holds them against the schemas."""

import json
from typing import Any

from sessiontree.http.refusals import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    OUT_OF_RANGE,
    TITLES,
    TOO_MANY,
    UNAUTHENTICATED,
    UNEXPECTED,
)

Json = dict[str, Any]
_CALL = "4c9063e0-1e4b-11f1-b789-0242ac120002"
RECORD: Json = {
    "record_type": "recording",
    "id": "rec-1",
    "telnyx_session_id": _CALL,
    "started_at": "2026-03-17T10:00:00Z",
    "finished_at": "2026-03-17T10:02:32Z",
    "cost": "0.0051",
    "currency": "USD",
}
LINES = json.dumps(RECORD) + "\n" + json.dumps({**RECORD, "id": "rec-2"}) + "\n"
RECORDS: Json = {
    "data": [RECORD],
    "meta": {"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": 1},
}
HISTORY: Json = {"data": [{"received_at": "2026-03-17T10:02:40.120000Z", "record": RECORD}]}
SPEND: Json = {
    "data": [
        {
            "day": "2026-03-17",
            "product": "recording-cdrs",
            "cost": {"total": "0.005100", "currency": "USD"},
            "event_count": 1,
            "unpriced_count": 0,
            "quantity": "153",
            "unit": "second",
            "quantity_count": 1,
            "average_rate": "0.000033333333",
        }
    ],
    "meta": {
        "group_by": ["day", "product"],
        "time_zone": "Europe/Berlin",
        "cost": [{"total": "0.005100", "currency": "USD"}],
        "event_count": 1,
        "unpriced_count": 0,
    },
}
OPTIONS: Json = {
    "data": [
        {
            "record_type": "recording",
            "fields": [{"name": "cost", "type": "amount", "filterable": True, "sortable": True}],
        }
    ]
}
IMPORT_ID = "3306478b1f989a4d"
INGEST: Json = {
    "data": {
        "received": 2,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
        "errors": [
            {
                "index": 1,
                "code": BAD_REQUEST,
                "field": "cost",
                "message": "'free' is not a decimal such as 0.0052 or 1.666E-4",
            }
        ],
        "import_id": IMPORT_ID,
    }
}
IMPORTS: Json = {
    "data": [
        {
            "id": IMPORT_ID,
            "state": "stored",
            "received_at": "2026-03-17T10:02:40.120000Z",
            "source": "POST /v2/detail_records",
            "key": "st_5kQ0c2Vx",
            "received": 2,
            "created": 1,
            "updated": 0,
            "unchanged": 0,
            "rejected": 1,
            "undone_at": None,
        }
    ],
    "meta": {"next_cursor": None},
}
_TAKEN: Json = {"dry_run": False, "records_removed": 1, "versions_dropped": 0}
_TAKEN_COST = [{"total": "0.005100", "currency": "USD"}]
UNDONE: Json = {
    "data": {
        "import_id": IMPORT_ID,
        "state": "undone",
        "undone_at": "2026-03-18T09:00:00Z",
        **_TAKEN,
        "records_restored": 0,
        "cost": _TAKEN_COST,
        "already_undone": False,
    }
}
DELETED: Json = {"data": {"record_type": "call-session", "id": _CALL, **_TAKEN, "cost": _TAKEN_COST}}
_VIA = {"local_field": "telnyx_session_id", "parent_field": "telnyx_session_id"}
_RELATIONSHIP: Json = {
    "via": _VIA,
    "fallbacks": [],
    "cost_rollup": True,
    "traversal_enabled": True,
    "description": "Recordings of the call.",
}
_UP = {
    "relationship_type": "parent_of",
    **_RELATIONSHIP,
    "parent_product": "siptrunking-cdrs",
    "parent_event": "call-session",
    "parent_record_type": "call-session",
}
_TYPE: Json = {
    "record_type": "recording",
    "aliases": [],
    "product": "recording-cdrs",
    "event": "recording",
    "child_relationships": [],
    "parent_relationships": [_UP],
}
METADATA: Json = {
    "record_types": [{**_TYPE, "description": "A recorded call."}],
    "query_parameters": {
        "max_depth": {"type": "integer", "default": "2", "description": "Levels sent.", "min": 1, "max": 5}
    },
    "meta": {"total_record_types": 1, "last_updated": "2026-11-21T00:00:00Z"},
}
TYPE_METADATA: Json = {
    **_TYPE,
    "examples": {"event": "/v2/session_analysis/recording/rec-1"},
    "meta": {"total_children": 0, "total_siblings": 5, "total_parents": 1, "max_recommended_depth": 1},
}


def _links(record_type: str, id: str) -> Json:
    return {
        "self": f"/v2/session_analysis/{record_type}/{id}",
        "records": f"/v2/detail_records?record_type={record_type}&id={id}",
    }


_CHILD: Json = {
    "id": "rec-1",
    "record_type": "recording",
    "product": "recording-cdrs",
    "event_name": "recording",
    "relationship": {"type": "child_of", "via": _VIA, "parent_id": _CALL, "parent_record_type": "call-session"},
    "cost": {"event_cost": "0.005100", "cumulative_cost": "0.005100", "currency": "USD", "status": "rated"},
    "started_at": RECORD["started_at"],
    "finished_at": RECORD["finished_at"],
    "links": _links("recording", "rec-1"),
    "record": RECORD,
    "children": [],
}
SESSION: Json = {
    "session_id": _CALL,
    "status": "completed",
    "created_at": RECORD["started_at"],
    "completed_at": RECORD["finished_at"],
    "cost": {"total": "0.005100", "currency": "USD"},
    "root": {
        "id": _CALL,
        "record_type": "call-session",
        "product": "siptrunking-cdrs",
        "event_name": "call-session",
        "relationship": None,
        "cost": {"event_cost": "0.000000", "cumulative_cost": "0.005100", "currency": "USD", "status": "none"},
        "started_at": RECORD["started_at"],
        "finished_at": RECORD["finished_at"],
        "links": _links("call-session", _CALL),
        "record": {"telnyx_session_id": _CALL},
        "children": [_CHILD],
    },
    "ancestors": [],
    "meta": {
        "event_count": 2,
        "products": ["recording-cdrs", "siptrunking-cdrs"],
        "returned_event_count": 2,
        "truncated": False,
        "unpriced_count": 0,
        "problems": [],
        "cost_by_product": [
            {"product": "recording-cdrs", "cost": {"total": "0.005100", "currency": "USD"}, "event_count": 1}
        ],
    },
}
_ERRORS = {
    400: (OUT_OF_RANGE, "max_depth is a whole number from 1 to 5"),
    401: (UNAUTHENTICATED, "send a valid API key in the header Authorization: Bearer KEY"),
    403: (FORBIDDEN, "this key lacks the scope write; use one that has it"),
    404: (NOT_FOUND, "no recording event with the id rec-9 was found"),
    409: (BAD_REQUEST, "records keep arriving that have not found their session yet; try again in a moment"),
    413: (BAD_REQUEST, "the body is larger than allowed; send it in parts"),
    415: (BAD_REQUEST, "send records as application/json or application/x-ndjson"),
    429: (TOO_MANY, "this key makes more requests a second than allowed; wait as long as Retry-After says"),
    500: (UNEXPECTED, "something unforeseen went wrong here; tell the operator the request id"),
    503: (UNEXPECTED, "the store cannot be read or written now; wait a moment and send the request again"),
}


def error(status: int) -> Json:
    """An example of the error answer of a status."""
    code, message = _ERRORS[status]
    meta = {"request_id": "9f2c41d07ab300000001"}
    return {"errors": [{"code": code, "title": TITLES[code], "message": message, "detail": message, "meta": meta}]}
