"""Removing whole sessions from SQLite: one that is named, or all that are over and done with."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from sessiontree.record import Record
from sessiontree.store.parts.contents import total
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.pruning import Candidate, read_rows, step
from sessiontree.store.removing import Emptied, NotFresh, Pruned, Removal
from sessiontree.store.sqlite import removing

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

# Along the numbers: by any index each step would pass all sessions before the moment again.
_CANDIDATES = """select number, rows from session not indexed
    where account = :account and number > :after and number <= :until
    and (start is null or start < :before) and (finish is null or finish < :before)
    and (open_start is null or open_start <= :open_since) order by number"""
_NOBODY = 0


class SqliteRemoving:
    """See `store.removing.Removing` for what each question means."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store

    def session(self, account: str, record_type: str, id: str, *, dry_run: bool = False) -> Removal | None:
        statement = "select rows from session where account = ? and record_type = ? and id = ?"
        with self._fresh(account, dry_run=dry_run) as (db, account_id):
            found = db.execute(statement, [account_id, record_type, id]).fetchone()
            return None if found is None else self._remove(db, account_id, read_rows(found[0])[0], dry_run=dry_run)

    def prune(
        self,
        account: str,
        before: datetime,
        *,
        open_since: datetime,
        after: int = 0,
        limit: int = 1000,
        dry_run: bool = False,
    ) -> Pruned:
        with self._fresh(account, dry_run=dry_run) as (db, account_id):
            stored = _Stored(self._store, db, account_id, before, open_since)
            sessions, rows, until = step(stored, before, after=after, limit=limit)
            (last,) = db.execute("select coalesce(max(number), 0) from session").fetchone()
            removal = self._remove(db, account_id, rows, dry_run=dry_run)
            return Pruned(sessions, removal, until if until < last else None)

    def drop_months(self, before: datetime) -> Emptied:
        return Emptied([], [])

    @contextmanager
    def _fresh(self, account: str, *, dry_run: bool) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A transaction, once it is sure that nothing of the account waits to be computed; and the account's number."""
        with ExitStack() as stack:
            if dry_run:
                db = stack.enter_context(self._store.snapshot(account)).db
            else:
                db = stack.enter_context(self._store.writing())
            account_id = self._store.kinds.account_id(db, account) or _NOBODY
            if db.execute("select 1 from dirty where account = ? limit 1", [account_id]).fetchone():
                raise NotFresh
            yield db, account_id

    def _remove(self, db: sqlite3.Connection, account_id: int, rows: Sequence[int], *, dry_run: bool) -> Removal:
        going = list(removing.contents(self._store, db, account_id, rows, lambda intake: True))
        if not dry_run:
            removing.take_out(self._store, db, account_id, going)
        return total(going)


class _Stored:
    """See `Stored`."""

    def __init__(
        self, store: "SqliteStore", db: sqlite3.Connection, account_id: int, before: datetime, open_since: datetime
    ) -> None:
        self._store, self._db = store, db
        self._bounds = {"account": account_id, "before": to_micros(before), "open_since": to_micros(open_since)}

    def candidates(self, after: int, until: int) -> list[Candidate]:
        found = self._db.execute(_CANDIDATES, self._bounds | {"after": after, "until": until})
        return [Candidate(*row) for row in found]

    def records(self, rows: list[int]) -> Iterator[Record]:
        for row in rows:
            (packed,) = self._db.execute("select packed from record where row = ?", [row]).fetchone()
            yield self._store.packer.unpack(packed)

    def sessions_of(self, rows: list[int]) -> set[int]:
        return removing.sessions_of(self._db, rows)
