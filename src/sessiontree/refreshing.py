"""Refreshing: which sessions a change of records concerns, and what they are now. Writing that is a store's affair.

Only a change of links moves events between sessions, so what has to be looked at follows from the links alone: whatever
can be reached upward from the changed records, and from those that name them, by any link; and the sessions in which
they stood before. The trees are gathered and built as for any answer, only for many sessions at a time.
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta

from sessiontree import tree as trees
from sessiontree.gathering import Gathering
from sessiontree.placement import Node, TypePlan
from sessiontree.record import Record
from sessiontree.store import Asks, Snapshot
from sessiontree.tree import Tree

_ANY_TIME = timedelta(0)
Identity = tuple[str, str]


class Region(Gathering):
    """The events around some changed records, and the sessions that these may have joined, left or changed.

    There is no limit on the events of a tree here: a list that left out the largest session would not add up.
    """

    def __init__(self, snapshot: Snapshot, plans: dict[str, TypePlan]) -> None:
        super().__init__(snapshot, plans, sys.maxsize)
        self._looked_up: set[Identity] = set()
        self._loaded: list[Node] = []
        self._reached: set[Node] = set()

    def start(self, changed: Iterable[Record], others: Iterable[Record]) -> None:
        """Take up records with new content, those that name them now, and others that may have another parent."""
        self._take(changed)
        asks = Asks(set(), set(), set())
        for node in self._open:
            for at in node.plan.child_keys:
                key = node.keys[at]
                if key is not None:
                    asks.refs.add(key)
            self._ask_above(node, asks)
        self._take(others)
        self._fetch(asks)

    def _ask_above(self, node: Node, asks: Asks) -> None:
        """Ask for the parents that an event most likely has."""
        record = node.record
        if record is not None:
            for plan in node.plan.parents:
                if not plan.virtual:
                    key = record.refs[plan.vias[0].ref]
                    if key is not None:
                        asks.keys.add(key)

    def tops(self, old: Iterable[Identity]) -> list[Node]:
        """The tops of all sessions to be computed again; `old` are those of the sessions in which the records stood.

        Links are followed as they are declared, before circles are opened: where one is opened may be what changed.
        """
        known = {identity for identity in old if identity[0] in self._plans}
        virtuals = [self._virtual(self._plans[name], id) for name, id in known if self._plans[name].declared.virtual]
        self._fetch(Asks(known, set(), set()))
        seeds = [*virtuals, *self._open]
        self._resolve_all()
        return self._reach(seeds)

    def further_tops(self) -> list[Node]:
        """The tops that can be reached from anything fetched so far, and were not given yet."""
        return self._reach(self._loaded)

    def _reach(self, nodes: list[Node]) -> list[Node]:
        """The tops that are reached upward from some events for the first time."""
        reached = self._reached
        queue = [node for node in dict.fromkeys(nodes) if node not in reached]
        reached.update(queue)
        for node in queue:
            for link in node.parents or ():
                if link.parent not in reached:
                    reached.add(link.parent)
                    queue.append(link.parent)
        settled: set[Node] = set()
        for node in queue:
            if node.plan.circular and node.parents:
                settled.update(link.parent for link in self.climb(node, settled))
                settled.add(node)
        return [node for node in queue if not node.parents]

    def _resolve_all(self) -> None:
        """Work out the parents of all events fetched so far, and theirs in turn."""
        while self._open:
            ready, self._open = self._open, []
            asks = Asks(set(), set(), set())
            for node in ready:
                missing = self._resolve(node)
                if missing:
                    asks.keys.update(missing)
                    self._open.append(node)
                else:
                    self._loaded.append(node)
            asks.ids.update(self._virtuals.keys() - self._looked_up)
            self._looked_up.update(asks.ids)
            self._fetch(asks)

    def fill(self, tops: Iterable[Node]) -> None:
        """Fetch everything below the tops, a level of all of them at a time."""
        level = list(tops)
        inside = set(level)
        while level:
            asks = Asks(set(), set(), set())
            for node in level:
                self._ask_below(node, asks)
            self._fetch(asks)
            self._resolve_all()
            level = [child for node in level for child in self._below.get(node, ()) if child not in inside]
            level = list(dict.fromkeys(level))
            inside.update(level)

    def trees(self, tops: Iterable[Node]) -> Iterator[Tree]:
        """The tree of each top, until the next is asked for; none for a virtual event without anything below it."""
        for top in tops:
            self.settled = True
            events = self.below(top)
            if top.record is not None or len(events) > 1:
                yield trees.grow(top, events, [], settled=self.settled, open_for=_ANY_TIME)
            for node in events:  # it may stand in other trees too
                node.link, node.children = None, []
                if node.plan.declared.virtual:
                    node.start, node.finish = (node.record.start, node.record.finish) if node.record else (None, None)
