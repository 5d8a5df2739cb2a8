"""The sessions of a SQLite store: finding their rows, and keeping them up to date.

What a refresh has to write is worked out beside those that add records, and written in `session_writing`. One process
at a time does it, see `claim`.
"""

import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sessiontree.placement import plans
from sessiontree.session_query import SessionChange, SessionPage, SessionQuery
from sessiontree.sessions import Session
from sessiontree.store import Asks, refuse_disputed
from sessiontree.store.parts.refresh import Refresh
from sessiontree.store.parts.session_rows import COLUMNS, read_session
from sessiontree.store.sqlite import dirty, session_list, session_selection, session_writing, unfit
from sessiontree.store.sqlite.claim import Claim, cancel
from sessiontree.store.sqlite.pace import Pace
from sessiontree.store.sqlite.refresh_reading import RefreshReading
from sessiontree.store.sqlite.rules import rules
from sessiontree.unfit import ProblemPage, ProblemPlace, UnlinkedGroup

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

REFRESH_RECORDS = 2000
_BUSY_SECONDS = 0.02  # how long to leave alone what another process is refreshing
_FEW_RECORDS = 500  # are refreshed while nobody else writes, so that nothing waits at the end, for a moment
_SETTLED_RECORDS = 20_000  # are refreshed while nobody else writes, if need be: in less than a second
_LEFT_RECORDS = 4000  # are left to whoever is next
_LONG_SECONDS = 0.25  # of working out, which only a very large session takes when few records are refreshed
_LONG_FOR_SECONDS = 60.0  # it is likely to change again
_IDENTITY = "account = (select id from account where name = ?) and record_type = ? and id = ?"


class SqliteSessions:
    """The sessions of a store; see `store.sessions.Sessions` for what each question means."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store
        self._plans = plans(store.catalog)
        self._pace = Pace()
        self._claim = Claim()
        self._cancelled = False
        self._long_until = 0.0  # until then, working out may take so long that nobody is kept from writing meanwhile
        self._small_first = False
        self._one_at_a_time = threading.Lock()

    def refresh(self, limit: int = REFRESH_RECORDS) -> int:
        with self._one_at_a_time:
            waiting = self.waiting()
            if waiting == 0:
                return 0
            refuse_disputed(self._store)  # at once: once more when what was worked out is written
            if not self._claimed():
                time.sleep(_BUSY_SECONDS)
            elif self._cancelled or (waiting <= _FEW_RECORDS and time.monotonic() >= self._long_until):
                # cancelled twice would be once too often
                with self._store.writing() as db:
                    if self._claim.make(db):
                        self._write(db, self._worked_out(db, limit))
            else:
                with self._store.reading() as db:
                    refresh = self._worked_out(db, limit)
                with self._store.writing() as db:
                    self._write(db, refresh)
            return self.waiting()

    def _claimed(self) -> bool:
        if self._claim.stands:
            return True
        with self._store.writing() as db:
            return self._claim.make(db)

    def _worked_out(self, db: sqlite3.Connection, limit: int) -> Refresh | None:
        """What the next notes make of their sessions; None if none waits."""
        began = time.monotonic()
        self._small_first = not self._small_first  # every other time, or a steady flow of small ones would hold up all
        notes = dirty.take(db, self._pace.records(limit), small_first=self._small_first)
        if notes is None:
            return None
        refresh = Refresh(RefreshReading(self._store, db, notes.account_id), notes, self._plans, datetime.now(UTC))
        refresh.run()
        ended = time.monotonic()
        self._pace.took(notes.records, ended - began)
        if ended - began > _LONG_SECONDS:
            self._long_until = ended + _LONG_FOR_SECONDS
        return refresh

    def _write(self, db: sqlite3.Connection, refresh: Refresh | None) -> None:
        """Write what was worked out, unless somebody has made it wrong meanwhile."""
        self._cancelled = not self._claim.holds(db)
        if self._cancelled:
            self._claim.lost()
            return
        if refresh is not None:
            rules(self._store, db).enter()
            session_writing.write(db, refresh)
            dirty.drop(db, refresh.notes)
        if dirty.waiting(db) > _LEFT_RECORDS:
            self._claim.keep(db)
        else:
            self._claim.end(db)

    def disputed(self) -> list[str]:
        with self._store.reading() as db:
            found = rules(self._store, db)
            names = found.disputed()
        if not names and found.vacant():  # who stores records of that type next need not care
            with self._store.writing() as db:
                rules(self._store, db).enter()
        return names

    @property
    def agreed(self) -> Collection[str]:
        return self._store.kinds.agreed

    def settle(self) -> None:
        with self._one_at_a_time, self._store.writing() as db:
            if dirty.waiting(db) <= _SETTLED_RECORDS:
                cancel(db)  # another's, who has not written yet, and whom nobody can wait for here
                while dirty.waiting(db) and self._claim.make(db):
                    self._write(db, self._worked_out(db, _SETTLED_RECORDS))

    def waiting(self) -> int:
        return int(self._store.ask(dirty.WAITING)[0][0])

    def find(self, account: str, record_type: str, id: str) -> Session | None:
        found = self._store.ask(f"select {COLUMNS} from session where {_IDENTITY}", [account, record_type, id])  # noqa: S608
        return read_session(found[0]) if found else None

    def of_record(self, account: str, record_type: str, id: str) -> list[tuple[str, str]]:
        statement = """select record_type, id from session join
            (select session, 0 as away from home where row = :row union select session, 1 from visit where row = :row)
            on session = number order by away, record_type, id"""
        with self._store.snapshot(account) as snapshot:
            for row, _ in snapshot.rows(Asks({(record_type, id)}, set(), set())):
                return list(snapshot.db.execute(statement, {"row": row}))
        return [] if self.find(account, record_type, id) is None else [(record_type, id)]

    def count_tops(self, account: str, record_type: str) -> int:
        statement = """select count(*) from session
            where account = (select id from account where name = ?) and record_type = ?"""
        return int(self._store.ask(statement, [account, record_type])[0][0])

    def page(self, account: str, query: SessionQuery) -> SessionPage:
        with self._store.snapshot(account) as snapshot:
            return session_list.page(snapshot, query)

    def walk(self, account: str, query: SessionQuery) -> Iterator[Session]:
        return session_list.walk(self._store, account, query)

    def currencies(self, account: str) -> list[str]:
        with self._store.snapshot(account) as snapshot:
            return session_selection.currencies(snapshot)

    def changes(self, account: str, since: int, limit: int) -> Sequence[SessionChange]:
        with self._store.snapshot(account) as snapshot:
            return session_list.changes(snapshot, since, limit)

    def last_change(self, account: str) -> int:
        with self._store.snapshot(account) as snapshot:
            return session_list.last_change(snapshot)

    def unlinked_groups(self, account: str, query: SessionQuery) -> list[UnlinkedGroup]:
        with self._store.snapshot(account) as snapshot:
            return unfit.groups(snapshot, query)

    def problems(
        self, account: str, query: SessionQuery, codes: tuple[str, ...] = (), after: ProblemPlace | None = None
    ) -> ProblemPage:
        with self._store.snapshot(account) as snapshot:
            return unfit.problems(snapshot, query, codes, after)
