"""What goes wrong with a page, as a page: the same statuses as the API's, in words for readers."""

from http import HTTPStatus

from starlette.responses import Response

from sessiontree.errors import StoreError
from sessiontree.http.refusals import STORE_AWAY, RequestError
from sessiontree.http.routes import Call
from sessiontree.pages import layout
from sessiontree.pages.sending import header
from sessiontree.pages.visits import Visit, requested, sign_in_of, visit_of

_TITLES = {
    400: "This cannot be asked",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    429: "Too many requests",
    503: "Not possible just now",
}
_AWAY = "The records cannot be reached just now"
_OF_RECORDS = ("/sessions/", "/records/")


def wants_page(scope: dict) -> bool:  # type: ignore[type-arg]
    """Whether a reader asks for something that is not there, rather than a program."""
    return "text/html" in header(scope, "accept") and not scope["path"].startswith("/v2/")


async def error_page(call: Call, refusal: RequestError) -> Response:
    """The page that says what went wrong."""
    away = refusal.message == STORE_AWAY
    title = _AWAY if away else _TITLES.get(refusal.status) or HTTPStatus(refusal.status).phrase
    visit = await _visit(call)
    answer = layout.framed(
        call,
        "error.html",
        visit=visit,
        sign_in=sign_in_of(call) if visit is None else None,
        status=refusal.status,
        title=title,
        error=refusal,
        away=away,
        again=requested(call.scope) if call.scope["method"] in ("GET", "HEAD") else "",
        may_arrive=refusal.status == 404 and call.scope["path"].startswith(_OF_RECORDS),
        request_id=call.request_id,
    )
    answer.headers.update(refusal.headers)
    return answer


async def _visit(call: Call) -> Visit | None:
    """Who asks, if that can be found out just now."""
    try:
        return await visit_of(call)
    except StoreError:
        return None
