"""Text as PostgreSQL can hold it: it takes neither NUL nor lone surrogates, and JSON has both.

Such a character, and the one that marks them, becomes the mark and its four hexadecimal digits; all other text stays.
And long arrays of numbers as text.
"""

import re
from collections.abc import Iterable

_MARK = "\x1a"
_ODD = re.compile("[\0\x1a\ud800-\udfff]")
_MARKED = re.compile("\x1a([0-9a-f]{4})")


def to_text(value: str) -> str:
    """The text to store for this one."""
    return _ODD.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", value)


def from_text(stored: str) -> str:
    """The text that was stored so."""
    return _MARKED.sub(lambda found: chr(int(found[1], 16)), stored) if _MARK in stored else stored


def numbers(values: Iterable[int]) -> str:
    """An array of numbers, as text."""
    return f"{{{','.join(map(str, values))}}}"
