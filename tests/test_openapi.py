"""The API's description: complete, true to the routes, and readable without any other host."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest

from page_help import read
from sessiontree import catalog_files, demo, demo_data
from sessiontree.http import openapi
from sessiontree.http.server import all_routes
from sessiontree.pages.api_docs import code

CATALOG = catalog_files.load()
DOCUMENT = openapi.document(CATALOG)


def test_every_route_is_described_and_nothing_else():
    routes = {(route.method, route.path): route for route in all_routes()}
    assert set(openapi.OPERATIONS) == set(routes)
    for route in routes.values():
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


def test_the_page_shows_every_operation_to_anybody(pages: Any):
    answer = pages.get("/docs")
    assert answer.status_code == 200
    page = read(answer.text)
    for (method, path), operation in openapi.OPERATIONS.items():
        section = page.one("section", id=operation.name)
        assert section.one("p", class_="path").text == f"{method} {path}"
        assert section.one("h2").text == operation.summary.replace("`", "")
    listed = [link.attributes["href"] for link in page.one("nav", aria_label="Operations").all("a")]
    assert listed == [f"#{operation.name}" for operation in openapi.OPERATIONS.values()] + ["#record-types"]
    assert page.all("nav", aria_label="Pages") == []
    assert page.one("header").one("a", class_="button").attributes["href"] == "/sign-in?next=/docs"


def test_the_page_has_the_navigation_of_whoever_is_signed_in(signed_in: Any):
    page = read(signed_in.get("/docs").text)
    assert page.one("nav", aria_label="Pages").one("a", aria_current="page").text == "API"
    assert page.one("form", action="/sign-out")


def test_backticks_on_the_page_are_code(client: Any):
    assert "`" not in client.get("/docs").text
    assert code("see `a<b>` & c") == "see <code>a&lt;b&gt;</code> &amp; c"


def is_get(command: str) -> bool:
    return "--data" not in command and " -X " not in command


def test_the_commands_of_the_page_work_on_the_demo(inside: Any, client: Any):
    demo.load(inside.service.store, datetime(2026, 4, 1, tzinfo=UTC))
    commands = re.findall(r"<code>(curl .*?)</code>", client.get("/docs").text)
    assert len(commands) == len(openapi.OPERATIONS)
    paths = [html.unescape(each).split('"')[1].removeprefix("$URL") for each in commands if is_get(each)]
    answers = {path: client.get(path) for path in paths}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
    (tree,) = [answer.json() for path, answer in answers.items() if path.endswith(demo_data.GUIDE_SESSION)]
    assert tree["meta"]["event_count"] == 11
