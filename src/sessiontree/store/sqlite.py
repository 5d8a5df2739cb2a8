"""The SQLite store: one file, one process that writes at a time, any number of readers.

`sqlite_write.py` holds what adding does, `sqlite_snapshot.py` finding; here are opening and the small tables.
"""

import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
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
    sqlite_keys,
    sqlite_list,
    sqlite_reread,
    sqlite_write,
)
from sessiontree.store.kinds import Kinds
from sessiontree.store.micros import to_micros
from sessiontree.store.packing import Packer, reordered, train
from sessiontree.store.sqlite_snapshot import SqliteSnapshot

APPLICATION_ID = 0x53545245  # "STRE", in the file's header: how a Sessiontree file is known
SCHEMA_VERSION = 1
BUSY_MS = 5000
_CACHE_KIB = 32_768
_WRITER_CACHE_KIB = 131_072  # random ids touch pages all over the file
_MAIN_CACHE_KIB = 262_144  # of the thread that answers point reads: a tenth of their time at 1 million records
_TRAIN_AT_ROWS = (1_000, 20_000, 400_000)  # when to train a dictionary
_TRAIN_RECORDS = 1_000  # how many records a dictionary is trained of


class SqliteStore:
    """A store in one SQLite file; see `store.Store` for what each question means."""

    def __init__(self, path: Path, catalog: Catalog, *, create: bool = True) -> None:
        self.catalog = catalog
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.RLock()
        self._closed = False
        if not create and not path.exists():
            raise StoreError(f"{path} does not exist: import records first, or name the store with --store")
        self.kinds = Kinds(catalog)
        try:
            with self._errors():
                self._writer = self._connect(cache_kib=_WRITER_CACHE_KIB)
                self._prepare()
                self._rows = self._writer.execute("select coalesce(max(row), 0) from record").fetchone()[0]
        except StoreError:
            self.close()
            raise
        self._train_from = next((rows for rows in _TRAIN_AT_ROWS if rows > self._rows), sys.maxsize)

    def _connect(self, *, cache_kib: int) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"{self.path} has been closed")
        db = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        self._connections.append(db)
        db.execute("pragma synchronous = full")
        db.execute(f"pragma cache_size = -{cache_kib}")
        db.execute("pragma foreign_keys = on")
        return db

    def _prepare(self) -> None:
        """Make the tables of a new file; refuse a file that is something else."""
        db = self._writer
        db.execute("begin")  # all three of one moment: another process may be making the tables
        application, version = (
            db.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        empty = not db.execute("select 1 from sqlite_master limit 1").fetchone()
        db.execute("rollback")
        if empty and application == 0:
            _keep_a_log(db)
            schema = files("sessiontree.store").joinpath("schema.sql").read_text()
            with self.writing():
                if not db.execute("select 1 from sqlite_master limit 1").fetchone():  # nobody else made it meanwhile
                    for statement in schema.split(";\n"):
                        db.execute(statement)
                    db.execute(f"pragma application_id = {APPLICATION_ID}")
                    db.execute(f"pragma user_version = {SCHEMA_VERSION}")
        elif application != APPLICATION_ID:
            raise StoreError(f"{self.path} is not a Sessiontree file: name another with --store")
        elif version != SCHEMA_VERSION:
            raise StoreError(f"{self.path} was made by another version of Sessiontree (schema {version})")
        db.execute("pragma wal_autocheckpoint = 20000")  # in pages; the writer itself checkpoints (1.6 times the rate)

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

    def _dictionaries(self) -> dict[int, bytes]:
        with self._errors():
            return dict(self.reader.execute("select number, content from dictionary"))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block ends, gone when it raises. One at a time."""
        with self._lock, self._errors():
            db = self._writer
            db.execute("begin immediate")
            try:
                yield db
                db.execute("commit")
            except BaseException:
                self.kinds.forget()
                if db.in_transaction:
                    db.execute("rollback")
                raise

    @contextmanager
    def snapshot(self, account: str) -> Iterator[SqliteSnapshot]:
        db = self.reader
        with self._errors():
            db.execute("begin")
            try:
                yield SqliteSnapshot(self, db, account)
            finally:
                if db.in_transaction:
                    db.execute("rollback")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(_sentence(self.path, error)) from error

    def add(self, account: str, records: Sequence[Record], received: datetime) -> list[Outcome]:
        if not records:
            return []
        with self._lock:
            if self._rows + len(records) >= self._train_from:
                self._train(records)
            with self.writing() as db:
                sqlite_reread.writing_begins(self, db)
                outcomes, self._rows = sqlite_write.add(self, db, account, records, received)
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
            return sqlite_list.page(snapshot, query)

    def fields(self, account: str, record_type: str) -> dict[str, str]:
        statement = """select name, type from field where kind =
            (select id from kind where record_type = ? and account = (select id from account where name = ?))"""
        shown = self._ask(statement, [record_type, account])
        return {name: "string" if type == "null" else type for name, type in shown}

    def accounts(self) -> list[str]:
        return [name for (name,) in self._ask("select name from account order by name")]

    def count(self) -> int:
        return int(self._ask("select count(*) from record")[0][0])

    def check_write(self) -> None:
        with self.writing() as db:
            db.execute("insert or replace into setting values ('write check', ?)", [to_micros(datetime.now(UTC))])

    def changes(self) -> int:
        return int(self._ask("pragma data_version")[0][0])

    def add_key(self, key: ApiKey) -> None:
        with self.writing() as db:
            sqlite_keys.add(db, key)

    def find_key(self, digest: bytes) -> ApiKey | None:
        return next(iter(self._keys("where digest = ?", [digest])), None)

    def keys(self, account: str | None = None) -> list[ApiKey]:
        return self._keys("where ? is null or account.name = ?", [account, account])

    def _keys(self, where: str, values: Sequence[object]) -> list[ApiKey]:
        return [sqlite_keys.key(row) for row in self._ask(sqlite_keys.SELECT + where + sqlite_keys.ORDER, values)]

    def revoke_key(self, prefix: str, at: datetime, account: str | None = None) -> ApiKey | None:
        with self.writing() as db:
            sqlite_keys.revoke(db, prefix, to_micros(at), account)
        return next(
            iter(self._keys("where prefix = ? and (? is null or account.name = ?)", [prefix, account, account])), None
        )

    def _ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._errors():
            return self.reader.execute(statement, values).fetchall()

    def stale(self) -> list[str]:
        with self._errors():
            return sqlite_reread.stale(self)

    def undeclared(self) -> list[str]:
        stored = self._ask("select distinct record_type from kind order by record_type")
        return [name for (name,) in stored if name not in self.catalog.types]

    def reread(self, *, batch: int = 2000) -> Iterator[tuple[int, int]]:
        with self._errors():
            yield from sqlite_reread.reread(self, batch=batch)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._connections:
                self._connections.pop().close()


def _keep_a_log(db: sqlite3.Connection) -> None:
    """Write ahead into a log from now on. For this SQLite does not wait by itself while others open the file too."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _sentence(path: Path, error: sqlite3.Error) -> str:
    """What went wrong with the store, in one sentence that tells what to do."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"{path} is locked by another process that is writing; try again in a moment"
    if "not a database" in text:
        return f"{path} is not a Sessiontree file: name another with --store"
    if "full" in text:
        return f"the disk that holds {path} is full: free some space and send the records again"
    if "readonly" in text or "read-only" in text:
        return f"{path} cannot be written: check its permissions and those of its folder"
    if "unable to open" in text:
        return f"{path} cannot be opened: check that its folder exists and can be written"
    return f"{path} cannot be used: {text}"
