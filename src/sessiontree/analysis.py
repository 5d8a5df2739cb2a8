"""Session analysis: from a record type and an id to the session tree, by asking the store. Every face calls this.

Follow `Analysis.tree` to see the program: find the event, climb to the top of its session, gather what lies below,
place it, add it up.
"""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from sessiontree import tree as trees
from sessiontree.catalog import Catalog, RecordType
from sessiontree.errors import EventNotFound
from sessiontree.gathering import Gathering
from sessiontree.placement import Node, plans
from sessiontree.store import Snapshot
from sessiontree.tree import OPEN_FOR, Tree

EVENTS_MAX = 100_000


class Source(Protocol):
    """What is asked of a store here."""

    @property
    def catalog(self) -> Catalog: ...
    def snapshot(self, account: str) -> AbstractContextManager[Snapshot]: ...


class Analysis:
    """Answers for one store and its catalogue.

    `events_max` limits the events of one tree; for `open_for` an event without a finish counts as in progress.
    """

    def __init__(self, store: Source, *, events_max: int = EVENTS_MAX, open_for: timedelta = OPEN_FOR) -> None:
        self._store = store
        self._plans = plans(store.catalog)
        self._events_max = events_max
        self._open_for = open_for

    def tree(
        self, account: str, declared: RecordType, id: str, at_hand: AbstractContextManager[Snapshot] | None = None
    ) -> Tree:
        """The tree of the event with this id (or a declared second id) and everything below it, placed and added up.

        Of what is `at_hand`, where that is given (see `Store.at_hand`). Raises EventNotFound, and TreeTooLarge beyond
        the limit on events: never a part of the sum.
        """
        with at_hand or self._store.snapshot(account) as snapshot:
            gathering = Gathering(snapshot, self._plans, self._events_max)
            root = gathering.locate(self._plans[declared.name], id)
            ancestors = gathering.climb(root)
            events = gathering.below(root)
            if not gathering.settled and ancestors and _has_visitors(events):
                events = gathering.below(ancestors[-1].parent)  # who stands where is settled in the whole session
        if root.record is None and len(events) == 1:  # nothing has a link to it, or none that is left after a circle
            raise EventNotFound(declared.name, id)
        return trees.grow(root, events, ancestors, settled=gathering.settled, open_for=self._open_for)


def _has_visitors(nodes: list[Node]) -> bool:
    """Whether an event below the first is at home elsewhere."""
    inside = set(nodes)
    return any(node.home is not None and node.home.parent not in inside for node in nodes[1:])
