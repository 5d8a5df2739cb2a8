"""The API to read: its OpenAPI description as a file, and as a page that needs nothing from any other host."""

import json
import re
import shlex
from functools import cached_property
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.responses import Response

from sessiontree.catalog import Catalog
from sessiontree.http import openapi
from sessiontree.http.routes import Call

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_TICKED = re.compile(r"`([^`]+)`")


class Docs:
    """The description of one server's API, made when it is first asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def _document(self) -> dict[str, Any]:
        return openapi.document(self._catalog)

    @cached_property
    def _page(self) -> bytes:
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters["code"] = code
        template = environment.from_string(_file("templates/docs.html"))
        operations = [
            {"method": method.upper(), "path": path, "curl": curl(method.upper(), path, described), **described}
            for path, methods in self._document["paths"].items()
            for method, described in methods.items()
        ]
        types = self._document["components"]["schemas"]["RecordType"]["enum"]
        return template.render(info=self._document["info"], operations=operations, types=types, pretty=pretty).encode()

    async def openapi_json(self, call: Call) -> Response:
        """The description as OpenAPI 3.1."""
        return Response(json.dumps(self._document), media_type="application/json")

    async def page(self, call: Call) -> Response:
        """The description as a page."""
        return Response(self._page, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    async def style(self, call: Call) -> Response:
        """The page's style sheet."""
        return Response(_file("static/docs.css"), media_type="text/css")


def _file(name: str) -> str:
    return files("sessiontree.http").joinpath(name).read_text(encoding="utf-8")


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
