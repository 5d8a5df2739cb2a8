"""The rows of an export: where each event of a tree stands, and the columns that say so.

A row is a tuple of plain values in the order of its columns; how they are written is the affair of each format.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from sessiontree import money
from sessiontree.placement import Link, Node
from sessiontree.tree import Tree

PATH_LEVELS_MAX = 64
"""A path names this many events and then says that there are more: paths of very deep trees would never end."""

Kind = Literal["text", "integer", "flag", "time", "amount", "json"]
Value = str | int | bool | datetime | bytes | None
"""An amount is an int of 10^-12, as everywhere; `json` is a record's field as JSON text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what its values are."""

    name: str
    kind: Kind


class Place(NamedTuple):
    """An event where it stands: in the tree of `root`, `depth` levels below it, reached by the ids of `path`."""

    root: Node
    node: Node
    depth: int
    path: str


OWN = (
    Column("session_id", "text"),
    Column("session_type", "text"),
    Column("path", "text"),
    Column("depth", "integer"),
    Column("parent_id", "text"),
    Column("parent_type", "text"),
    Column("relationship", "text"),
    Column("record_type", "text"),
    Column("id", "text"),
    Column("product", "text"),
    Column("event", "text"),
    Column("started_at", "time"),
    Column("finished_at", "time"),
    Column("event_cost", "amount"),
    Column("cumulative_cost", "amount"),
    Column("currency", "text"),
    Column("cost_status", "text"),
    Column("other_currencies", "text"),
)
VISITING = (Column("elsewhere", "flag"), Column("also_in", "text"))
"""Columns of an export that also shows events away from their home, as the tree of one session does."""
_bodies = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows and columns an export has: the chosen record fields, and whether visiting events are shown too."""

    fields: tuple[str, ...] = ()
    visitors: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns. A record field that is called as one of ours gets `record.` in front."""
        ours = OWN + VISITING if self.visitors else OWN
        taken = {column.name for column in ours}
        chosen = [Column(f"record.{name}" if name in taken else name, "json") for name in self.fields]
        return (*ours, *chosen)

    def places(self, tree: Tree) -> Iterator[Place]:
        """The events of a tree in reading order: each is followed by those below it."""
        root = tree.root
        waiting = [Place(root, root, 0, root.id)]
        while waiting:
            place = waiting.pop()
            if place.node.away and not self.visitors:
                continue  # all below it are away from home as well
            yield place
            waiting += [_below(place, child) for child in reversed(place.node.children)]

    def values(self, place: Place) -> tuple[Value, ...]:
        """The row of an event."""
        node = place.node
        visiting = (node.away, _also_in(place)) if self.visitors else ()
        return (*_own_values(place), *visiting, *_field_values(node, self.fields))


def _below(place: Place, child: Node) -> Place:
    depth = place.depth + 1
    if depth < PATH_LEVELS_MAX:
        path = f"{place.path}/{child.id}"  # ids hold no slash
    else:
        path = place.path + "/..." if depth == PATH_LEVELS_MAX else place.path
    return Place(place.root, child, depth, path)


def _own_values(place: Place) -> tuple[Value, ...]:
    node, declared = place.node, place.node.plan.declared
    own = node.record.cost if node.record is not None else None
    return (
        place.root.id,
        place.root.name,
        place.path,
        place.depth,
        *_parent(_link(place)),
        declared.name,
        node.id,
        declared.product,
        declared.event,
        node.start,
        node.finish,
        own or 0,
        node.totals.get(node.currency, 0),
        node.currency,
        node.cost_status,
        sums_text({code: amount for code, amount in node.totals.items() if code != node.currency}) or None,
    )


def _link(place: Place) -> Link | None:
    return None if place.node is place.root else place.node.link


def _parent(link: Link | None) -> tuple[str | None, str | None, str | None]:
    if link is None:
        return None, None, None
    return link.parent.id, link.parent.name, f"{link.via.local_field}={link.via.parent_field}"


def _also_in(place: Place) -> str | None:
    node = place.node
    if node is place.root or node.home is None or node.link is node.home:
        return None
    return f"{node.home.parent.name}/{node.home.parent.id}"


def _field_values(node: Node, fields: Sequence[str]) -> list[bytes | None]:
    if not fields:
        return []
    if node.record is None:
        known = {node.plan.declared.id_field: _encode(node.id)}
        return [known.get(name) for name in fields]
    body = _bodies.decode(node.record.body)
    return [bytes(body[name]) if name in body else None for name in fields]


def sums_text(totals: money.Totals) -> str:
    """Amounts of several currencies in one text: `EUR -1.250000 + USD 0.030000`; empty for none."""
    return " + ".join(f"{code} {money.text(totals[code])}" for code in sorted(totals))


def time_text(moment: datetime) -> str:
    """A moment as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")
