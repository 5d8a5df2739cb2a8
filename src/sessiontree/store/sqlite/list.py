"""Lists of records in SQLite: one page of the records of a type.

Three ways, the quickest that serves: by an id or link value; by the index on the start, where nothing else is asked;
or by looking at every record of the type within the bounds on its start.
"""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sessiontree.query import Query
from sessiontree.record import Record
from sessiontree.store import Asks, Page
from sessiontree.store.parts.listing import Row, choose, quick_asks, within
from sessiontree.store.parts.micros import to_micros

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot

_ROWS_AT_ONCE = 100  # then other threads have their turn


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


def _found(snapshot: "SqliteSnapshot", query: Query, asks: Asks) -> Iterator[Row]:
    for row, record in snapshot.rows(asks):
        if record.record_type == query.record_type and within(query, record):
            yield row, record


def _scanned(snapshot: "SqliteSnapshot", where: str, values: list[int]) -> Iterator[Row]:
    statement = f"select row, packed from record where {where} order by start desc, row desc"  # noqa: S608
    cursor = snapshot.db.execute(statement, values)
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for row, packed in rows:
            yield row, snapshot.store.unpack(snapshot.db, packed)
        time.sleep(0)  # lets go of the interpreter


def _select(snapshot: "SqliteSnapshot", query: Query, candidates: Iterable[Row]) -> Page:
    shown = snapshot.store.fields(snapshot.account, query.record_type)
    rows, total = choose(query, shown | dict(snapshot.store.catalog.types[query.record_type].fields), candidates)
    return Page(_records(snapshot, rows), total)


def _records(snapshot: "SqliteSnapshot", rows: list[int]) -> list[Record]:
    """The records of these rows, in this order."""
    statement = "select packed from record where row = ?"
    packed = [snapshot.db.execute(statement, [row]).fetchone()[0] for row in rows]
    return [snapshot.store.unpack(snapshot.db, each) for each in packed]
