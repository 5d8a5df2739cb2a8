"""Adding up what a SQLite store has of an account, from each table by itself, and finding where they contradict.

Whole tables are read once, row by row: nothing is held but sums, and differences up to a limit.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sessiontree.money import UNIT, Totals
from sessiontree.sessions import Session
from sessiontree.store.checks import DIFFERENCES_MAX, Difference, Sums
from sessiontree.store.parts.session_rows import COLUMNS, read_row, read_session
from sessiontree.store.sqlite.session_selection import SUM_COLUMNS, amount_of

if TYPE_CHECKING:
    from sessiontree.store.parts.session_rows import Row
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot

_AT_ONCE = 200

_RECORDS = """select record.row, kind, packed, home.session, session.account from record
    left join home on home.row = record.row left join session on session.number = home.session
    where +kind in (select id from kind where account = ?) order by record.row"""  # the plus: no other order than this
_COSTS = """select cost.currency, whole, rest, elsewhere_whole, elsewhere_rest, cost.session, number
    from session_cost as cost left join session on number = cost.session and session.account = cost.account
    where cost.account = ?"""
_SPEND = """select record_type, currency, whole, rest, events from spend join kind on kind.id = kind
    where account = ?"""
_KEPT_COUNTS = "select sessions, events, unpriced from session_sum where account = ?"
_KEPT_COSTS = f"select currency, sessions, {SUM_COLUMNS} from session_cost_sum where account = ? and sessions > 0"  # noqa: S608
_POINTING = "select count(*) from {table} join session on number = {table}.session where account = ?"

Sum = tuple[str, str]
"""Record type and currency."""


class AddingUp:
    """One run over the tables of one snapshot. `advance` is called with how many rows were looked at since."""

    def __init__(self, snapshot: "SqliteSnapshot", advance: Callable[[int], None]) -> None:
        self._snapshot = snapshot
        self._db = snapshot.db
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

    def _pieces(self, statement: str, values: list[Any]) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._db.cursor()
        cursor.execute(statement, values)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield rows

    def _add_records(self) -> dict[Sum, int]:
        """The sums of the records themselves; each must have one home, in a session of its account."""
        statement = "select id, record_type from kind where account = ?"
        kinds = dict(self._db.execute(statement, [self._snapshot.account_id]).fetchall())
        unpack = self._snapshot.store.packer.unpack
        sums: dict[Sum, int] = {}
        for rows in self._pieces(_RECORDS, [self._snapshot.account_id]):
            for _, kind, packed, session, account in rows:
                name = kinds[kind]
                if name not in self._types:
                    self._undeclared[name] += 1
                    continue
                record = unpack(packed)
                self._counts["record"] += 1
                if record.currency is not None:
                    key = (name, record.currency)
                    sums[key] = sums.get(key, 0) + (record.cost or 0)
                if session is None:
                    self._differ("no_home", "is at home in no session", name, record.id)
                elif account != self._snapshot.account_id:
                    self._differ("no_home", "is at home in a session that is not there", name, record.id)
                else:
                    self._counts["home"] += 1
            self._passed(rows)
        return sums

    def _look_at_sessions(self) -> None:
        """What a session row lists as its records must be what the tables of homes and visits say."""
        statement = f"select {COLUMNS} from session where account = ? order by number"  # noqa: S608
        for rows in self._pieces(statement, [self._snapshot.account_id]):
            listed = [read_row(values) for values in rows]
            self._counts["session"] += len(listed)
            self._compare_homes(listed)
            self._compare_visits(listed)
            for row, values in zip(listed, rows, strict=True):
                self._compare_costs(row, read_session(values))
            self._passed(rows)
        counts = tuple(self._counts[name] for name in ("session", "event", "unpriced"))
        if counts != (self._db.execute(_KEPT_COUNTS, [self._snapshot.account_id]).fetchone() or (0, 0, 0)):
            self._differ("list_sums", "the counts that lists of sessions show are not those of the sessions")
        for table in ("home", "visit"):
            (pointing,) = self._db.execute(_POINTING.format(table=table), [self._snapshot.account_id]).fetchone()
            count = self._counts[f"listed {table}"]
            if pointing != count:
                self._differ(
                    "members", f"the table of {table}s has {pointing:,} entries, and the sessions list {count:,}"
                )

    def _compare_homes(self, sessions: list["Row"]) -> None:
        rows = json.dumps([row for session in sessions for row in session.homes])
        statement = "select row, session from home where row in (select value from json_each(?))"
        homes = dict(self._db.execute(statement, [rows]).fetchall())
        for session in sessions:
            self._counts["listed home"] += len(session.homes)
            wrong = [row for row in session.homes if homes.get(row) != session.number]
            if wrong:
                text = f"lists {_records(len(wrong))} whose home is another or unknown"
                self._differ("members", text, *session.identity)
            if not session.homes and not session.visits:
                self._differ("empty", "is a session without a record", *session.identity)

    def _compare_visits(self, sessions: list["Row"]) -> None:
        rows = json.dumps([row for session in sessions for row in session.visits])
        statement = "select row, session from visit where row in (select value from json_each(?))"
        visits = set(self._db.execute(statement, [rows]).fetchall())
        for session in sessions:
            self._counts["listed visit"] += len(session.visits)
            wrong = [row for row in session.visits if (row, session.number) not in visits]
            if wrong:
                text = f"lists {_records(len(wrong))} as shown there that are not noted as such"
                self._differ("members", text, *session.identity)

    def _compare_costs(self, row: "Row", session: Session) -> None:
        self._counts["event"] += session.event_count - session.elsewhere_count
        self._counts["unpriced"] += session.unpriced_count
        statement = """select currency, whole, rest, elsewhere_whole, elsewhere_rest from session_cost
            where session = ? and +account = ?"""  # the plus: by session, not by account
        kept = {
            currency: (whole * UNIT + rest, other_whole * UNIT + other_rest)
            for currency, whole, rest, other_whole, other_rest in self._db.execute(
                statement, [row.number, self._snapshot.account_id]
            )
        }
        if kept != {code: (amount, session.elsewhere.get(code, 0)) for code, amount in session.totals.items()}:
            self._differ("costs", "has other amounts in the table of costs than in its row", *row.identity)

    def _add_costs(self) -> Totals:
        """Total minus elsewhere of all sessions; the sums that lists show at once must be the same."""
        sums: Totals = {}
        listed: dict[str, tuple[int, int, int]] = {}  # sessions, total, elsewhere
        for rows in self._pieces(_COSTS, [self._snapshot.account_id]):
            for currency, whole, rest, other_whole, other_rest, session, number in rows:
                total, elsewhere = whole * UNIT + rest, other_whole * UNIT + other_rest
                count, totals, others = listed.get(currency, (0, 0, 0))
                listed[currency] = (count + 1, totals + total, others + elsewhere)
                if number is not None:
                    sums[currency] = sums.get(currency, 0) + total - elsewhere
                else:
                    self._differ(
                        "costs", f"the table of costs has {currency} for session {session}, which is not there"
                    )
        kept = self._db.execute(_KEPT_COSTS, [self._snapshot.account_id]).fetchall()
        if listed != {row[0]: (row[1], amount_of(*row[2:6]), amount_of(*row[6:])) for row in kept}:
            self._differ("list_sums", "the sums that lists of sessions show are not those of the sessions")
        return sums

    def _add_spend(self, records: dict[Sum, int]) -> dict[Sum, int]:
        """The sums of the roll-up, which must be those of the records for every type."""
        sums: dict[Sum, int] = {}
        for rows in self._pieces(_SPEND, [self._snapshot.account_id]):
            for name, currency, whole, rest, events in rows:
                if name in self._types:
                    self._counts["spend"] += events
                    if currency:
                        sums[name, currency] = sums.get((name, currency), 0) + whole * UNIT + rest
        for name, currency in sorted(records.keys() | sums.keys()):
            if records.get((name, currency), 0) != sums.get((name, currency), 0):
                self._differ("spend", f"the spend roll-up has another sum of {currency} than the records", name)
        return sums


def _by_currency(sums: dict[Sum, int]) -> Totals:
    totals: Totals = {}
    for (_, currency), amount in sums.items():
        totals[currency] = totals.get(currency, 0) + amount
    return totals


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
