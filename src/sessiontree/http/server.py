"""The application: finds the route of a request, checks its key, answers, and turns what goes wrong into one shape.

Short reads run right here in the event loop where the store is a file: a hop to a thread would cost as much as the
read (`Service.short_read`). What may take long goes to threads (`Service.in_thread`), all writing to the one writer.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from math import ceil
from typing import Any

from sessiontree.http import description, export, imports, keys, receiving, routes, sessions, spend, unfit
from sessiontree.http.known_parameters import refuse_unknown
from sessiontree.http.refusals import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY,
    UNAUTHENTICATED,
    RequestError,
    request_error,
    response,
)
from sessiontree.http.routes import Call, Handler
from sessiontree.http.service import Service
from sessiontree.keys import digest
from sessiontree.pages.errors import error_page, wants_page
from sessiontree.pages.routes import page_routes
from sessiontree.store import ApiKey

AUTHORIZATION_BYTES_MAX = 512
log = logging.getLogger("sessiontree")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and what it answers; parts in braces are anything. `scope` is what a key must allow (None: no key).

    What goes wrong with a page is told as a page.
    """

    method: str
    path: str
    scope: str | None
    handler: Handler
    is_page: bool = False


def all_routes() -> list[Route]:
    """Every route of the API (the pages have theirs). A part that is named wins over one in braces."""
    return [
        Route("GET", "/v2/session_analysis/metadata", "read", routes.all_metadata),
        Route("GET", "/v2/session_analysis/metadata/{record_type}", "read", routes.type_metadata),
        Route("GET", "/v2/session_analysis/{record_type}/{event_id}", "read", routes.session_analysis),
        Route("GET", "/v2/detail_records", "read", routes.list_records),
        Route("POST", "/v2/detail_records", "write", receiving.post_records),
        Route("GET", "/v2/detail_records/options", "read", routes.options),
        Route("GET", "/v2/detail_records/history", "read", routes.history),
        Route("GET", "/v2/sessions", "read", sessions.list_sessions),
        Route("GET", "/v2/sessions/changes", "read", sessions.list_changes),
        Route("GET", "/v2/unlinked", "read", unfit.list_unlinked),
        Route("GET", "/v2/problems", "read", unfit.list_problems),
        Route("GET", "/v2/verify", "admin", unfit.Verify()),
        Route("GET", "/v2/export", "read", export.export),
        Route("GET", "/v2/imports", "read", imports.list_imports),
        Route("POST", "/v2/imports/{id}/undo", "admin", imports.undo_import),
        Route("DELETE", "/v2/sessions/{record_type}/{id}", "admin", imports.delete_session),
        Route("GET", "/v2/spend", "read", spend.spend),
        Route("GET", "/v2/keys", "admin", keys.list_keys),
        Route("POST", "/v2/keys", "admin", keys.create_key),
        Route("DELETE", "/v2/keys/{prefix}", "admin", keys.revoke_key),
        Route("GET", "/healthz", None, routes.healthz),
        Route("GET", "/readyz", None, routes.Readyz()),
        Route("GET", "/metrics", None, routes.metrics),
        Route("GET", "/openapi.json", None, description.openapi_json),
    ]


class Branch:
    """Where paths divide: the next parts by name, the one in braces, and the routes that end here by method."""

    def __init__(self) -> None:
        self.named: dict[str, Branch] = {}
        self.any: Branch | None = None
        self.ends: dict[str, Route] = {}

    def grow(self, route: Route) -> None:
        """Add the path of a route."""
        branch = self
        for part in route.path.split("/")[1:]:
            if part.startswith("{"):
                branch.any = branch.any or Branch()
                branch = branch.any
            else:
                branch = branch.named.setdefault(part, Branch())
        branch.ends[route.method] = route
        if route.method == "GET":
            branch.ends["HEAD"] = route

    def find(self, raw_path: str) -> "tuple[dict[str, Route], list[str]]":
        """The routes at a path by method (none: no such path), and what stands for the parts in braces."""
        branch, names = self, []
        for part in raw_path.split("/")[1:]:
            following = branch.named.get(part)
            if following is None:
                if branch.any is None or not part:
                    return {}, []
                following = branch.any
                names.append(routes.path_part(part))
            branch = following
        return branch.ends, names


class App:
    """The ASGI application around one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._tree = Branch()
        for route in all_routes():
            self._tree.grow(route)
        for method, path, handler in page_routes():
            self._tree.grow(Route(method, path, None, handler, is_page=True))
        self._id_prefix = secrets.token_hex(6)
        self._ids = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.service.close()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request_id = f"{self._id_prefix}{next(self._ids):08x}"
        label, route = "unknown", None
        try:
            route, names = self._route(scope)
            label = route.path
            key = None if route.scope is None else await self._key(scope, route.scope)
            if scope["query_string"] and not route.is_page:
                refuse_unknown(route.method, route.path, scope["query_string"])
            answer = await route.handler(Call(self.service, scope, receive, request_id, names, key))
        except Exception as error:
            refusal = self._refusal(error, request_id)
            call = Call(self.service, scope, receive, request_id, [], None)
            is_page = wants_page(scope) if route is None else route.is_page
            answer = await error_page(call, refusal) if is_page else response(refusal, request_id)
        answer.raw_headers += ((b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff"))
        await answer(scope, receive, send)  # type: ignore[arg-type]
        self.service.metrics.request(label, answer.status_code, time.perf_counter() - began)

    def _route(self, scope: Scope) -> tuple[Route, list[str]]:
        ends, names = self._tree.find(scope["raw_path"].decode("latin-1"))
        if not ends:
            raise RequestError(404, NOT_FOUND, "there is nothing at this path; /docs lists what there is")
        route = ends.get(scope["method"])
        if route is None:
            allowed = ", ".join(ends)
            raise RequestError(405, BAD_REQUEST, f"this path takes {allowed}", headers={"Allow": allowed})
        return route, names

    async def _key(self, scope: Scope, needed: str) -> ApiKey:
        digest = key = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                digest = _bearer_digest(value) if len(value) <= AUTHORIZATION_BYTES_MAX else None
                break
        if digest is not None:
            waits = self.service.store.waits
            found = self.service.keys.find_digest
            key = await self.service.find_key(digest) if waits else found(digest, datetime.now(UTC))
        if key is None:
            text = "send a valid API key in the header Authorization: Bearer KEY"
            raise RequestError(401, UNAUTHENTICATED, text, headers={"WWW-Authenticate": "Bearer"})
        if needed not in key.scopes:
            raise RequestError(403, FORBIDDEN, f"this key lacks the scope {needed}; use one that has it")
        if seconds := self.service.limit.wait(key.prefix):
            text = "this key makes more requests a second than allowed; wait as long as Retry-After says"
            raise RequestError(429, TOO_MANY, text, headers={"Retry-After": str(ceil(seconds))})
        return key

    def _refusal(self, error: Exception, request_id: str) -> RequestError:
        refusal = request_error(error)
        if refusal.status == 503:
            self.service.outages.note(
                f"request {request_id}", error.__cause__ if isinstance(error, RequestError) else error
            )
        elif refusal.status >= 500:
            log.error("request %s", request_id, exc_info=error)
        return refusal


@lru_cache(maxsize=1024)
def _bearer_digest(authorization: bytes) -> bytes | None:
    """The digest of the key in the value of the header, None where none can be."""
    scheme, _, text = authorization.partition(b" ")
    return digest(text.strip().decode("latin-1")) if scheme.lower() == b"bearer" else None
