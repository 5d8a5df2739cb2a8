"""The API to read, made of its own OpenAPI description: every operation with a command to try. Needs no sign-in."""

import json
import re
import shlex
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from starlette.responses import Response

from sessiontree.catalog import Catalog
from sessiontree.http.description import description
from sessiontree.http.routes import Call
from sessiontree.pages import layout
from sessiontree.pages.sending import own_address
from sessiontree.pages.visits import visit_of

_TICKED = re.compile(r"`([^`]+)`")
_SHOWN = ("200", "201", "400")
"""The answers that have an example on the page; all other errors look like that of 400."""


async def api_docs(call: Call) -> Response:
    """The page."""
    catalog = call.service.catalog
    return layout.framed(
        call,
        "api.html",
        visit=await visit_of(call),
        title="API",
        info=description(catalog)["info"],
        address=own_address(call.scope),
        operations=_operations(catalog),
        sections=_sections(catalog),
    )


def _operations(catalog: Catalog) -> list[dict[str, Any]]:
    """The operations in order, each with its method, path and command."""
    return [
        {"method": method.upper(), "path": path, "curl": curl(method.upper(), path, described), **described}
        for path, methods in description(catalog)["paths"].items()
        for method, described in methods.items()
    ]


@lru_cache(maxsize=1)
def _sections(catalog: Catalog) -> Markup:
    """What the page says about each operation. It is the same for everybody, and long."""
    text = layout.render(
        "api-operations.html",
        operations=_operations(catalog),
        types=description(catalog)["components"]["schemas"]["RecordType"]["enum"],
        exemplary=_SHOWN,
        code=code,
        pretty=pretty,
    )
    return Markup(text.decode())


def pretty(value: Any) -> str:
    """JSON for people."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def code(text: str) -> Markup:
    """Text as HTML, with what stands in backticks as code."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))


def curl(method: str, path: str, described: dict[str, Any]) -> str:
    """A command line that calls an operation; the page says at its top how to set $URL and $KEY."""
    query = []
    for parameter in described["parameters"]:
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", parameter["example"])
        elif parameter["required"]:
            query.append(f"{parameter['name']}={parameter['example']}")
    words = ["curl", "-g", f'"$URL{path}{"?" if query else ""}{"&".join(query)}"']
    if described["security"]:
        words.append('-H "Authorization: Bearer $KEY"')
    if method != "GET" and "requestBody" not in described:
        words.append(f"-X {method}")
    content = described.get("requestBody", {"content": {}})["content"]
    if "application/x-ndjson" in content:
        words.append("-H 'Content-Type: application/x-ndjson' --data-binary @records.ndjson")
    elif content:
        example = json.dumps(content["application/json"]["example"])
        words.append(f"-H 'Content-Type: application/json' --data {shlex.quote(example)}")
    return " ".join(words)
