"""Session rows against fresh computations: the tree of each is built from the records alone, as for any answer."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from sessiontree.analysis import Analysis
from sessiontree.catalog import Catalog
from sessiontree.errors import EventNotFound
from sessiontree.sessions import Session
from sessiontree.store import Snapshot
from sessiontree.store.checks import Difference, Moment, Row
from sessiontree.summary import summary
from sessiontree.tree import Tree

_AS_IT_MAY_BE = frozenset({"as_of", "revision"})  # say when and how often the row was written, not what it says


class Afresh:
    """Compares the session rows of an account with what a fresh computation at the same moment gives.

    There is no limit on the events of a tree here, as there is none when rows are written.
    """

    def __init__(self, catalog: Catalog, account: str) -> None:
        self.catalog = catalog
        self._account = account
        self._analysis = Analysis(self, events_max=sys.maxsize)
        self._moment: Moment | None = None

    @contextmanager
    def snapshot(self, account: str) -> Iterator[Snapshot]:
        """The records of the moment that is looked at: for the analysis, a store that stands still."""
        assert self._moment is not None
        yield self._moment.snapshot()

    def differences(self, moment: Moment, row: Row) -> list[Difference]:
        """What a row of this moment says that a fresh computation does not."""
        self._moment = moment
        session = row.session
        tree = self._tree(session)
        if isinstance(tree, str):
            text = f"has a row as a session, and {tree}"
            return [Difference("no_top", text, session.record_type, session.id)]
        found = []
        if wrong := _wrong_fields(session, summary(tree, session.as_of)):
            found.append(("session", f"differs from a fresh computation in {', '.join(wrong)}"))
        if (row.homes, row.visits) != _members(tree):
            found.append(("members", "is noted with other records than a fresh computation finds"))
        tree.release()
        return [Difference(code, text, session.record_type, session.id) for code, text in found]

    def _tree(self, session: Session) -> Tree | str:
        """The tree of a session's top, or why it is no top."""
        declared = self.catalog.types.get(session.record_type)
        if declared is None:
            return "its type is not in the catalogue"
        try:
            tree = self._analysis.tree(self._account, declared, session.id)
        except EventNotFound:
            return "there is no such event"
        return "stands below another event" if tree.ancestors or tree.root.id != session.id else tree


def _wrong_fields(kept: Session, fresh: Session) -> list[str]:
    before, now = msgspec.structs.asdict(kept), msgspec.structs.asdict(fresh)
    return [name for name in now if name not in _AS_IT_MAY_BE and before[name] != now[name]]


def _members(tree: Tree) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
    """The records that are at home in a tree, and those that are shown in it as well."""
    sent = [node for node in tree.nodes if node.record is not None]
    homes = frozenset(node.identity for node in sent if not node.away)
    return homes, frozenset(node.identity for node in sent if node.away)
