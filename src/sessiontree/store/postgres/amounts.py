"""Numbers as PostgreSQL takes them: amounts and quantities, exactly and in currency units; many row numbers at once."""

from collections.abc import Iterable
from decimal import MAX_PREC, Context, Decimal

from sessiontree.money import UNIT

_EXACT = Context(prec=MAX_PREC)


def to_numeric(amount: int) -> str:
    """A number of 10^-12 as the text of a numeric value."""
    whole, rest = divmod(abs(amount), UNIT)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:012d}"


def from_numeric(value: Decimal) -> int:
    """A numeric value with at most twelve digits after the point as a number of 10^-12."""
    return int(value.scaleb(12, _EXACT))


def to_array(numbers: Iterable[int]) -> str:
    """The text of an array of integers. A refresh sends tens of thousands: as a list, each takes a call of its own."""
    return f"{{{','.join(map(str, numbers))}}}"
