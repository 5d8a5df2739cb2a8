"""The sessions of a SQLite store: finding their rows, and keeping them up to date.

What a refresh has to write is worked out in `refresh` and written in `session_writing`.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sessiontree.placement import plans
from sessiontree.session_query import SessionChange, SessionPage, SessionQuery
from sessiontree.sessions import Session
from sessiontree.store import Asks
from sessiontree.store.parts.notes import ROWS
from sessiontree.store.parts.session_rows import COLUMNS, read_session
from sessiontree.store.sqlite import dirty, session_list, session_selection, session_writing, unfit
from sessiontree.store.sqlite.pace import Pace
from sessiontree.store.sqlite.refresh import Refresh
from sessiontree.unfit import ProblemPage, ProblemPlace, UnlinkedGroup

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

REFRESH_RECORDS = 2000
_IDENTITY = "account = (select id from account where name = ?) and record_type = ? and id = ?"


class SqliteSessions:
    """The sessions of a store; see `store.sessions.Sessions` for what each question means."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store
        self._plans = plans(store.catalog)
        self._pace = Pace()

    def refresh(self, limit: int = REFRESH_RECORDS) -> int:
        if not self.waiting():
            return 0
        with self._store.writing() as db:
            began, limit = time.monotonic(), self._pace.records(limit)
            recent, ours = self._store.recent, self._store.ours
            recent.begin(db)
            notes = dirty.take(db, limit, recent.remaining, ours.ranges()) or dirty.take(db, limit, recent.remaining)
            if notes is not None:
                refresh = Refresh(self._store, db, notes, self._plans, datetime.now(UTC))
                refresh.run()
                session_writing.write(db, refresh)
                dirty.drop(db, notes)
                ours.done(notes.numbers)
                recent.work_in(refresh.also)
                self._pace.took(notes.records, time.monotonic() - began)
            waiting = dirty.waiting(db)
            if not waiting:
                recent.all_done()
                ours.all_done()
            recent.end(db)
        return waiting

    def waiting(self) -> int:
        return int(self._store.ask(dirty.WAITING)[0][0])

    def waiting_ours(self) -> int:
        remaining, count = self._store.recent.remaining, 0
        for between in self._store.ours.ranges():
            for what, first, last in self._store.ask(dirty.BETWEEN, between):
                count += len(remaining(first, last)) if what == ROWS else 1
        return count

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
