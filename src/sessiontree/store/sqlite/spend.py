"""Spend in SQLite: sums by hour, kept in the transactions that change records, and answers out of them.

The sums answer what is grouped by time, type, product and currency. Where a group or bound begins within an hour, the
records of that hour are added up instead; and all records are, where their fields or sessions are asked for.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from sessiontree.catalog import RecordType
from sessiontree.money import UNIT
from sessiontree.query import Matcher, Query
from sessiontree.record import Record
from sessiontree.store.parts.spend_pieces import Labels, Span, pieces
from sessiontree.store.parts.spend_sums import NO_HOUR, Key, add_up
from sessiontree.store.spend import FIELD, Events, SpendQuery, SpendRow, Sums, field_values
from sessiontree.store.sqlite.kinds import Kinds
from sessiontree.store.sqlite.spend_starts import starts

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot
    from sessiontree.store.sqlite.store import SqliteStore

_ROWS_AT_ONCE = 100  # then other threads have their turn

_ADD = f"""insert into spend values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
    whole = whole + excluded.whole + (rest + excluded.rest) / {UNIT}, rest = (rest + excluded.rest) % {UNIT},
    events = events + excluded.events,
    quantity_whole = quantity_whole + excluded.quantity_whole + (quantity_rest + excluded.quantity_rest) / {UNIT},
    quantity_rest = (quantity_rest + excluded.quantity_rest) % {UNIT}"""  # noqa: S608 - only our own number
_CLEAR = "delete from spend where (kind, hour, currency, priced, measured) = (?, ?, ?, ?, ?) and events = 0"
_ROLLED = """select span.key, kind, currency, priced, measured, sum(whole), sum(rest), sum(events),
        sum(quantity_whole), sum(quantity_rest)
    from json_each(:spans) as span cross join spend
    where kind in (select value from json_each(:kinds))
        and hour between json_extract(span.value, '$[0]') and json_extract(span.value, '$[1]')
        and (:currency is null or currency = :currency)
    group by span.key, kind, currency, priced, measured"""
_TIMED = """from json_each(:spans) as span cross join record on record.kind = :kind
    and record.start >= json_extract(span.value, '$[0]') and record.start < json_extract(span.value, '$[1]')"""
_UNTIMED = "from json_each(:spans) as span cross join record on record.kind = :kind and record.start is null"
_HOME = "left join home on home.row = record.row left join session on session.number = home.session"


def apply(
    db: sqlite3.Connection, kinds: Kinds, account_id: int, removed: Iterable[Record], added: Iterable[Record]
) -> None:
    """Bring the sums up to date with records that are gone, as they were, and records that have come.

    A changed record is both. Inside the writing transaction that changes them.
    """
    sums: dict[Key, list[int]] = {}
    add_up(sums, added, 1)
    add_up(sums, removed, -1)
    rows: list[tuple[Any, ...]] = []
    for (name, hour, currency, *flags), (amount, events, quantity) in sums.items():
        if amount or events or quantity:
            key = (kinds.make_kind(db, account_id, name), hour, currency or "", *flags)
            rows.append((*key, *divmod(amount, UNIT), events, *divmod(quantity, UNIT)))
    db.executemany(_ADD, sorted(rows))
    db.executemany(_CLEAR, [row[:5] for row in rows if row[7] < 0])


class SqliteSpend:
    """What was spent, out of one store; see `store.spend.Spend`."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store

    def table(self, account: str, query: SpendQuery, *, from_records: bool = False) -> list[SpendRow]:
        """See `Spend.table`."""
        rolled = not (from_records or query.conditions or query.fields or query.of_sessions)
        with self._store.snapshot(account) as snapshot:
            adding = _Adding(snapshot, query)
            cut = pieces(query, partial(starts, snapshot.db, list(adding.kinds)), whole_hours=rolled)
            untimed = [] if cut.untimed is None else [Span(NO_HOUR, NO_HOUR, cut.untimed)]
            if rolled:
                adding.rolled(cut.hours + untimed)
            elif untimed:
                adding.records(untimed, _UNTIMED)
            if cut.moments:
                adding.records(cut.moments, _TIMED)
        return adding.sums.rows(query.by)


class _Adding:
    """Adds up the answer to one question. Spans are stretches of time, each with the labels of its periods."""

    def __init__(self, snapshot: "SqliteSnapshot", query: SpendQuery) -> None:
        self._snapshot = snapshot
        self._query = query
        self.sums = Sums()
        self.kinds = self._kinds()
        known = (*query.units, "product", "record_type", "currency", "session_type", *map(FIELD.__add__, query.fields))
        self._places = [known.index(name) for name in query.by]

    def _kinds(self) -> dict[int, RecordType]:
        """The account's kinds that are asked for and that the catalogue has."""
        types, wanted = self._snapshot.store.catalog.types, self._query.record_types
        rows = self._snapshot.db.execute(
            "select id, record_type from kind where account = ?", [self._snapshot.account_id]
        )
        return {id: types[name] for id, name in rows if name in types and (wanted is None or name in wanted)}

    def rolled(self, spans: list[Span]) -> None:
        """Add the sums that are kept, of whole hours."""
        values = {"spans": _json(spans), "kinds": msgspec.json.encode(list(self.kinds)).decode()}
        rows = self._snapshot.db.execute(_ROLLED, values | {"currency": self._query.currency})
        for at, kind, currency, priced, measured, whole, rest, count, quantity, quantity_rest in rows:
            amount = whole * UNIT + rest if priced else None
            events = Events(currency or None, count, amount, quantity * UNIT + quantity_rest if measured else None)
            self._add(spans[at].labels, self.kinds[kind], events, (None,))

    def records(self, spans: list[Span], chosen: str) -> None:
        """Add records one by one."""
        query, store = self._query, self._snapshot.store
        home, top_type = (_HOME, "session.record_type") if query.of_sessions else ("", "null")
        statement = f"select span.key, packed, {top_type} {chosen} {home}"
        for kind, declared in self.kinds.items():
            shown = store.fields(self._snapshot.account, declared.name) if query.conditions or query.fields else {}
            fields = shown | dict(declared.fields)
            matches = Matcher(Query(declared.name, query.conditions), fields).matches
            values_of = field_values(query.fields, fields)
            rows = self._snapshot.db.execute(statement, {"spans": _json(spans), "kind": kind})
            for at, packed, top in _few_at_once(rows):
                record = store.packer.unpack(packed)
                if query.currency is not None and record.currency != query.currency:
                    continue
                if (query.session_types is None or top in query.session_types) and matches(record.body):
                    events = Events(record.currency, 1, record.cost, record.quantity)
                    self._add(spans[at].labels, declared, events, (top, *values_of(record.body)))

    def _add(self, labels: Labels, declared: RecordType, events: Events, of_records: tuple[str | None, ...]) -> None:
        known = (*labels, declared.product, declared.name, events.currency, *of_records)
        unit = declared.quantity.unit if declared.quantity else None
        self.sums.add(tuple([known[at] for at in self._places]), unit, events)


def _few_at_once(rows: sqlite3.Cursor) -> Iterator[Any]:
    """The rows; now and then other threads have their turn."""
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        yield from some
        time.sleep(0)


def _json(spans: list[Span]) -> str:
    return msgspec.json.encode([span[:2] for span in spans]).decode()
