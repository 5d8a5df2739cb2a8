"""The operations about API keys, as OpenAPI has them."""

from sessiontree.http.key_answers import KeyAnswer, Keys, MadeKeyAnswer, NewKey
from sessiontree.http.openapi_operation import Json, Operation

_EXAMPLE = "st_5kQ0c2Vx"
_PREFIX: Json = {
    "name": "prefix",
    "in": "path",
    "required": True,
    "description": "The key's prefix: its first 11 characters, as the list of keys has it.",
    "schema": {"type": "string", "pattern": "^st_[A-Za-z0-9_-]{8}$"},
    "example": _EXAMPLE,
}
_NEW: Json = {"name": "monthly report", "scopes": ["read"], "expires": "90d"}
_KEY: Json = {
    "prefix": _EXAMPLE,
    "name": "monthly report",
    "scopes": ["read"],
    "state": "valid",
    "created_at": "2026-03-17T10:00:00Z",
    "expires_at": "2026-06-15T10:00:00Z",
    "last_used_at": None,
    "revoked_at": None,
}
_REVOKED: Json = {
    **_KEY,
    "state": "revoked",
    "last_used_at": "2026-03-18T08:59:00Z",
    "revoked_at": "2026-03-18T09:00:00Z",
}

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/v2/keys"): Operation(
        "listKeys",
        "API keys",
        "All keys of the account of the key that asks, the oldest first, with when each was last used. What is listed "
        "is what is known of a key: never its text.",
        Keys,
        {"data": [_KEY]},
    ),
    ("POST", "/v2/keys"): Operation(
        "createKey",
        "Make an API key",
        "Makes a key for the account of the key that asks, with scopes that this one has itself. The answer has the "
        "text of the key, which is not stored and is never shown again.",
        MadeKeyAnswer,
        {"data": {**_KEY, "key": _EXAMPLE + "w7ZpH3yLr9TnB4sJd8GmF6aKe1UoXi2qCv0"}},
        (),
        (400, 413, 415),
        status=201,
        takes=NewKey,
        takes_example=_NEW,
    ),
    ("DELETE", "/v2/keys/{prefix}"): Operation(
        "revokeKey",
        "Revoke an API key",
        "A key of the account of the key that asks stops working at once, for good. It stays in the list. Revoking it "
        "again changes nothing.",
        KeyAnswer,
        {"data": _REVOKED},
        (_PREFIX,),
        (404,),
    ),
}
