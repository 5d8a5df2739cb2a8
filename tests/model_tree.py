"""What the naive model answers: an event's tree with its amounts, and forms of it to compare and to read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from model_placing import Link
from model_reading import UNITS, Key

Amounts = dict[str, Decimal]
"""Exact amounts by currency. A currency that is absent has no priced event, which is not the same as zero."""


@dataclass(frozen=True)
class ModelNode:
    """An event in its place, with all below it.

    `currency` is the one its own cost is shown in. `totals` has an entry for each currency with a priced event in the
    subtree, itself included (an entry may be zero); `elsewhere` the same for the part that is at home elsewhere.
    `relationship` is None on the root of the answer; `also_in` is the home of a node that stands away from it.
    """

    key: Key
    cost: Decimal | None
    status: str
    currency: str
    totals: Amounts
    event_count: int
    elsewhere: Amounts
    elsewhere_count: int
    unpriced_count: int
    elsewhere_unpriced_count: int
    relationship: Link | None
    also_in: Key | None
    start: datetime | None
    finish: datetime | None
    children: tuple["ModelNode", ...] = field(repr=False)

    def walk(self) -> Iterator["ModelNode"]:
        """This node and all below it, parents first, children in the order shown."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class ModelTree:
    """The answer for one event: its node, the links from it up to the top (nearest first), and (code, type, id)s."""

    root: ModelNode
    ancestors: tuple[Link, ...]
    problems: frozenset[tuple[str, str, str]]


class Comparable(NamedTuple):
    """All that is compared of a node. Amounts are ints of 10^-12, as in the program; times are UTC datetimes or None.

    `totals` is sorted (currency, amount) pairs, one per currency with a priced event in the subtree, zero or not.
    `elsewhere` is the same without the zeros, as the API leaves them out. `relationship` is (local field, parent
    field, parent type, parent id), None on the root of the answer; `also_in` is (type, id); `children` the (type, id)s
    in the order shown. Being a tuple, it equals a plain tuple of the same values.
    """

    event_cost: int | None
    status: str
    currency: str
    totals: tuple[tuple[str, int], ...]
    event_count: int
    elsewhere: tuple[tuple[str, int], ...]
    elsewhere_count: int
    unpriced_count: int
    relationship: tuple[str, str, str, str] | None
    also_in: tuple[str, str] | None
    start: datetime | None
    finish: datetime | None
    children: tuple[tuple[str, str], ...]


def flatten(tree: ModelTree) -> dict[tuple[str, str], Comparable]:
    """Every node of the answer by (type, id). That no event stands twice is asserted."""
    flat = {node.key: comparable(node) for node in tree.root.walk()}
    assert len(flat) == tree.root.event_count, "an event stands twice in one tree"
    return flat


def comparable(node: ModelNode) -> Comparable:
    relationship = node.relationship
    return Comparable(
        event_cost=None if node.cost is None else units(node.cost),
        status=node.status,
        currency=node.currency,
        totals=tuple(sorted((currency, units(amount)) for currency, amount in node.totals.items())),
        event_count=node.event_count,
        elsewhere=tuple(sorted((currency, units(amount)) for currency, amount in node.elsewhere.items() if amount)),
        elsewhere_count=node.elsewhere_count,
        unpriced_count=node.unpriced_count,
        relationship=relationship and (relationship.local_field, relationship.parent_field, *relationship.parent),
        also_in=node.also_in,
        start=node.start,
        finish=node.finish,
        children=tuple(child.key for child in node.children),
    )


def units(amount: Decimal) -> int:
    whole = Fraction(amount) * UNITS
    assert whole.denominator == 1
    return whole.numerator


def drawn(tree: ModelTree) -> str:
    """The answer as an indented text tree, one event a line: type, id, then cumulative cost in each currency.

    A node shown away from its home has a star.
    """
    lines: list[str] = []

    def draw(node: ModelNode, depth: int) -> None:
        amounts = " ".join(f"{amount:f} {currency}" for currency, amount in sorted(node.totals.items()))
        star = "*" if node.also_in else ""
        lines.append(f"{'  ' * depth}{node.key.type} {node.key.id}{star} {amounts}".rstrip())
        for child in node.children:
            draw(child, depth + 1)

    draw(tree.root, 0)
    return "\n".join(lines)
