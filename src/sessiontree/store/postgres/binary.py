"""Values in PostgreSQL's binary form, made many at once: for COPY, and arrays as values of a statement.

As text they take longer to write here, and much longer to read there.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from struct import Struct
from typing import Final

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL's times in binary form
_NONE: Final = -(1 << 63)  # -infinity
_INT4: Final = 23  # the numbers of the types, and of arrays of them
_INT8: Final = 20
_TEXT: Final = 25
_TIME: Final = 1184
_LENGTH: Final = Struct("!i")
_SHORT: Final = Struct("!ii")  # an integer after its length
_LONG: Final = Struct("!iq")
_NO_ELEMENTS: Final = Struct("!iii")
_HEAD: Final = Struct("!iiiii")  # dimensions, nulls, type, count, first index; the elements follow


class Array:
    """An array as a value of a statement."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class Int4s(Array):
    """Integers."""


class Int8s(Array):
    """Bigints."""


class Texts(Array):
    """Texts."""


class Times(Array):
    """Times."""


ARRAYS: Final[dict[type[Array], int]] = {Int4s: 1007, Int8s: 1016, Texts: 1009, Times: 1185}
"""The number of the type of each kind of array."""


def micros(start: datetime | None) -> int:
    """A start as PostgreSQL counts: in microseconds since 2000; of a record that has none: -infinity."""
    if start is None:
        return _NONE
    since = start - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def int4s(values: Iterable[int]) -> Int4s:
    """An array of integers."""
    pack = _SHORT.pack
    return Int4s(_array(_INT4, [pack(4, value) for value in values]))


def int8s(values: Iterable[int]) -> Int8s:
    """An array of bigints."""
    return Int8s(int8s_column(values))


def int8s_column(values: Iterable[int]) -> bytes:
    """An array of bigints, as a column of COPY."""
    pack = _LONG.pack
    return _array(_INT8, [pack(8, value) for value in values])


def times(values: Iterable[int]) -> Times:
    """An array of times, each as `micros` has it."""
    pack = _LONG.pack
    return Times(_array(_TIME, [pack(8, value) for value in values]))


def texts(values: Iterable[str]) -> Texts:
    """An array of texts, each as `to_text` makes it."""
    length = _LENGTH.pack
    return Texts(_array(_TEXT, [length(len(each)) + each for each in [value.encode() for value in values]]))


def _array(element: int, parts: list[bytes]) -> bytes:
    return _HEAD.pack(1, 0, element, len(parts), 1) + b"".join(parts) if parts else _NO_ELEMENTS.pack(0, 0, element)
