"""Signing in with an API key or by a link that works once, and signing out."""

from typing import Any

from starlette.responses import Response

from sessiontree.http.routes import Call
from sessiontree.keys import digest
from sessiontree.pages import layout
from sessiontree.pages.sending import by_https, cookie, redirect
from sessiontree.pages.visits import COOKIE, Visit, read_form, visit_of

START = "/sessions"
_WRONG = "This key is not valid here: it may be misspelt, revoked or expired."
_USED = "This link has been used or is older than ten minutes. Sign in with the key, or start the demo again."


async def front(call: Call) -> Response:
    """The bare address: to the sessions, or to the sign-in."""
    return redirect("/sign-in" if await visit_of(call) is None else START)


async def sign_in_page(call: Call) -> Response:
    """The form that asks for a key; with `once` the link that needs none."""
    parameters = call.parameters()
    once = parameters.text("once")
    if once is not None and call.scope["method"] == "GET":
        invitation = call.service.sign_ins.accept(once)
        if invitation is None:
            return _form(call, START, status=410, problem=_USED)
        return _signed_in(call, invitation.key, invitation.leads_to)
    leads_to = _within(parameters.text("next"))
    return _form(call, leads_to) if await visit_of(call) is None else redirect(leads_to)


async def sign_in(call: Call) -> Response:
    """Check the key that was sent."""
    form = await read_form(call)
    text, leads_to = form.get("key", "").strip(), _within(form.get("next"))
    if await call.service.find_key(digest(text)) is None:
        return _form(call, leads_to, status=403, problem=_WRONG)
    return _signed_in(call, digest(text), leads_to)


async def sign_out(visit: Visit) -> Response:
    """Forget the browser."""
    visit.call.service.sign_ins.end(cookie(visit.call.scope, COOKIE))
    return redirect("/sign-in", headers={"Set-Cookie": f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"})


def _form(call: Call, leads_to: str, *, status: int = 200, problem: str = "") -> Response:
    values: dict[str, Any] = {"next": leads_to, "problem": problem}
    return layout.framed(call, "sign-in.html", status=status, **values)


def _signed_in(call: Call, key: bytes, leads_to: str) -> Response:
    sign_ins = call.service.sign_ins
    sign_ins.end(cookie(call.scope, COOKIE))
    kept = f"{COOKIE}={sign_ins.begin(key)}; Path=/; HttpOnly; SameSite=Strict"
    return redirect(leads_to, headers={"Set-Cookie": kept + ("; Secure" if by_https(call.scope) else "")})


def _within(target: str | None) -> str:
    """Where to go on to: only a page of ours."""
    ours = target and target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if target and ours and target.isprintable() and target.isascii() else START
