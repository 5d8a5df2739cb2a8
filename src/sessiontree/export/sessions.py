"""The trees of many sessions, for an export: one after another, each read afresh from its records."""

import sys
from collections.abc import Generator
from dataclasses import replace

from sessiontree.analysis import Analysis
from sessiontree.errors import EventNotFound
from sessiontree.export.tally import Tally
from sessiontree.session_query import SessionQuery
from sessiontree.store import Store, refuse_disputed
from sessiontree.tree import Tree

REFRESHES_MAX = 10
"""How often to bring sessions up to date before listing them: while records pour in, that would never end."""


def session_trees(store: Store, account: str, query: SessionQuery, tally: Tally) -> Generator[Tree, None, None]:
    """The trees of the sessions that a query selects, of any size, oldest first, whatever the query's order.

    What has become part of another session since it was listed is left out; the tally notes when anything changed.
    Raises SessionsDisputed at once: trees by other declarations than those of the list would not add up to its sums.
    """
    refuse_disputed(store)
    return _trees(store, account, query, tally)


def _trees(store: Store, account: str, query: SessionQuery, tally: Tally) -> Generator[Tree, None, None]:
    tally.changed = not _refreshed(store)
    analysis = Analysis(store, events_max=sys.maxsize)  # an export that left out the largest would not add up
    before = store.sessions.last_change(account)
    oldest_first = replace(query, sort="started_at", descending=False, cursor=None)
    for session in store.sessions.walk(account, oldest_first):
        declared = store.catalog.types.get(session.record_type)
        if declared is None:  # its type has gone from the catalogue
            tally.changed = True
            continue
        try:
            tree = analysis.tree(account, declared, session.id)
        except EventNotFound:
            tally.changed = True
            continue
        root = tree.root
        if tree.ancestors or (root.totals, root.event_count) != (session.totals, session.event_count):
            tally.changed = True
        if tree.ancestors:
            tree.release()
        else:
            yield tree
    if store.sessions.last_change(account) != before:
        tally.changed = True


def _refreshed(store: Store) -> bool:
    """Whether the list of sessions is up to date now."""
    return any(store.sessions.refresh() == 0 for _ in range(REFRESHES_MAX))
