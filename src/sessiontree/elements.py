"""Cutting bytes that arrive in pieces into records: lines of NDJSON, or the top-level elements of JSON.

Both cutters hold no more than one element at a time, and pass on its bytes as they came. What an element says, and
where the pieces come from, is the affair of others.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

ELEMENT_BYTES_MAX = 1 << 20
TOO_LONG = "the record is longer than the limit of bytes for one"
_SHOWN_BYTES = 1000
_BOM = b"\xef\xbb\xbf"


class Element(NamedTuple):
    """One line or JSON element. `number` is the line it stands on, or its position in the JSON; both count from 1.

    Of an element longer than the limit only the beginning is kept, and `problem` says so.
    """

    number: int
    body: bytes
    problem: str = ""

    @property
    def whole(self) -> bool:
        """Whether this is all of the element, so that it can be read."""
        return not self.problem


class Lines:
    """Cuts NDJSON into its lines; blank lines are counted and left out."""

    def __init__(self, bytes_max: int = ELEMENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._shown_bytes = min(_SHOWN_BYTES, bytes_max)
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._line = 0
        self._start = _Start()

    def feed(self, piece: bytes) -> Iterator[Element]:
        """The lines that end in this piece."""
        first, *rest = self._start.without_mark(piece).split(b"\n")
        self._hold(first)
        if not rest:
            return
        yield from self._release()
        last = rest.pop()
        for body in rest:
            self._line += 1
            if body and not body.isspace():
                yield self._element(self._line, body)
        self._hold(last)

    def finish(self) -> Iterator[Element]:
        """The last line, if it did not end in a line break. Leave this out when the pieces broke off in error."""
        self._hold(self._start.rest())
        yield from self._release()

    @property
    def rest(self) -> bytes:
        """The beginning of a line whose end has not come yet."""
        return b"".join(self._held)

    def _hold(self, part: bytes) -> None:
        """Keep the beginning of a line, of a line beyond the limit no more than the limit."""
        if part and self._held_bytes <= self._bytes_max:
            self._held.append(part[: self._bytes_max + 1])
        self._held_bytes += len(part)

    def _release(self) -> Iterator[Element]:
        body, whole = self.rest, self._held_bytes <= self._bytes_max
        self._held.clear()
        self._held_bytes = 0
        self._line += 1
        if not whole:
            yield Element(self._line, body[: self._shown_bytes], TOO_LONG)
        elif body and not body.isspace():
            yield self._element(self._line, body)

    def _element(self, line: int, body: bytes) -> Element:
        if len(body) > self._bytes_max:
            return Element(line, body[: self._shown_bytes], TOO_LONG)
        return Element(line, body[:-1] if body.endswith(b"\r") else body)


_GAP = re.compile(rb"[\s,]*+")
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^",\[\]{}\s]++|[}\]"]', re.DOTALL)
_TO_BRACKET = re.compile(
    rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+[{}\[\]]', re.DOTALL
)  # the same as (?:other|text)*bracket, unrolled: more than twice as quick
_OUTSIDE_TEXT = re.compile(rb'["{}\[\]]')
_INSIDE_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OPENING = b"{["


class Elements:
    """Cuts JSON into the elements of its array, or into the objects that stand one after another.

    It looks at brackets and texts only: whatever else is wrong with an element shows when it is read. Nothing is left
    out: what cannot be an element (a stray word or bracket) comes out as one, to be rejected.
    """

    def __init__(self, bytes_max: int = ELEMENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._shown_bytes = min(_SHOWN_BYTES, bytes_max)
        self._buffer = b""
        self._scanned = 0  # how far into the buffer the brackets of its first element are counted
        self._depth = 0
        self._count = 0
        self._in_array = False
        self._skipped: bytes | None = None  # the beginning of an element beyond the limit, while its end is looked for
        self._in_text = False
        self._start = _Start()

    def feed(self, piece: bytes) -> Iterator[Element]:
        """The elements that end in this piece."""
        self._buffer += self._start.without_mark(piece)
        at = 0
        while True:
            if self._skipped is not None:
                at, element = self._skip(at)
            else:
                at, element = self._next(at)
            if element is None:
                break
            yield element
        self._buffer = self._buffer[at:]

    def finish(self) -> Iterator[Element]:
        """What is left at the end: an element that is not complete, or an array whose end is missing."""
        self._buffer += self._start.rest()
        rest = self._buffer.strip()
        if self._skipped is not None:
            yield self._element(self._skipped, whole=False)
        elif rest or self._in_array:
            yield self._element(rest or b"[")
        self._in_array = False

    @property
    def rest(self) -> bytes:
        """The beginning of an element whose end has not come yet."""
        return self._skipped if self._skipped is not None else self._buffer.strip()

    def _element(self, body: bytes, *, whole: bool = True) -> Element:
        self._count += 1
        return Element(self._count, body) if whole else Element(self._count, body[: self._shown_bytes], TOO_LONG)

    def _next(self, at: int) -> tuple[int, Element | None]:
        """The element that begins at or after a place in the buffer, and where to go on; None until it is complete."""
        buffer = self._buffer
        if not self._depth:
            at = self._pass_gap(at)
            if at == len(buffer):
                return at, None
            if buffer[at] not in _OPENING:
                return self._scalar(at)
            self._scanned = at
        return self._nested(at)

    def _pass_gap(self, at: int) -> int:
        """Go on over white space, commas and the brackets of the array around the elements."""
        while True:
            at = _GAP.match(self._buffer, at).end()  # type: ignore[union-attr]  # it matches everywhere
            if not self._buffer.startswith(b"]" if self._in_array else b"[", at):
                return at
            self._in_array = not self._in_array
            at += 1

    def _nested(self, at: int) -> tuple[int, Element | None]:
        """An object or array: count brackets until they are even."""
        buffer, scanned, depth = self._buffer, self._scanned, self._depth
        while match := _TO_BRACKET.match(buffer, scanned):
            scanned = match.end()
            depth += 1 if buffer[scanned - 1] in _OPENING else -1
            if not depth:
                self._depth = 0
                return scanned, self._element(buffer[at:scanned], whole=scanned - at <= self._bytes_max)
        self._scanned, self._depth = scanned - at, depth
        if len(buffer) - at > self._bytes_max:
            self._skipped = buffer[at : at + self._shown_bytes]
            return self._skip(scanned)
        return at, None

    def _scalar(self, at: int) -> tuple[int, Element | None]:
        """A text, number or word where an object should stand; complete when something follows it."""
        match = _SCALAR.match(self._buffer, at)
        end = match.end() if match else at
        if end == len(self._buffer) or (match and match[0] == b'"'):
            if len(self._buffer) - at <= self._bytes_max:
                return at, None
            end = len(self._buffer)
        return end, self._element(self._buffer[at:end], whole=end - at <= self._bytes_max)

    def _skip(self, at: int) -> tuple[int, Element | None]:
        """Find the end of an element beyond the limit, keeping nothing of it."""
        buffer = self._buffer
        while True:
            if self._in_text:
                match = _INSIDE_TEXT.match(buffer, at)
                if not match:
                    return _before_escape(buffer, at), None
                self._in_text = False
                at = match.end()
            match = _OUTSIDE_TEXT.search(buffer, at)
            if not match:
                return len(buffer), None
            at = match.end()
            if match[0] == b'"':
                self._in_text = True
                continue
            self._depth += 1 if match[0] in _OPENING else -1
            if not self._depth:
                beginning, self._skipped = self._skipped or b"", None
                return at, self._element(beginning, whole=False)


def _before_escape(buffer: bytes, at: int) -> int:
    """The end of the buffer, or one before it when its last byte is a backslash whose other half has yet to come."""
    backslashes = len(buffer) - at - len(buffer[at:].rstrip(b"\\"))
    return len(buffer) - backslashes % 2


class _Start:
    """Leaves out the mark that some programs put before UTF-8 text, also when it comes in pieces."""

    def __init__(self) -> None:
        self._held: bytes | None = b""

    def without_mark(self, piece: bytes) -> bytes:
        if self._held is None:
            return piece
        text = self._held + piece
        if len(text) < len(_BOM) and _BOM.startswith(text):
            self._held = text
            return b""
        self._held = None
        return text.removeprefix(_BOM)

    def rest(self) -> bytes:
        held, self._held = self._held, None
        return held or b""
