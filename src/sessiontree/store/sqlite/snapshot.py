"""Finding records in SQLite: one account's records at one moment, by identity, key or ref."""

import sqlite3
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sessiontree.errors import StoreError
from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.packing import reordered
from sessiontree.store.parts.places import KEY, REF, place
from sessiontree.store.sqlite.opening import sentence

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_ASKS_MAX = 512  # places in one statement


class ReadTransaction:
    """One moment of a store, on this thread's connection: enter it for the snapshot of an account's records.

    A class, and not a generator with `contextmanager`, because every request for a tree passes through here.
    """

    def __init__(self, store: "SqliteStore", account: str) -> None:
        self._store = store
        self._account = account
        self._db = store.reader

    def __enter__(self) -> "SqliteSnapshot":
        try:
            self._db.execute("begin")
            return SqliteSnapshot(self._store, self._db, self._account)
        except sqlite3.Error as error:
            self.__exit__(None, error, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed = error if isinstance(error, sqlite3.Error) else None
        try:
            if self._db.in_transaction:
                self._db.execute("rollback")
        except sqlite3.Error as another:
            failed = failed or another
        if failed is not None:
            raise StoreError(sentence(self._store.path, failed)) from failed


class SqliteSnapshot:
    """The records of one account at one moment: inside a transaction on this thread's connection."""

    def __init__(self, store: "SqliteStore", db: sqlite3.Connection, account: str) -> None:
        self.store = store
        self.db = db
        self.account = account
        self.account_id = store.kinds.account_id(db, account)
        self._given: set[int] = set()

    def find(self, asks: Asks) -> list[Record]:
        return [record for _, record in self.rows(asks)]

    def rows(self, asks: Asks) -> list[tuple[int, Record]]:
        """As `find`, each record with its row."""
        account_id = self.account_id
        if account_id is None:
            return []
        ids, keys, refs = asks
        places = [place(account_id, record_type, id) for record_type, id in ids]
        places += [place(account_id, KEY, value) for value in keys]
        places += [place(account_id, REF, value) for value in refs]
        db, given, kinds, unpack = self.db, self._given, self.store.kinds, self.store.packer.unpack
        owners, present = kinds.owners, kinds.present
        found = []
        for first in range(0, len(places), _ASKS_MAX):
            some = places[first : first + _ASKS_MAX]
            for row, kind, packed in db.execute(_find_statement(len(some)), padded(some)):
                if row in given or (owners.get(kind) != account_id and not kinds.owns(db, account_id, kind)):
                    continue
                record = unpack(packed)
                if record.shape not in present:
                    record = reordered(record, kinds.shape(db, record.shape))
                if (  # places are hashes: others may share them
                    not refs.isdisjoint(record.refs)
                    or not keys.isdisjoint(record.keys)
                    or (record.record_type, record.id) in ids
                ):
                    given.add(row)
                    found.append((row, record))
        return found


@cache
def _find_statement(size: int) -> str:
    marks = ",".join("?" * _padded_size(size))
    return f"""select record.row, record.kind, record.packed from link cross join record on record.row = link.row
        where link.place in ({marks})"""  # noqa: S608 - only question marks


def _padded_size(size: int) -> int:
    """List sizes go up in powers of two, so that few statements serve all."""
    return 1 << (size - 1).bit_length()


def padded(values: list[Any]) -> list[Any]:
    """As many values as `_padded_size` says: the last one stands there several times."""
    return values + values[-1:] * (_padded_size(len(values)) - len(values))
