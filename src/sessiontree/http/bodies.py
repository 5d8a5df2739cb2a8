"""Reading the small body of a request whole. Records come in pieces: see `receiving`."""

from sessiontree.http.refusals import BAD_REQUEST, RequestError
from sessiontree.http.routes import Call


async def read_body(call: Call, bytes_max: int, *, media_type: str | None = None) -> bytes:
    """The body. Raises RequestError for one that is too large, empty, or of another kind than this media type."""
    headers = call.headers()
    if "upgrade" in headers:  # the protocol below us drops the body of such a request
        text = "send the request without an Upgrade header: its body cannot be read"
        raise RequestError(400, BAD_REQUEST, text, headers={"Connection": "close"})
    if media_type is not None and headers.get("content-type", "").partition(";")[0].strip() != media_type:
        raise RequestError(415, BAD_REQUEST, f"send a body with the Content-Type {media_type}")
    pieces, size, more = [], 0, True
    while more:
        message = await call.receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > bytes_max:
            raise RequestError(413, BAD_REQUEST, f"the body is larger than {bytes_max} bytes")
        more = message.get("more_body", False)
    if not size:
        raise RequestError(400, BAD_REQUEST, "the body is empty")
    return b"".join(pieces)
