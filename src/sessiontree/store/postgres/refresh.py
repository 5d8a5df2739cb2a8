"""One refresh: from some notes of one account to the sessions that they concern, as they were and as they are now.

What it asks the database is in `refresh_reading`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import chain

from sessiontree.placement import Node, TypePlan
from sessiontree.refreshing import Region
from sessiontree.sessions import Session
from sessiontree.store.parts.notes import Notes
from sessiontree.store.parts.session_rows import Row, row_of
from sessiontree.store.postgres.refresh_reading import RefreshReading
from sessiontree.summary import summary
from sessiontree.tree import Tree

Identity = tuple[str, str]


class Refresh:
    """Works out what has to be written; `old` and `new` are by the top's identity.

    Rows that later notes name, of records of the same sessions, are worked in together with those of the notes. Without
    that a session would be built once for every stretch in which some of it arrived.

    What is found out on the way may concern further sessions. Then all is worked out again together with those, until
    no record has left a session, or come into one, without that its other session is among them.
    """

    def __init__(self, reading: RefreshReading, notes: Notes, plans: dict[str, TypePlan], now: datetime) -> None:
        self._reading = reading
        self._plans = plans
        self._now = now
        self._notes = notes
        self.account_id = notes.account_id
        self._others = reading.at_places(notes.places)
        self._sessions = set(notes.sessions)
        self._strangers: set[int] = set()  # sessions that hold records of those worked out, and are not among them
        self.old: dict[Identity, Row] = {}
        self.new: dict[Identity, tuple[Row, Session]] = {}

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
        region.start(snapshot.between(self._notes.rows), snapshot.at(self._others))
        noted = set(chain.from_iterable([range(first, last + 1) for first, last in self._notes.rows]))
        looked_up = noted.union(snapshot.row_of.values())
        numbers = self._sessions | reading.held_between(self._notes.rows) | reading.held(looked_up - noted)
        self.old = {row.identity: row for row in reading.sessions(numbers)}
        tops = region.tops(self.old)
        region.fill(tops)
        further = region.further_tops() if reading.wait(set(snapshot.row_of.values()) - noted, self._notes) else []
        region.fill(further)
        self.new = {}
        rows = self._build(region, [*tops, *further], snapshot.row_of, looked_up)
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
