"""Adding records to SQLite: what is new, what changed, what is there already; all in one transaction."""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain, count
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from sessiontree.record import Record
from sessiontree.store import Outcome
from sessiontree.store.intakes import Share
from sessiontree.store.parts.batch import Batch, Identity
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.places import KEY, REF
from sessiontree.store.parts.places import place as place_once
from sessiontree.store.sqlite import brought as notes
from sessiontree.store.sqlite import dirty, spend

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_ROWS_AT_ONCE = (200, 50, 10, 1)
_LOOKUP = 256  # identities looked up in one statement
_FIELDS_MAX = 1000  # fields remembered of one kind
_SHOWN_MAX = 10_000
_BY_PLACE = itemgetter(0)

_NOTE_FIELD = """insert into field values (?, ?, ?)
    on conflict do update set type = excluded.type where type = 'null' and excluded.type <> 'null'"""

place = lru_cache(maxsize=1 << 15)(place_once)  # an id comes up for its look-up, its links and those of its neighbours


def add(
    store: "SqliteStore",
    db: sqlite3.Connection,
    account: str,
    records: Sequence[Record],
    received: datetime,
    shares: Sequence[Share],
) -> tuple[list[Outcome], int]:
    """Keep records in order; see `Store.add`; also the last row's number. Inside a writing transaction."""
    account_id = store.kinds.make_account(db, account)
    identities = dict.fromkeys([(record.record_type, record.id) for record in records])
    known = _stored(store, db, account_id, identities)
    next_row = notes.next_row(db)
    rows = dict(zip([each for each in identities if each not in known], count(next_row), strict=False))
    batch = Batch(account_id, received, rows, known)
    outcomes = batch.sort_in(records, shares)
    if shares:
        notes.note(db, account_id, received, batch.brought)
    _write_created(store, db, batch)
    if batch.replaced:
        _write_replaced(store, db, batch)
    _note_dirty(db, batch)
    _note_fields(store, db, batch)
    removed = [old for old, _ in batch.changed.values()]
    spend.apply(db, store.kinds, account_id, removed, chain(batch.created.values(), batch.changed_now))
    return outcomes, next_row + len(rows) - 1


def _stored(
    store: "SqliteStore", db: sqlite3.Connection, account_id: int, wanted: Collection[Identity]
) -> dict[Identity, tuple[int, Record]]:
    """Those of the identities that are stored already, each with its row and present content."""
    places = sorted({place(account_id, record_type, id) for record_type, id in wanted})
    known: dict[Identity, tuple[int, Record]] = {}
    for first in range(0, len(places), _LOOKUP):
        some = places[first : first + _LOOKUP]
        marks = ",".join("?" * len(some))
        statement = f"""select record.row, packed from link cross join record on record.row = link.row
            join kind on kind.id = kind where place in ({marks}) and account = {account_id}"""  # noqa: S608
        for row, packed in db.execute(statement, some):
            record = store.unpack(db, packed)
            identity = (record.record_type, record.id)
            if identity in wanted:
                known[identity] = (row, record)
    return known


def places_of(
    account_id: int, record_type: str, id: str, keys: Sequence[str | None], refs: Sequence[str | None]
) -> set[int]:
    """Every place by which a record is found: its identity, keys and refs."""
    places = {place(account_id, KEY, value) for value in keys if value is not None}
    places.update([place(account_id, REF, value) for value in refs if value is not None])
    places.add(place(account_id, record_type, id))
    return places


def move_links(db: sqlite3.Connection, row: int, old: set[int], new: set[int]) -> None:
    """Let a record be found by its new places only."""
    db.executemany("delete from link where place = ? and row = ?", [(at, row) for at in old - new])
    # A link may be there still: one of a key that another catalogue did not know when the record changed.
    db.executemany("insert or ignore into link values (?, ?)", [(at, row) for at in new - old])


def _places(account_id: int, record: Record) -> set[int]:
    return places_of(account_id, record.record_type, record.id, record.keys, record.refs)


