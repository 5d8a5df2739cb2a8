"""Finding records in PostgreSQL: one account's records at one moment, by identity, key or ref."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection, errors
from psycopg.pq import TransactionStatus

from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.packing import reordered
from sessiontree.store.postgres import neighbourhood
from sessiontree.store.postgres.moments import month_of
from sessiontree.store.postgres.months import Month, is_there
from sessiontree.store.postgres.neighbourhood import Found, Neighbourhood
from sessiontree.store.postgres.opening import refusal

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

Db = Connection[Any]

_BEGIN = "begin isolation level repeatable read, read only"
_ASKS_MAX = 2048  # places in one statement
FIND = """select link.row, packed from link cross join lateral (
        select packed from record where account = %s and record.row = link.row and record.start = link.start
        offset 0) as record
    where account = %s and place = any(%s::bigint[])"""


class ReadTransaction:
    """One moment of a store: enter it for the snapshot of an account's records. It begins with the first question."""

    def __init__(self, store: "PostgresStore", account: str) -> None:
        self._store = store
        self._snapshot = PostgresSnapshot(store, None, account)

    def __enter__(self) -> "PostgresSnapshot":
        return self._snapshot

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._snapshot.end()
        if isinstance(error, psycopg.Error):
            raise refusal(self._store.name, error) from error


class PostgresSnapshot:
    """The records of one account at one moment: in a transaction of its own, or in that of a given connection."""

    def __init__(self, store: "PostgresStore", db: Db | None, account: str) -> None:
        self.store = store
        self.account = account
        self._db = db
        self._account_id: int | None = None
        self._asked_account = False
        self._given: set[int] = set()
        self._near: Neighbourhood | None = None
        self._walked = db is not None  # a walk is for trees, which have a snapshot of their own

    @property
    def db(self) -> Db:
        """The connection, in the snapshot's transaction."""
        if self._db is None:
            self._db = self.store.pool.take()
            self._db.execute(_BEGIN, prepare=False)
        return self._db

    @property
    def account_id(self) -> int | None:
        """The number of the account, None if it has none at this moment."""
        if not self._asked_account:
            known = self.store.kinds.known_account(self.account)
            self._account_id = known or self.store.kinds.account_id(self.db, self.account)
            self._asked_account = True
        return self._account_id

    def end(self) -> None:
        """Let go of the connection, if it has its own."""
        db, self._db = self._db, None
        if db is not None:
            self.store.pool.end(db)

    def find(self, asks: Asks) -> list[Record]:
        """The first few asks are answered with their whole neighbourhood, from which the next ones are answered."""
        account_id = self.account_id
        if account_id is None:
            return []
        if not self._walked and 0 < len(asks.ids) + len(asks.keys) + len(asks.refs) <= neighbourhood.ASKS_MAX:
            self._near = self._walk(account_id, asks)
        self._walked = True
        if self._near is None:
            return [record for _, record in self.rows(asks)]
        found, left = self._near.answer(asks)
        new = [record for row, record in found.items() if row not in self._given]
        self._given.update(found)
        if any(left):
            new += [record for _, record in self.rows(left)]
        return new

    def _walk(self, account_id: int, asks: Asks) -> Neighbourhood | None:
        """All around these asks; None if that is too much. First where their records probably are, then everywhere."""
        at = neighbourhood.places(account_id, asks)
        months = self.store.months
        month = months.worth(month_of([*(id for _, id in asks.ids), *asks.keys, *asks.refs]))
        found = None if month is None else self._walked_over(account_id, at, month)
        if found is None or (month is not None and any(packed is None for _, packed in found)):
            found = self._walked_over(account_id, at, None)
        if found is None or len(found) == neighbourhood.ROWS_MAX:
            return None
        return Neighbourhood(asks, self._read(found))

    def _walked_over(self, account_id: int, at: list[int], month: Month | None) -> list[Found] | None:
        """What a walk finds; None if it cannot be done. It begins the transaction, if need be, in one round trip."""
        self._db = db = self._db or self.store.pool.take()
        if not self._make_ready(db, month):
            return None
        is_first = db.pgconn.transaction_status == TransactionStatus.IDLE
        begin = _BEGIN if is_first else "savepoint walk"
        try:
            return neighbourhood.walk(db, f"{begin}; {neighbourhood.statement(account_id, at, month)}")
        except errors.UndefinedTable:
            if month is not None:
                self.store.months.missed(month)
        except errors.InvalidSqlStatementName:
            neighbourhood.forget(db, month)
        # Past psycopg, which forgets its prepared statements with every rollback.
        db.pgconn.exec_(f"rollback; {_BEGIN}".encode() if is_first else b"rollback to savepoint walk")
        return None

    def _make_ready(self, db: Db, month: Month | None) -> bool:
        """Let a connection be ready for walks over a month, or over all; False if the month has no partition."""
        months, is_ready = self.store.months, neighbourhood.is_ready(db, month)
        if month is not None and not (is_ready and months.is_known(month)):
            named = db.execute(is_there(month), prepare=False).fetchone()
            if not months.found(month, named and named[0]):
                return False
        if not is_ready:
            db.execute(neighbourhood.prepare(month), prepare=False)
            neighbourhood.note_ready(db, month)
        return True

    def rows(self, asks: Asks) -> list[tuple[int, Record]]:
        """As `find`, each record with its row, and from the database."""
        account_id = self.account_id
        if account_id is None:
            return []
        ids, keys, refs = asks
        places = neighbourhood.places(account_id, asks)
        found = []
        for first in range(0, len(places), _ASKS_MAX):
            cursor = self.db.execute(FIND, [account_id, account_id, places[first : first + _ASKS_MAX]], binary=True)
            new = [each for each in cursor.fetchall() if each[0] not in self._given]
            for row, record in self._read(new):
                if row not in self._given and (  # places are hashes: others may share them
                    not refs.isdisjoint(record.refs)
                    or not keys.isdisjoint(record.keys)
                    or (record.record_type, record.id) in ids
                ):
                    self._given.add(row)
                    found.append((row, record))
        return found

    def _read(self, found: Iterable[tuple[int, bytes | None]]) -> Iterator[tuple[int, Record]]:
        """The records of these rows, without those whose type the catalogue has not."""
        kinds, unpack, types = self.store.kinds, self.store.packer.unpack, self.store.catalog.types
        for row, packed in found:
            if packed is None:
                continue
            record = unpack(packed)
            if record.record_type not in types:
                continue
            if record.shape not in kinds.present:
                record = reordered(record, kinds.shape(self.db, record.shape))
            yield row, record
