"""Reading stored records again after the catalogue changed: in batches, resumable, beside a running server."""

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.notes import ranges
from sessiontree.store.parts.rereading import read_again
from sessiontree.store.sqlite import dirty, spend
from sessiontree.store.sqlite.rules import rules
from sessiontree.store.sqlite.write import move_links, places_of

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_NEXT = """select row, kind, account, record_type, packed
    from record join kind on kind.id = kind where row > ? order by row limit ?"""


def stale(store: "SqliteStore") -> list[str]:
    """The types that may still have records of an older reading, or in sessions that were made by another."""
    with store.reading() as db:
        done = db.execute("select value from setting where name = 'reread done'").fetchone()
        read = [] if done == (store.kinds.digest,) else store.kinds.stale(db).values()
        made = rules(store, db)
        return sorted({*read, *made.disputed(), *made.left})


def reread(store: "SqliteStore", *, batch: int) -> Iterator[tuple[int, int]]:
    """Bring every record of an older reading to the present one; yields (rows passed, rows in all).

    Each batch is one transaction that also notes how far it came, so that a stopped run goes on where it was. A record
    that the new declaration refuses keeps the values that its old reading found. If somebody adds records by another
    catalogue meanwhile (see `writing_begins`), the types stay stale: another run is needed.

    Of types that sessions were not made by so far, every record is noted: another process may have put it there.
    """
    reader = Reader(store.catalog)
    with store.writing() as db:
        (last,) = db.execute("select coalesce(max(row), 0) from record").fetchone()
        made = rules(store, db)
        row = 0 if made.apply() else _progress(store, db) or 0
        _note(db, "reread", f"{store.kinds.digest} {row}")
    alone = True
    while row < last:
        with store.writing() as db:
            alone = alone and _progress(store, db) == row
            old = store.kinds.stale(db)
            rows = db.execute(_NEXT, [row, batch]).fetchall()
            brought: dict[int, dict[int, tuple[Record, Record]]] = {}
            left: dict[int, list[int]] = {}
            for row, kind, account_id, record_type, packed in rows:
                if store.packer.unpack(packed).shape in old:
                    brought.setdefault(account_id, {})[row] = _bring(store, db, reader, (row, kind, packed))
                elif record_type in made.left:
                    left.setdefault(account_id, []).append(row)
            for account_id, changed in brought.items():
                dirty.note_changed(db, account_id, changed)
            for account_id, others in left.items():
                for first, to in ranges(others):
                    dirty.note_rows(db, account_id, first, to)
            if alone:
                _note(db, "reread", f"{store.kinds.digest} {row}")
        if not rows:  # the last ones have been removed meanwhile
            break
        yield row, last
    with store.writing() as db:
        if alone and _progress(store, db) == row:
            _note(db, "reread done", store.kinds.digest)
            db.execute("delete from setting where name = 'reread'")
            rules(store, db).noted()


def writing_begins(store: "SqliteStore", db: sqlite3.Connection) -> None:
    """Records are about to be added by this catalogue: no reading by another one is complete, or halfway, any more."""
    db.execute(
        "delete from setting where name in ('reread', 'reread done') and substr(value, 1, ?) <> ?",
        [len(store.kinds.digest), store.kinds.digest],
    )


def _note(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("insert or replace into setting values (?, ?)", [name, value])


def _progress(store: "SqliteStore", db: sqlite3.Connection) -> int | None:
    """The last row that a re-read by this catalogue has passed, None if there is no such re-read under way."""
    found = db.execute("select value from setting where name = 'reread'").fetchone()
    target, row = found[0].split() if found else ("", "0")
    return int(row) if target == store.kinds.digest else None


def _bring(
    store: "SqliteStore", db: sqlite3.Connection, reader: Reader, stored: tuple[int, int, bytes]
) -> tuple[Record, Record]:
    """Bring one record to the present reading; as it was read before, and as it is now."""
    row, kind, packed = stored
    content = store.packer.unpack(packed)
    account, record_type = store.kinds.kind(db, kind)
    account_id = store.kinds.account_id(db, account)
    assert account_id is not None and content.received is not None
    after = read_again(reader, store.unpack(db, packed))
    shape = store.kinds.make_shape(db, record_type)
    start = None if after.start is None else to_micros(after.start)
    packed = store.packer.pack(after, shape, content.received)
    db.execute("update record set start = ?, packed = ? where row = ?", [start, packed, row])
    spend.apply(db, store.kinds, account_id, [content], [after])
    old = places_of(account_id, record_type, content.id, content.keys, content.refs)
    new = places_of(account_id, record_type, after.id, after.keys, after.refs)
    move_links(db, row, old, new)
    return content, after
