"""Reading a file of records, or standard input, piece by piece: unpacked, and cut into records by its format.

NDJSON, JSON and CSV, each also gzipped. The name's ending says which; where it does not, the beginning of the content.
What a record says, and where it goes, is the affair of `importing`.
"""

import csv
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from sessiontree.elements import ELEMENT_BYTES_MAX, TOO_LONG, Element, Elements, Lines
from sessiontree.errors import SessiontreeError
from sessiontree.own_tables import is_own_table

PIECE_BYTES = 1 << 18
_DELIMITERS = ",;\t"
_LINE_BYTES_MAX = 64 << 20
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LOOKED_AT_BYTES = 1024
_FORMATS = {".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json", ".csv": "csv", ".tsv": "csv"}
_SPREAD_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{][ \t\r]*\n")
_OBJECT_LINE = re.compile(rb"[^\n]*\}\s*\n|[^\n]*\}\s*\Z")


class SourceError(SessiontreeError):
    """A file that cannot be read (further); what came before the break has been passed on."""


def elements(stream: BinaryIO, name: str, read: Callable[[int], None] = lambda count: None) -> Iterator[Element]:
    """The records in a stream, as JSON texts; `name` is that of the file, `-` for standard input.

    `read` is told of every piece how many bytes it had. Raises SourceError when the stream breaks off (only whole
    records come before that), is no text in UTF-8, is no CSV with a header, or was
    written by Sessiontree itself as an export or a list.
    """
    pieces = _unpacked(_pieces(stream, name, read), name)
    first = next(pieces, b"")
    _refuse_what_is_no_text(first, name)
    form = _FORMATS.get(_ending(name)) or _look(first)
    if form == "csv":
        yield from _csv_rows(_chain(first, pieces), name)
        return
    if form == "ndjson" and _SPREAD_JSON.match(first):
        raise SourceError(
            f"{name} is no NDJSON, which has one record a line; if this is one JSON document, name the file .json"
        )
    cut = _cut(Elements() if form == "json" else Lines(), _chain(first, pieces))
    for element in cut:
        _refuse_own(_names(element), name)
        yield element
        break
    yield from cut


def _cut(cutter: Elements | Lines, pieces: Iterable[bytes]) -> Iterator[Element]:
    for piece in pieces:
        yield from cutter.feed(piece)
    yield from cutter.finish()


def _names(element: Element) -> Collection[str]:
    """The names in a JSON object; none of what is none."""
    try:
        return msgspec.json.decode(element.body, type=dict[str, msgspec.Raw]).keys()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()


def _refuse_own(names: Collection[str], name: str) -> None:
    if is_own_table(names):
        raise SourceError(
            f"{name} is an export or a list that Sessiontree wrote, and holds no records: import the files that "
            "the records came in (to move a store, use `sessiontree store copy`)"
        )


def _refuse_what_is_no_text(beginning: bytes, name: str) -> None:
    """One sentence instead of a rejection for each of its lines."""
    if beginning.startswith(_UTF_16):
        raise SourceError(f"{name} is text in UTF-16: save it as UTF-8")
    if b"\0" in beginning[:_LOOKED_AT_BYTES]:
        raise SourceError(f"{name} is no text: records come as NDJSON, JSON or CSV in UTF-8, plain or gzipped")


def _ending(name: str) -> str:
    path = Path(name.lower())
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def _look(beginning: bytes) -> str:
    """The format of content whose name does not tell it."""
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return "ndjson" if _OBJECT_LINE.match(text) else "json"
    first_line = text.partition(b"\n")[0].decode(errors="replace")
    return "csv" if any(each in first_line for each in _DELIMITERS) else "ndjson"


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _pieces(stream: BinaryIO, name: str, read: Callable[[int], None]) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.read(PIECE_BYTES)
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror or error}") from None
        if not piece:
            return
        read(len(piece))
        yield piece


def _unpacked(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The content of gzip (also of several members), or of anything else as it is."""
    first = next(pieces, b"")
    if not first.startswith(_GZIP):
        yield from _chain(first, pieces)
        return
    unpacker = zlib.decompressobj(wbits=31)
    for piece in _chain(first, pieces):
        rest = piece
        while rest:
            if unpacker.eof:
                if not rest.strip(b"\0"):  # padding after the end is allowed
                    break
                unpacker = zlib.decompressobj(wbits=31)
            unpacked = _unpack(unpacker, rest, name)
            rest = unpacker.unconsumed_tail or unpacker.unused_data
            if unpacked:
                yield unpacked
    while not unpacker.eof and (unpacked := _unpack(unpacker, b"", name)):
        yield unpacked
    if not unpacker.eof:
        raise SourceError(f"{name} is incomplete: its gzip data breaks off")


def _unpack(unpacker: "zlib._Decompress", packed: bytes, name: str) -> bytes:
    try:
        return unpacker.decompress(packed, PIECE_BYTES)
    except zlib.error:
        raise SourceError(f"{name} is damaged: its gzip data cannot be unpacked any further") from None


def _csv_rows(pieces: Iterator[bytes], name: str) -> Iterator[Element]:
    """CSV rows as JSON objects: the header's names, the cells as text, without the empty cells."""
    csv.field_size_limit(ELEMENT_BYTES_MAX)
    lines = _text_lines(pieces)
    header_line = next(lines, "")
    delimiter = max(_DELIMITERS, key=header_line.count)
    header = [cell.strip() for cell in next(csv.reader([header_line], delimiter=delimiter), [])]
    if len(set(header)) < len(header) or not all(header):
        raise SourceError(f"{name} needs a header row that names every field once")
    _refuse_own(header, name)
    rows = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise SourceError(f"{name} is not CSV from line {rows.line_num + 1} on: {error}") from None
        if row is None:
            return
        if row:
            yield _csv_element(header, row, rows.line_num + 1)


def _csv_element(header: list[str], row: list[str], line: int) -> Element:
    if len(row) > len(header):
        return Element(line, ",".join(row).encode(errors="replace"), "the row has more cells than the header has names")
    record = {name: cell for name, cell in zip(header, row, strict=False) if cell}
    try:
        body = msgspec.json.encode(record)
    except UnicodeEncodeError:  # bytes that are not UTF-8: kept for the reader to refuse
        body = b"{%s}" % b",".join(b'"%s":"%s"' % (_raw(key), _raw(cell)) for key, cell in record.items())
    return Element(line, body) if len(body) <= ELEMENT_BYTES_MAX else Element(line, body[:1000], TOO_LONG)


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape").replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _text_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines with their line breaks; bytes that are not UTF-8 come through as they are."""
    held = b""
    first = True
    for piece in pieces:
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            yield (line.removeprefix(b"\xef\xbb\xbf") if first else line).decode(errors="surrogateescape") + "\n"
            first = False
        if len(held) > _LINE_BYTES_MAX:
            raise SourceError("the CSV has a line that does not end")
    if held:
        yield (held.removeprefix(b"\xef\xbb\xbf") if first else held).decode(errors="surrogateescape")
