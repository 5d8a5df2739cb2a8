"""What tests of pages share: reading their HTML, and the records of the examples."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "examples"
GUIDE_CALL = "/sessions/call-session/a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
ASSISTANT = "ai-voice-assistant/4c9063e0-1e4b-11f1-b789-0242ac120010"
_VOID = {"meta", "link", "input", "br", "path"}


def example(name: str) -> list[dict[str, Any]]:
    """The records of an example."""
    lines = (EXAMPLES / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


class Element:
    """An element of a page: its tag, attributes, children and own text in order."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.parts: list[Element | str] = []

    def all(self, tag: str = "", **attributes: str) -> "list[Element]":
        """Every element below with this tag and these attributes (`class_` for class: one of its names)."""
        found = []
        for part in self.parts:
            if isinstance(part, Element):
                if (not tag or part.tag == tag) and part._has(attributes):
                    found.append(part)
                found += part.all(tag, **attributes)
        return found

    def one(self, tag: str = "", **attributes: str) -> "Element":
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    def _has(self, wanted: dict[str, str]) -> bool:
        for name, value in wanted.items():
            name = name.rstrip("_").replace("_", "-")
            given = self.attributes.get(name)
            if given is None or (value not in given.split() if name == "class" else value != given):
                return False
        return True

    @property
    def text(self) -> str:
        """The text in and below it, with single spaces."""
        return re.sub(r"\s+", " ", self.raw).strip()

    @property
    def raw(self) -> str:
        """The text in and below it as it stands."""
        return "".join(part if isinstance(part, str) else part.raw for part in self.parts)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.tag == tag, f"<{closed.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def read(html: str) -> Element:
    """A page's elements; every one must be closed in order."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert len(builder.open) == 1, f"<{builder.open[-1].tag}> is not closed"
    ids = [element.attributes["id"] for element in builder.open[0].all() if "id" in element.attributes]
    assert len(ids) == len(set(ids)), f"ids twice: {ids}"
    return builder.open[0]


def rows(page: Element) -> list[list[str]]:
    """The rows of a session's tree: the level, and the text of the cells."""
    found = [row for row in page.all("tr") if "aria-level" in row.attributes]
    return [[row.attributes["aria-level"], *(cell.text for cell in row.all("td"))] for row in found]
