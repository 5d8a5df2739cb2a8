"""What was spent: sums of the costs of records in groups, as a store is asked for them.

Only own costs are added, so no record counts twice whatever session it stands in. Reading a query out of parameters,
and the answer's form, are in `spending`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from typing import NamedTuple, Protocol

import msgspec

from sessiontree import money
from sessiontree.errors import TooManyGroups
from sessiontree.money import UNIT
from sessiontree.periods import UNITS
from sessiontree.query import NUMBERS, Condition, value_text

GROUPS_MAX = 20_000
NAMED = (*UNITS, "product", "record_type", "currency", "session_type")
FIELD = "record."
"""Stands before the name of a record's field among the groupings."""

Group = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendQuery:
    """The records whose start lies in [since, until) and that meet everything else, and what to group them by.

    `by` lists some of NAMED, and fields as FIELD + name. A record without a start lies in no bounded range, and in the
    group None of each unit of time. The type of a session is that of its top; a record's session is the one in which it
    is at home. Of types any one will do, and None means all. Conditions and fields need exactly one type.
    """

    by: tuple[str, ...]
    zone: tzinfo = UTC
    since: datetime | None = None
    until: datetime | None = None
    record_types: frozenset[str] | None = None
    currency: str | None = None
    session_types: frozenset[str] | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        """The units of time among the groupings."""
        return tuple(each for each in self.by if each in UNITS)

    @property
    def of_sessions(self) -> bool:
        """Whether it matters in which session a record is at home."""
        return self.session_types is not None or "session_type" in self.by

    @property
    def fields(self) -> tuple[str, ...]:
        """The record fields among the groupings, by their own names."""
        return tuple(each.removeprefix(FIELD) for each in self.by if each.startswith(FIELD))


@dataclass(frozen=True, slots=True)
class SpendRow:
    """A group in one currency (None: of containers, which cost nothing). Amounts and quantities count 10^-12.

    `quantity` is what `quantity_count` of the events say they were charged for; None if none does, or if they differ in
    the unit. `average_rate` is what one unit of it cost, over the events that carry both a cost and a quantity; rounded
    to 10^-12, halves to even.
    """

    group: Group
    currency: str | None
    amount: int
    event_count: int
    unpriced_count: int
    quantity: int | None
    unit: str | None
    quantity_count: int
    average_rate: int | None


class Spend(Protocol):
    """The part of a store that answers what was spent."""

    def table(self, account: str, query: SpendQuery, *, from_records: bool = False) -> list[SpendRow]:
        """A row for each group and currency that has a record, in order; None comes last. All of one moment.

        `from_records` adds up the records even where a shorter way gives the same. Raises TooManyGroups beyond
        GROUPS_MAX rows, and never answers a part.
        """


class Events(NamedTuple):
    """Events that are alike: all with a cost or none (`amount` is None), all with a quantity or none."""

    currency: str | None
    event_count: int
    amount: int | None
    quantity: int | None


@dataclass(slots=True)
class _Measured:
    """Events of one group and unit that carry a quantity; `priced_` are those of them that have a cost."""

    quantity: int = 0
    count: int = 0
    priced_amount: int = 0
    priced_quantity: int = 0


@dataclass(slots=True)
class _Sum:
    amount: int = 0
    events: int = 0
    unpriced: int = 0
    measured: dict[str, _Measured] = field(default_factory=dict)


class Sums:
    """Adds parts of groups up to rows."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Group, str | None], _Sum] = {}

    def add(self, group: Group, unit: str | None, events: Events) -> None:
        """Add events of a group; `unit` is that of their quantity. Raises TooManyGroups."""
        found = self._sums.get((group, events.currency))
        if found is None:
            if len(self._sums) >= GROUPS_MAX:
                raise TooManyGroups(GROUPS_MAX)
            found = self._sums[group, events.currency] = _Sum()
        found.events += events.event_count
        if events.amount is not None:
            found.amount += events.amount
        elif events.currency is not None:
            found.unpriced += events.event_count
        if events.quantity is not None and unit is not None:
            measured = found.measured.setdefault(unit, _Measured())
            measured.quantity += events.quantity
            measured.count += events.event_count
            if events.amount is not None:
                measured.priced_amount += events.amount
                measured.priced_quantity += events.quantity

    def rows(self, by: tuple[str, ...]) -> list[SpendRow]:
        """The rows, in the order of their groups."""
        keys = sorted(self._sums, key=lambda key: tuple(_order(by, *key)))
        return [_row(*key, self._sums[key]) for key in keys]


def field_values(names: Sequence[str], fields: Mapping[str, str]) -> Callable[[bytes], Group]:
    """Reads the values of these fields, by which records are grouped, out of a body: as text, None for null and none.

    `fields` are those of the type, with their types: equal numbers are one value however they are written.
    """
    if not names:
        return lambda body: ()
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    readers = [(name, _number if fields.get(name) in NUMBERS else str) for name in names]

    def values(body: bytes) -> Group:
        get = decode(body).get
        texts = [(value_text(get(name)), read) for name, read in readers]
        return tuple([None if text is None else read(text) for text, read in texts])

    return values


def _number(text: str) -> str:
    try:
        return money.plain(money.read(text))
    except ValueError:
        return text


def _order(by: tuple[str, ...], group: Group, currency: str | None) -> Iterator[tuple[bool, object]]:
    """Hours go by their moment (when clocks are put back, one comes twice), all else by its text; None is last."""
    for name, value in zip((*by, "currency"), (*group, currency), strict=True):
        if value is None:
            yield True, ""
        else:
            yield False, datetime.fromisoformat(value) if name == "hour" else value


def _row(group: Group, currency: str | None, total: _Sum) -> SpendRow:
    unit, measured = next(iter(total.measured.items())) if len(total.measured) == 1 else (None, _Measured())
    rate = Fraction(measured.priced_amount * UNIT, measured.priced_quantity) if measured.priced_quantity else None
    return SpendRow(
        group=group,
        currency=currency,
        amount=total.amount,
        event_count=total.events,
        unpriced_count=total.unpriced,
        quantity=measured.quantity if unit else None,
        unit=unit,
        quantity_count=sum(each.count for each in total.measured.values()),
        average_rate=None if rate is None else round(rate),
    )
