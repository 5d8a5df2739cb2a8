"""What a refresh asks: records, many at a time and each with its row, and the sessions that hold them."""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from psycopg import Connection, Cursor

from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.notes import Notes
from sessiontree.store.parts.packing import reordered
from sessiontree.store.parts.places import KEY, REF, place
from sessiontree.store.parts.session_rows import Row
from sessiontree.store.postgres import dirty
from sessiontree.store.postgres.amounts import to_array
from sessiontree.store.postgres.binary import int8s, times
from sessiontree.store.postgres.records import of_rows
from sessiontree.store.postgres.session_rows import COLUMNS, read_row
from sessiontree.store.postgres.text import to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

# "offset 0": one by one, by the index, and never the whole table, however small it was when this was planned.
_AT_PLACES = """select linked.* from unnest(%s::bigint[]) as asked (at) cross join lateral (
    select row, start from link where account = %s and place = asked.at offset 0) as linked"""
_RECORDS = """select found.* from unnest(%s::bigint[], %s::timestamptz[]) as linked (row, start), lateral (
    select row, kind, packed from record
        where account = %s and row = linked.row and start = linked.start offset 0) as found"""
_OF_ROWS = of_rows("row, kind, packed")
_BETWEEN = "select row, kind, packed from record where account = %s and row between %s and %s"
_HELD = """select session from home where account = %(account)s and row = any(%(rows)s::bigint[])
    union select session from visit where account = %(account)s and row = any(%(rows)s::bigint[])"""
_HELD_BETWEEN = """select session from home where account = %(account)s and row between %(first)s and %(last)s
    union select session from visit where account = %(account)s and row between %(first)s and %(last)s"""
_SESSIONS = f"select {COLUMNS} from session where account = %s and number = any(%s::bigint[])"  # noqa: S608
_SESSIONS_OF = f"select {COLUMNS} from session where account = %s and record_type = %s and id = any(%s::text[])"  # noqa: S608
_AT_ONCE = 2000
_FEW = 8  # so many neighbouring rows are not worth a statement of their own


class RefreshReading:
    """The questions of one refresh, in its transaction; see `Reading` for what each means."""

    def __init__(self, store: "PostgresStore", db: Connection[Any], account_id: int) -> None:
        self._store = store
        self._db = db
        self._account_id = account_id
        types = store.catalog.types
        self._declared = {id for name, id in store.kinds.kinds_of(db, account_id).items() if name in types}

    def snapshot(self) -> "RowSnapshot":
        return RowSnapshot(self._store, self._db, self._account_id, self._declared)

    def at_places(self, places: Collection[int]) -> set[int]:
        return {row for row, _ in _at_places(self._db, self._account_id, places)} if places else set()

    def held(self, rows: Collection[int]) -> set[int]:
        if not rows:
            return set()
        found = self._db.execute(_HELD, {"account": self._account_id, "rows": to_array(sorted(rows))})
        return {number for (number,) in found}

    def held_between(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        held: set[int] = set()
        few: set[int] = set()
        for first, last in ranges:
            if last - first < _FEW:
                few.update(range(first, last + 1))
            else:
                values = {"account": self._account_id, "first": first, "last": last}
                held.update([number for (number,) in self._db.execute(_HELD_BETWEEN, values)])
        return held | self.held(few)

    def sessions(self, numbers: Collection[int]) -> Iterator[Row]:
        if not numbers:
            return iter(())
        cursor = self._db.cursor(binary=True)
        return map(read_row, cursor.execute(_SESSIONS, [self._account_id, to_array(sorted(numbers))]).fetchall())

    def sessions_of(self, tops: Iterable[tuple[str, str]]) -> Iterator[Row]:
        by_type: dict[str, list[str]] = {}
        for record_type, id in tops:
            by_type.setdefault(to_text(record_type), []).append(to_text(id))
        for name, ids in by_type.items():
            yield from map(read_row, self._db.execute(_SESSIONS_OF, [self._account_id, name, ids]))

    def waiting(self, rows: Collection[int], notes: Notes) -> tuple[set[int], set[int]]:
        return dirty.others(self._db, notes, rows)


class RowSnapshot:
    """An account's records at one moment, and the row of every one that was given, by the record's `id()`.

    Most of what is asked for was given already, so that links are looked at first.
    """

    def __init__(self, store: "PostgresStore", db: Connection[Any], account_id: int, declared: set[int]) -> None:
        self._store = store
        self._db = db
        self._account_id = account_id
        self._declared = declared
        self._given: set[int] = set()
        self.row_of: dict[int, int] = {}

    def find(self, asks: Asks) -> list[Record]:
        """See `Snapshot.find`."""
        ids, keys, refs = asks
        places = [place(self._account_id, record_type, id) for record_type, id in ids]
        places += [place(self._account_id, KEY, value) for value in keys]
        places += [place(self._account_id, REF, value) for value in refs]
        linked: dict[int, int] = {}
        for some in _parts(places):
            linked.update(_at_places(self._db, self._account_id, some))
        asked = []
        for rows in _parts([row for row in linked if row not in self._given]):
            starts = times([linked[row] for row in rows])
            for row, record in self._unpacked(_RECORDS, [int8s(rows), starts, self._account_id]):
                if (  # places are hashes: others may share them
                    not keys.isdisjoint(record.keys)
                    or not refs.isdisjoint(record.refs)
                    or (record.record_type, record.id) in ids
                ):
                    asked.append((row, record))
        return self._give(asked)

    def between(self, ranges: Iterable[tuple[int, int]]) -> list[Record]:
        """The records of rows from first to last."""
        few: list[int] = []
        given: list[Record] = []
        for first, last in ranges:
            if last - first < _FEW:
                few += range(first, last + 1)
            else:
                given += self._give(self._unpacked(_BETWEEN, [self._account_id, first, last]))
        return given + self.at(few)

    def at(self, rows: Iterable[int]) -> list[Record]:
        """The records of these rows, those that are there and were not given before."""
        given: list[Record] = []
        for some in _parts(sorted(set(rows) - self._given)):
            given += self._give(self._unpacked(_OF_ROWS, [to_array(some), self._account_id]))
        return given

    def _unpacked(self, statement: str, values: list[Any]) -> Iterator[tuple[int, Record]]:
        """The records that a statement finds, those of types that the catalogue has."""
        kinds, unpack, declared = self._store.kinds, self._store.packer.unpack, self._declared
        for row, kind, packed in self._db.cursor(binary=True).execute(statement, values).fetchall():
            if kind in declared:
                record = unpack(packed)
                if record.shape not in kinds.present:
                    record = reordered(record, kinds.shape(self._db, record.shape))
                yield row, record

    def _give(self, found: Iterable[tuple[int, Record]]) -> list[Record]:
        records = []
        for row, record in found:
            if row not in self._given:
                self._given.add(row)
                self.row_of[id(record)] = row
                records.append(record)
        return records


def _at_places(db: Connection[Any], account_id: int, places: Iterable[int]) -> list[tuple[int, int]]:
    """The rows that have a link at any of these places, and when their records start; one may come more than once."""
    cursor: Cursor[tuple[int, int]] = db.cursor(binary=True)
    return cursor.execute(_AT_PLACES, [int8s(places), account_id]).fetchall()


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(values), _AT_ONCE):
        yield values[first : first + _AT_ONCE]
