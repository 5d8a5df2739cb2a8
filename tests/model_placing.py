"""The naive model's placement: whose parent is whose, where a circle is opened, and where each event stands in a tree.

Each rule is one method, worked out from all events at once. Knows nothing of amounts.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from model_reading import Event, Key, without_record
from sessiontree.catalog import Catalog, Relationship


class Link(NamedTuple):
    """An event's parent and the field pair that led to it."""

    local_field: str
    parent_field: str
    parent: Key


Placed = dict[Key, Link | None]
"""The events of one session tree, each with the link under which it stands there (None for the top)."""


class Placing:
    """Every event that a set of records makes, virtual ones included, and the links that hold between them."""

    def __init__(self, catalog: Catalog, sent: dict[Key, Event]) -> None:
        self._catalog = catalog
        self._sent = sent
        self.events = dict(sent)
        self.links: dict[Key, list[Link]] = {}
        self.problems: set[tuple[str, str, str]] = set()
        self._find_links()
        self.breakers = {breaker for key in self.events if (breaker := self._breaker(key)) is not None}
        for key in self.breakers:
            self.links[key] = []
            self.problems.add(("circle", *key))

    # Parents

    def _find_links(self) -> None:
        waiting = list(self.events)
        while waiting:
            key = waiting.pop()
            self.links[key] = self._parents(self.events[key])
            for parent in [link.parent for link in self.links[key]]:
                if parent not in self.events:
                    self.events[parent] = without_record(self._catalog, parent)
                    waiting.append(parent)

    def _parents(self, event: Event) -> list[Link]:
        """For each declared parent type, in order, the link to the parent it has of that type."""
        links = [self._link(event, relationship) for relationship in self._catalog.types[event.key.type].parents]
        return [link for link in links if link is not None]

    def _link(self, event: Event, relationship: Relationship) -> Link | None:
        missed = False
        for via in relationship.via:
            value = event.links.get(via.local_field)
            if value is None:
                continue
            candidates = self._candidates(relationship.parent, via.parent_field, value) - {event.key}
            if candidates:
                if missed:
                    self.problems.add(("fallback_link", *event.key))
                if len(candidates) > 1:
                    self.problems.add(("several_parents", *event.key))
                return Link(via.local_field, via.parent_field, min(candidates, key=self._candidate_order))
            missed = True
        return None

    def _candidates(self, parent_type: str, parent_field: str, value: str) -> set[Key]:
        if self._catalog.types[parent_type].virtual:
            return {Key(parent_type, value)}
        of_type = [event for event in self._sent.values() if event.key.type == parent_type]
        return {event.key for event in of_type if event.links.get(parent_field) == value}

    def _candidate_order(self, key: Key) -> tuple:
        return earliest_first(self._sent.get(key), key)

    # Homes and circles

    def home(self, key: Key) -> Key | None:
        return self.links[key][0].parent if self.links[key] else None

    def top(self, key: Key) -> Key:
        while (home := self.home(key)) is not None:
            key = home
        return key

    def _breaker(self, key: Key) -> Key | None:
        """The member that gives way in the circle into which the homes above this event run, if they do."""
        path: list[Key] = []
        at: Key | None = key
        while at is not None and at not in path:
            path.append(at)
            at = self.home(at)
        return None if at is None else min(path[path.index(at) :], key=self.order)

    def order(self, key: Key) -> tuple:
        return earliest_first(self.events[key], key)

    # Session trees

    def place(self, top: Key) -> Placed:
        """This top's session tree; empty if it is a virtual event with nothing below it."""
        return self._without_empty(self._attach(top, self._members(top)))

    def _members(self, top: Key) -> set[Key]:
        """The top and everything from which it can be reached through any links."""
        members, more = set(), {top}
        while more:
            members |= more
            more = {key for key, links in self.links.items() if any(link.parent in members for link in links)} - members
        return members

    def _attach(self, top: Key, members: set[Key]) -> Placed:
        """Put each member under the first parent it has among them."""
        placed: Placed = {top: None}
        while waiting := members - placed.keys():
            first = {key: first_within(self.links[key], members) for key in waiting}
            ready = {key: link for key, link in first.items() if link.parent in placed}
            if not ready:  # a circle through later links: open it at the earliest that can be attached at all
                can = {key: link for key in waiting if (link := first_within(self.links[key], placed)) is not None}
                opened = min(can, key=self.order)
                ready = {opened: can[opened]}
            placed |= ready
        return placed

    def _without_empty(self, placed: Placed) -> Placed:
        """Leave out virtual events that have neither a record nor anything below them, from the bottom up."""
        while True:
            parents = {link.parent for link in placed.values() if link is not None}
            kept = {key: link for key, link in placed.items() if self.events[key].sent or key in parents}
            if len(kept) == len(placed):
                return kept
            placed = kept


def first_within(links: list[Link], keys: Iterable[Key]) -> Link | None:
    """The first link whose parent is one of these."""
    return next((link for link in links if link.parent in keys), None)


def earliest_first(timed: Any, key: Key) -> tuple:
    """Sorts by start, none last; then by type and id, by code point. `timed` has a `start`; None: no start."""
    start = timed.start if timed is not None else None
    return start is None, start or datetime.max.replace(tzinfo=UTC), key
