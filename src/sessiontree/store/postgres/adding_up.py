"""Adding up what a PostgreSQL store has of an account, from each table by itself, and finding where they contradict.

Whole tables are read once, row by row: nothing is held but sums, and differences up to a limit.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sessiontree.money import Totals
from sessiontree.sessions import Session
from sessiontree.store.checks import DIFFERENCES_MAX, Difference, Sums
from sessiontree.store.postgres.amounts import from_numeric
from sessiontree.store.postgres.session_rows import COLUMNS, read_row, read_session

if TYPE_CHECKING:
    from sessiontree.store.parts.session_rows import Row
    from sessiontree.store.postgres.snapshot import PostgresSnapshot

_AT_ONCE = 200

_RECORDS = """select kind, packed, home.session, session.number from record
    left join home on home.account = record.account and home.row = record.row
    left join session on session.account = home.account and session.number = home.session
    where record.account = %s order by record.row"""
_SESSIONS = f"select {COLUMNS} from session where account = %s order by number"  # noqa: S608
_HOMES = "select row, session from home where account = %s and row = any(%s::bigint[])"
_VISITS = "select row, session from visit where account = %s and row = any(%s::bigint[])"
_COSTS_OF = """select session, currency, total, elsewhere from session_cost
    where account = %s and session = any(%s::bigint[])"""
_COSTS = """select cost.currency, cost.total, cost.elsewhere, cost.session, number from session_cost as cost
    left join session on session.account = cost.account and number = cost.session
    where cost.account = %s order by cost.session"""
_SPEND = "select kind, currency, amount, events from spend where account = %s"
_KEPT_COUNTS = "select sessions, events, unpriced from session_sum where account = %s and currency = ''"
_KEPT_COSTS = """select currency, sessions, total, elsewhere from session_sum
    where account = %s and currency <> '' and sessions > 0"""
_POINTING = """select count(*) from {table} join session on session.account = {table}.account
    and number = {table}.session where {table}.account = %s"""

Sum = tuple[str, str]
"""Record type and currency."""


class AddingUp:
    """One run over the tables of one snapshot. `advance` is called with how many rows were looked at since."""

    def __init__(self, snapshot: "PostgresSnapshot", advance: Callable[[int], None]) -> None:
        self._db = snapshot.db
        self._account_id = snapshot.account_id
        self._names = _names(snapshot)
        self._unpack = snapshot.store.packer.unpack
        self._types = snapshot.store.catalog.types
        self._advance = advance
        self._differences: list[Difference] = []
        self._difference_count = 0
        self._undeclared: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()  # by what is counted

    def run(self) -> Sums:
        """All of it."""
        records = self._add_records()
        self._look_at_sessions()
        sessions = self._add_costs()
        spend = self._add_spend(records)
        return Sums(
            records=_by_currency(records),
            sessions=sessions,
            spend=_by_currency(spend),
            record_count=self._counts["record"],
            home_count=self._counts["home"],
            spend_count=self._counts["spend"],
            session_count=self._counts["session"],
            undeclared=dict(self._undeclared),
            differences=tuple(self._differences),
            difference_count=self._difference_count,
        )

    def _differ(self, code: str, message: str, record_type: str | None = None, id: str | None = None) -> None:
        self._difference_count += 1
        if len(self._differences) < DIFFERENCES_MAX:
            self._differences.append(Difference(code, message, record_type, id))

    def _passed(self, rows: list[Any]) -> None:
        self._advance(len(rows))
        time.sleep(0)  # lets go of the interpreter

    def _pieces(self, statement: str) -> Iterator[list[tuple[Any, ...]]]:
        """What a statement finds of the account, from a cursor of the server's: the tables may be of any size."""
        with self._db.cursor("adding_up") as cursor:
            cursor.execute(statement, [self._account_id])
            while rows := cursor.fetchmany(_AT_ONCE):
                yield rows

    def _add_records(self) -> dict[Sum, int]:
        """The sums of the records themselves; each must have one home, in a session of its account."""
        sums: dict[Sum, int] = {}
        for rows in self._pieces(_RECORDS):
            for kind, packed, home, session in rows:
                name = self._names[kind]
                if name not in self._types:
                    self._undeclared[name] += 1
                    continue
                record = self._unpack(packed)
                self._counts["record"] += 1
                if record.currency is not None:
                    key = (name, record.currency)
                    sums[key] = sums.get(key, 0) + (record.cost or 0)
                if home is None:
                    self._differ("no_home", "is at home in no session", name, record.id)
                elif session is None:
                    self._differ("no_home", "is at home in a session that is not there", name, record.id)
                else:
                    self._counts["home"] += 1
            self._passed(rows)
        return sums

    def _look_at_sessions(self) -> None:
        """What a session row lists as its records must be what the tables of homes and visits say."""
        for rows in self._pieces(_SESSIONS):
            listed = [(read_row(values), read_session(values)) for values in rows]
            self._counts["session"] += len(listed)
            self._compare_homes([row for row, _ in listed])
            self._compare_visits([row for row, _ in listed])
            self._compare_costs(listed)
            self._passed(rows)
        counts = tuple(self._counts[name] for name in ("session", "event", "unpriced"))
        if counts != (self._db.execute(_KEPT_COUNTS, [self._account_id]).fetchone() or (0, 0, 0)):
            self._differ("list_sums", "the counts that lists of sessions show are not those of the sessions")
        for table in ("home", "visit"):
            (pointing,) = self._db.execute(_POINTING.format(table=table), [self._account_id]).fetchone() or (0,)
            count = self._counts[f"listed {table}"]
            if pointing != count:
                text = f"the table of {table}s has {pointing:,} entries, and the sessions list {count:,}"
                self._differ("members", text)

    def _compare_homes(self, sessions: list["Row"]) -> None:
        rows = [row for session in sessions for row in session.homes]
        homes = dict(self._db.execute(_HOMES, [self._account_id, rows]).fetchall())
        for session in sessions:
            self._counts["listed home"] += len(session.homes)
            wrong = [row for row in session.homes if homes.get(row) != session.number]
            if wrong:
                text = f"lists {_records(len(wrong))} whose home is another or unknown"
                self._differ("members", text, *session.identity)
            if not session.homes and not session.visits:
                self._differ("empty", "is a session without a record", *session.identity)

    def _compare_visits(self, sessions: list["Row"]) -> None:
        rows = [row for session in sessions for row in session.visits]
        visits = set(self._db.execute(_VISITS, [self._account_id, rows]).fetchall())
        for session in sessions:
            self._counts["listed visit"] += len(session.visits)
            wrong = [row for row in session.visits if (row, session.number) not in visits]
            if wrong:
                text = f"lists {_records(len(wrong))} as shown there that are not noted as such"
                self._differ("members", text, *session.identity)

    def _compare_costs(self, sessions: list[tuple["Row", Session]]) -> None:
        kept: dict[int, dict[str, tuple[int, int]]] = {}
        numbers = [row.number for row, _ in sessions]
        for number, currency, total, elsewhere in self._db.execute(_COSTS_OF, [self._account_id, numbers]):
            kept.setdefault(number, {})[currency] = (from_numeric(total), from_numeric(elsewhere))
        for row, session in sessions:
            self._counts["event"] += session.event_count - session.elsewhere_count
            self._counts["unpriced"] += session.unpriced_count
            amounts = {code: (amount, session.elsewhere.get(code, 0)) for code, amount in session.totals.items()}
            if kept.get(row.number, {}) != amounts:
                self._differ("costs", "has other amounts in the table of costs than in its row", *row.identity)

    def _add_costs(self) -> Totals:
        """Total minus elsewhere of all sessions; the sums that lists show at once must be the same."""
        sums: Totals = {}
        listed: dict[str, tuple[int, int, int]] = {}  # sessions, total, elsewhere
        for rows in self._pieces(_COSTS):
            for currency, *amounts, session, number in rows:
                total, elsewhere = map(from_numeric, amounts)
                count, totals, others = listed.get(currency, (0, 0, 0))
                listed[currency] = (count + 1, totals + total, others + elsewhere)
                if number is not None:
                    sums[currency] = sums.get(currency, 0) + total - elsewhere
                else:
                    text = f"the table of costs has {currency} for session {session}, which is not there"
                    self._differ("costs", text)
        kept = self._db.execute(_KEPT_COSTS, [self._account_id]).fetchall()
        if listed != {row[0]: (row[1], from_numeric(row[2]), from_numeric(row[3])) for row in kept}:
            self._differ("list_sums", "the sums that lists of sessions show are not those of the sessions")
        return sums

    def _add_spend(self, records: dict[Sum, int]) -> dict[Sum, int]:
        """The sums of the roll-up, which must be those of the records for every type."""
        sums: dict[Sum, int] = {}
        for rows in self._pieces(_SPEND):
            for kind, currency, amount, events in rows:
                name = self._names[kind]
                if name in self._types:
                    self._counts["spend"] += events
                    if currency:
                        sums[name, currency] = sums.get((name, currency), 0) + from_numeric(amount)
        for name, currency in sorted(records.keys() | sums.keys()):
            if records.get((name, currency), 0) != sums.get((name, currency), 0):
                self._differ("spend", f"the spend roll-up has another sum of {currency} than the records", name)
        return sums


def _names(snapshot: "PostgresSnapshot") -> dict[int, str]:
    """The types of the account's records, by the numbers of their kinds."""
    if snapshot.account_id is None:
        return {}
    kinds = snapshot.store.kinds.kinds_of(snapshot.db, snapshot.account_id)
    return {kind: name for name, kind in kinds.items()}


def _by_currency(sums: dict[Sum, int]) -> Totals:
    totals: Totals = {}
    for (_, currency), amount in sums.items():
        totals[currency] = totals.get(currency, 0) + amount
    return totals


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
