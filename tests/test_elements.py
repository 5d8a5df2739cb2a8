"""Cutting bytes into records gives the same elements wherever the pieces end."""

import json
import random
from collections.abc import Callable, Iterator

import pytest

from sessiontree.elements import Element, Elements, Lines

TRICKY = [{"a": 'quote " brace } bracket ] slash \\'}, {"b": {"c": [1, {"d": "[{"}]}}, {}, {"e": "\\", "f": None}]


def cut(cutter: Lines | Elements, text: bytes, size: Callable[[], int]) -> list[Element]:
    """The elements of a text that comes in pieces of these sizes."""
    found: list[Element] = []
    at = 0
    while at < len(text):
        end = at + size()
        found += cutter.feed(text[at:end])
        at = end
    return [*found, *cutter.finish()]


def everyhow(make: Callable[[], Lines | Elements], text: bytes) -> list[Element]:
    """The elements of a text, having seen that they are the same for pieces of any size."""
    whole = cut(make(), text, lambda: len(text) or 1)
    dice = random.Random(len(text))
    for most in (1, 2, 3, 7, 40):
        assert cut(make(), text, lambda most=most: dice.randint(1, most)) == whole, f"pieces of at most {most}"
    return whole


def bodies(elements: list[Element]) -> list[bytes]:
    return [element.body for element in elements]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(TRICKY),
        json.dumps(TRICKY, indent=2),
        "\n".join(json.dumps(each) for each in TRICKY),
        "".join(json.dumps(each) for each in TRICKY),
        " , ".join(json.dumps(each) for each in TRICKY),
        "\ufeff" + json.dumps(TRICKY),
    ],
    ids=["array", "indented", "lines", "in a row", "with commas", "with a mark"],
)
def test_json_is_cut_into_its_elements(text: str):
    found = everyhow(Elements, text.encode())
    assert [json.loads(element.body) for element in found] == TRICKY
    assert [element.number for element in found] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (b"", []),
        (b" \n ", []),
        (b"[]", []),
        (b"[][]" * 2000, []),
        (b'[1, "a, ]b", null, {"c": 2}, tru', [b"1", b'"a, ]b"', b"null", b'{"c": 2}', b"tru"]),
        (b"[[1], {}]", [b"[1]", b"{}"]),
        (b'{"a": 1}}', [b'{"a": 1}', b"}"]),
        (b"]", [b"]"]),
        (b'{"a": "bro', [b'{"a": "bro']),
        (b'[{"a": 1}', [b'{"a": 1}', b"["]),  # the end of the array is missing: something may be missing with it
        (b'"open', [b'"open']),
    ],
)
def test_what_is_no_element_comes_out_to_be_rejected(text: bytes, elements: list[bytes]):
    assert bodies(everyhow(Elements, text)) == elements


def test_lines_are_numbered_as_an_editor_numbers_them():
    found = everyhow(Lines, b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"b": 2}\n{"c": 3}')
    assert found == [Element(1, b'{"a": 1}'), Element(4, b'{"b": 2}'), Element(5, b'{"c": 3}')]


def test_a_line_beyond_the_limit_is_cut_short_and_the_next_is_whole():
    found = everyhow(lambda: Lines(20), b'{"a": 1}\n{"b": "' + b"x" * 100 + b'"}\n{"c": "45678901234"}\n')
    assert [(element.number, element.whole) for element in found] == [(1, True), (2, False), (3, True)]
    assert found[1].body.startswith(b'{"b": "xxx')
    assert len(found[2].body) == 20


def test_an_element_beyond_the_limit_is_cut_short_and_the_next_is_whole():
    text = b'[{"a": 1}, {"b": "' + b'}\\"' * 30 + b'", "c": [{"d": "]]"}]}, {"e": 5}]'
    found = everyhow(lambda: Elements(20), text)
    assert [(element.number, element.whole) for element in found] == [(1, True), (2, False), (3, True)]
    assert found[2].body == b'{"e": 5}'


def test_no_more_than_one_element_is_held():
    def pieces() -> Iterator[bytes]:
        yield b'[{"a": "'
        for _ in range(200):
            yield b"x" * 1000
        yield b'"}, {"b": 1}]'

    cutter = Elements(5000)
    found: list[Element] = []
    held = 0
    for piece in pieces():
        found += cutter.feed(piece)
        held = max(held, len(cutter.rest), len(cutter._buffer))
    assert held < 10_000
    assert [element.whole for element in found] == [False, True]


def test_what_is_left_after_a_break_can_be_seen():
    cutter = Lines()
    assert list(cutter.feed(b'{"a": 1}\n{"b"')) == [Element(1, b'{"a": 1}')]
    assert cutter.rest == b'{"b"'