def _write_created(store: "SqliteStore", db: sqlite3.Connection, batch: Batch) -> None:
    if not batch.created:
        return
    kinds, account_id = store.kinds, batch.account_id
    shaped = [(record, kinds.make_shape(db, record.record_type)) for record in batch.created.values()]
    packing = store.packer.begin(shaped, batch.received)
    links: list[tuple[int, int]] = []
    for row, record in batch.created.items():
        links += [(place, row) for place in _places(account_id, record)]
    links.sort(key=_BY_PLACE)  # in the order of the table (rows of a place are): neighbours share a page
    insert_rows(db, "link", 2, links)
    rows: list[tuple[Any, ...]] = []
    for (row, record), content in zip(batch.created.items(), packing.result(), strict=True):
        kind = kinds.make_kind(db, account_id, record.record_type)
        start = None if record.start is None else to_micros(record.start)
        rows.append((row, kind, start, content))
    insert_rows(db, "record (row, kind, start, packed)", 4, rows)
    owners = [(owner, row) for row, owner in batch.owners.items() if row in batch.created]
    db.executemany("update record set intake = ? where row = ?", owners)


def insert_rows(db: sqlite3.Connection, table: str, columns: int, rows: list[tuple[Any, ...]]) -> None:
    """Insert many rows with few statements: each one run lets go of the interpreter, and has to get it back.

    They come in few sizes, since a new statement takes as long as a hundred rows. A value that is not exactly an int, a
    float, a str or a bytearray takes as long as a whole row: sqlite3 looks for an adapter.
    """
    first = 0
    for size in _ROWS_AT_ONCE:
        while len(rows) - first >= size:
            some = rows[first : first + size]
            db.execute(_insert_statement(table, columns, size), list(chain.from_iterable(some)))
            first += size


@cache
def _insert_statement(table: str, columns: int, rows: int) -> str:
    one = f"({','.join('?' * columns)})"
    return f"insert into {table} values {','.join([one] * rows)}"  # noqa: S608 - only our own names


def _write_replaced(store: "SqliteStore", db: sqlite3.Connection, batch: Batch) -> None:
    kinds, pack = store.kinds, store.packer.pack
    for row, old, intake in batch.replaced:
        received = old.received or batch.received
        shape = kinds.make_shape(db, old.record_type)
        if intake is None and row in batch.changed:
            (intake,) = db.execute("select intake from record where row = ?", [row]).fetchone()
        db.execute(
            "insert into history select ?, ?, coalesce(max(version), 0) + 1, ?, ? from history where row = ?",
            [row, to_micros(received), intake, pack(old, shape, received), row],
        )
    for row, (old, new) in batch.changed.items():
        shape = kinds.make_shape(db, new.record_type)
        start = None if new.start is None else to_micros(new.start)
        packed = pack(new, shape, batch.received)
        db.execute(
            "update record set start = ?, intake = ?, packed = ? where row = ?",
            [start, batch.owners[row], packed, row],
        )
        move_links(db, row, _places(batch.account_id, old), _places(batch.account_id, new))


def _note_dirty(db: sqlite3.Connection, batch: Batch) -> None:
    """Note whose sessions have to be computed again."""
    if batch.created:
        dirty.note_new(db, batch.account_id, min(batch.created), max(batch.created))
    if batch.changed:
        dirty.note_changed(db, batch.account_id, batch.changed)


def _note_fields(store: "SqliteStore", db: sqlite3.Connection, batch: Batch) -> None:
    """Remember the fields that the records show.

    Records with the same names are looked at once; while one of their values is null, once in each batch.
    """
    shown = store.kinds.shown
    looked: set[tuple[int, tuple[str, ...]]] = set()
    records = list(batch.created.values()) + batch.changed_now
    for record in records:
        kind = store.kinds.make_kind(db, batch.account_id, record.record_type)
        if (kind, record.names) in shown or (kind, record.names) in looked:
            continue
        if len(shown) >= _SHOWN_MAX:
            shown.clear()
        body = msgspec.json.decode(record.body, type=dict[str, msgspec.Raw])
        (looked if b"null" in map(bytes, body.values()) else shown).add((kind, record.names))
        (count,) = db.execute("select count(*) from field where kind = ?", [kind]).fetchone()
        names = [(kind, name, _json_type(raw)) for name, raw in body.items()][: max(0, _FIELDS_MAX - count)]
        db.executemany(_NOTE_FIELD, names)


def _json_type(raw: msgspec.Raw) -> str:
    return _JSON_TYPES.get(bytes(raw)[:1], "number")


_JSON_TYPES = {b'"': "string", b"n": "null", b"t": "boolean", b"f": "boolean", b"[": "list", b"{": "object"}
