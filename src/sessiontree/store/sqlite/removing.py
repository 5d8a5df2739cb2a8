"""Removing contents from SQLite: records that go altogether, and those that get back the content before.

`contents` finds out what would become of each record, `total` adds that up, and `take_out` does it, together with all
that follows: links, history, spend, and notes of what has to be computed again.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store.parts.contents import Before, Goes, Mine
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.notes import lost
from sessiontree.store.parts.packing import reordered
from sessiontree.store.parts.rereading import read_again
from sessiontree.store.sqlite import brought, claim, dirty, reread, spend
from sessiontree.store.sqlite.write import move_links, places_of

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_ROWS_AT_ONCE = 500


def contents(
    store: "SqliteStore", db: sqlite3.Connection, account_id: int, rows: Sequence[int], mine: Mine
) -> Iterator[Goes]:
    """What becomes of these records when contents are taken out; without those of other accounts, or untouched."""
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        marks = ",".join("?" * len(some))
        versions: dict[int, list[tuple[int, int | None]]] = {}
        statement = f"select row, version, intake from history where row in ({marks}) order by row, version"  # noqa: S608
        for row, version, intake in db.execute(statement, some):
            versions.setdefault(row, []).append((version, intake))
        # Cross: by their numbers. SQLite would go through all records of the account's types instead, for each step.
        statement = f"""select row, record.intake, packed from record cross join kind on kind.id = kind
            where row in ({marks}) and account = ?"""  # noqa: S608
        for row, intake, packed in db.execute(statement, [*some, account_id]).fetchall():
            earlier = versions.get(row, [])
            going = [version for version, of in earlier if mine(of)]
            left = [(version, of) for version, of in earlier if not mine(of)]
            if mine(intake):
                before = _before(store, db, row, *left[-1]) if left else None
                yield Goes(row, store.packer.unpack(packed), False, before, going)
            elif going:
                yield Goes(row, store.packer.unpack(packed), True, None, going)


def _before(store: "SqliteStore", db: sqlite3.Connection, row: int, version: int, intake: int | None) -> Before:
    statement = "select packed from history where row = ? and version = ?"
    (packed,) = db.execute(statement, [row, version]).fetchone()
    content = store.packer.unpack(packed)
    assert content.received is not None
    shape = store.kinds.shape(db, content.shape)
    if content.shape in store.kinds.present:
        return Before(version, intake, content, content.received, packed)
    record = read_again(Reader(store.catalog), reordered(content, shape))
    return Before(version, intake, record, content.received, None)


def take_out(store: "SqliteStore", db: sqlite3.Connection, account_id: int, going: Sequence[Goes]) -> None:
    """Do it, with all that follows from it. Inside a writing transaction."""
    restored = [(each, each.before) for each in going if each.before is not None]
    removed = [each for each in going if each.removed]
    before = [each.present for each in going if not each.stays]
    spend.apply(db, store.kinds, account_id, before, [back.record for _, back in restored])
    dirty.note_changed(db, account_id, {each.row: (each.present, back.record) for each, back in restored})
    if restored:
        reread.writing_begins(store, db)
    for each, back in restored:
        _restore(store, db, account_id, each, back)
    versions = [(each.row, version) for each in going for version in each.versions]
    db.executemany("delete from history where row = ? and version = ?", versions)
    _remove(db, account_id, removed)


def _restore(store: "SqliteStore", db: sqlite3.Connection, account_id: int, each: Goes, before: Before) -> None:
    record, packed = before.record, before.packed
    if packed is None:
        packed = store.packer.pack(record, store.kinds.make_shape(db, record.record_type), before.received)
    start = None if record.start is None else to_micros(record.start)
    db.execute(
        "update record set start = ?, intake = ?, packed = ? where row = ?", [start, before.intake, packed, each.row]
    )
    db.execute("delete from history where row = ? and version = ?", [each.row, before.version])
    move_links(db, each.row, _places(account_id, each.present), _places(account_id, record))


def _places(account_id: int, record: Record) -> set[int]:
    return places_of(account_id, record.record_type, record.id, record.keys, record.refs)


def _remove(db: sqlite3.Connection, account_id: int, going: Sequence[Goes]) -> None:
    if not going:
        return
    rows = [each.row for each in going]
    claim.cancel(db)
    brought.note_removed(db, max(rows))
    dirty.note_places(db, account_id, {at for each in going for at in lost(account_id, each.present.keys)})
    dirty.note_sessions(db, account_id, sessions_of(db, rows))
    links = sorted((place, each.row) for each in going for place in _places(account_id, each.present))
    db.executemany("delete from link where place = ? and row = ?", links)
    for table in ("home", "visit", "record"):
        db.executemany(f"delete from {table} where row = ?", [(row,) for row in rows])  # noqa: S608 - our own names


def sessions_of(db: sqlite3.Connection, rows: Sequence[int]) -> set[int]:
    """The sessions in which any of these records is shown, as far as they have been computed."""
    found: set[int] = set()
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        marks = ",".join("?" * len(some))
        statement = f"""select session from home where row in ({marks})
            union select session from visit where row in ({marks})"""  # noqa: S608
        found.update([session for (session,) in db.execute(statement, [*some, *some])])
    return found
