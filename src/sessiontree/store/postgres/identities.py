"""Which of the records that arrive are new. The table of identities decides, also between two who add the same."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.record import Record
from sessiontree.store.parts.batch import Identity
from sessiontree.store.parts.packing import same_content
from sessiontree.store.postgres.binary import Int4s, Texts, int4s, int8s, micros, texts, times
from sessiontree.store.postgres.text import to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

Db = Connection[Any]
Known = dict[Identity, tuple[int, Record]]

# In one order, so that of two who insert the same records one waits for the other, and never each for the other.
_INSERT = """insert into identity (account, kind, id, row, start)
    select %s, kind, id, row, start
    from unnest(%s::integer[], %s::text[], %s::bigint[], %s::timestamptz[]) as new (kind, id, row, start)
    order by kind, id on conflict do nothing returning row"""
_NAMED = "unnest(%s::integer[], %s::text[]) as named (kind, id)"
# In this order whatever the planner knows of the tables: a plan is made once, often while they are still empty.
_STORED = f"""select identity.row, packed from {_NAMED}
    cross join lateral (select row, start from identity
        where account = %s and identity.kind = named.kind and identity.id = named.id offset 0) as identity
    cross join lateral (select packed from record
        where account = %s and record.row = identity.row and record.start = identity.start offset 0) as record"""  # noqa: S608 - only our own names
_LOCK = f"""select from {_NAMED} cross join lateral (select from identity
    where account = %s and identity.kind = named.kind and identity.id = named.id offset 0 for update) as locked"""  # noqa: S608 - only our own names


def claim(
    store: "PostgresStore", db: Db, account_id: int, records: Sequence[Record], meanwhile: Callable[[], None]
) -> tuple[dict[Identity, int], Known]:
    """Of the records' identities: the new ones, which are noted now, with their rows; and those there already.

    Of the latter, those that any of the records changes are locked until the transaction ends. `meanwhile` is done
    while the database is at work.
    """
    latest = {(record.record_type, record.id): record for record in records}
    row = db.execute("select take_rows(%s)", [len(latest)]).fetchone()
    assert row is not None
    rows = dict(zip(latest, range(row[0], row[0] + len(latest)), strict=True))
    known: Known = {}
    created = _insert(store, db, account_id, rows, latest, meanwhile)
    left = [] if len(created) == len(latest) else [each for each in latest if each not in created]
    while left:
        known |= _known(store, db, account_id, left, records)
        left = [each for each in left if each not in known]
        if left:  # they were there, and have been removed in between
            again = {each: rows[each] for each in left}
            created |= _insert(store, db, account_id, again, latest, lambda: None)
            left = [each for each in left if each not in created]
    return created, known


def _known(
    store: "PostgresStore", db: Db, account_id: int, identities: Collection[Identity], records: Sequence[Record]
) -> Known:
    """Row and present content of those that are there, and stay there: what will be changed is locked."""
    found = _stored(store, db, account_id, identities)
    changing = _changing(found, records)
    for each in changing:
        del found[each]  # it may be removed before it is locked
    return found | _locked(store, db, account_id, changing)


def _insert(
    store: "PostgresStore",
    db: Db,
    account_id: int,
    rows: dict[Identity, int],
    latest: dict[Identity, Record],
    meanwhile: Callable[[], None],
) -> dict[Identity, int]:
    """Note these identities unless they are there already: those that are noted now."""
    starts = times([micros(latest[identity].start) for identity in rows])
    values = [account_id, *_names(store, db, account_id, rows), int8s(rows.values()), starts]
    with db.pipeline():  # sends the statement now, and waits for what comes of it later
        cursor = db.execute(_INSERT, values)
        meanwhile()
        noted = {row for (row,) in cursor.fetchall()}
    if len(noted) == len(rows):
        return rows
    return {identity: row for identity, row in rows.items() if row in noted}


def _names(store: "PostgresStore", db: Db, account_id: int, identities: Collection[Identity]) -> tuple[Int4s, Texts]:
    """The kinds and the ids of these, as two arrays."""
    kinds = {name: store.kinds.kind_id(db, account_id, name) or 0 for name in {name for name, _ in identities}}
    return int4s([kinds[name] for name, _ in identities]), texts([to_text(id) for _, id in identities])


def _stored(store: "PostgresStore", db: Db, account_id: int, identities: Collection[Identity]) -> Known:
    """Row and present content of those that are there."""
    cursor = db.cursor(binary=True)
    cursor.execute(_STORED, [*_names(store, db, account_id, identities), account_id, account_id])
    known: Known = {}
    for row, packed in cursor.fetchall():
        record = store.unpack(db, packed)
        known[record.record_type, record.id] = (row, record)
    return known


def _changing(known: Known, records: Sequence[Record]) -> list[Identity]:
    """Those that any of the records gives another content."""
    changing: dict[Identity, None] = {}
    for record in records:
        identity = (record.record_type, record.id)
        stored = known.get(identity)
        if stored is not None and identity not in changing and not same_content(stored[1].body, record.body):
            changing[identity] = None
    return list(changing)


def _locked(store: "PostgresStore", db: Db, account_id: int, identities: Collection[Identity]) -> Known:
    """Lock these, and read them once more: another may have changed them before."""
    if not identities:
        return {}
    ordered = sorted(identities)  # in one order: none waits for another that waits for it
    db.execute(_LOCK, [*_names(store, db, account_id, ordered), account_id])
    return _stored(store, db, account_id, identities)
