"""What a refresh asks: records, many at a time and each with its row, and the sessions that hold them."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.notes import Notes
from sessiontree.store.parts.packing import reordered
from sessiontree.store.parts.places import KEY, REF
from sessiontree.store.parts.session_rows import COLUMNS, Row, read_row
from sessiontree.store.sqlite import dirty
from sessiontree.store.sqlite.snapshot import SqliteSnapshot, padded
from sessiontree.store.sqlite.write import place

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_AT_ONCE = 512
_FEW = 8  # so many neighbouring rows are not worth a statement of their own
_AT_PLACES = "select row from link where place in ({})"
_OF_ROWS = "select row, kind, packed from record where row in ({})"
_BETWEEN = "select row, kind, packed from record where row between ? and ?"


class RefreshReading:
    """The questions of one refresh, in its transaction; see `Reading` for what each means."""

    def __init__(self, store: "SqliteStore", db: sqlite3.Connection, account_id: int) -> None:
        self._store = store
        self._db = db
        self._account_id = account_id
        (self._account,) = db.execute("select name from account where id = ?", [account_id]).fetchone()

    def snapshot(self) -> "RowSnapshot":
        return RowSnapshot(self._store, self._db, self._account)

    def at_places(self, places: Sequence[int]) -> set[int]:
        return {row for (row,) in self._select(_AT_PLACES, places)}

    def held(self, rows: Collection[int]) -> set[int]:
        held: set[int] = set()
        ordered = sorted(rows)
        for table in ("home", "visit"):
            statement = f"select session from {table} where row in ({{}})"  # noqa: S608
            held.update([number for (number,) in self._select(statement, ordered)])
        return held

    def held_between(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        held: set[int] = set()
        few: set[int] = set()
        for first, last in ranges:
            if last - first < _FEW:
                few.update(range(first, last + 1))
                continue
            for table in ("home", "visit"):
                statement = f"select session from {table} where row between ? and ?"  # noqa: S608
                held.update([number for (number,) in self._db.execute(statement, (first, last))])
        return held | self.held(few)

    def sessions(self, numbers: Collection[int]) -> Iterator[Row]:
        statement = f"select {COLUMNS} from session where account = ? and number in ({{}})"  # noqa: S608
        return map(read_row, self._select(statement, sorted(numbers), [self._account_id]))

    def sessions_of(self, tops: Iterable[tuple[str, str]]) -> Iterator[Row]:
        by_type: dict[str, list[str]] = {}
        for record_type, id in tops:
            by_type.setdefault(record_type, []).append(id)
        statement = f"select {COLUMNS} from session where account = ? and record_type = ? and id in ({{}})"  # noqa: S608
        for record_type, ids in by_type.items():
            yield from map(read_row, self._select(statement, ids, [self._account_id, record_type]))

    def waiting(self, rows: Collection[int], notes: Notes) -> tuple[set[int], set[int]]:
        return dirty.others(self._db, notes, rows)

    def _select(self, statement: str, values: Sequence[Any], first: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """What a statement finds for many values."""
        for some in _parts(values):
            yield from self._db.execute(_statement_about(statement, len(some)), [*first, *some])


class RowSnapshot(SqliteSnapshot):
    """A snapshot that knows the row of every record it gave, by the record's `id()`."""

    def __init__(self, store: "SqliteStore", db: sqlite3.Connection, account: str) -> None:
        super().__init__(store, db, account)
        self.row_of: dict[int, int] = {}

    def find(self, asks: Asks) -> list[Record]:
        """As a snapshot does; most of what is asked for was given already, so that links are looked at first."""
        ids, keys, refs = asks
        if self.account_id is None:
            return []
        places = [place(self.account_id, record_type, id) for record_type, id in ids]
        places += [place(self.account_id, KEY, value) for value in keys]
        places += [place(self.account_id, REF, value) for value in refs]
        rows: set[int] = set()
        for some in _parts(places):
            rows.update([row for (row,) in self.db.execute(_statement_about(_AT_PLACES, len(some)), some)])
        found = self._records(sorted(rows - self._given))
        asked = [
            (row, record)
            for row, record in found
            if not keys.isdisjoint(record.keys)
            or not refs.isdisjoint(record.refs)
            or (record.record_type, record.id) in ids
        ]
        return self._give(asked)

    def between(self, ranges: Iterable[tuple[int, int]]) -> list[Record]:
        """The records of rows from first to last."""
        few: list[int] = []
        given: list[Record] = []
        for first, last in ranges:
            if last - first < _FEW:
                few += range(first, last + 1)
            else:
                given += self._give(self._unpacked(self.db.execute(_BETWEEN, (first, last)).fetchall()))
        return given + self.at(few)

    def at(self, rows: Iterable[int]) -> list[Record]:
        """The records of these rows, those that are there and were not given before."""
        return self._give(self._records(sorted(set(rows) - self._given)))

    def _records(self, rows: list[int]) -> list[tuple[int, Record]]:
        found: list[tuple[int, Record]] = []
        for some in _parts(rows):
            found += self._unpacked(self.db.execute(_statement_about(_OF_ROWS, len(some)), some).fetchall())
        return found

    def _unpacked(self, found: list[tuple[int, int, bytes]]) -> list[tuple[int, Record]]:
        """Those of this account."""
        account_id, kinds, unpack = self.account_id, self.store.kinds, self.store.packer.unpack
        owners, present = kinds.owners, kinds.present
        records = []
        for row, kind, packed in found:
            if owners.get(kind) != account_id and (account_id is None or not kinds.owns(self.db, account_id, kind)):
                continue
            record = unpack(packed)
            if record.shape not in present:
                record = reordered(record, kinds.shape(self.db, record.shape))
            records.append((row, record))
        return records

    def _give(self, found: list[tuple[int, Record]]) -> list[Record]:
        records = []
        for row, record in found:
            if row not in self._given:
                self._given.add(row)
                self.row_of[id(record)] = row
                records.append(record)
        return records


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    """The values in parts of few different sizes, so that statements repeat."""
    for first in range(0, len(values), _AT_ONCE):
        yield padded(list(values[first : first + _AT_ONCE]))


@cache
def _statement_about(statement: str, size: int) -> str:
    """A statement about so many values."""
    return statement.replace("{}", ",".join("?" * size))
