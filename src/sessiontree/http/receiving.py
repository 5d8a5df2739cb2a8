"""POST /v2/detail_records: a request body on its way into the store, and the answer that says what became of it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

from starlette.responses import Response

from sessiontree.errors import SessiontreeError
from sessiontree.http.answers import ErrorSource, IngestAnswer
from sessiontree.http.ingest import Body, BodyTooLarge, BrokenBody
from sessiontree.http.refusals import BAD_REQUEST, RequestError, report, request_error, respond
from sessiontree.http.routes import Call, json_answer
from sessiontree.http.service import Service
from sessiontree.http.writer import Add
from sessiontree.record import Record
from sessiontree.store.intakes import Origin, Share, new_id

LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
JSON_TYPES = ("application/json",)
INLINE_BYTES_MAX = 65_536
PIECE_BYTES = 1 << 20
_GONE = "the connection was closed before the end of the body"


class ClientGone(SessiontreeError):
    """The client closed the connection before the end of its body."""


async def post_records(call: Call) -> Response:
    """Store the records of the body; durable when this answers."""
    headers = call.headers()
    length = _refuse_early(headers, call.service.settings.body_bytes_max)
    body = _body(call, headers)
    inline = length is not None and length <= INLINE_BYTES_MAX and not _packed(headers)
    origin = Origin(new_id(), key=call.key.prefix if call.key else None)
    broken = await Taking(call.service, call.account, body, origin, inline=inline).take(call)
    summary = body.summary(origin.id)
    counts = {"created": summary.created, "updated": summary.updated, "unchanged": summary.unchanged}
    for outcome, count in (counts | {"rejected": summary.rejected}).items():
        call.service.metrics.records(outcome, count)
    if broken is not None:
        answer = broken if isinstance(broken, RequestError) else _as_answer(broken)
        raise RequestError(answer.status, answer.code, answer.message, headers=answer.headers, data=summary) from broken
    if not summary.received:
        raise RequestError(400, BAD_REQUEST, "the body holds no record; send at least one")
    if summary.rejected < summary.received:
        return json_answer(IngestAnswer(summary))
    reports = []
    for each in summary.errors:
        pointer = f"/{each.index}" if each.field is None else f"/{each.index}/{each.field}"
        reports.append(report(each.code, each.message, ErrorSource(pointer=pointer), call.request_id))
    return respond(400, reports, headers={}, data=summary)


def _as_answer(broken: Exception) -> RequestError:
    if isinstance(broken, BodyTooLarge):
        return RequestError(413, BAD_REQUEST, f"{broken}; the records before were stored")
    if isinstance(broken, BrokenBody | ClientGone):
        return RequestError(400, BAD_REQUEST, f"{broken}; the records before were stored")
    return request_error(broken)


def _refuse_early(headers: dict[str, str], bytes_max: int) -> int | None:
    """Refuse what can be told from the headers; else the length of the body, if it is known."""
    if "upgrade" in headers:  # the protocol below us drops the body of such a request
        text = "send the request without an Upgrade header: its body cannot be read"
        raise RequestError(400, BAD_REQUEST, text, headers={"Connection": "close"})
    if _media_type(headers) not in LINE_TYPES + JSON_TYPES:
        text = "send records with the Content-Type application/json or application/x-ndjson"
        raise RequestError(415, BAD_REQUEST, text, headers={"Accept-Post": "application/json, application/x-ndjson"})
    if headers.get("content-encoding", "") not in ("", "identity", "gzip", "x-gzip"):
        text = "send the body as it is, or packed with gzip"
        raise RequestError(415, BAD_REQUEST, text, headers={"Accept-Encoding": "gzip, identity"})
    length = headers.get("content-length")
    if length is None:
        return None
    if int(length) == 0:
        raise RequestError(400, BAD_REQUEST, "the body is empty; send at least one record")
    if int(length) > bytes_max:
        raise RequestError(413, BAD_REQUEST, _too_large(bytes_max))
    return int(length)


def _too_large(bytes_max: int) -> str:
    return f"the body is larger than {bytes_max} bytes; send it in parts, or packed with gzip"


def _media_type(headers: dict[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip()


def _packed(headers: dict[str, str]) -> bool:
    return "gzip" in headers.get("content-encoding", "")


def _body(call: Call, headers: dict[str, str]) -> Body:
    service = call.service
    named = call.parameters().text("record_type")
    return Body(
        service.reader,
        lines=_media_type(headers) in LINE_TYPES,
        packed=_packed(headers),
        record_type=None if named is None else service.catalog.resolve(named).name,
        unpacked_bytes_max=service.settings.unpacked_bytes_max,
        record_bytes_max=service.settings.record_bytes_max,
    )


async def _pieces(call: Call) -> AsyncGenerator[bytes, None]:
    """The body in pieces large enough to be worth a thread."""
    held: list[bytes] = []
    size = total = 0
    more = True
    bytes_max = call.service.settings.body_bytes_max
    while more:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            yield b"".join(held)
            raise ClientGone(_GONE)
        part, more = message.get("body", b""), message.get("more_body", False)
        total += len(part)
        if total > bytes_max:
            yield b"".join(held)
            raise BodyTooLarge(_too_large(bytes_max))
        held.append(part)
        size += len(part)
        if size >= PIECE_BYTES or not more:
            yield b"".join(held)
            held.clear()
            size = 0


class Taking:
    """Carries one body into the store.

    A small one is read right here and its records share a commit with others. A large one is read and stored piece by
    piece in the writer's thread (two busy threads would only wait for each other), while the next piece comes in.
    """

    def __init__(self, service: Service, account: str, body: Body, origin: Origin, *, inline: bool) -> None:
        self._service = service
        self._account = account
        self._body = body
        self._origin = origin
        self._inline = inline

    async def take(self, call: Call) -> Exception | None:
        """Store every record; what broke the body off, if something did: the whole records before it are stored."""
        broken: Exception | None = None
        try:
            await (self._read(call) if self._inline else self._store_pieces(call))
            self._body.finish()
        except SessiontreeError as error:
            broken = error
        try:
            *batches, last = self._body.take(rest=True) or [[]]
            for batch in batches:
                await self._add(batch, more=True)
            await self._add(last, more=broken is not None)
        except SessiontreeError as error:
            broken = error
        return broken

    async def _add(self, batch: Sequence[Record], *, more: bool) -> None:
        rejected = self._body.take_rejected()
        if batch or rejected or (self._body.noted and not more):
            arrival = self._service.expect()
            self._service.writer.add(self._account, batch, self._origin, arrival, rejected=rejected, more=more)
            self._body.note(await arrival.future)

    async def _read(self, call: Call) -> None:
        more = True
        while more:
            message = await call.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone(_GONE)
            self._body.feed(message.get("body", b""))
            more = message.get("more_body", False)

    async def _store_pieces(self, call: Call) -> None:
        under_way: asyncio.Future[None] | None = None
        try:
            async with aclosing(_pieces(call)) as pieces:
                async for piece in pieces:
                    if under_way is not None:
                        await under_way
                    under_way = self._service.write(partial(self._take_piece, piece))
        finally:
            if under_way is not None:  # the body may have broken off while a piece was being stored
                await under_way

    def _take_piece(self, piece: bytes, add: Add) -> None:
        try:
            self._body.feed(piece)
        finally:
            for batch in self._body.take():
                share = Share(self._origin, len(batch), self._body.take_rejected(), more=True)
                self._body.note(add(self._account, batch, share))
