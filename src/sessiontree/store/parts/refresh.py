"""One refresh: from some notes of one account to the sessions that they concern, as they were and as they are now.

What it asks is in each store's `refresh_reading`; what differs is written by its `session_writing`.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Protocol

from sessiontree.placement import Node, TypePlan
from sessiontree.record import Record
from sessiontree.refreshing import Region
from sessiontree.sessions import Session
from sessiontree.store import Snapshot
from sessiontree.store.parts.notes import Notes
from sessiontree.store.parts.session_rows import Row, row_of
from sessiontree.summary import summary
from sessiontree.tree import Tree

Identity = tuple[str, str]


class Rows(Snapshot, Protocol):
    """An account's records at one moment, and the row of every one that was given, by the record's `id()`."""

    row_of: dict[int, int]

    def between(self, ranges: Iterable[tuple[int, int]]) -> list[Record]:
        """The records of rows from first to last."""

    def at(self, rows: Iterable[int]) -> list[Record]:
        """The records of these rows, those that are there and were not given before."""


class Reading(Protocol):
    """The questions of one refresh, of one account and all of one moment."""

    def snapshot(self) -> Rows:
        """The account's records, none of them given yet."""

    def at_places(self, places: Sequence[int]) -> set[int]:
        """The rows that have a link at any of these places."""

    def held(self, rows: Collection[int]) -> set[int]:
        """The sessions that hold any of these rows."""

    def held_between(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        """The sessions that hold any of the rows of these ranges."""

    def sessions(self, numbers: Collection[int]) -> Iterable[Row]:
        """The sessions of these numbers."""

    def sessions_of(self, tops: Iterable[Identity]) -> Iterable[Row]:
        """The sessions of these tops."""

    def waiting(self, rows: Collection[int], notes: Notes) -> tuple[set[int], set[int]]:
        """Those of the rows that wait for a later refresh than that of these notes: the new, and the changed."""


class Refresh:
    """Works out what has to be written; `old` and `new` are by the top's identity.

    Rows that later notes name, of records of the same sessions, are worked in together with those of the notes. Without
    that a session would be built once for every stretch in which some of it arrived. New ones have a home then, and
    their turn does not come; so those that may stand in further sessions than were built have to be noted `again`.

    What is found out on the way may concern further sessions. Then all is worked out again together with those, until
    no record has left a session, or come into one, without that its other session is among them.
    """

    def __init__(self, reading: Reading, notes: Notes, plans: dict[str, TypePlan], now: datetime) -> None:
        self._reading = reading
        self._plans = plans
        self._now = now
        self.notes = notes
        self.account_id = notes.account_id
        self._others = reading.at_places(notes.places)
        self._sessions = set(notes.sessions)
        self._strangers: set[int] = set()  # sessions that hold records of those worked out, and are not among them
        self.old: dict[Identity, Row] = {}
        self.new: dict[Identity, tuple[Row, Session]] = {}
        self.again: set[int] = set()

    def run(self) -> None:
        """Fill `old` and `new`."""
        while True:
            self._work_out()
            left = {row for old in self.old.values() for row in old.homes} - self._others
            if left:
                left.difference_update(*[new.homes for new, _ in self.new.values()])
            if not left and self._strangers <= self._sessions:
                return
            self._others |= left
            self._sessions |= self._strangers

    def _work_out(self) -> None:
        reading, snapshot = self._reading, self._reading.snapshot()
        region = Region(snapshot, self._plans)
        region.start(snapshot.between(self.notes.rows), snapshot.at(self._others))
        noted = set(chain.from_iterable([range(first, last + 1) for first, last in self.notes.rows]))
        looked_up = noted.union(snapshot.row_of.values())
        numbers = self._sessions | reading.held_between(self.notes.rows) | reading.held(looked_up - noted)
        self.old = {row.identity: row for row in reading.sessions(numbers)}
        tops = region.tops(self.old)
        region.fill(tops)
        waiting = any(reading.waiting(set(snapshot.row_of.values()) - noted, self.notes))
        further = region.further_tops() if waiting else []
        region.fill(further)
        self.new = {}
        rows = self._build(region, tops, snapshot.row_of, looked_up)
        if further:
            known = rows | looked_up
            more = self._build(region, further, snapshot.row_of, known)
            self.again, _ = reading.waiting(more, self.notes)
            rows |= more
        self.old |= {row.identity: row for row in reading.sessions_of(self.new.keys() - self.old.keys())}
        self._strangers = reading.held(rows) - {row.number for row in self.old.values()}

    def _build(
        self, region: Region, tops: Iterable[Node], row_of_record: dict[int, int], known: Collection[int]
    ) -> set[int]:
        """Build the sessions of these tops; the rows of their records that are not known."""
        rows: set[int] = set()
        for tree in region.trees(tops):
            row, session = self._row(tree, row_of_record)
            self.new[row.identity] = (row, session)
            rows.update([each for each in row.homes if each not in known])
            rows.update([each for each in row.visits if each not in known])
        return rows

    def _row(self, tree: Tree, row_of_record: dict[int, int]) -> tuple[Row, Session]:
        homes: list[int] = []
        visits: list[int] = []
        for node in tree.nodes:
            if node.record is not None:
                (visits if node.away else homes).append(row_of_record[id(node.record)])
        session = summary(tree, self._now)
        return row_of(session, sorted(homes), sorted(visits)), session
