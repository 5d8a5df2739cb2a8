"""All records of an account, one after another, in pieces that are read each in a transaction of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sessiontree.record import Record

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot
    from sessiontree.store.sqlite.store import SqliteStore

_ROWS_AT_ONCE = 1000


def records(store: "SqliteStore", account: str, record_type: str | None) -> Iterator[Record]:
    """See `Checks.records`."""
    row = 0
    while True:
        with store.snapshot(account) as snapshot:
            marks, kinds = _kinds(snapshot, record_type)
            statement = f"select row, packed from record where row > ? and kind in ({marks}) order by row limit ?"  # noqa: S608
            found = snapshot.db.execute(statement, [row, *kinds, _ROWS_AT_ONCE]).fetchall()
            some = [store.unpack(snapshot.db, packed) for _, packed in found]
        yield from some
        if len(found) < _ROWS_AT_ONCE:
            return
        row = found[-1][0]


def count(store: "SqliteStore", account: str, record_type: str | None) -> int:
    """See `Checks.count`."""
    with store.snapshot(account) as snapshot:
        marks, kinds = _kinds(snapshot, record_type)
        statement = f"select count(*) from record where kind in ({marks})"  # noqa: S608
        return int(snapshot.db.execute(statement, kinds).fetchone()[0])


def _kinds(snapshot: "SqliteSnapshot", record_type: str | None) -> tuple[str, list[int]]:
    """The account's kinds that the catalogue has (of one type), with as many question marks."""
    types = snapshot.store.catalog.types if record_type is None else (record_type,)
    stored = snapshot.db.execute("select id, record_type from kind where account = ?", [snapshot.account_id]).fetchall()
    kinds = [id for id, name in stored if name in types]
    return ",".join("?" * len(kinds)), kinds
