"""Style sheets, scripts, icon: under an address that holds the digest of them all, so that browsers may keep them."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.responses import Response

from sessiontree.http.refusals import NOT_FOUND, RequestError
from sessiontree.http.routes import Call
from sessiontree.pages.sending import header, takes_gzip, zipped

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _contents() -> dict[str, bytes]:
    entries = sorted(files("sessiontree.pages").joinpath("static").iterdir(), key=lambda entry: entry.name)
    return {entry.name: entry.read_bytes() for entry in entries if _ending(entry.name) in _TYPES}


def _ending(name: str) -> str:
    return name.rpartition(".")[2]


@cache
def version() -> str:
    """A short digest of all files."""
    together = sha256()
    for name, content in _contents().items():
        together.update(f"{name} {len(content)}\n".encode() + content)
    return together.hexdigest()[:12]


@cache
def _zipped(name: str) -> bytes:
    return zipped(_contents()[name], level=9)


async def static_file(call: Call) -> Response:
    """A file of this version; under the address of another one (of a page that is still open) not to be kept."""
    asked, name = call.names
    return _file(call, name, _FOR_EVER if asked == version() else "no-cache")


async def icon(call: Call) -> Response:
    """The icon, where browsers look for it beside what is no page."""
    return _file(call, "icon.svg", "no-cache")


def _file(call: Call, name: str, keeping: str) -> Response:
    if name not in _contents():
        raise RequestError(404, NOT_FOUND, "there is no such file")
    tag = f'"{version()}"'
    headers = {"ETag": tag, "Cache-Control": keeping, "Vary": "Accept-Encoding"}
    if header(call.scope, "if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    body = _contents()[name]
    if takes_gzip(call.scope):
        body, headers["Content-Encoding"] = _zipped(name), "gzip"
    return Response(body, headers=headers, media_type=_TYPES[_ending(name)])
