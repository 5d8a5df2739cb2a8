"""The sessions of a PostgreSQL store: finding their rows, and keeping them up to date.

What a refresh has to write is worked out in `refresh` and written in `session_writing`. Any number of processes refresh
beside each other and beside writers: an account's sessions one at a time.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.placement import plans
from sessiontree.session_query import SessionChange, SessionPage, SessionQuery
from sessiontree.sessions import Session
from sessiontree.store import Asks
from sessiontree.store.parts.refresh import Refresh
from sessiontree.store.postgres import dirty, session_list, session_selection, session_writing, unfit
from sessiontree.store.postgres.refresh_reading import RefreshReading
from sessiontree.store.postgres.rules import hold, rules
from sessiontree.store.postgres.session_rows import COLUMNS, read_session
from sessiontree.store.postgres.text import from_text, to_text
from sessiontree.store.postgres.transactions import BEGIN, BEGIN_OF_ONE_MOMENT
from sessiontree.unfit import ProblemPage, ProblemPlace, UnlinkedGroup

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

REFRESH_RECORDS = 2000
_SETTLED_RECORDS = 20_000  # are refreshed while nobody else writes, if need be: in less than a second
_BUSY_SECONDS = 0.02  # how long to leave alone what another process is refreshing
_FIND = f"select {COLUMNS} from session where account = %s and record_type = %s and id = %s"  # noqa: S608
_OF_RECORD = """select record_type, id from (
        select session, false as away from home where account = %(account)s and row = %(row)s
        union select session, true from visit where account = %(account)s and row = %(row)s) as held
    join session on session.account = %(account)s and number = held.session order by away, record_type, id"""


class PostgresSessions:
    """The sessions of a store; see `store.sessions.Sessions` for what each question means."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store
        self._plans = plans(store.catalog)
        self._small_first = False
        self._latest = 0  # the account that had its turn
        self._locks: set[int] = set()  # accounts that are known to have one

    def refresh(self, limit: int = REFRESH_RECORDS) -> int:
        accounts = [account_id for (account_id,) in self._store.ask(dirty.ACCOUNTS)]
        if not accounts:
            return 0
        for account_id in sorted(accounts, key=lambda each: (each <= self._latest, each)):  # each has its turn
            if self._refresh(account_id, limit):
                self._latest = account_id
                return self.waiting()
        time.sleep(_BUSY_SECONDS)
        return self.waiting()

    def disputed(self) -> list[str]:
        with self._store.alone() as db:
            found = rules(self._store, db)
            names = found.disputed()
        if not names and found.vacant():  # who stores records of that type next need not care
            self._store.write(lambda db: rules(self._store, db).enter(), begin=BEGIN_OF_ONE_MOMENT)
        return names

    @property
    def agreed(self) -> Collection[str]:
        return self._store.kinds.agreed

    def settle(self) -> None:
        if self.waiting() <= _SETTLED_RECORDS:
            for (account_id,) in self._store.ask(dirty.ACCOUNTS):
                self._refresh(account_id, _SETTLED_RECORDS, alone=True)

    def _refresh(self, account_id: int, limit: int, *, alone: bool = False) -> bool:
        """Take some of an account's notes; False while another process does. `alone`: nobody notes more meanwhile."""
        if account_id not in self._locks:
            self._store.write(lambda db: dirty.make_lock(db, account_id))
            self._locks.add(account_id)

        # Every other time, or a steady flow of small ones would hold up all.
        self._small_first = not self._small_first
        small_first = self._small_first and not alone

        def work(db: Connection[Any]) -> bool:
            if alone:
                dirty.hold_all(db, account_id)
                hold(db)  # each statement sees what others commit: the rules, too, stay as they are
            number = dirty.begin(db, account_id)
            if number is None:
                return False
            rules(self._store, db).enter()
            notes = dirty.take(db, account_id, limit, small_first=small_first)
            refresh = Refresh(RefreshReading(self._store, db, account_id), notes, self._plans, datetime.now(UTC))
            refresh.run()
            session_writing.write(db, refresh, number)
            dirty.drop(db, notes)
            return True

        return self._store.write(work, begin=BEGIN if alone else BEGIN_OF_ONE_MOMENT)

    def waiting(self) -> int:
        return int(self._store.ask(dirty.WAITING)[0][0])

    def find(self, account: str, record_type: str, id: str) -> Session | None:
        with self._store.snapshot(account) as snapshot:
            values = [snapshot.account_id, to_text(record_type), to_text(id)]
            found = snapshot.db.execute(_FIND, values).fetchone()
        return None if found is None else read_session(found)

    def of_record(self, account: str, record_type: str, id: str) -> list[tuple[str, str]]:
        with self._store.snapshot(account) as snapshot:
            for row, _ in snapshot.rows(Asks({(record_type, id)}, set(), set())):
                held = snapshot.db.execute(_OF_RECORD, {"account": snapshot.account_id, "row": row}).fetchall()
                return [(from_text(record_type), from_text(id)) for record_type, id in held]
        return [] if self.find(account, record_type, id) is None else [(record_type, id)]

    def count_tops(self, account: str, record_type: str) -> int:
        statement = "select count(*) from session where account = %s and record_type = %s"
        with self._store.snapshot(account) as snapshot:
            found = snapshot.db.execute(statement, [snapshot.account_id, to_text(record_type)]).fetchone()
        return int(found[0]) if found else 0

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
