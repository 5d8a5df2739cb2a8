"""Adding up what a store has of an account, from each table by itself, and finding where they contradict.

Whole tables are read once, row by row: nothing is held but sums, and differences up to a limit. How the rows are read
is the store's affair (`tables`).
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence, Sized
from typing import TYPE_CHECKING

from sessiontree.money import Totals
from sessiontree.record import Record
from sessiontree.sessions import Session
from sessiontree.store.checks import DIFFERENCES_MAX, Difference, Sums

if TYPE_CHECKING:
    from sessiontree.store.parts.session_rows import Row
    from sessiontree.store.parts.tables import Tables

Sum = tuple[str, str]
"""Record type and currency."""


class AddingUp:
    """One run over an account's tables.

    `types` are those that are declared; `unpack` reads a record; `advance` is called with how many rows were looked at
    since.
    """

    def __init__(
        self,
        tables: "Tables",
        *,
        types: Collection[str],
        unpack: Callable[[bytes], Record],
        advance: Callable[[int], None],
    ) -> None:
        self._tables = tables
        self._types = types
        self._unpack = unpack
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

    def _passed(self, piece: Sized) -> None:
        self._advance(len(piece))
        time.sleep(0)  # lets go of the interpreter

    def _add_records(self) -> dict[Sum, int]:
        """The sums of the records themselves; each must have one home, in a session of its account."""
        sums: dict[Sum, int] = {}
        for piece in self._tables.records():
            for name, packed, home, there in piece:
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
                elif not there:
                    self._differ("no_home", "is at home in a session that is not there", name, record.id)
                else:
                    self._counts["home"] += 1
            self._passed(piece)
        return sums

    def _look_at_sessions(self) -> None:
        """What a session row lists as its records must be what the tables of homes and visits say."""
        for piece in self._tables.sessions():
            self._counts["session"] += len(piece)
            rows = [row for row, _ in piece]
            self._compare_homes(rows)
            self._compare_visits(rows)
            self._compare_costs(piece)
            self._passed(piece)
        counts = tuple(self._counts[name] for name in ("session", "event", "unpriced"))
        if counts != self._tables.kept_counts():
            self._differ("list_sums", "the counts that lists of sessions show are not those of the sessions")
        for table in ("home", "visit"):
            pointing, count = self._tables.member_count(table), self._counts[f"listed {table}"]
            if pointing != count:
                text = f"the table of {table}s has {pointing:,} entries, and the sessions list {count:,}"
                self._differ("members", text)

    def _compare_homes(self, sessions: list["Row"]) -> None:
        homes = dict(self._tables.members("home", [row for session in sessions for row in session.homes]))
        for session in sessions:
            self._counts["listed home"] += len(session.homes)
            wrong = [row for row in session.homes if homes.get(row) != session.number]
            if wrong:
                text = f"lists {_records(len(wrong))} whose home is another or unknown"
                self._differ("members", text, *session.identity)
            if not session.homes and not session.visits:
                self._differ("empty", "is a session without a record", *session.identity)

    def _compare_visits(self, sessions: list["Row"]) -> None:
        visits = set(self._tables.members("visit", [row for session in sessions for row in session.visits]))
        for session in sessions:
            self._counts["listed visit"] += len(session.visits)
            wrong = [row for row in session.visits if (row, session.number) not in visits]
            if wrong:
                text = f"lists {_records(len(wrong))} as shown there that are not noted as such"
                self._differ("members", text, *session.identity)

    def _compare_costs(self, sessions: Sequence[tuple["Row", Session]]) -> None:
        kept = self._tables.costs_of([row.number for row, _ in sessions])
        for row, session in sessions:
            self._counts["event"] += session.event_count - session.elsewhere_count
            self._counts["unpriced"] += session.unpriced_count - session.elsewhere_unpriced_count
            amounts = {code: (amount, session.elsewhere.get(code, 0)) for code, amount in session.totals.items()}
            if kept.get(row.number, {}) != amounts:
                self._differ("costs", "has other amounts in the table of costs than in its row", *row.identity)

    def _add_costs(self) -> Totals:
        """Total minus elsewhere of all sessions; the sums that lists show at once must be the same."""
        sums: Totals = {}
        listed: dict[str, tuple[int, int, int]] = {}  # sessions, total, elsewhere
        for session, currency, total, elsewhere, there in self._tables.costs():
            count, totals, others = listed.get(currency, (0, 0, 0))
            listed[currency] = (count + 1, totals + total, others + elsewhere)
            if there:
                sums[currency] = sums.get(currency, 0) + total - elsewhere
            else:
                text = f"the table of costs has {currency} for session {session}, which is not there"
                self._differ("costs", text)
        if listed != self._tables.kept_costs():
            self._differ("list_sums", "the sums that lists of sessions show are not those of the sessions")
        return sums

    def _add_spend(self, records: dict[Sum, int]) -> dict[Sum, int]:
        """The sums of the roll-up, which must be those of the records for every type."""
        sums: dict[Sum, int] = {}
        for name, currency, amount, events in self._tables.spend():
            if name in self._types:
                self._counts["spend"] += events
                if currency:
                    sums[name, currency] = sums.get((name, currency), 0) + amount
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
