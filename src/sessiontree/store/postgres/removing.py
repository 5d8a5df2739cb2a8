"""Removing contents from PostgreSQL: records that go altogether, and those that get back the content before.

`begin` and `lock` keep others from changing the records and their sessions, `contents` finds out what would become of
each, `total` adds that up, and `take_out` does it, together with all that follows: links, history, spend, and notes of
what has to be computed again.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.reading import Reader
from sessiontree.store.parts.contents import Before, Goes, Mine
from sessiontree.store.parts.notes import lost
from sessiontree.store.parts.packing import Shape, reordered
from sessiontree.store.parts.rereading import read_again
from sessiontree.store.postgres import dirty, reread, spend, write
from sessiontree.store.postgres.amounts import to_array
from sessiontree.store.postgres.months import NONE, time_text
from sessiontree.store.postgres.records import of_rows
from sessiontree.store.postgres.text import to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

_IDENTITIES_OF = of_rows("kind, packed")
# Each by the index, whatever the planner knows of the tables: a plan is made once, often while they are still empty.
_LOCK = """select from unnest(%s::text[]) as named (id) cross join lateral (select from identity
    where account = %s and kind = %s and identity.id = named.id offset 0 for update) as locked"""
_VERSIONS = """select found.* from unnest(%s::bigint[]) as wanted (at) cross join lateral (select row, version, intake
    from history where account = %s and row = wanted.at offset 0) as found order by row, version"""
_PRESENT = f"{of_rows('row, intake, packed')} order by row"
_VERSION = "select packed from history where account = %s and row = %s and version = %s"
_FORGET = "delete from history where account = %s and row = %s and version = %s"
_FORGET_ALL = "delete from history where account = %s and row = %s"
_SESSIONS = """select session from home where account = %(account)s and row = any(%(rows)s::bigint[])
    union select session from visit where account = %(account)s and row = any(%(rows)s::bigint[])"""

_REMOVE_LINKS = """delete from link using unnest(%s::bigint[], %s::bigint[]) as gone (place, row)
    where link.account = %s and link.place = gone.place and link.row = gone.row"""
_REMOVE_RECORDS = "delete from record where account = %s and row = any(%s::bigint[]) and start between %s and %s"
_REMOVE_IDENTITY = "delete from identity where account = %s and kind = %s and id = %s"


def begin(db: Connection[Any], account_id: int) -> None:
    """Keep refreshes and re-reads of the account away until the transaction ends. Before anything is looked at."""
    reread.keep_out(db)
    dirty.hold(db, account_id)


def lock(store: "PostgresStore", db: Connection[Any], account_id: int, rows: Sequence[int]) -> None:
    """Keep others from changing these records until the transaction ends; who adds records locks them in this order."""
    ids: dict[int, list[str]] = {}
    for kind, packed in db.execute(_IDENTITIES_OF, [list(rows), account_id]).fetchall():
        ids.setdefault(kind, []).append(to_text(store.packer.unpack(packed).id))
    for kind in sorted(ids):
        db.execute(_LOCK, [sorted(ids[kind]), account_id, kind])


def contents(
    store: "PostgresStore", db: Connection[Any], account_id: int, rows: Sequence[int], mine: Mine
) -> Iterator[Goes]:
    """What becomes of these records when contents are taken out; without those of other accounts, or untouched."""
    versions: dict[int, list[tuple[int, int | None]]] = {}
    for row, version, intake in db.execute(_VERSIONS, [list(rows), account_id]):
        versions.setdefault(row, []).append((version, intake))
    for row, intake, packed in db.execute(_PRESENT, [list(rows), account_id]).fetchall():
        earlier = versions.get(row, [])
        going = [version for version, of in earlier if mine(of)]
        left = [(version, of) for version, of in earlier if not mine(of)]
        if mine(intake):
            before = _before(store, db, account_id, row, *left[-1]) if left else None
            yield Goes(row, store.packer.unpack(packed), False, before, going)
        elif going:
            yield Goes(row, store.packer.unpack(packed), True, None, going)


def _before(
    store: "PostgresStore", db: Connection[Any], account_id: int, row: int, version: int, intake: int | None
) -> Before:
    found = db.execute(_VERSION, [account_id, row, version]).fetchone()
    assert found is not None, "nobody changes the history of a record that is locked"
    content = store.packer.unpack(found[0])
    assert content.received is not None
    shape = store.kinds.shape(db, content.shape)
    if content.shape in store.kinds.present:
        return Before(version, intake, content, content.received, found[0])
    record = read_again(Reader(store.catalog), reordered(content, shape))
    return Before(version, intake, record, content.received, None)


def take_out(store: "PostgresStore", db: Connection[Any], account_id: int, going: Sequence[Goes]) -> None:
    """Do it, with all that follows from it. Inside a writing transaction, after `begin` and `lock`."""
    restored = [(each, each.before) for each in going if each.before is not None]
    removed = [each for each in going if each.removed]
    dirty.note_changed(db, account_id, {each.row: (each.present, back.record) for each, back in restored})
    if restored:
        reread.writing_begins(store, db)
    for each, back in restored:
        _restore(store, db, account_id, each, back)
    versions = [(account_id, each.row, at) for each in going if not each.removed for at in each.versions]
    versions += [(account_id, each.row, back.version) for each, back in restored]
    if versions:
        db.cursor().executemany(_FORGET, versions)
    _remove(store, db, account_id, removed)
    before = [each.present for each in going if not each.stays]
    spend.apply(db, store.kinds, account_id, before, [back.record for _, back in restored])


def _restore(store: "PostgresStore", db: Connection[Any], account_id: int, each: Goes, before: Before) -> None:
    old, new, row = each.present, before.record, each.row
    packed = before.packed or store.packer.pack(new, _shape(store, account_id, new.record_type), before.received)
    write.change(store, db, account_id, row, old, new, before.intake, packed)


def _shape(store: "PostgresStore", account_id: int, record_type: str) -> Shape:
    """The present shape of a type, made if need be."""
    with store.alone() as other:
        store.kinds.make(other, account_id, [record_type])
    return store.kinds.current(record_type)


def _remove(store: "PostgresStore", db: Connection[Any], account_id: int, going: Sequence[Goes]) -> None:
    if not going:
        return
    rows = [each.row for each in going]
    dirty.note_places(db, account_id, {at for each in going for at in lost(account_id, each.present.keys)})
    dirty.note_sessions(db, account_id, sessions_of(db, account_id, rows))
    for table in ("home", "visit"):
        db.execute(f"delete from {table} where account = %s and row = any(%s::bigint[])", [account_id, rows])  # noqa: S608
    links = [(place, each.row) for each in going for place in write.places_of(account_id, each.present)]
    places, of_rows = (to_array(column) for column in zip(*sorted(links), strict=True))
    # Planned anew, with the size that the table has now: a plan of when it was small reads all of it.
    db.execute(_REMOVE_LINKS, [places, of_rows, account_id], prepare=False)
    db.cursor().executemany(_FORGET_ALL, [(account_id, row) for row in rows])
    starts = [each.present.start for each in going if each.present.start is not None]
    if len(starts) < len(going):
        db.execute(_REMOVE_RECORDS, [account_id, rows, NONE, NONE])
    if starts:  # within a span of time, so that other partitions are left alone
        db.execute(_REMOVE_RECORDS, [account_id, rows, time_text(min(starts)), time_text(max(starts))])
    ids: dict[str, list[str]] = {}
    for each in going:
        ids.setdefault(each.present.record_type, []).append(to_text(each.present.id))
    for record_type, some in ids.items():
        kind = store.kinds.kind_id(db, account_id, record_type)
        db.cursor().executemany(_REMOVE_IDENTITY, [(account_id, kind, id) for id in some])


def sessions_of(db: Connection[Any], account_id: int | None, rows: Sequence[int]) -> set[int]:
    """The sessions in which any of these records is shown, as far as they have been computed."""
    found = db.execute(_SESSIONS, {"account": account_id, "rows": list(rows)})
    return {session for (session,) in found}
