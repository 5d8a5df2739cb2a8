"""What of a session no column of its row has, packed as JSON."""

from collections.abc import Sequence

import msgspec

Product = tuple[str, str, str, int]
Problem = tuple[str, str, str, str]


class Details(msgspec.Struct, array_like=True):
    """Amounts are text: not all fit 64 bits.

    `elsewhere_unpriced_count` of its unpriced events are at home in other sessions; the column counts the others, so
    that those of many rows may be added up.
    """

    totals: dict[str, str]
    elsewhere: dict[str, str]
    products: list[Product]
    problems: list[Problem]
    elsewhere_unpriced_count: int = 0


def pack(
    totals: dict[str, str],
    elsewhere: dict[str, str],
    products: Sequence[Product],
    problems: Sequence[Problem],
    elsewhere_unpriced_count: int,
) -> bytes:
    """Details as `unpack` reads them; few sessions have the last."""
    packed = (totals, elsewhere, products, problems)
    return _encode((*packed, elsewhere_unpriced_count) if elsewhere_unpriced_count else packed)


_encode = msgspec.json.Encoder().encode
unpack = msgspec.json.Decoder(Details).decode
