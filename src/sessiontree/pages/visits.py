"""A visit: a request for a page by somebody who is signed in. Checks who it is, and that a form is ours."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from secrets import compare_digest
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.responses import Response

from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import BAD_REQUEST, FORBIDDEN, TOO_MANY, RequestError
from sessiontree.http.routes import Call, Handler
from sessiontree.pages.sending import answer, cookie, header, redirect
from sessiontree.pages.sign_ins import SignIn
from sessiontree.store import ApiKey

COOKIE = "sessiontree"
FORM_BYTES_MAX = 16_384
_SAME_PAGE = b'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0"><title>Sessiontree</title>'

Form = dict[str, str]


@dataclass(slots=True)
class Visit:
    """Who asks for a page: the request, the key that they are signed in with, and what their form says, if any."""

    call: Call
    key: ApiKey
    sign_in: SignIn
    form: Form = field(default_factory=dict)

    def parameters(self) -> Parameters:
        """The query parameters; a field of a form that was left empty counts as not given."""
        pairs = self.call.scope["query_string"].split(b"&")
        return Parameters(b"&".join(pair for pair in pairs if pair.partition(b"=")[2]))

    def may(self, scope: str) -> bool:
        """Whether the key allows this; what it does not is not shown."""
        return scope in self.key.scopes


PageHandler = Callable[[Visit], Awaitable[Response]]


def for_visits(scope: str | None, handler: PageHandler) -> Handler:
    """The handler of a page that needs a sign-in, by a key with this scope (None: any); a POST must be our form."""

    async def handle(call: Call) -> Response:
        visit = await visit_of(call)
        if visit is None:
            return _not_signed_in(call)
        if scope is not None and not visit.may(scope):
            text = "sign out and in again with one that has it, or ask the operator for one"
            raise RequestError(403, FORBIDDEN, f"this takes a key with the scope {scope}: {text}")
        if seconds := call.service.limit.wait(visit.key.prefix):
            text = "this key makes more requests a second than allowed; wait a moment"
            raise RequestError(429, TOO_MANY, text, headers={"Retry-After": str(ceil(seconds))})
        if call.scope["method"] == "POST":
            visit.form = await read_form(call)
            token = visit.form.pop("form_token", "")
            if not compare_digest(token.encode(), visit.sign_in.form_token.encode()):
                raise RequestError(
                    403, FORBIDDEN, "this form is out of date: load its page again and send it once more"
                )
        return await handler(visit)

    return handle


async def visit_of(call: Call) -> Visit | None:
    """The visit that a request's cookie stands for; None when nobody is signed in, or their key counts no more."""
    service, sign_in = call.service, sign_in_of(call)
    if sign_in is None:
        return None
    key = await service.find_key(sign_in.key)
    if key is None:
        service.sign_ins.end(cookie(call.scope, COOKIE))
        return None
    call.key = key
    return Visit(call, key, sign_in)


def sign_in_of(call: Call) -> SignIn | None:
    """The sign-in that a request's cookie stands for, whether its key still counts or not."""
    token = cookie(call.scope, COOKIE)
    return call.service.sign_ins.find(token) if token else None


def requested(scope: dict[str, Any]) -> str:
    """The path of a request with its query, as it was sent."""
    target: str = scope["raw_path"].decode("latin-1")
    return f"{target}?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else target


def _not_signed_in(call: Call) -> Response:
    """To the sign-in, and back from there.

    A link on another site comes without our cookie, which is for requests from our own pages: then the page asks for
    itself once more.
    """
    scope = call.scope
    if header(scope, "sec-fetch-site") == "cross-site" and scope["method"] == "GET":
        return answer(scope, _SAME_PAGE)
    target = requested(scope)
    back = f"?next={quote(target, safe='/')}" if scope["method"] == "GET" and target != "/" else ""
    return redirect(f"/sign-in{back}")


async def read_form(call: Call) -> Form:
    """The fields of a form that a page of ours sent. Raises RequestError for one from another site, or too large."""
    if not _from_us(call):
        raise RequestError(403, FORBIDDEN, "this form comes from another site")
    body = b""
    while True:
        message = await call.receive()
        body += message.get("body", b"")
        if len(body) > FORM_BYTES_MAX:
            raise RequestError(413, BAD_REQUEST, f"a form has at most {FORM_BYTES_MAX} bytes")
        if not message.get("more_body"):
            break
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise RequestError(400, BAD_REQUEST, "the form is not percent-encoded UTF-8") from None


def _from_us(call: Call) -> bool:
    """Browsers say where a form comes from, in one header or the other; a program that says nothing has no cookie."""
    site, origin = header(call.scope, "sec-fetch-site"), header(call.scope, "origin")
    if site:
        return site in ("same-origin", "none")
    return not origin or urlsplit(origin).netloc == header(call.scope, "host")
