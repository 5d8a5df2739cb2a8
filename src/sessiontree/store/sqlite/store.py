"""The store's connections and transactions, and its answers; the longer ones are in the modules beside this one."""

import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sessiontree.catalog import Catalog
from sessiontree.errors import StoreError
from sessiontree.query import Query
from sessiontree.record import Record
from sessiontree.store import (
    ApiKey,
    Asks,
    Outcome,
    Page,
    Version,
)
from sessiontree.store.checks import Checks
from sessiontree.store.intakes import Intakes, Share
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.packing import Packer, reordered, train
from sessiontree.store.removing import Removing
from sessiontree.store.sessions import Sessions
from sessiontree.store.spend import Spend
from sessiontree.store.sqlite import keys, opening, reread, write
from sessiontree.store.sqlite import list as lists
from sessiontree.store.sqlite.checks import SqliteChecks
from sessiontree.store.sqlite.intakes import SqliteIntakes
from sessiontree.store.sqlite.kinds import Kinds
from sessiontree.store.sqlite.pruning import SqliteRemoving
from sessiontree.store.sqlite.sessions import SqliteSessions
from sessiontree.store.sqlite.snapshot import ReadTransaction
from sessiontree.store.sqlite.spend import SqliteSpend

_SPARING_CACHE_KIB = 16_384
_CACHE_KIB = 32_768
_WRITER_CACHE_KIB = 98_304  # random ids touch pages all over the file
_MAIN_CACHE_KIB = 262_144  # of the thread that answers point reads: a tenth of their time at 1 million records
_TRAIN_AT_ROWS = (1_000, 20_000, 400_000)  # when to train a dictionary
_TRAIN_RECORDS = 1_000  # how many records a dictionary is trained of


