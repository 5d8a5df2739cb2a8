"""The API's description: complete, true to the routes, and readable without any other host."""

import re
from typing import Any

import jsonschema_rs
import pytest

from sessiontree import catalog_files, openapi
from sessiontree.server import all_routes

CATALOG = catalog_files.load()
DOCUMENT = openapi.document(CATALOG)


def test_every_route_is_described_and_nothing_else():
    routes = {(route.method, route.path) for route in all_routes(CATALOG)}
    assert set(openapi.OPERATIONS) == routes
    for route in all_routes(CATALOG):
        described = DOCUMENT["paths"][route.path][route.method.lower()]
        assert bool(described["security"]) == (route.scope is not None)
        assert described["summary"]
        named = {each["name"] for each in described["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", route.path))


def name_of(value: Any) -> str:
    return value if type(value) is str else ""


def contents() -> list[tuple[str, str, Any]]:
    return [
        (f"{method} {path} {status}", type, content)
        for path, methods in DOCUMENT["paths"].items()
        for method, described in methods.items()
        for status, answer in [*described["responses"].items(), ("body", described.get("requestBody", {"content": {}}))]
        for type, content in answer["content"].items()
    ]


@pytest.mark.parametrize(("place", "type", "content"), contents(), ids=name_of)
def test_every_example_is_as_its_schema_says(place: str, type: str, content: Any):
    if "$ref" in content["schema"] or "oneOf" in content["schema"]:
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        jsonschema_rs.validator_for(schema).validate(content["example"])


def test_every_reference_leads_somewhere():
    names = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert names <= set(DOCUMENT["components"]["schemas"])
    assert {"SessionAnalysis", "EventNode", "Errors", "RecordsPage", "Metadata"} <= names


def test_the_document_is_served(client: Any):
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_the_page_needs_no_other_host_and_shows_every_operation(client: Any):
    answer = client.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert re.findall(r"""(?:src|href)=["'](?!/|#)""", answer.text) == []
    for (method, path), operation in openapi.OPERATIONS.items():
        assert operation.summary in answer.text
        assert f"<b>{method}</b> {path}" in answer.text
    assert "url(" not in client.get("/docs/style.css").text
