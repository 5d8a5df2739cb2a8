"""Removing whole sessions from PostgreSQL: one that is named, or all that are over and done with.

What goes is judged on records that are locked against change, and while nobody computes sessions of the account.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from psycopg import Connection

from sessiontree.record import Record
from sessiontree.store.parts.contents import total
from sessiontree.store.parts.micros import to_micros
from sessiontree.store.postgres import dropping, removing
from sessiontree.store.postgres.text import to_text
from sessiontree.store.removing import NotFresh, Pruned, Removal

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

T = TypeVar("T")

_NUMBERS = 10_000  # of sessions that one step looks at
_COMPUTED_MAX = 1000  # of them, those whose records it reads
_CANDIDATES = """select number, rows from session
    where account = %(account)s and number > %(after)s and number <= %(until)s
    and (start is null or start < %(before)s) and (finish is null or finish < %(before)s)
    and (open_start is null or open_start <= %(open_since)s) order by number"""
_NAMED = "select rows from session where account = %s and record_type = %s and id = %s"
_LAST = "select coalesce(max(number), 0) from session where account = %s"
_RECORDS = "select packed from record where account = %s and row = any(%s::bigint[])"
_NOBODY = 0
_decode = msgspec.json.Decoder(tuple[list[int], list[int]]).decode


class PostgresRemoving:
    """See `store.removing.Removing` for what each question means."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store

    def session(self, account: str, record_type: str, id: str, *, dry_run: bool = False) -> Removal | None:
        def work(db: Connection[Any], account_id: int) -> Removal | None:
            found = db.execute(_NAMED, [account_id, record_type, to_text(id)]).fetchone()
            return None if found is None else self._remove(db, account_id, _decode(found[0])[0], dry_run=dry_run)

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
            ended = _Ended(self._store, db, account_id, before, open_since)
            sessions, rows, until = 0, list[int](), after + _NUMBERS
            for number, homes in ended.candidates(after, until):
                if len(rows) >= limit or len(ended.known) >= _COMPUTED_MAX:
                    until = number - 1
                    break
                if ended.for_good(number):
                    sessions += 1
                    rows += homes
            (last,) = db.execute(_LAST, [account_id]).fetchone() or (0,)
            removal = self._remove(db, account_id, rows, dry_run=dry_run)
            return Pruned(sessions, removal, until if until < last else None)

        step = self._fresh(account, work, dry_run=dry_run)
        if step.following is None and not dry_run:
            dropping.drop_empty(self._store, before)
        return step

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


class _Ended:
    """Which of an account's sessions ended before a moment and reach no record after it."""

    def __init__(
        self, store: "PostgresStore", db: Connection[Any], account_id: int, before: datetime, open_since: datetime
    ) -> None:
        self._store, self._db, self._account_id, self._before = store, db, account_id, before
        self._bounds = {"account": account_id, "before": to_micros(before), "open_since": to_micros(open_since)}
        self.known: dict[int, bool] = {}
        """What has been found out so far, by the sessions' numbers."""

    def candidates(self, after: int, until: int) -> list[tuple[int, list[int]]]:
        """Sessions whose rows do not speak against it, of the numbers after one up to another, with their records."""
        found = self._db.execute(_CANDIDATES, self._bounds | {"after": after, "until": until})
        return [(number, _decode(rows)[0]) for number, rows in found]

    def for_good(self, number: int) -> bool:
        """Whether a session has ended, and so have all that are bound to it by records that they share."""
        if number not in self.known:
            bound, queue, ended = {number}, [number], True
            for each in queue:
                rows = self._ended(each)
                if rows is None:
                    ended = False
                    break
                more = removing.sessions_of(self._db, self._account_id, rows) - bound
                bound |= more
                queue += more
            self.known.update(dict.fromkeys(bound, ended))
        return self.known[number]

    def _ended(self, number: int) -> list[int] | None:
        """The rows of all records in a session's tree, None if it has not ended before the moment."""
        found = self._db.execute(_CANDIDATES, self._bounds | {"after": number - 1, "until": number}).fetchone()
        if found is None:
            return None
        homes, visits = _decode(found[1])
        rows = homes + visits
        return rows if all(_last_moment(record) < self._before for record in self._records(rows)) else None

    def _records(self, rows: list[int]) -> Iterator[Record]:
        for (packed,) in self._db.execute(_RECORDS, [self._account_id, rows]).fetchall():
            yield self._store.packer.unpack(packed)


def _last_moment(record: Record) -> datetime:
    """The latest moment known of a record: when it was received only if it says none itself."""
    moments = [moment for moment in (record.start, record.finish) if moment is not None]
    assert record.received is not None
    return max(moments, default=record.received)
