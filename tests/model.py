"""A second, deliberately naive answer to what a store and the tree builder answer, for the laws to compare with.

It takes the catalogue and records in order of arrival, keeps them in dicts, and works everything out again for each
question by following the rules from top to bottom: slow, and short enough to be believed. Amounts are Decimals in a
context that raises instead of rounding. It shares no code with the program but the catalogue's declarations.
Reading a record is in `model_reading`, placement in `model_placing`, the answer and how to compare it in `model_tree`;
this module adds up and answers. It knows one account and no depth limit, time hint or session status.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

from model_placing import Link, Placed, Placing, earliest_first
from model_reading import Event, Key, Rejected, as_written, read_record
from model_tree import Amounts, ModelNode, ModelTree, flatten
from sessiontree.catalog import Catalog

__all__ = ["Key", "Link", "Model", "ModelNode", "ModelTree", "flatten"]

EXACT = Context(prec=300, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])


class Model:
    """All records of one account, and what follows from them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._content: dict[Key, object] = {}
        self._sent: dict[Key, Event] = {}
        self._known: Placing | None = None
        self._trees: dict[Key, Placed] = {}

    def add(self, record: dict[str, Any], record_type: str | None = None) -> str | tuple[str, str]:
        """Take one record; "created", "updated", "unchanged", or ("rejected", the field at fault).

        `record_type` names the type of a record that does not name it itself. Numbers are ints and Decimals (JSON read
        with parse_float=Decimal); a float is rejected. 1.0 and 1.00 are different content; 1e-4 and 0.0001, which are
        the same Decimal to the last digit, pass as the same.
        """
        try:
            event = read_record(self._catalog, record, record_type)
        except Rejected as fault:
            return "rejected", str(fault)
        known, content = self._content.get(event.key), as_written(record)
        if known == content:
            return "unchanged"
        self._content[event.key], self._sent[event.key] = content, event
        self._known, self._trees = None, {}
        return "created" if known is None else "updated"

    def events(self) -> list[Key]:
        """Every event there is, sorted: one for each record, and the virtual events that exist without one."""
        return sorted(key for key in self._placing.events if self._exists(key))

    def absent(self) -> list[Key]:
        """Virtual events that records name and that do not exist all the same, sorted: none of those is under them."""
        return sorted(key for key in self._placing.events if not self._exists(key))

    def sessions(self) -> list[Key]:
        """Every top, sorted."""
        return [key for key in self.events() if self._placing.home(key) is None]

    def tree(self, record_type: str, event_id: str) -> ModelTree | None:
        """The tree for an event, asked for by its own or a second id; None if there is none."""
        key = self._find(record_type, event_id)
        if key is None:
            return None
        placed = self._session(key)
        ancestors: list[Link] = []
        while link := placed[ancestors[-1].parent if ancestors else key]:
            ancestors.append(link)
        away = any(self._stands_away(at, placed) for at in [key, *(link.parent for link in ancestors)])
        root = self._node(key, placed | {key: None}, away)
        return ModelTree(root, tuple(ancestors), frozenset(self._problems(root)))

    @property
    def _placing(self) -> Placing:
        if self._known is None:
            self._known = Placing(self._catalog, dict(self._sent))
        return self._known

    def _session(self, key: Key) -> Placed:
        """The session tree in which this event is at home."""
        top = self._placing.top(key)
        if top not in self._trees:
            self._trees[top] = self._placing.place(top)
        return self._trees[top]

    def _exists(self, key: Key) -> bool:
        return key in self._placing.events and key in self._session(key)

    def _find(self, record_type: str, event_id: str) -> Key | None:
        kind = self._catalog.find(record_type)
        if kind is None:
            return None
        if self._exists(Key(kind.name, event_id)):
            return Key(kind.name, event_id)
        of_type = [event for event in self._sent.values() if event.key.type == kind.name]
        asked = [event.key for event in of_type if event_id in map(event.links.get, kind.second_id_fields)]
        return min(asked, key=self._placing.order, default=None)

    def _problems(self, root: ModelNode) -> set[tuple[str, str, str]]:
        shown = {node.key for node in root.walk()}
        problems = {problem for problem in self._placing.problems if problem[1:] in shown}
        declares_parents = bool(self._catalog.types[root.key.type].parents)
        if declares_parents and self._placing.home(root.key) is None and root.key not in self._placing.breakers:
            problems.add(("unlinked", *root.key))
        return problems | {("missing_children", *key) for key in shown if self._misses_children(key)}

    def _misses_children(self, key: Key) -> bool:
        """Whether it has finished and expects children of a type of which none has a link to it."""
        event = self._placing.events[key]
        linked = {child.type for child, links in self._placing.links.items() if key in [link.parent for link in links]}
        return event.finish is not None and not event.expects <= linked

    def _stands_away(self, key: Key, placed: Placed) -> bool:
        link = placed[key]
        return link is not None and link.parent != self._placing.home(key)

    def _node(self, key: Key, placed: Placed, away: bool) -> ModelNode:
        below = [child for child, link in placed.items() if link is not None and link.parent == key]
        children = [self._node(child, placed, away or self._stands_away(child, placed)) for child in below]
        children.sort(key=lambda node: earliest_first(node, node.key))
        lower = [node for child in children for node in child.walk()]
        event = self._placing.events[key]
        start, finish = self._times(event, lower)
        own = {} if event.cost is None else {event.currency: event.cost}
        return ModelNode(
            key=key,
            cost=event.cost,
            status=event.status,
            currency=event.currency or most_common(node.currency for node in lower if node.status == "rated"),
            totals=add([own, *(child.totals for child in children)]),
            event_count=1 + len(lower),
            elsewhere=add([own if away else {}, *(child.elsewhere for child in children)]),
            elsewhere_count=away + sum(child.elsewhere_count for child in children),
            unpriced_count=sum(node.status == "unpriced" for node in [event, *lower]),
            elsewhere_unpriced_count=(away and event.status == "unpriced")
            + sum(child.elsewhere_unpriced_count for child in children),
            relationship=placed[key],
            also_in=self._placing.home(key) if self._stands_away(key, placed) else None,
            start=start,
            finish=finish,
            children=tuple(children),
        )

    def _times(self, event: Event, lower: list[ModelNode]) -> tuple[datetime | None, datetime | None]:
        """Its own start and finish; what a virtual event lacks is the earliest and the latest below it."""
        if not self._catalog.types[event.key.type].virtual:
            return event.start, event.finish
        starts = [node.start for node in lower if node.start is not None]
        finishes = [node.finish for node in lower if node.finish is not None]
        return event.start or min(starts, default=None), event.finish or max(finishes, default=None)


def add(parts: list[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for currency, amount in part.items():
            total[currency] = EXACT.add(total.get(currency, Decimal(0)), amount)
    return total


def most_common(currencies: Iterable[str]) -> str:
    """The currency that occurs most; of several the first by alphabet; USD for none."""
    counts = Counter(currencies)
    return min(counts, key=lambda currency: (-counts[currency], currency), default="USD")
