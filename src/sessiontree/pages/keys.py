"""The page of API keys, for admins: the keys of the account, making one, and revoking one after a second look.

It calls what `GET`, `POST` and `DELETE /v2/keys` call. A new key stands in the answer that made it, and nowhere else.
"""

from typing import Any

from starlette.responses import Response

from sessiontree.http.key_answers import Key, Keys, MadeKey, NewKey
from sessiontree.http.keys import SCOPES, keys_of, made_key, revoked_key
from sessiontree.http.refusals import NOT_FOUND, RequestError
from sessiontree.http.routes import JSON, encode
from sessiontree.pages import layout
from sessiontree.pages.sending import answer, redirect
from sessiontree.pages.visits import Form, Visit

PATH = "/keys"
_FORMATS = ("html", "json")
_ALLOWS = {
    "read": "see sessions, records and spend",
    "write": "send records",
    "admin": "make and revoke keys, take imports and sessions back, ask for the proof",
}
_DURATIONS = (("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("365d", "a year"), ("", "never"))
_DEFAULT: Form = {"name": "", "read": "on", "expires": "90d"}


async def keys(visit: Visit) -> Response:
    """All keys of the account, and the form that makes one; `format=json` gives the list as the API does."""
    if visit.parameters().choice("format", _FORMATS[0], _FORMATS) == "json":
        listed = Keys(await keys_of(visit.call.service, visit.call.account))
        return answer(visit.call.scope, encode(listed), media_type=JSON)
    return await _page(visit, _DEFAULT)


async def make(visit: Visit) -> Response:
    """Make the key that the form asks for, and show it once; what is wrong is said beside the form."""
    form = visit.form
    asked = NewKey(
        name=form.get("name", "").strip(),
        scopes=[scope for scope in SCOPES if scope in form],
        expires=form.get("expires") or None,
    )
    if not asked.scopes:
        return await _page(visit, form, problem="choose at least one thing that the key may do", status=400)
    try:
        made = await made_key(visit.call, asked)
    except RequestError as error:
        return await _page(visit, form, problem=error.message, status=error.status)
    return await _page(visit, _DEFAULT, made=made, status=201)


async def revoking(visit: Visit) -> Response:
    """Ask once more before a key is revoked."""
    key = await _key(visit)
    return layout.page(visit, "key-revoke.html", title=f"Revoke {key.prefix}", key=key, own=_is_own(visit, key))


async def revoke(visit: Visit) -> Response:
    """Revoke a key. Somebody who revokes their own is signed out by that."""
    key = await revoked_key(visit.call, visit.call.names[0])
    return redirect(f"{PATH}?revoked={key.prefix}")


async def _page(visit: Visit, form: Form, *, made: MadeKey | None = None, problem: str = "", **more: Any) -> Response:
    listed = await keys_of(visit.call.service, visit.call.account)
    revoked = visit.parameters().text("revoked") if visit.call.scope["method"] == "GET" else None
    return layout.page(
        visit,
        "keys.html",
        title="Keys",
        json=f"{PATH}?format=json",
        keys=[(key, _is_own(visit, key)) for key in listed],
        revoked=next((key for key in listed if key.prefix == revoked and key.revoked_at is not None), None),
        made=made,
        problem=problem,
        form={"name": "", "expires": ""} | form,
        allows=[(scope, _ALLOWS[scope], visit.may(scope)) for scope in SCOPES],
        durations=_DURATIONS,
        **more,
    )


async def _key(visit: Visit) -> Key:
    """The key that the path names."""
    prefix = visit.call.names[0]
    for key in await keys_of(visit.call.service, visit.call.account):
        if key.prefix == prefix:
            return key
    raise RequestError(404, NOT_FOUND, "there is no key with this prefix")


def _is_own(visit: Visit, key: Key) -> bool:
    return key.prefix == visit.key.prefix
