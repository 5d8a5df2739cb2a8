"""All records of an account, one after another, in pieces that are read each in a transaction of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sessiontree.record import Record

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot
    from sessiontree.store.postgres.store import PostgresStore

_ROWS_AT_ONCE = 1000
_NEXT = """select row, packed from record where account = %s and row > %s and kind = any(%s::integer[])
    order by row limit %s"""
# Row by row, by the index, whatever the planner knows: a plan is made once, often while the tables are still empty.
_OF_ROWS = """select found.* from unnest(%s::bigint[]) as wanted (at) cross join lateral (
    select {columns} from record where account = %s and row = wanted.at offset 0) as found"""
_COUNT = "select count(*) from record where account = %s and kind = any(%s::integer[])"


def of_rows(columns: str) -> str:
    """A statement for these columns of the records with some rows: its values are the rows, and the account."""
    return _OF_ROWS.format(columns=columns)


def records(store: "PostgresStore", account: str, record_type: str | None) -> Iterator[Record]:
    """See `Checks.records`."""
    row = 0
    while True:
        with store.snapshot(account) as snapshot:
            values = [snapshot.account_id, row, _kinds(snapshot, record_type), _ROWS_AT_ONCE]
            found = snapshot.db.execute(_NEXT, values).fetchall()
            some = [store.unpack(snapshot.db, packed) for _, packed in found]
        yield from some
        if len(found) < _ROWS_AT_ONCE:
            return
        row = found[-1][0]


def count(store: "PostgresStore", account: str, record_type: str | None) -> int:
    """See `Checks.count`."""
    with store.snapshot(account) as snapshot:
        (count,) = snapshot.db.execute(_COUNT, [snapshot.account_id, _kinds(snapshot, record_type)]).fetchone() or (0,)
        return int(count)


def _kinds(snapshot: "PostgresSnapshot", record_type: str | None) -> list[int]:
    """The account's kinds that the catalogue has (of one type)."""
    if snapshot.account_id is None:
        return []
    types = snapshot.store.catalog.types if record_type is None else (record_type,)
    stored = snapshot.store.kinds.kinds_of(snapshot.db, snapshot.account_id)
    return [kind for name, kind in stored.items() if name in types]
