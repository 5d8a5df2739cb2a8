"""Reading stored records again after the catalogue changed: in batches, resumable, beside running servers.

Who adds records shares a lock, and a batch of a re-read takes it alone: no record is being added behind where it is.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store.parts.notes import ranges
from sessiontree.store.parts.rereading import read_again
from sessiontree.store.postgres import dirty, spend, write
from sessiontree.store.postgres.rules import hold, rules

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

__all__ = ["keep_out", "reread", "stale", "writing_begins"]

Db = Connection[Any]

_LOCK = 0x53545248  # among advisory locks
# Looked at before it is changed: in a cluster this table is on every node, and one writer at a time changes it.
_OF_OTHERS = "from setting where name in ('reread', 'reread done') and substr(value, 1, %s) <> %s"
# By account: no index begins with the row, since tables are distributed by account.
_ROWS = """select row, account, kind, intake, packed from record
    where account = any(%s::int[]) and row > %s and row <= %s order by row"""
_FIRST = "select row from record where account = %s and row > %s order by row limit 1"
_LAST = "select row from record where account = %s order by row desc limit 1"


def stale(store: "PostgresStore", db: Db) -> list[str]:
    """The types that may still have records of an older reading, or in sessions that were made by another."""
    done = db.execute("select value from setting where name = 'reread done'").fetchone()
    read = [] if done == (store.kinds.digest,) else store.kinds.stale(db).values()
    made = rules(store, db)
    return sorted({*read, *made.disputed(), *made.left})


def reread(store: "PostgresStore", *, batch: int) -> Iterator[tuple[int, int]]:
    """Bring every record of an older reading to the present one; yields (rows passed, rows in all).

    Each batch is one transaction that also notes how far it came, so that a stopped run goes on where it was. A record
    that the new declaration refuses keeps the values that its old reading found. If somebody adds records by another
    catalogue meanwhile (see `writing_begins`), the types stay stale: another run is needed.

    Of types that sessions were not made by so far, every record is noted: another process may have put it there.
    """
    steps = _Steps(store, batch)
    row, last = store.write(steps.begin)
    while row < last:
        with store.alone() as db:
            steps.prepare(db, row)
        row = store.write(partial(steps.step, row=row))
        yield row, last
    store.write(partial(steps.end, row=row))


def writing_begins(store: "PostgresStore", db: Db) -> None:
    """Records are about to be added by this catalogue: no reading by another one is complete, or halfway, any more."""
    keep_out(db)
    digest = store.kinds.digest
    if db.execute(f"select 1 {_OF_OTHERS}", [len(digest), digest]).fetchone():
        db.execute(f"delete {_OF_OTHERS}", [len(digest), digest])


def keep_out(db: Db) -> None:
    """Wait for a batch of a re-read that is under way, and let none begin until this transaction ends."""
    db.execute("select pg_advisory_xact_lock_shared(%s)", [_LOCK])


class _Steps:
    """The transactions of one re-read. `alone`: no other run or writer has had to do with it so far."""

    def __init__(self, store: "PostgresStore", batch: int) -> None:
        self._store = store
        self._batch = batch
        self._reader = Reader(store.catalog)
        self._alone = True
        self._left: frozenset[str] = frozenset()
        self._last = 0

    def begin(self, db: Db) -> tuple[int, int]:
        """The row after which to go on, and the last one."""
        _lock(db)
        hold(db)
        found = [db.execute(_LAST, [account_id]).fetchone() for account_id in self._accounts(db)]
        self._last = max((last for (last,) in filter(None, found)), default=0)
        made = rules(self._store, db)
        row = 0 if made.apply() else _progress(self._store, db) or 0
        self._left = frozenset(made.left)
        _note(db, "reread", f"{self._store.kinds.digest} {row}")
        return row, self._last

    def prepare(self, db: Db, row: int) -> None:
        """Make what the next records will lean on."""
        found = self._next(db, row)
        old = self._store.kinds.stale(db)
        records = [self._store.packer.unpack(packed) for *_, packed in found]
        for record in records:
            if record.shape in old:
                self._store.kinds.make_shape(db, record.record_type)
        again = [read_again(self._reader, each) for each in records if each.shape in old]
        self._store.months.make(db, (each.start for each in again))

    def step(self, db: Db, row: int) -> int:
        """Read the next records again; the row up to which that is done."""
        _lock(db)
        store = self._store
        alone = self._alone and _progress(store, db) == row
        old = store.kinds.stale(db)
        brought: dict[int, dict[int, tuple[Record, Record]]] = {}
        left: dict[int, list[int]] = {}
        found = self._next(db, row)
        upto = min(row + self._batch, self._last) if found else self._before_next(db, row)
        for row, account_id, kind, intake, packed in found:
            if store.packer.unpack(packed).shape in old:
                brought.setdefault(account_id, {})[row] = self._bring(db, account_id, row, intake, packed)
            elif store.kinds.kind(db, account_id, kind) in self._left:
                left.setdefault(account_id, []).append(row)
        for account_id, others in left.items():
            for first, last in ranges(others):
                dirty.note_rows(db, account_id, first, last)
        for account_id, changed in brought.items():
            dirty.note_changed(db, account_id, changed)
            before, after = zip(*changed.values(), strict=True)
            spend.apply(db, store.kinds, account_id, before, after)
        if alone:
            _note(db, "reread", f"{store.kinds.digest} {upto}")
        self._alone = alone
        return upto

    def _next(self, db: Db, row: int) -> list[tuple[int, int, int, int | None, bytes]]:
        """The records of as many rows as a batch has, removed ones among them: row, account, kind, intake, content."""
        return db.execute(_ROWS, [self._accounts(db), row, row + self._batch]).fetchall()

    def _before_next(self, db: Db, row: int) -> int:
        """The row before that of the next record there is; the last one that there has been if none follows."""
        found = [db.execute(_FIRST, [account_id, row]).fetchone() for account_id in self._accounts(db)]
        return min((first - 1 for (first,) in filter(None, found)), default=self._last)

    def _accounts(self, db: Db) -> list[int]:
        return [id for (id,) in db.execute("select id from account").fetchall()]

    def _bring(self, db: Db, account_id: int, row: int, intake: int | None, packed: bytes) -> tuple[Record, Record]:
        """Bring one record to the present reading; as it was read before, and as it is now."""
        store = self._store
        content = store.packer.unpack(packed)
        assert content.received is not None
        after = read_again(self._reader, store.unpack(db, packed))
        new = store.packer.pack(after, store.kinds.make_shape(db, after.record_type), content.received)
        write.change(store, db, account_id, row, content, after, intake, new)
        return content, after

    def end(self, db: Db, row: int) -> None:
        """Note that all is done, unless somebody was in the way."""
        _lock(db)
        if self._alone and _progress(self._store, db) == row:
            _note(db, "reread done", self._store.kinds.digest)
            db.execute("delete from setting where name = 'reread'")
            hold(db)
            rules(self._store, db).noted()


def _lock(db: Db) -> None:
    """Wait until nobody adds records, and let nobody begin to."""
    db.execute("select pg_advisory_xact_lock(%s)", [_LOCK])


def _note(db: Db, name: str, value: str) -> None:
    statement = "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value"
    db.execute(statement, [name, value])


def _progress(store: "PostgresStore", db: Db) -> int | None:
    """The last row that a re-read by this catalogue has passed, None if there is no such re-read under way."""
    found = db.execute("select value from setting where name = 'reread'").fetchone()
    target, row = found[0].split() if found else ("", "0")
    return int(row) if target == store.kinds.digest else None
