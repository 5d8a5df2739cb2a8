"""Lists of records in SQLite: one page of the records of a type.

Three ways, the quickest that serves: by an id or link value; by the index on the start, where nothing else is asked;
or by looking at every record of the type within the bounds on its start.
"""

import heapq
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sessiontree.catalog import Catalog
from sessiontree.query import Matcher, Query
from sessiontree.record import Record
from sessiontree.store import Asks, Page
from sessiontree.store.sqlite.micros import to_micros

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot

_ROWS_AT_ONCE = 100  # then other threads have their turn
_LATEST = 1 << 63

Row = tuple[int, Record]


def page(snapshot: "SqliteSnapshot", query: Query) -> Page:
    """The page that a query asks for; see `Store.page`."""
    kind = _kind(snapshot, query)
    if kind is None:
        return Page((), 0)
    where, values = _bounds(query, kind)
    asks = quick_asks(snapshot.store.catalog, query)
    if asks is not None:
        return _select(snapshot, query, _found(snapshot, query, asks))
    if query.conditions or query.sort:
        return _select(snapshot, query, _scanned(snapshot, where, values))
    (total,) = snapshot.db.execute(f"select count(*) from record where {where}", values).fetchone()  # noqa: S608
    first = (query.page - 1) * query.size
    if first >= total:
        return Page((), total)
    statement = f"select row from record where {where} order by start desc, row desc limit ? offset ?"  # noqa: S608
    rows = [row for (row,) in snapshot.db.execute(statement, [*values, query.size, first])]
    return Page(_records(snapshot, rows), total)


def _kind(snapshot: "SqliteSnapshot", query: Query) -> int | None:
    statement = "select id from kind where account = ? and record_type = ?"
    row = snapshot.db.execute(statement, [snapshot.account_id, query.record_type]).fetchone()
    return None if row is None else int(row[0])


def _bounds(query: Query, kind: int) -> tuple[str, list[int]]:
    where, values = "kind = ?", [kind]
    for moment, test in ((query.since, " and start >= ?"), (query.until, " and start < ?")):
        if moment is not None:
            where += test
            values.append(to_micros(moment))
    return where, values


def quick_asks(catalog: Catalog, query: Query) -> Asks | None:
    """What to look for by the index of ids and link values, if a condition names one."""
    declared = catalog.types[query.record_type]
    for condition in query.conditions:
        if condition.op != "eq":
            continue
        if condition.field == declared.id_field:
            return Asks({(declared.name, condition.value)}, set(), set())
        if declared.fields.get(condition.field) != "string":
            continue
        if condition.field in declared.ref_fields:
            return Asks(set(), set(), {condition.value})
        if condition.field in catalog.key_fields(declared.name):
            return Asks(set(), {condition.value}, set())
    return None


def _found(snapshot: "SqliteSnapshot", query: Query, asks: Asks) -> Iterator[Row]:
    for row, record in snapshot.rows(asks):
        if record.record_type == query.record_type and _within(query, record):
            yield row, record


def _within(query: Query, record: Record) -> bool:
    if query.since is not None and (record.start is None or record.start < query.since):
        return False
    return query.until is None or (record.start is not None and record.start < query.until)


def _scanned(snapshot: "SqliteSnapshot", where: str, values: list[int]) -> Iterator[Row]:
    statement = f"select row, packed from record where {where} order by start desc, row desc"  # noqa: S608
    cursor = snapshot.db.execute(statement, values)
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for row, packed in rows:
            yield row, snapshot.store.unpack(snapshot.db, packed)
        time.sleep(0)  # lets go of the interpreter


def _select(snapshot: "SqliteSnapshot", query: Query, candidates: Iterable[Row]) -> Page:
    """Of the candidates, those that match; sorted, one page of them."""
    fields = snapshot.store.fields(snapshot.account, query.record_type)
    declared = snapshot.store.catalog.types[query.record_type]
    matcher = Matcher(query, fields | dict(declared.fields))
    total = 0

    def keyed() -> Iterator[tuple[object, int]]:
        nonlocal total
        for row, record in candidates:
            if matcher.matches(record.body):
                total += 1
                yield (matcher.sort_key(record.body), row) if query.sort else (_newest(record), -row)

    first = (query.page - 1) * query.size
    rows = [abs(row) for _, row in heapq.nsmallest(first + query.size, keyed())[first:]]
    return Page(_records(snapshot, rows), total)


def _newest(record: Record) -> int:
    return _LATEST if record.start is None else -to_micros(record.start)


def _records(snapshot: "SqliteSnapshot", rows: list[int]) -> list[Record]:
    """The records of these rows, in this order."""
    statement = "select packed from record where row = ?"
    packed = [snapshot.db.execute(statement, [row]).fetchone()[0] for row in rows]
    return [snapshot.store.unpack(snapshot.db, each) for each in packed]
