"""One refresh: from some notes of one account to the sessions that they concern, as they were and as they are now."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from sessiontree.placement import Node, TypePlan
from sessiontree.refreshing import Region
from sessiontree.sessions import Session
from sessiontree.store.parts.notes import Notes
from sessiontree.store.parts.session_rows import COLUMNS, Row, read_row, row_of
from sessiontree.store.sqlite import dirty
from sessiontree.store.sqlite.row_snapshot import AT_PLACES, FEW, RowSnapshot, parts, statement_about
from sessiontree.summary import summary
from sessiontree.tree import Tree

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

Identity = tuple[str, str]


class Refresh:
    """Works out, inside a writing transaction, what has to be written; `old` and `new` are by the top's identity.

    `also` are rows that later notes name, and that have been worked in together with those of the notes: records of
    the same sessions. Without that a session would be built once for every stretch in which some of it arrived.

    What is found out on the way may concern further sessions. Then all is worked out again together with those, until
    no record has left a session, or come into one, without that its other session is among them.
    """

    def __init__(
        self, store: "SqliteStore", db: sqlite3.Connection, notes: Notes, plans: dict[str, TypePlan], now: datetime
    ) -> None:
        self._store = store
        self._db = db
        self._plans = plans
        self._now = now
        self._notes = notes
        self.account_id = notes.account_id
        (self._account,) = db.execute("select name from account where id = ?", [notes.account_id]).fetchone()
        self._others = set(self._at_places(notes.places))
        self._sessions = set(notes.sessions)
        self._strangers: set[int] = set()  # sessions that hold records of those worked out, and are not among them
        self.old: dict[Identity, Row] = {}
        self.new: dict[Identity, tuple[Row, Session]] = {}
        self.also: set[int] = set()

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
        snapshot = RowSnapshot(self._store, self._db, self._account)
        region = Region(snapshot, self._plans)
        region.start(snapshot.between(self._notes.rows), snapshot.at(self._others))
        noted = set(chain.from_iterable([range(first, last + 1) for first, last in self._notes.rows]))
        looked_up = noted.union(snapshot.row_of.values())
        numbers = self._sessions | self._held_between(self._notes.rows) | self._held(looked_up - noted)
        self.old = {row.identity: row for row in self._read(numbers)}
        tops = region.tops(self.old)
        region.fill(tops)
        fetched = set(snapshot.row_of.values())
        waiting = dirty.others(self._db, self._notes, fetched - noted)
        further = region.further_tops() if waiting else []
        region.fill(further)
        self.new, self.also = {}, set()
        rows = self._build(region, tops, snapshot.row_of, looked_up)
        if waiting:
            self.also = waiting.intersection(
                chain.from_iterable([new.homes + new.visits for new, _ in self.new.values()])
            )
            rows |= self._build(region, further, snapshot.row_of, looked_up)
        self.old |= {row.identity: row for row in self._of_tops(self.new.keys() - self.old.keys())}
        self._strangers = self._held(rows) - {row.number for row in self.old.values()}

    def _build(
        self, region: Region, tops: list[Node], row_of_record: dict[int, int], known: Collection[int]
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

    def _at_places(self, places: list[int]) -> Iterator[int]:
        for (row,) in self._select(AT_PLACES, places):
            yield row

    def _held(self, rows: set[int]) -> set[int]:
        """The sessions that hold any of these rows."""
        held: set[int] = set()
        ordered = sorted(rows)
        for table in ("home", "visit"):
            statement = f"select session from {table} where row in ({{}})"  # noqa: S608
            held.update([number for (number,) in self._select(statement, ordered)])
        return held

    def _held_between(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        held: set[int] = set()
        few: set[int] = set()
        for first, last in ranges:
            if last - first < FEW:
                few.update(range(first, last + 1))
                continue
            for table in ("home", "visit"):
                statement = f"select session from {table} where row between ? and ?"  # noqa: S608
                held.update([number for (number,) in self._db.execute(statement, (first, last))])
        return held | self._held(few)

    def _read(self, numbers: set[int]) -> Iterator[Row]:
        statement = f"select {COLUMNS} from session where account = ? and number in ({{}})"  # noqa: S608
        return map(read_row, self._select(statement, sorted(numbers), [self.account_id]))

    def _of_tops(self, tops: Iterable[Identity]) -> Iterator[Row]:
        by_type: dict[str, list[str]] = {}
        for record_type, id in tops:
            by_type.setdefault(record_type, []).append(id)
        statement = f"select {COLUMNS} from session where account = ? and record_type = ? and id in ({{}})"  # noqa: S608
        for record_type, ids in by_type.items():
            yield from map(read_row, self._select(statement, ids, [self.account_id, record_type]))

    def _select(self, statement: str, values: list[Any], first: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """What a statement finds for many values."""
        for some in parts(values):
            yield from self._db.execute(statement_about(statement, len(some)), [*first, *some])
