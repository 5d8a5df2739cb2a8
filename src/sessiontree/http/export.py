"""GET /v2/export: the events of many sessions as one file that is sent while it is made.

Each piece is made in a thread when the one before it has been taken, so a slow client costs no thread and no memory,
and one that goes away ends the work. What is wrong with a request is found before the first byte; what goes wrong later
breaks the connection off, so that no reader takes a part for the whole.
"""

import asyncio
import logging
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response, StreamingResponse

from sessiontree.errors import StoreError
from sessiontree.export import Export
from sessiontree.export.sessions import session_trees
from sessiontree.http import session_filters
from sessiontree.http.export_parameters import export_form
from sessiontree.http.routes import Call

Pieces = Generator[bytes, None, None]
log = logging.getLogger("sessiontree")


async def export(call: Call) -> Response:
    """The events of all sessions that the filters select."""
    return await call.service.in_thread(lambda: _begin(call))


def _begin(call: Call) -> "Sending":
    service, account, parameters = call.service, call.account, call.parameters()
    store, settings = service.store, service.settings
    form = export_form(parameters, store, account, provider=settings.provider)
    query = session_filters.read_query(parameters, store, account, settings, datetime.now(UTC))
    made = Export(form)
    pieces = made.chunks(session_trees(store, account, query, made.tally))
    headers = {"Content-Disposition": f'attachment; filename="sessiontree.{form.suffix}"'}
    return Sending(call, next(pieces), pieces, media_type=form.media_type, headers=headers)


class Sending(StreamingResponse):
    """An answer on its way: pieces made one at a time, as fast as the client takes them."""

    def __init__(self, call: Call, first: bytes, pieces: Pieces, **more: Any) -> None:
        super().__init__((), **more)
        self._call = call
        self._first = first
        self._pieces = pieces

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it all; without an end when something goes wrong on the way."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            if scope["method"] == "HEAD" or await self._send_pieces(send, gone):
                await send({"type": "http.response.body", "body": b""})
        except StoreError as error:
            self._call.service.outages.note(f"request {self._call.request_id}: the export breaks off", error)
        except Exception:
            log.exception("request %s: the export breaks off", self._call.request_id)
        finally:
            gone.cancel()
            with suppress(ValueError):  # a piece is still being made: the thread lets go of it
                self._pieces.close()

    async def _send_pieces(self, send: Any, gone: "asyncio.Future[None]") -> bool:
        """Whether all were sent; not when the client went away."""
        piece = self._first
        while piece:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if gone.done():
                return False
            piece = await self._call.service.in_thread(lambda: next(self._pieces, b""))
        return True


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
