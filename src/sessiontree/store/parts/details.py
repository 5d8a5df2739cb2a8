"""What of a session no column of its row has, packed as JSON."""

import msgspec


class Details(msgspec.Struct, array_like=True):
    """Amounts are text: not all fit 64 bits.

    `elsewhere_unpriced` of its unpriced events are at home in other sessions; the column counts the others, so that
    those of many rows may be added up.
    """

    totals: dict[str, str]
    elsewhere: dict[str, str]
    products: list[tuple[str, str, str, int]]
    problems: list[tuple[str, str, str, str]]
    elsewhere_unpriced: int = 0


pack = msgspec.json.Encoder().encode
unpack = msgspec.json.Decoder(Details).decode