class SqliteStore:
    """A store in one SQLite file; see `store.Store` for what each question means."""

    waits = False

    def __init__(self, path: Path, catalog: Catalog, *, create: bool = True, sparing: bool = False) -> None:
        self.catalog = catalog
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.RLock()
        self._closed = False
        self._sparing = sparing
        self._version = 0
        if path.is_dir():
            raise StoreError(f"{path} is a folder, and a file is needed: name one in it with --store")
        if not create and not path.exists():
            raise StoreError(f"{path} does not exist: import records first, or name the store with --store")
        self.kinds = Kinds(catalog)
        self.sessions: Sessions = SqliteSessions(self)
        self.spend: Spend = SqliteSpend(self)
        self.checks: Checks = SqliteChecks(self)
        self.intakes: Intakes = SqliteIntakes(self)
        self.removing: Removing = SqliteRemoving(self)
        try:
            with self._errors():
                self._writer = self._connect(cache_kib=_WRITER_CACHE_KIB)
                opening.prepare(self.path, self._writer, self.writing)
                self._rows = self._writer.execute("select coalesce(max(row), 0) from record").fetchone()[0]
        except StoreError:
            self.close()
            raise
        self._train_from = next((rows for rows in _TRAIN_AT_ROWS if rows > self._rows), sys.maxsize)

    def _connect(self, *, cache_kib: int) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"{self.path} has been closed")
        db = opening.connect(self.path, cache_kib=_SPARING_CACHE_KIB if self._sparing else cache_kib)
        self._connections.append(db)
        return db

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            with self._errors(), self._lock:
                in_main = threading.current_thread() is threading.main_thread()
                db = self._local.db = self._connect(cache_kib=_MAIN_CACHE_KIB if in_main else _CACHE_KIB)
                db.execute("pragma query_only = on")
        return db

    @property
    def packer(self) -> Packer:
        """This thread's packer."""
        packer: Packer | None = getattr(self._local, "packer", None)
        if packer is None:
            packer = self._local.packer = Packer(self._dictionaries)
        return packer

    def _dictionaries(self, _wanted: int) -> dict[int, bytes]:
        with self._errors():
            return dict(self.reader.execute("select number, content from dictionary"))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block ends, gone when it raises. One at a time."""
        with self._lock, self._errors():
            db = self._writer
            opening.begin(db)
            others_wrote = self._others_wrote(db)
            try:
                yield db
                db.execute("commit")
            except BaseException:
                self.kinds.forget()
                if db.in_transaction:
                    db.execute("rollback")
                raise
            if others_wrote:
                time.sleep(opening.YIELD_SECONDS)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of the store, on this thread's connection for reading."""
        with self._errors():
            db = self.reader
            db.execute("begin")
            try:
                yield db
            finally:
                db.execute("rollback")

    def _others_wrote(self, db: sqlite3.Connection) -> bool:
        """Whether another process has written since this was last asked."""
        before, self._version = self._version, db.execute("pragma data_version").fetchone()[0]
        return self._version != before

    def snapshot(self, account: str) -> ReadTransaction:
        return ReadTransaction(self, account)

    async def at_hand(
        self, account: str, record_type: str, id: str, near: tuple[datetime, datetime] | None = None
    ) -> None:
        """Nothing: a snapshot waits for nobody."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(opening.sentence(self.path, error)) from error

    def add(
        self, account: str, records: Sequence[Record], received: datetime, shares: Sequence[Share] = ()
    ) -> list[Outcome]:
        if not records and not shares:
            return []
        with self._lock:
            if self._rows + len(records) >= self._train_from:
                self._train(records)
            with self.writing() as db:
                reread.writing_begins(self, db)
                outcomes, self._rows = write.add(self, db, account, records, received, shares)
        return outcomes

    def _train(self, records: Sequence[Record]) -> None:
        """Train the next compression dictionary, of the records about to be added and the newest before them."""
        rows = self._rows + len(records)
        passed = [at for at in _TRAIN_AT_ROWS if at <= rows]
        self._train_from = next((at for at in _TRAIN_AT_ROWS if at > rows), sys.maxsize)
        with self.writing() as db:
            number = db.execute("select coalesce(max(number), 0) + 1 from dictionary").fetchone()[0]
            if number > len(passed):  # another process was first
                return
            content = train(self._samples(db, records[:_TRAIN_RECORDS]))
            if content is not None:
                db.execute("insert into dictionary values (?, ?)", [number, content])
        self.packer.renew()

    def _samples(self, db: sqlite3.Connection, records: Sequence[Record]) -> Iterator[bytes]:
        yield from (record.body for record in records)
        newest = "select packed from record order by row desc limit ?"
        for (packed,) in db.execute(newest, [_TRAIN_RECORDS - len(records)]):
            yield self.packer.unpack(packed).body

    def unpack(self, db: sqlite3.Connection, packed: bytes) -> Record:
        """A record from its bytes."""
        record = self.packer.unpack(packed)
        return reordered(record, self.kinds.shape(db, record.shape))

    def history(self, account: str, record_type: str, id: str) -> list[Version]:
        statement = """select packed from (
            select packed, version from history where row = :row
            union all select packed, null from record where row = :row) order by version is null, version"""
        with self.snapshot(account) as snapshot:
            for row, _ in snapshot.rows(Asks({(record_type, id)}, set(), set())):
                contents = [self.packer.unpack(packed) for (packed,) in snapshot.db.execute(statement, {"row": row})]
                return [Version(content.received, content.body) for content in contents if content.received]
        return []

    def page(self, account: str, query: Query) -> Page:
        with self.snapshot(account) as snapshot:
            return lists.page(snapshot, query)

    def fields(self, account: str, record_type: str) -> dict[str, str]:
        statement = """select name, type from field where kind =
            (select id from kind where record_type = ? and account = (select id from account where name = ?))"""
        shown = self.ask(statement, [record_type, account])
        return {name: "string" if type == "null" else type for name, type in shown}

    def accounts(self) -> list[str]:
        return [name for (name,) in self.ask("select name from account order by name")]

    def count(self) -> int:
        return int(self.ask("select count(*) from record")[0][0])

    def sizes(self) -> dict[str, int]:
        files = {"records": self.path, "log": self.path.with_name(self.path.name + "-wal")}
        return {name: path.stat().st_size if path.exists() else 0 for name, path in files.items()}

    def check_write(self) -> None:
        with self.writing() as db:
            db.execute("insert or replace into setting values ('write check', ?)", [to_micros(datetime.now(UTC))])

    def silent(self) -> bool:
        return False

    def changes(self) -> int:
        return int(self.ask("pragma data_version")[0][0])

    def add_key(self, key: ApiKey) -> None:
        with self.writing() as db:
            keys.add(db, key)

    def find_key(self, digest: bytes) -> ApiKey | None:
        return next(iter(self._keys("where digest = ?", [digest])), None)

    def keys(self, account: str | None = None) -> list[ApiKey]:
        return self._keys("where ? is null or account.name = ?", [account, account])

    def _keys(self, where: str, values: Sequence[object]) -> list[ApiKey]:
        return [keys.key(row) for row in self.ask(keys.SELECT + where + keys.ORDER, values)]

    def revoke_key(self, prefix: str, at: datetime, account: str | None = None) -> ApiKey | None:
        with self.writing() as db:
            keys.revoke(db, prefix, to_micros(at), account)
        return next(
            iter(self._keys("where prefix = ? and (? is null or account.name = ?)", [prefix, account, account])), None
        )

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        with self.writing() as db:
            keys.note_uses(db, uses)

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement finds, on this thread's connection for reading."""
        with self._errors():
            return self.reader.execute(statement, values).fetchall()

    def stale(self) -> list[str]:
        with self._errors():
            return reread.stale(self)

    def undeclared(self) -> list[str]:
        stored = self.ask("""select distinct record_type from kind
            where exists (select 1 from record where kind = kind.id) order by record_type""")
        return [name for (name,) in stored if name not in self.catalog.types]

    def reread(self, *, batch: int = 2000) -> Iterator[tuple[int, int]]:
        with self._errors():
            yield from reread.reread(self, batch=batch)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._connections:
                self._connections.pop().close()
