"""What every page must have: a title and a heading of its own, a twin in JSON, and for a reader nothing that writes."""

from collections.abc import Callable
from typing import Any

import pytest

import page_tour
from page_help import Element, read

ASKING = ("/undo", "/revoke", "/find", "/elements")
"""Pages without a twin: those that only ask, lead on, or show what is made up."""


@pytest.fixture
def every(inside: Any, client: Any, pages: Any) -> Callable[[str], dict[str, Element]]:
    """All pages of a store with records as the owner of a key sees them, by path."""
    assert client.post("/v2/detail_records", json=page_tour.records()).json()["data"]["rejected"] == 0
    while inside.service.store.sessions.refresh():
        pass
    paths = page_tour.paths(client.get, inside.key[:11])

    def every(key: str) -> dict[str, Element]:
        assert pages.post("/sign-in", data={"key": key}).status_code == 303
        answers = {path: pages.get(path) for path in paths}
        return {path: read(answer.text) for path, answer in answers.items() if answer.status_code == 200}

    return every


def test_every_page_has_a_twin_in_json(inside: Any, signed_in: Any, every: Callable[[str], dict[str, Element]]):
    found = every(inside.key)
    for path, page in found.items():
        twins = [link.attributes["href"] for link in page.all("link", type="application/json")]
        if any(part in path for part in ASKING):
            assert twins == []
            continue
        assert len(twins) == 1, path
        answer = signed_in.get(twins[0])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), path
        assert answer.json(), path
        shown = [link.attributes["href"] for link in page.one("main").all("a", class_="button")]
        assert twins[0] in shown, f"{path} shows the way there"


def test_pages_are_told_apart_by_title_and_heading(inside: Any, every: Callable[[str], dict[str, Element]]):
    found = every(inside.key)
    titles: dict[str, set[str]] = {}
    for path, page in found.items():
        assert page.one("h1").text
        titles.setdefault(page.one("head").one("title").text, set()).add(path.partition("?")[0])
    assert {title: paths for title, paths in titles.items() if len(paths) > 1} == {}


def test_a_reader_sees_nothing_that_writes(inside: Any, every: Callable[[str], dict[str, Element]]):
    def writing(found: dict[str, Element]) -> set[str]:
        forms = [form for page in found.values() for form in page.all("form", method="post")]
        return {form.attributes["action"].rpartition("/")[2] for form in forms}

    def links(found: dict[str, Element]) -> list[str]:
        return [link.attributes["href"] for page in found.values() for link in page.all("a")]

    owner, reader = every(inside.key), every(inside.read_key)
    assert writing(owner) == {"sign-out", "keys", "revoke", "undo"}
    assert writing(reader) == {"sign-out"}
    parts = ("/keys", "/undo", "/revoke")
    assert {part for part in parts if any(part in link for link in links(owner))} == set(parts)
    assert [link for link in links(reader) if any(part in link for part in parts)] == []
    assert set(owner) - set(reader) == {path for path in owner if any(part in path for part in parts)}
