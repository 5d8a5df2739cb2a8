"""The description of a server's API, made when it is first asked for, and as a file."""

from functools import lru_cache
from typing import Any

from starlette.responses import Response

from sessiontree.catalog import Catalog
from sessiontree.http import openapi
from sessiontree.http.routes import JSON, Call, encode


@lru_cache(maxsize=1)
def description(catalog: Catalog) -> dict[str, Any]:
    """The description for the record types of a catalogue."""
    return openapi.document(catalog)


async def openapi_json(call: Call) -> Response:
    """The description as OpenAPI 3.1."""
    return Response(encode(description(call.service.catalog)), media_type=JSON)
