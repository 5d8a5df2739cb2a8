"""The small tables that records lean on, kept in memory: accounts, kinds (a record type of an account), shapes.

They only grow. What is not in memory is looked up, since another process may have added it. New ones are made in
transactions of their own before the one that needs them, so that what is in memory is in the database for good, and no
writer waits for another because of them.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from psycopg import Connection
from psycopg.pq import TransactionStatus

from sessiontree.catalog import Catalog
from sessiontree.store.parts.packing import Shape, reading_of
from sessiontree.store.postgres import dirty
from sessiontree.store.postgres.text import from_text, to_text

Db = Connection[Any]

_MAKE_KIND = """insert into kind (account, id, record_type)
    select %s, coalesce(max(id), 0) + 1, %s from kind where account = %s on conflict do nothing"""
_MAKE_SHAPE = """insert into shape (record_type, reading, key_fields, ref_fields) values (%s, %s, %s, %s)
    on conflict do nothing"""


class Kinds:
    """Accounts, kinds and shapes of one store, by name and by number. A kind's number is one of its account's."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.readings = {name: reading_of(catalog, name) for name in catalog.types}
        self.agreed: set[str] = set()
        """See `Sessions.agreed`."""
        readings = sorted(self.readings.items())
        self.digest = hashlib.sha256(json.dumps(readings).encode()).hexdigest()[:16]
        """Names this catalogue's way of reading records."""
        self._accounts: dict[str, int] = {}
        self._kind_ids: dict[tuple[int, str], int] = {}
        self._kinds: dict[tuple[int, int], str] = {}
        self._shapes: dict[int, Shape] = {}
        self.present: set[int] = set()
        """Shapes that are known to be of the present reading."""
        self._current: dict[str, Shape] = {}
        self.shown: set[tuple[int, int, tuple[str, ...]]] = set()
        """Of an account and kind, the names of fields that have been noted together."""

    def known_account(self, account: str) -> int | None:
        """The number of an account if it is in memory."""
        return self._accounts.get(account)

    def account_id(self, db: Db, account: str) -> int | None:
        """The number of an account, None if the store has not met it."""
        known = self._accounts.get(account)
        if known is None:
            row = db.execute("select id from account where name = %s", [to_text(account)]).fetchone()
            if row is None:
                return None
            known = self._accounts[account] = int(row[0])
        return known

    def kind(self, db: Db, account_id: int, kind: int) -> str:
        """The record type of a kind."""
        known = self._kinds.get((account_id, kind))
        if known is None:
            self._load(db, account_id)
            known = self._kinds[account_id, kind]
        return known

    def kind_id(self, db: Db, account_id: int, record_type: str) -> int | None:
        """The number of a kind, None if there is none."""
        known = self._kind_ids.get((account_id, record_type))
        if known is None:
            self._load(db, account_id)
            known = self._kind_ids.get((account_id, record_type))
        return known

    def kinds_of(self, db: Db, account_id: int) -> dict[str, int]:
        """The kinds of an account, by record type."""
        self._load(db, account_id)
        return {name: id for (account, name), id in list(self._kind_ids.items()) if account == account_id}

    def _load(self, db: Db, account_id: int) -> None:
        for id, stored in db.execute("select id, record_type from kind where account = %s", [account_id]).fetchall():
            name = from_text(stored)
            self._kind_ids[account_id, name] = id
            self._kinds[account_id, id] = name

    def shape(self, db: Db, id: int) -> Shape:
        """The shape of this number."""
        shape = self._shapes.get(id)
        if shape is None:
            row = db.execute("select record_type, reading, key_fields, ref_fields from shape where id = %s", [id])
            record_type, reading, keys, refs = row.fetchone() or ("", "", "[]", "[]")
            record_type = from_text(record_type)
            if reading == self.readings.get(record_type, reading):
                shape = self._current[record_type] = Shape(id, record_type)
                self.present.add(id)
            else:
                key_from = _positions(json.loads(keys), self._catalog.key_fields(record_type))
                ref_from = _positions(json.loads(refs), self._catalog.types[record_type].ref_fields)
                shape = Shape(id, record_type, key_from, ref_from)
            self._shapes[id] = shape
        return shape

    def current(self, record_type: str) -> Shape:
        """The present shape of a type that `make` has made."""
        return self._current[record_type]

    def make_account(self, db: Db, account: str) -> int:
        """The number of an account, made if need be. Outside a transaction."""
        known = self.account_id(db, account)
        if known is None:
            db.execute("insert into account (name) values (%s) on conflict do nothing", [to_text(account)])
            known = self.account_id(db, account)
            assert known is not None
            dirty.make_lock(db, known)
        return known

    def make(self, db: Db, account_id: int, record_types: Iterable[str]) -> None:
        """Make the kinds of these types, and their present shapes, where they are not there. Outside a transaction."""
        for record_type in record_types:
            while record_type not in self._current:
                self.make_shape(db, record_type)
            while self.kind_id(db, account_id, record_type) is None:  # two may have taken the same number
                db.execute(_MAKE_KIND, [account_id, to_text(record_type), account_id])

    def made(self, account: str, record_types: Iterable[str]) -> bool:
        """Whether all these are known, and nothing has to be made."""
        account_id = self._accounts.get(account)
        if account_id is None:
            return False
        return all((account_id, name) in self._kind_ids and name in self._current for name in record_types)

    def make_shape(self, db: Db, record_type: str) -> Shape:
        """The present shape of a type, made if need be. Remembered once it is there for good."""
        if record_type in self._current:
            return self._current[record_type]
        keys, refs = self._catalog.key_fields(record_type), self._catalog.types[record_type].ref_fields
        stored, reading = to_text(record_type), self.readings[record_type]
        find = "select id from shape where record_type = %s and reading = %s"
        row = db.execute(find, [stored, reading]).fetchone()
        if row is not None and db.info.transaction_status == TransactionStatus.IDLE:
            return self.shape(db, row[0])
        db.execute(_MAKE_SHAPE, [stored, reading, json.dumps(keys), json.dumps(refs)])
        row = db.execute(find, [stored, reading]).fetchone()
        assert row is not None
        return Shape(row[0], record_type)

    def stale(self, db: Db) -> dict[int, str]:
        """The shapes that are no longer current: number and type."""
        rows = db.execute("select id, record_type, reading from shape").fetchall()
        found = [(id, from_text(name), reading) for id, name, reading in rows]
        return {id: name for id, name, reading in found if self.readings.get(name, reading) != reading}


def _positions(old: list[str], new: tuple[str, ...]) -> tuple[int | None, ...]:
    return tuple(old.index(field) if field in old else None for field in new)
