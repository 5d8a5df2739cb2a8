"""Working a record's cost out again from what it says of itself: its rate, its unit and its billed quantity.

The catalogue declares where these stand and how many units a rate is for. What is not said is not guessed: a record
whose unit is unknown is not checked, with the reason.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import msgspec

from sessiontree import money
from sessiontree.catalog import Quantity, RecordType
from sessiontree.query import value_text
from sessiontree.record import Record

DIGITS_MAX = 100
"""Longer numbers, and exponents of more than this, are not read: no rate or quantity has them."""

Raws = dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Why the cost of a record cannot be worked out."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rated:
    """A cost as the record has it (`shown`, as it is written there), and as its rate and quantity give it.

    `rate_per` is the number of units that the rate is for.
    """

    shown: str
    quantity: str
    unit: str
    rate: str
    rate_per: int

    @property
    def expected(self) -> Fraction:
        """What rate and quantity give, exactly."""
        return Fraction(Decimal(self.rate)) * Fraction(Decimal(self.quantity)) / self.rate_per

    @property
    def agrees(self) -> bool:
        """Whether the cost is the expected one, or that rounded to the digits with which it is written.

        Half a digit may have been rounded either way.
        """
        shown = Decimal(self.shown)
        exponent = shown.as_tuple().exponent
        assert isinstance(exponent, int)
        half_digit = Fraction(10) ** exponent / 2
        return abs(Fraction(shown) - self.expected) <= half_digit

    @property
    def expected_text(self) -> str:
        """The expected cost with twelve digits after the point at most; further ones are cut."""
        return money.text(int(self.expected * money.UNIT))


def rate(declared: RecordType, record: Record) -> Rated | Unchecked:
    """What a record's cost should be by its own rate and quantity, or why that cannot be said."""
    quantity = declared.quantity
    if not declared.cost_fields:
        return Unchecked("the type has no cost")
    if quantity is None or not quantity.rate_fields:
        return Unchecked("the type declares no rate")
    if record.cost is None:
        return Unchecked("it has no cost")
    fields = msgspec.json.decode(record.body, type=Raws)
    shown = _number(fields, declared.cost_fields)
    count = _number(fields, quantity.fields)
    price = _number(fields, quantity.rate_fields)
    if shown is None or count is None or price is None:
        missing = quantity.fields if count is None else quantity.rate_fields if price is None else declared.cost_fields
        return Unchecked(f"it has no {' or '.join(missing)} that is a number")
    units = _rate_units(quantity, fields)
    if isinstance(units, Unchecked):
        return units
    return Rated(shown, count, quantity.unit, price, units)


def _rate_units(quantity: Quantity, fields: Raws) -> int | Unchecked:
    """How many units the rate of a record is for: as its unit field says, else as declared."""
    name = quantity.rate_unit_field
    text = (value_text(fields.get(name)) or "").strip() if name is not None else ""
    if not text:
        return quantity.rate_per
    units = quantity.rate_units.get(text)
    return Unchecked(f"its {name} is {text[:60]!r}, which the catalogue does not know") if units is None else units


def _number(fields: Raws, names: tuple[str, ...]) -> str | None:
    """The first of the fields that is there, as the number that is written in it; None if it is none."""
    text = next((text for name in names if (text := (value_text(fields.get(name)) or "").strip())), None)
    if text is None or len(text) > DIGITS_MAX or "_" in text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return text if number.is_finite() and abs(number.adjusted()) <= DIGITS_MAX else None
