"""Adding records to PostgreSQL: what is new, what changed, what is there already; all in one transaction.

What a transaction leans on and may be made for good beforehand (account, kinds, shapes, partitions, dictionaries) is.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import Connection

from sessiontree.record import Record
from sessiontree.store import Outcome
from sessiontree.store.intakes import Share
from sessiontree.store.parts.batch import Batch
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.notes import ranges
from sessiontree.store.parts.places import KEY, REF, place
from sessiontree.store.postgres import brought as notes
from sessiontree.store.postgres import copying, dirty, identities, reread, spend
from sessiontree.store.postgres.binary import int8s, micros
from sessiontree.store.postgres.months import start_of
from sessiontree.store.postgres.text import to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

Db = Connection[Any]

_FIELDS_MAX = 1000  # fields remembered of one kind
_SHOWN_MAX = 10_000
_NOTE_FIELDS = """insert into field (account, kind, name, type)
    select %s, %s, name, type from unnest(%s::text[], %s::text[]) as new (name, type) order by name
    on conflict (account, kind, name) do update set type = excluded.type
    where field.type = 'null' and excluded.type <> 'null'"""
_KEEP = """insert into history (account, row, version, received, intake, packed)
    select %(account)s, %(row)s, coalesce(max(version), 0) + 1, %(received)s, %(intake)s, %(packed)s from history
    where account = %(account)s and row = %(row)s"""
_CHANGE = """update record set start = %s, intake = %s, packed = %s, hops = %s::bigint[]
    where account = %s and row = %s and start = %s"""
_MOVE = "update identity set start = %s where account = %s and kind = %s and id = %s"
_UNLINK = "delete from link where account = %s and place = %s and row = %s"
_LINK = """insert into link (account, place, row, start) select %s, place, %s, %s from unnest(%s::bigint[]) as place
    on conflict do nothing"""

Shown = set[tuple[int, int, tuple[str, ...]]]
Found = dict[int, tuple[set[int], list[int]]]
"""Places and hops of records, by their `id()`."""


def add(
    store: "PostgresStore", account: str, records: Sequence[Record], received: datetime, shares: Sequence[Share]
) -> list[Outcome]:
    """Keep records in order; see `Store.add`."""
    account_id = _prepare(store, account, records)
    shown: Shown = set()

    def work(db: Db) -> list[Outcome]:
        shown.clear()
        reread.writing_begins(store, db)
        found: Found = {}

        def find_places() -> None:
            for record in records:
                found[id(record)] = places_and_hops(account_id, record)

        rows, known = identities.claim(store, db, account_id, records, find_places) if records else ({}, {})
        batch = Batch(account_id, received, rows, known)
        outcomes = batch.sort_in(records, shares)
        if shares:
            notes.note(db, account_id, received, batch.brought)
        _write_created(store, db, batch, found)
        _write_replaced(store, db, batch)
        _note_fields(store, db, batch, shown)
        for first, last in ranges(batch.created):
            dirty.note_new(db, account_id, first, last)
        if batch.changed:
            dirty.note_changed(db, account_id, batch.changed)
        removed = [old for old, _ in batch.changed.values()]
        spend.apply(db, store.kinds, account_id, removed, chain(batch.created.values(), batch.changed_now))
        return outcomes

    outcomes = store.write(work)
    if len(store.kinds.shown) >= _SHOWN_MAX:
        store.kinds.shown.clear()
    store.kinds.shown.update(shown)
    return outcomes


def _prepare(store: "PostgresStore", account: str, records: Sequence[Record]) -> int:
    """Make what these records lean on; the account's number."""
    types = {record.record_type for record in records}
    for name in types:
        assert name in store.catalog.types, f"{name} is not in the catalogue"
    with store.alone() as db:
        account_id = store.kinds.make_account(db, account)
        if not store.kinds.made(account, types):
            store.kinds.make(db, account_id, sorted(types))
        store.months.make(db, (record.start for record in records))
    store.dictionaries.grow(account_id, records)
    return account_id


def places_and_hops(account_id: int, record: Record) -> tuple[set[int], list[int]]:
    """Every place by which a record is found: its identity, keys and refs. And its hops, the places of its neighbours:
    of its children, of its parents, and of others that those might have instead.
    """
    hops: list[int] = []
    places = {place(account_id, record.record_type, record.id)}
    keys = set(record.keys)
    for value in keys:
        if value is not None:
            as_key, as_ref = _both(account_id, value)
            places.add(as_key)
            hops += (as_key, as_ref)
    for value in set(record.refs):
        if value is not None:
            as_key, as_ref = _both(account_id, value)
            places.add(as_ref)
            if value not in keys:
                hops.append(as_key)
    return places, hops


def places_of(account_id: int, record: Record) -> set[int]:
    """Every place by which a record is found."""
    return places_and_hops(account_id, record)[0]


@lru_cache(maxsize=1 << 15)  # a value comes up for its links and those of its neighbours
def _both(account_id: int, value: str) -> tuple[int, int]:
    """The places of a value as a key and as a ref."""
    return place(account_id, KEY, value), place(account_id, REF, value)


