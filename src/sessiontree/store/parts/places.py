"""Where a value stands in the link table: a 64-bit number, near in time for ids that carry their time.

Session and leg ids are mostly UUIDs of version 1, whose timestamp is the start of the call; version 7 has one too. With
those bits in front, the links of calls of the same hour lie together and inserts go to the end of the table (twice the
ingest rate, and no decay with size). Two values may share a place: whoever finds a record by place verifies it.
"""

from hashlib import blake2b
from struct import Struct
from typing import Final
from zlib import crc32

KEY: Final = "=key"
REF: Final = "=ref"
_LOW_BITS: Final = 28
_signed = Struct(">q").unpack


def place(account: int, kind: str, value: str) -> int:
    """The place of a value among an account's links: a signed 64-bit int. `kind` is KEY, REF, or the type of an id."""
    text = f"{account} {kind} {value}"
    try:
        data = text.encode()
    except UnicodeEncodeError:  # no record has such text, but it may be asked for
        data = text.encode("utf-8", "surrogatepass")
    number = _time_bits(value)
    if number is None:
        (hashed,) = _signed(blake2b(data, digest_size=8).digest())
        return int(hashed)
    number = number << _LOW_BITS | crc32(data) & (1 << _LOW_BITS) - 1
    return number if number < 1 << 63 else number - (1 << 64)


def _time_bits(value: str) -> int | None:
    """The first 36 bits of the time in a version 1 or 7 UUID (1.7 or 4 seconds apart), None for any other text."""
    if len(value) != 36 or value[8] != "-":
        return None
    version = value[13:15]
    try:
        if version == "-1":
            return int(value[15:18] + value[9:13] + value[0:2], 16)
        if version == "-7":
            return int(value[0:8] + value[9:10], 16)
    except ValueError:
        pass
    return None
