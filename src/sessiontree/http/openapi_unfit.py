"""The operations about what does not fit, and the proof, as OpenAPI has them."""

from sessiontree.http.openapi_operation import Json, Operation
from sessiontree.http.openapi_parameters import query
from sessiontree.http.openapi_sessions import FILTERS, LIMIT_PARAMETER, ORDER
from sessiontree.http.proof_answers import ProofAnswer
from sessiontree.http.unfit import SAMPLE_MAX
from sessiontree.http.unfit_answers import ProblemList, UnlinkedList
from sessiontree.placement import PROBLEM_CODES
from sessiontree.session_query import LIMIT
from sessiontree.unfit import REASONS


def _several(values: tuple[str, ...]) -> Json:
    either = "|".join(values)
    return {"type": "string", "pattern": f"^({either})(,({either}))*$"}


_REASON = query(
    "filter[reason]",
    "no_such_parent: it names parents, and none of them is there. null_link: it names none.",
    _several(tuple(REASONS)),
)
_CODE = query("filter[code]", "Problems of this code; several with commas between.", _several(PROBLEM_CODES))
_CURSOR = query("cursor", "Where the page before ended: its `meta.next_cursor`.", {"type": "string", "minLength": 1})
_SAMPLE = query(
    "sample",
    "Compute so many sessions afresh, chosen at random; without it all.",
    {"type": "integer", "minimum": 1, "maximum": SAMPLE_MAX},
)

_LINKS: Json = {
    "self": "/v2/session_analysis/inference/turn-1",
    "records": "/v2/detail_records?record_type=inference&id=turn-1",
}
_COST: Json = {"total": "0.0001666", "currency": "USD"}
_UNLINKED: Json = {
    "data": [
        {
            "record_type": "inference",
            "id": "turn-1",
            "reason": "no_such_parent",
            "tried": [
                {
                    "local_field": "conversation_id",
                    "value": "talk-1",
                    "parent_field": "conversation_id",
                    "parent_record_type": "ai-voice-assistant",
                }
            ],
            "started_at": "2026-03-17T10:00:00Z",
            "received_at": "2026-03-17T10:00:04.500000Z",
            "age_seconds": 86400,
            "cost": _COST,
            "event_count": 1,
            "unpriced_count": 0,
            "links": _LINKS,
        }
    ],
    "meta": {
        "next_cursor": None,
        "limit": LIMIT,
        "total": {"session_count": 1, "event_count": 1, "unpriced_count": 0, "cost": [_COST]},
        "fresh": True,
        "groups": [{"record_type": "inference", "reason": "no_such_parent", "count": 1, "cost": [_COST]}],
    },
}
_PROBLEMS: Json = {
    "data": [
        {
            "code": "unlinked",
            "message": "no parent found by conversation_id",
            "record_type": "inference",
            "id": "turn-1",
            "links": _LINKS,
            "session": {
                "record_type": "inference",
                "id": "turn-1",
                "started_at": "2026-03-17T10:00:00Z",
                "links": _LINKS,
            },
        }
    ],
    "meta": {"next_cursor": None, "limit": LIMIT, "counts": [{"code": "unlinked", "count": 1}]},
}
_PROOF: Json = {
    "data": {
        "account": "default",
        "holds": True,
        "sums": [
            {
                "currency": "USD",
                "records": "0.212800",
                "sessions": "0.212800",
                "spend": "0.212800",
                "equal": True,
            }
        ],
        "record_count": 10,
        "session_count": 1,
        "compared_count": 1,
        "undeclared": [],
        "difference_count": 0,
        "differences": [],
    }
}

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/v2/unlinked"): Operation(
        "listUnlinked",
        "Unlinked records",
        "Records whose type belongs under another and that have found no parent, with the values by which one was "
        "looked for, and how many there are by type and reason. Filters and sorts are those of the list of sessions.",
        UnlinkedList,
        _UNLINKED,
        (_REASON, *FILTERS, *ORDER),
        (400,),
    ),
    ("GET", "/v2/problems"): Operation(
        "listProblems",
        "Problems",
        "Everything odd that was met in sessions and worked round, of the latest session first, and how many problems "
        "there are of each code. The other filters select sessions, as in their list.",
        ProblemList,
        _PROBLEMS,
        (_CODE, *FILTERS, LIMIT_PARAMETER, _CURSOR),
        (400,),
    ),
    ("GET", "/v2/verify"): Operation(
        "verify",
        "The proof",
        "Whether the sums over the account's records, its sessions and its spend are equal, every record is at home in "
        "one session, and every session is as a fresh computation makes it; with every difference. It reads all there "
        "is and may take minutes; a second one at the same time is answered 429.",
        ProofAnswer,
        _PROOF,
        (_SAMPLE,),
        (400,),
    ),
}
