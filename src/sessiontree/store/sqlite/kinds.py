"""The small tables that records lean on, kept in memory: accounts, kinds (a record type of an account), shapes.

They only grow. What is not in memory is looked up, since another process may have added it. Any thread may ask, also
while the one that writes forgets.
"""

import hashlib
import json
import sqlite3

from sessiontree.catalog import Catalog
from sessiontree.store.parts.packing import Shape, reading_of


class Kinds:
    """Accounts, kinds and shapes of one store, by name and by number."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.readings = {name: reading_of(catalog, name) for name in catalog.types}
        self.agreed: set[str] = set()
        """See `Sessions.agreed`."""
        readings = sorted(self.readings.items())
        self.digest = hashlib.sha256(json.dumps(readings).encode()).hexdigest()[:16]
        """Names this catalogue's way of reading records."""
        self.forget()

    def forget(self) -> None:
        """Drop what is in memory, before a transaction that may have added to it is rolled back.

        Before: once it is rolled back, another process may give the same numbers to other things.
        """
        self._accounts: dict[str, int] = {}
        self._kind_ids: dict[tuple[int, str], int] = {}
        self._kinds: dict[int, tuple[str, str]] = {}
        self.owners: dict[int, int] = {}
        self._shapes: dict[int, Shape] = {}
        self.present: set[int] = set()
        """Shapes that are known to be of the present reading."""
        self._current: dict[str, Shape] = {}
        self.shown: set[tuple[int, tuple[str, ...]]] = set()

    def account_id(self, db: sqlite3.Connection, account: str) -> int | None:
        """The number of an account, None if the store has not met it."""
        known = self._accounts.get(account)
        if known is None:
            row = db.execute("select id from account where name = ?", [account]).fetchone()
            if row is None:
                return None
            known = self._accounts[account] = int(row[0])
        return known

    def kind(self, db: sqlite3.Connection, kind: int) -> tuple[str, str]:
        """The account and record type of a kind."""
        known = self._kinds.get(kind)
        if known is None:
            statement = "select name, record_type from kind join account on account.id = account where kind.id = ?"
            name, record_type = db.execute(statement, [kind]).fetchone()
            known = self._kinds[kind] = (name, record_type)
        return known

    def owns(self, db: sqlite3.Connection, account_id: int, kind: int) -> bool:
        """Whether a kind is of this account, and of a type that the catalogue has."""
        owner = self.owners.get(kind)
        if owner is None:
            row = db.execute("select account, record_type from kind where id = ?", [kind]).fetchone()
            owner = self.owners[kind] = row[0] if row[1] in self._catalog.types else 0
        return owner == account_id

    def kind_id(self, db: sqlite3.Connection, account_id: int, record_type: str) -> int | None:
        """The number of a kind, None if the account has no such records."""
        known = self._kind_ids.get((account_id, record_type))
        if known is None:
            statement = "select id from kind where account = ? and record_type = ?"
            row = db.execute(statement, [account_id, record_type]).fetchone()
            if row is None:
                return None
            known = self._kind_ids[account_id, record_type] = int(row[0])
        return known

    def shape(self, db: sqlite3.Connection, id: int) -> Shape:
        """The shape of this number."""
        shape = self._shapes.get(id)
        if shape is None:
            row = db.execute("select record_type, reading, key_fields, ref_fields from shape where id = ?", [id])
            record_type, reading, keys, refs = row.fetchone()
            present = self.readings.get(record_type, reading)
            if reading == present:
                shape = self._current[record_type] = Shape(id, record_type)
                self.present.add(id)
            else:
                key_from = _positions(json.loads(keys), self._catalog.key_fields(record_type))
                ref_from = _positions(json.loads(refs), self._catalog.types[record_type].ref_fields)
                shape = Shape(id, record_type, key_from, ref_from)
            self._shapes[id] = shape
        return shape

    def make_account(self, db: sqlite3.Connection, account: str) -> int:
        """The number of an account, made if need be. Inside a writing transaction.

        Not remembered: rolled back, the number may become another account's, while a reader has it already.
        """
        db.execute("insert or ignore into account (name) values (?)", [account])
        (made,) = db.execute("select id from account where name = ?", [account]).fetchone()
        return int(made)

    def make_kind(self, db: sqlite3.Connection, account_id: int, record_type: str) -> int:
        """The number of a kind, made if need be. Inside a writing transaction."""
        known = self.kind_id(db, account_id, record_type)
        if known is None:
            db.execute("insert into kind (account, record_type) values (?, ?)", [account_id, record_type])
            known = self.kind_id(db, account_id, record_type)
            assert known is not None
        return known

    def make_shape(self, db: sqlite3.Connection, record_type: str) -> Shape:
        """The present shape of a type, made if need be. Inside a writing transaction."""
        if record_type not in self._current:
            keys, refs = self._catalog.key_fields(record_type), self._catalog.types[record_type].ref_fields
            reading = self.readings[record_type]
            db.execute(
                "insert or ignore into shape (record_type, reading, key_fields, ref_fields) values (?, ?, ?, ?)",
                [record_type, reading, json.dumps(keys), json.dumps(refs)],
            )
            row = db.execute("select id from shape where record_type = ? and reading = ?", [record_type, reading])
            self.shape(db, row.fetchone()[0])
        return self._current[record_type]

    def stale(self, db: sqlite3.Connection) -> dict[int, str]:
        """The shapes that are no longer current: number and type."""
        rows = db.execute("select id, record_type, reading from shape").fetchall()
        return {id: name for id, name, reading in rows if self.readings.get(name, reading) != reading}


def _positions(old: list[str], new: tuple[str, ...]) -> tuple[int | None, ...]:
    return tuple(old.index(field) if field in old else None for field in new)
