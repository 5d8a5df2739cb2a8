"""Removing whole sessions from PostgreSQL: one that is named, or all that are over and done with.

What goes is judged on records that are locked against change, and while nobody computes sessions of the account.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import Connection

from sessiontree.record import Record
from sessiontree.store.parts.contents import total
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.parts.pruning import Candidate, read_rows, step
from sessiontree.store.postgres import dropping, removing
from sessiontree.store.postgres.records import of_rows
from sessiontree.store.postgres.text import to_text
from sessiontree.store.removing import Emptied, NotFresh, Pruned, Removal

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

T = TypeVar("T")

_CANDIDATES = """select number, rows from session
    where account = %(account)s and number > %(after)s and number <= %(until)s
    and (start is null or start < %(before)s) and (finish is null or finish < %(before)s)
    and (open_start is null or open_start <= %(open_since)s) order by number"""
_NAMED = "select rows from session where account = %s and record_type = %s and id = %s"
_LAST = "select coalesce(max(number), 0) from session where account = %s"
_RECORDS = of_rows("packed")
_NOBODY = 0


class PostgresRemoving:
    """See `store.removing.Removing` for what each question means."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store

    def session(self, account: str, record_type: str, id: str, *, dry_run: bool = False) -> Removal | None:
        def work(db: Connection[Any], account_id: int) -> Removal | None:
            found = db.execute(_NAMED, [account_id, record_type, to_text(id)]).fetchone()
            return None if found is None else self._remove(db, account_id, read_rows(found[0])[0], dry_run=dry_run)

        return self._fresh(account, work, dry_run=dry_run)

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
        def work(db: Connection[Any], account_id: int) -> Pruned:
            stored = _Stored(self._store, db, account_id, before, open_since)
            sessions, rows, until = step(stored, before, after=after, limit=limit)
            (last,) = db.execute(_LAST, [account_id]).fetchone() or (0,)
            removal = self._remove(db, account_id, rows, dry_run=dry_run)
            return Pruned(sessions, removal, until if until < last else None)

        return self._fresh(account, work, dry_run=dry_run)

    def drop_months(self, before: datetime) -> Emptied:
        return dropping.drop_empty(self._store, before)

    def _fresh(self, account: str, work: Callable[[Connection[Any], int], T], *, dry_run: bool) -> T:
        """What work answers in a transaction in which nothing of the account waits to be computed."""
        if dry_run:
            with self._store.snapshot(account) as snapshot:
                account_id = snapshot.account_id or _NOBODY
                _check_fresh(snapshot.db, account_id)
                return work(snapshot.db, account_id)

        def write(db: Connection[Any]) -> T:
            account_id = self._store.kinds.account_id(db, account)
            if account_id is None:
                return work(db, _NOBODY)
            removing.begin(db, account_id)
            _check_fresh(db, account_id)
            return work(db, account_id)

        return self._store.write(write)

    def _remove(self, db: Connection[Any], account_id: int, rows: Sequence[int], *, dry_run: bool) -> Removal:
        if not dry_run:
            removing.lock(self._store, db, account_id, rows)
            _check_fresh(db, account_id)  # what changed one of these records before it was locked has been noted
        going = list(removing.contents(self._store, db, account_id, rows, lambda intake: True))
        if not dry_run:
            removing.take_out(self._store, db, account_id, going)
        return total(going)


def _check_fresh(db: Connection[Any], account_id: int) -> None:
    if db.execute("select 1 from dirty where account = %s limit 1", [account_id]).fetchone():
        raise NotFresh


class _Stored:
    """See `Stored`."""

    def __init__(
        self, store: "PostgresStore", db: Connection[Any], account_id: int, before: datetime, open_since: datetime
    ) -> None:
        self._store, self._db, self._account_id = store, db, account_id
        self._bounds = {"account": account_id, "before": to_micros(before), "open_since": to_micros(open_since)}

    def candidates(self, after: int, until: int) -> list[Candidate]:
        found = self._db.execute(_CANDIDATES, self._bounds | {"after": after, "until": until})
        return [Candidate(*row) for row in found]

    def records(self, rows: list[int]) -> Iterator[Record]:
        for (packed,) in self._db.execute(_RECORDS, [rows, self._account_id]).fetchall():
            yield self._store.packer.unpack(packed)

    def sessions_of(self, rows: list[int]) -> set[int]:
        return removing.sessions_of(self._db, self._account_id, rows)
