"""Amounts: read, add and write them exactly.

An amount is a Python int that counts 10^-12 currency units. Ints have no precision to run out of, so plain `+` is the
exact sum and nothing can round. An amount never says its currency: totals are kept per currency in a `Totals` dict.
"""

import re
from functools import lru_cache
from typing import Final

DECIMALS: Final = 12
UNIT: Final = 10**DECIMALS
"""One whole currency unit (one dollar, one yen), as an amount."""
LIMIT: Final = 10**12 * UNIT
"""Amounts lie strictly between -LIMIT and LIMIT when read; sums may grow beyond."""
_TEXT_MAX = 100
_TEXTS_MAX: Final = 65_536
_texts: dict[int, str] = {}  # a plain dictionary: every event of every answer asks, and functools' cache takes longer


Totals = dict[str, int]
"""Amounts by currency code. A currency that is absent has no priced event, which is not the same as zero."""

_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?")


@lru_cache(maxsize=65536)
def read(text: str) -> int:
    """The amount that a plain or scientific decimal names.

    Raises ValueError for anything else: spaces, underscores, NaN, more than 12 digits after the point, 10^12 or more.
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if match is None or not (match[2] or match[3]):
        raise ValueError("is not a decimal such as 0.0052 or 1.666E-4")
    fraction = match[3] or ""
    digits = (match[2] + fraction).lstrip("0")
    shift = DECIMALS - len(fraction) + int(match[4] or 0)
    if not digits:
        return 0
    if shift < 0:  # digits beyond the twelfth: fine while they are zeros
        digits, beyond = digits[:shift], digits[shift:]
        if not digits or beyond.strip("0"):
            raise ValueError("has more than 12 digits after the point")
        shift = 0
    if len(digits) + shift > 24:
        raise ValueError("is 10^12 or more")
    amount: int = int(digits) * 10**shift
    return -amount if match[1] == "-" else amount


def from_int(units: int) -> int:
    """The amount of a whole number of currency units. Raises ValueError from 10^12 on."""
    if abs(units) >= LIMIT // UNIT:
        raise ValueError("is 10^12 or more")
    return units * UNIT


def text(amount: int) -> str:
    """Plain notation with six decimals, or as many more as the exact value needs."""
    found = _texts.get(amount)
    if found is None:
        if len(_texts) >= _TEXTS_MAX:
            _texts.clear()
        found = _texts[amount] = _text(amount)
    return found


def _text(amount: int) -> str:
    if amount < 0:
        return "-" + _text(-amount)
    fraction = str(UNIT + amount % UNIT)  # the 1 in front keeps the zeros behind it
    decimals = fraction[1:].rstrip("0") if amount % 1_000_000 else fraction[1:7]
    return str(amount // UNIT) + "." + decimals


def rounded(amount: int, decimals: int) -> str:
    """Plain notation with so many decimals (1 to 12), halves away from zero. For showing to people only."""
    step = 10 ** (DECIMALS - decimals)
    steps = (abs(amount) + step // 2) // step
    whole, fraction = divmod(steps, 10**decimals)
    sign = "-" if amount < 0 and steps else ""
    return f"{sign}{whole}.{fraction:0{decimals}d}"


def plain(amount: int) -> str:
    """Plain notation with no more digits than the exact value needs: of quantities, which are counted likewise."""
    written = text(amount)
    return written.rstrip("0").rstrip(".")


def add(totals: Totals, more: Totals) -> None:
    """Add every amount of `more` to `totals`, each to its own currency."""
    for currency, amount in more.items():
        totals[currency] = totals.get(currency, 0) + amount
