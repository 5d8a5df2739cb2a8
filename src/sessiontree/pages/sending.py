"""Answers of the pages as bytes: headers read and set, bodies compressed."""

import zlib

from starlette.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SMALL = 500  # bytes that are not worth compressing
_LEVEL = 5
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",  # records may be about people: nothing stays behind in the browser after signing out
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Encoding, Cookie",
}


def header(scope: dict, name: str) -> str:  # type: ignore[type-arg]
    """The value of a request's header as it was sent; empty when there is none."""
    wanted = name.encode("latin-1")
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def cookie(scope: dict, name: str) -> str:  # type: ignore[type-arg]
    """The value of a cookie; empty when there is none."""
    for pair in header(scope, "cookie").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return ""


def zipped(body: bytes, level: int = _LEVEL) -> bytes:
    """The body in gzip's form."""
    packer = zlib.compressobj(level, wbits=31)
    return packer.compress(body) + packer.flush()


def takes_gzip(scope: dict) -> bool:  # type: ignore[type-arg]
    """Whether the client reads gzip."""
    return "gzip" in header(scope, "accept-encoding").lower()


def by_https(scope: dict) -> bool:  # type: ignore[type-arg]
    """Whether the browser came by https, as far as it or a proxy in front of us says."""
    forwarded, origin = header(scope, "x-forwarded-proto"), header(scope, "origin")
    return scope["scheme"] == "https" or forwarded == "https" or origin.startswith("https://")


def own_address(scope: dict) -> str:  # type: ignore[type-arg]
    """Scheme and host that the browser asked, to be shown in commands."""
    return f"{'https' if by_https(scope) else 'http'}://{header(scope, 'host') or 'localhost'}"


def answer(
    scope: dict,  # type: ignore[type-arg]
    body: bytes,
    *,
    media_type: str = "text/html",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """An answer with the headers that all pages have, compressed if that is worth it and can be read."""
    sent = _HEADERS | (headers or {})
    if len(body) > _SMALL and takes_gzip(scope):
        body = zipped(body)
        sent["Content-Encoding"] = "gzip"
    return Response(body, status, sent, media_type)


def redirect(to: str, *, headers: dict[str, str] | None = None) -> Response:
    """The way to another page."""
    return Response(status_code=303, headers={"Location": to, "Cache-Control": "no-store"} | (headers or {}))
