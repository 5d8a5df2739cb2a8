"""The store's connections and transactions, and its answers; the longer ones are in the modules beside this one."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg import Connection

from sessiontree.catalog import Catalog
from sessiontree.errors import StoreError
from sessiontree.query import Query
from sessiontree.record import Record
from sessiontree.store import ApiKey, Asks, Outcome, Page, Snapshot, Version
from sessiontree.store.checks import Checks
from sessiontree.store.intakes import Intakes, Share
from sessiontree.store.parts.packing import Packer, reordered
from sessiontree.store.postgres import at_hand, distributing, keys, migrating, opening, reread, transactions, write
from sessiontree.store.postgres import list as lists
from sessiontree.store.postgres.checks import PostgresChecks
from sessiontree.store.postgres.connection import Walker
from sessiontree.store.postgres.dictionaries import Dictionaries
from sessiontree.store.postgres.intakes import PostgresIntakes
from sessiontree.store.postgres.kinds import Kinds
from sessiontree.store.postgres.listening import TELL, Listening
from sessiontree.store.postgres.months import Months
from sessiontree.store.postgres.pool import Pool
from sessiontree.store.postgres.pruning import PostgresRemoving
from sessiontree.store.postgres.sessions import PostgresSessions
from sessiontree.store.postgres.snapshot import ReadTransaction
from sessiontree.store.postgres.spend import PostgresSpend
from sessiontree.store.postgres.text import from_text, to_text
from sessiontree.store.removing import Removing
from sessiontree.store.sessions import Sessions
from sessiontree.store.spend import Spend

Db = Connection[Any]
T = TypeVar("T")

# Which accounts have records is asked of the kinds, beside which the identities lie: no other table is on every node.
_ACCOUNTS = """select name from account where id in (select account from api_key)
    or id in (select account from kind where exists
        (select from identity where identity.account = kind.account and identity.kind = kind.id)) order by name"""
_BUMP = """insert into setting values (%s, '1')
    on conflict (name) do update set value = (setting.value::bigint + 1)::text"""
_HISTORY = """select packed, version from history where account = %s and row = %s
    union all select packed, null from record where account = %s and row = %s order by version nulls last"""


class PostgresStore:
    """A store in one PostgreSQL database; see `store.Store` for what each question means.

    Any number of processes may have it open, and any thread may ask and write.
    """

    waits = True

    def __init__(self, url: str, catalog: Catalog) -> None:
        self.catalog = catalog
        self.url = url
        self.name = opening.name(url)
        self._given = opening.parameters(url)
        self._settings: list[str] = []
        self._ready = False
        self.pool = Pool(self.name, self._connect)
        self._listening = Listening(self.pool.connect)
        self.kinds = Kinds(catalog)
        self.months = Months()
        self._local = threading.local()
        try:
            with self.pool.using() as db, self._errors():
                migrating.prepare(db, self.name)
                if distributing.is_done(db):
                    self._settings = [distributing.PLAN]
                    db.execute(f"set {distributing.PLAN}")
                transactions.live(db)
        except StoreError:
            self.close()
            raise
        self._ready = True
        self.dictionaries = Dictionaries(self)
        self.sessions: Sessions = PostgresSessions(self)
        self.spend: Spend = PostgresSpend(self)
        self.checks: Checks = PostgresChecks(self)
        self.intakes: Intakes = PostgresIntakes(self)
        self.removing: Removing = PostgresRemoving(self)

    def _connect(self) -> Db:
        db = opening.connect(self._given, Walker, *self._settings)
        if self._ready:
            transactions.live(db)
        return db

    @property
    def packer(self) -> Packer:
        """This thread's packer."""
        packer: Packer | None = getattr(self._local, "packer", None)
        if packer is None:
            packer = self._local.packer = Packer(self.dictionaries.load)
        return packer

    def writing(self) -> AbstractContextManager[Db]:
        """One transaction: durable when the block ends, gone when it raises. It is not tried again: see `write`."""
        return transactions.writing(self.pool)

    def write(self, work: Callable[[Db], T], *, begin: str = transactions.BEGIN) -> T:
        """What this work returns, done in one transaction; tried again, with all it does, if others were in its way."""
        return transactions.write(self.pool, work, begin=begin)

    def snapshot(self, account: str) -> ReadTransaction:
        return ReadTransaction(self, account)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise opening.refusal(self.name, error) from error

    @contextmanager
    def alone(self) -> Iterator[Db]:
        """A connection on which each statement is a transaction of its own."""
        with self.pool.using() as db, self._errors():
            yield db

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement finds, by itself."""
        with self.alone() as db:
            return db.execute(statement, values).fetchall()

    def add(
        self, account: str, records: Sequence[Record], received: datetime, shares: Sequence[Share] = ()
    ) -> list[Outcome]:
        if not records and not shares:
            return []
        return write.add(self, account, records, received, shares)

    def unpack(self, db: Db, packed: bytes) -> Record:
        """A record from its bytes."""
        record = self.packer.unpack(packed)
        return reordered(record, self.kinds.shape(db, record.shape))

    async def at_hand(
        self, account: str, record_type: str, id: str, near: tuple[datetime, datetime] | None = None
    ) -> AbstractContextManager[Snapshot] | None:
        return await at_hand.fetch(self, account, record_type, id, near)

    def history(self, account: str, record_type: str, id: str) -> list[Version]:
        with self.snapshot(account) as snapshot:
            for row, _ in snapshot.rows(Asks({(record_type, id)}, set(), set())):
                at = [snapshot.account_id, row]
                rows = snapshot.db.execute(_HISTORY, [*at, *at]).fetchall()
                contents = [self.packer.unpack(packed) for packed, _ in rows]
                return [Version(content.received, content.body) for content in contents if content.received]
        return []

    def page(self, account: str, query: Query) -> Page:
        with self.snapshot(account) as snapshot:
            return lists.page(snapshot, query)

    def fields(self, account: str, record_type: str) -> dict[str, str]:
        with self.snapshot(account) as snapshot:
            return lists.fields(snapshot, record_type)

    def accounts(self) -> list[str]:
        return [from_text(name) for (name,) in self.ask(_ACCOUNTS)]

    def count(self) -> int:
        return int(self.ask("select count(*) from record")[0][0])

    def sizes(self) -> dict[str, int]:
        return {"database": int(self.ask("select pg_database_size(current_database())")[0][0])}

    def check_write(self) -> None:
        statement = """insert into setting values ('write check', %s)
            on conflict (name) do update set value = excluded.value"""
        self.write(lambda db: db.execute(statement, [datetime.now(UTC).isoformat()]))

    def silent(self) -> bool:
        return self._listening.silent()

    def changes(self) -> int:
        self._listening.begin()
        found = self.ask("select value from setting where name = 'keys'")
        return int(found[0][0]) if found else 0

    def add_key(self, key: ApiKey) -> None:
        with self.alone() as db:
            account_id = self.kinds.make_account(db, key.account)

        def work(db: Db) -> None:
            keys.add(db, account_id, key)
            db.execute(_BUMP, ["keys"])
            db.execute(TELL)

        self.write(work)

    def find_key(self, digest: bytes) -> ApiKey | None:
        return next(iter(self._keys("where digest = %s", [digest])), None)

    def keys(self, account: str | None = None) -> list[ApiKey]:
        return self._keys("") if account is None else self._keys("where account.name = %s", [to_text(account)])

    def _keys(self, where: str, values: Sequence[object] = ()) -> list[ApiKey]:
        return [keys.key(row) for row in self.ask(keys.SELECT + where + keys.ORDER, values)]

    def revoke_key(self, prefix: str, at: datetime, account: str | None = None) -> ApiKey | None:
        def work(db: Db) -> None:
            keys.revoke(db, prefix, at, account)
            db.execute(_BUMP, ["keys"])
            db.execute(TELL)

        self.write(work)
        return next((key for key in self.keys(account) if key.prefix == prefix), None)

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        self.write(lambda db: keys.note_uses(db, uses))

    def stale(self) -> list[str]:
        with self.alone() as db:
            return reread.stale(self, db)

    def undeclared(self) -> list[str]:
        stored = self.ask("""select distinct record_type from kind where exists
            (select 1 from record where account = kind.account and kind = kind.id) order by record_type""")
        return [name for name in map(from_text, (name for (name,) in stored)) if name not in self.catalog.types]

    def reread(self, *, batch: int = 2000) -> Iterator[tuple[int, int]]:
        yield from reread.reread(self, batch=batch)

    def close(self) -> None:
        self._listening.close()
        self.pool.close()