def change(
    store: "PostgresStore",
    db: Db,
    account_id: int,
    row: int,
    old: Record,
    new: Record,
    intake: int | None,
    packed: bytes,
) -> None:
    """Give a record another content, with all by which it is found. Its identity is locked by this transaction."""
    hops = int8s(places_and_hops(account_id, new)[1])
    db.execute(_CHANGE, [start_of(new), intake, packed, hops, account_id, row, start_of(old)])
    if old.start != new.start:
        kind = store.kinds.kind_id(db, account_id, new.record_type)
        db.execute(_MOVE, [start_of(new), account_id, kind, to_text(new.id)])
    _move_links(db, account_id, row, old, new)


def _move_links(db: Db, account_id: int, row: int, old: Record, new: Record) -> None:
    """Let a record be found by its new places only, each with its new start."""
    before, after = places_of(account_id, old), places_of(account_id, new)
    gone, come = (before, after) if old.start != new.start else (before - after, after - before)
    if gone:
        db.cursor().executemany(_UNLINK, [(account_id, place, row) for place in gone])
    if come:  # one may be there still: of a key that another catalogue did not know when the record changed
        db.execute(_LINK, [account_id, row, start_of(new), list(come)])


def _write_created(store: "PostgresStore", db: Db, batch: Batch, found: Found) -> None:
    """Links first: while the database works them in, the records are packed."""
    if not batch.created:
        return
    current, created = store.kinds.current, batch.created
    packing = store.packer.begin([(each, current(each.record_type)) for each in created.values()], batch.received)
    starts = [micros(record.start) for record in created.values()]
    links: list[bytes] = []
    for (row, record), start in zip(created.items(), starts, strict=True):
        links += copying.links_of(batch.account_id, row, start, found[id(record)][0])
    try:
        copying.put_links(db, links)
    finally:
        all_packed = packing.result()  # waited for whatever happens: the packer does one thing at a time
    kinds = {name: store.kinds.kind_id(db, batch.account_id, name) or 0 for name, _ in batch.rows}
    rows = [
        copying.RecordRow(row, start, kinds[record.record_type], batch.owners.get(row), packed, found[id(record)][1])
        for (row, record), start, packed in zip(created.items(), starts, all_packed, strict=True)
    ]
    copying.put_records(db, batch.account_id, rows)


def _write_replaced(store: "PostgresStore", db: Db, batch: Batch) -> None:
    account_id, kinds, pack = batch.account_id, store.kinds, store.packer.pack
    for row, old, intake in batch.replaced:
        received = old.received or batch.received
        if intake is None and row in batch.changed:
            statement = "select intake from record where account = %s and row = %s and start = %s"
            found = db.execute(statement, [account_id, row, start_of(batch.changed[row][0])]).fetchone()
            intake = found[0] if found else None
        packed = pack(old, kinds.current(old.record_type), received)
        values = {"account": account_id, "row": row, "received": to_micros(received), "intake": intake}
        db.execute(_KEEP, values | {"packed": packed})
    for row, (old, new) in batch.changed.items():
        packed = pack(new, kinds.current(new.record_type), batch.received)
        change(store, db, account_id, row, old, new, batch.owners[row], packed)


def _note_fields(store: "PostgresStore", db: Db, batch: Batch, shown: Shown) -> None:
    """Remember the fields that the records show.

    Records with the same names are looked at once; while one of their values is null, once in each batch.
    """
    account_id, known = batch.account_id, store.kinds.shown
    looked: Shown = set()
    fields: dict[int, dict[str, str]] = {}
    for record in chain(batch.created.values(), batch.changed_now):
        kind = store.kinds.kind_id(db, account_id, record.record_type) or 0
        names = (account_id, kind, record.names)
        if names in known or names in shown or names in looked:
            continue
        body = msgspec.json.decode(record.body, type=dict[str, msgspec.Raw])
        (looked if b"null" in map(bytes, body.values()) else shown).add(names)
        types = fields.setdefault(kind, {})
        for name, raw in body.items():
            if types.get(name, "null") == "null":
                types[name] = _json_type(raw)
    for kind in sorted(fields):
        _keep_fields(db, account_id, kind, fields[kind].items())


def _keep_fields(db: Db, account_id: int, kind: int, fields: Iterable[tuple[str, str]]) -> None:
    statement = "select count(*) from field where account = %s and kind = %s"
    row = db.execute(statement, [account_id, kind]).fetchone()
    some = list(fields)[: max(0, _FIELDS_MAX - (row[0] if row else 0))]
    if some:
        db.execute(_NOTE_FIELDS, [account_id, kind, [to_text(name) for name, _ in some], [type for _, type in some]])


def _json_type(raw: msgspec.Raw) -> str:
    return _JSON_TYPES.get(bytes(raw)[:1], "number")


_JSON_TYPES = {b'"': "string", b"n": "null", b"t": "boolean", b"f": "boolean", b"[": "list", b"{": "object"}
