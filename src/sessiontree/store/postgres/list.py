"""Lists of records in PostgreSQL: one page of the records of a type.

Three ways, the quickest that serves: by an id or link value; by the index on the start, where nothing else is asked;
or by looking at every record of the type within the bounds on its start.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sessiontree.query import Query
from sessiontree.record import Record
from sessiontree.store import Asks, Page
from sessiontree.store.parts.listing import Row, choose, quick_asks, within
from sessiontree.store.postgres.records import of_rows
from sessiontree.store.postgres.text import from_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot

_ROWS_AT_ONCE = 500
_FIELDS = "select name, type from field where account = %s and kind = %s"
_RECORDS = of_rows("row, packed")


def page(snapshot: "PostgresSnapshot", query: Query) -> Page:
    """The page that a query asks for; see `Store.page`."""
    kind = _kind(snapshot, query.record_type)
    if kind is None:
        return Page((), 0)
    where, values = _bounds(snapshot, query, kind)
    asks = quick_asks(snapshot.store.catalog, query)
    if asks is not None:
        return _select(snapshot, query, _found(snapshot, query, asks))
    if query.conditions or query.sort:
        return _select(snapshot, query, _scanned(snapshot, where, values))
    row = snapshot.db.execute(f"select count(*) from record where {where}", values).fetchone()  # noqa: S608
    total, first = int(row[0]) if row else 0, (query.page - 1) * query.size
    if first >= total:
        return Page((), total)
    statement = f"select row from record where {where} order by start desc, row desc limit %s offset %s"  # noqa: S608
    rows = [row for (row,) in snapshot.db.execute(statement, [*values, query.size, first]).fetchall()]
    return Page(_records(snapshot, rows), total)


def fields(snapshot: "PostgresSnapshot", record_type: str) -> dict[str, str]:
    """See `Store.fields`."""
    kind = _kind(snapshot, record_type)
    if kind is None:
        return {}
    shown = snapshot.db.execute(_FIELDS, [snapshot.account_id, kind]).fetchall()
    return {from_text(name): "string" if type == "null" else type for name, type in shown}


def _kind(snapshot: "PostgresSnapshot", record_type: str) -> int | None:
    if snapshot.account_id is None:
        return None
    return snapshot.store.kinds.kind_id(snapshot.db, snapshot.account_id, record_type)


def _bounds(snapshot: "PostgresSnapshot", query: Query, kind: int) -> tuple[str, list[object]]:
    where, values = "account = %s and kind = %s", list[object]([snapshot.account_id, kind])
    if query.since is not None:
        where += " and start >= %s"
        values.append(query.since)
    if query.until is not None:
        where += " and start < %s and start > '-infinity'"
        values.append(query.until)
    return where, values


def _found(snapshot: "PostgresSnapshot", query: Query, asks: Asks) -> Iterator[Row]:
    for row, record in snapshot.rows(asks):
        if record.record_type == query.record_type and within(query, record):
            yield row, record


def _scanned(snapshot: "PostgresSnapshot", where: str, values: list[object]) -> Iterator[Row]:
    statement = f"select row, packed from record where {where}"  # noqa: S608
    with snapshot.db.cursor("scanned") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        for row, packed in cursor.execute(statement, values):
            yield row, snapshot.store.unpack(snapshot.db, packed)


def _select(snapshot: "PostgresSnapshot", query: Query, candidates: Iterable[Row]) -> Page:
    shown = fields(snapshot, query.record_type)
    rows, total = choose(query, shown | dict(snapshot.store.catalog.types[query.record_type].fields), candidates)
    return Page(_records(snapshot, rows), total)


def _records(snapshot: "PostgresSnapshot", rows: list[int]) -> list[Record]:
    """The records of these rows, in this order."""
    packed = dict(snapshot.db.execute(_RECORDS, [rows, snapshot.account_id]).fetchall())
    return [snapshot.store.unpack(snapshot.db, packed[row]) for row in rows]
