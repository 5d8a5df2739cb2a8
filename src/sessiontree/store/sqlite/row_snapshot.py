"""Finding records for a refresh: many at a time, most of which are at hand already, and each with its row."""

import sqlite3
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.packing import reordered
from sessiontree.store.parts.places import KEY, REF
from sessiontree.store.sqlite.snapshot import SqliteSnapshot, padded
from sessiontree.store.sqlite.write import place

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_AT_ONCE = 512
FEW = 8
"""So many neighbouring rows are not worth a statement of their own."""
AT_PLACES = "select row from link where place in ({})"
_OF_ROWS = "select row, kind, packed from record where row in ({})"
_BETWEEN = "select row, kind, packed from record where row between ? and ?"


class RowSnapshot(SqliteSnapshot):
    """A snapshot inside a writing transaction that knows the row of every record it gave, by the record's `id()`."""

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
        for some in parts(places):
            rows.update([row for (row,) in self.db.execute(statement_about(AT_PLACES, len(some)), some)])
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
            if last - first < FEW:
                few += range(first, last + 1)
            else:
                recent = self.store.recent.take(self.account_id, first, last)
                if recent is None:
                    given += self._give(self._unpacked(self.db.execute(_BETWEEN, (first, last)).fetchall()))
                else:
                    rows = range(first, last + 1)
                    self._given.update(rows)
                    self.row_of.update(zip(map(id, recent), rows, strict=True))
                    given += recent
        return given + self.at(few)

    def at(self, rows: Iterable[int]) -> list[Record]:
        """The records of these rows, those that are there and were not given before."""
        return self._give(self._records(sorted(set(rows) - self._given)))

    def _records(self, rows: list[int]) -> list[tuple[int, Record]]:
        found = self.store.recent.look(self.account_id, rows)
        missing = rows if not found else sorted(set(rows).difference([row for row, _ in found]))
        for some in parts(missing):
            found += self._unpacked(self.db.execute(statement_about(_OF_ROWS, len(some)), some).fetchall())
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


def parts(values: list[Any]) -> Iterator[list[Any]]:
    """The values in parts of few different sizes, so that statements repeat."""
    for first in range(0, len(values), _AT_ONCE):
        yield padded(values[first : first + _AT_ONCE])


@cache
def statement_about(statement: str, size: int) -> str:
    """A statement about so many values."""
    return statement.replace("{}", ",".join("?" * size))
