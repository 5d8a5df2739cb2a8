"""A record's fields as people read them: text as it is, every other value as its JSON was received."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from sessiontree.store import Version

LONG_CHARS = 200
FIELDS_MAX = 300
JSON_BYTES_MAX = 65_536
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Value:
    """A field's value: its text, whether it was null or nothing at all, and whether it is long."""

    name: str
    text: str
    empty: bool
    long: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A field that a later version changed; None where one of them has no such field."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One version of a record: when it was received, and what it changed."""

    received: datetime
    changes: list[Change]


def values(body: bytes) -> Iterator[Value]:
    """The fields of a record in their order."""
    for name, text in texts(body).items():
        yield Value(name, text or '""', not text or text == "null", len(text) > LONG_CHARS)


def texts(body: bytes) -> dict[str, str]:
    """The fields of a record as text."""
    return {name: _text(bytes(raw)) for name, raw in _decode(body).items()}


def changes(before: Version, after: Version) -> list[Change]:
    """What the later of two versions changed, field by field."""
    old, new = _decode(before.body), _decode(after.body)
    return [
        Change(name, _maybe(old.get(name)), _maybe(new.get(name)))
        for name in [*old, *(name for name in new if name not in old)]
        if _bytes(old.get(name)) != _bytes(new.get(name))
    ]


def receipts(versions: Sequence[Version]) -> list[Receipt]:
    """Every version of a record, the latest first, of versions that begin with the oldest."""
    older = [None, *versions]
    told = [
        Receipt(after.received, changes(before, after) if before is not None else [])
        for before, after in zip(older, versions, strict=False)
    ]
    return told[::-1]


def _bytes(raw: msgspec.Raw | None) -> bytes | None:
    return None if raw is None else bytes(raw)


def _maybe(raw: msgspec.Raw | None) -> str | None:
    return None if raw is None else _text(bytes(raw))


def _text(raw: bytes) -> str:
    return str(msgspec.json.decode(raw)) if raw.startswith(b'"') else raw.decode("utf-8", "replace")
