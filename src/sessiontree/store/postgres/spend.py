"""Spend in PostgreSQL: sums by hour, kept in the transactions that change records, and answers out of them.

The sums answer what is grouped by time, type, product and currency. Where a group or bound begins within an hour, the
records of that hour are added up instead; and all records are, where their fields or sessions are asked for.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.catalog import RecordType
from sessiontree.query import Matcher, Query
from sessiontree.record import Record
from sessiontree.store.parts.micros import from_micros
from sessiontree.store.parts.spend_pieces import END, Labels, Span, pieces
from sessiontree.store.parts.spend_sums import NO_HOUR, Key, add_up
from sessiontree.store.postgres import list as lists
from sessiontree.store.postgres.amounts import from_numeric, to_numeric
from sessiontree.store.postgres.kinds import Kinds
from sessiontree.store.postgres.spend_starts import starts
from sessiontree.store.postgres.text import from_text
from sessiontree.store.spend import FIELD, Events, SpendQuery, SpendRow, Sums, field_values

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot
    from sessiontree.store.postgres.store import PostgresStore

_ROWS_AT_ONCE = 500

_ADD = """insert into spend as kept (account, kind, hour, currency, priced, measured, amount, events, quantity)
    select %s, * from unnest(%s::integer[], %s::integer[], %s::text[], %s::boolean[], %s::boolean[],
        %s::numeric[], %s::bigint[], %s::numeric[])
    on conflict (account, kind, hour, currency, priced, measured) do update set amount = kept.amount + excluded.amount,
        events = kept.events + excluded.events, quantity = kept.quantity + excluded.quantity"""
_CLEAR = """delete from spend where (account, kind, hour, currency, priced, measured) = (%s, %s, %s, %s, %s, %s)
    and events = 0"""
_ROLLED = """select span.at, kind, currency, priced, measured, sum(amount), sum(events)::bigint, sum(quantity)
    from unnest(%(firsts)s::integer[], %(lasts)s::integer[]) with ordinality as span (first, last, at)
    join spend on account = %(account)s and kind = any(%(kinds)s::integer[]) and hour between span.first and span.last
    where %(currency)s::text is null or currency = %(currency)s
    group by span.at, kind, currency, priced, measured"""
_TIMED = """from unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) with ordinality as span (first, last, at)
    join record on record.account = %(account)s and kind = %(kind)s
        and record.start >= span.first and record.start < span.last"""
_UNTIMED = """from unnest(%(firsts)s::timestamptz[]) with ordinality as span (first, at)
    join record on record.account = %(account)s and kind = %(kind)s and record.start = span.first"""
_HOME = """left join home on home.account = %(account)s and home.row = record.row
    left join session on session.account = %(account)s and session.number = home.session"""


def apply(
    db: Connection[Any], kinds: Kinds, account_id: int, removed: Iterable[Record], added: Iterable[Record]
) -> None:
    """Bring the sums up to date with records that are gone, as they were, and records that have come.

    A changed record is both. Inside the writing transaction that changes them, and last in it: all writers of an hour
    add to the same sums, one after another. They do so in the same order.
    """
    sums: dict[Key, list[int]] = {}
    add_up(sums, added, 1)
    add_up(sums, removed, -1)
    rows: list[tuple[Any, ...]] = []
    for (name, hour, currency, *flags), (amount, events, quantity) in sums.items():
        if amount or events or quantity:
            key = (kinds.kind_id(db, account_id, name), hour, currency or "", *flags)
            rows.append((*key, to_numeric(amount), events, to_numeric(quantity)))
    rows.sort()
    if rows:
        db.execute(_ADD, [account_id, *map(list, zip(*rows, strict=True))])
    fewer = [(account_id, *row[:5]) for row in rows if row[6] < 0]
    if fewer:
        db.cursor().executemany(_CLEAR, fewer)


class PostgresSpend:
    """What was spent, out of one store; see `store.spend.Spend`."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store

    def table(self, account: str, query: SpendQuery, *, from_records: bool = False) -> list[SpendRow]:
        """See `Spend.table`."""
        rolled = not (from_records or query.conditions or query.fields or query.of_sessions)
        with self._store.snapshot(account) as snapshot:
            adding = _Adding(snapshot, query)
            cut = pieces(
                query, partial(starts, snapshot.db, snapshot.account_id, list(adding.kinds)), whole_hours=rolled
            )
            if rolled:
                untimed = [] if cut.untimed is None else [Span(NO_HOUR, NO_HOUR, cut.untimed)]
                adding.rolled(cut.hours + untimed)
            elif cut.untimed is not None:
                adding.records([cut.untimed], {"firsts": ["-infinity"]}, _UNTIMED)
            if cut.moments:
                adding.records([span.labels for span in cut.moments], _moments(cut.moments), _TIMED)
        return adding.sums.rows(query.by)


class _Adding:
    """Adds up the answer to one question. Spans are stretches of time, each with the labels of its periods."""

    def __init__(self, snapshot: "PostgresSnapshot", query: SpendQuery) -> None:
        self._snapshot = snapshot
        self._query = query
        self.sums = Sums()
        self.kinds = self._kinds()
        known = (*query.units, "product", "record_type", "currency", "session_type", *map(FIELD.__add__, query.fields))
        self._places = [known.index(name) for name in query.by]

    def _kinds(self) -> dict[int, RecordType]:
        """The account's kinds that are asked for and that the catalogue has."""
        snapshot, wanted = self._snapshot, self._query.record_types
        types = snapshot.store.catalog.types
        if snapshot.account_id is None:
            return {}
        kinds = snapshot.store.kinds.kinds_of(snapshot.db, snapshot.account_id)
        return {id: types[name] for name, id in kinds.items() if name in types and (wanted is None or name in wanted)}

    def rolled(self, spans: list[Span]) -> None:
        """Add the sums that are kept, of whole hours."""
        values = {
            "account": self._snapshot.account_id,
            "kinds": list(self.kinds),
            "currency": self._query.currency,
            "firsts": [span.first for span in spans],
            "lasts": [span.last for span in spans],
        }
        for at, kind, currency, priced, measured, amount, count, quantity in self._snapshot.db.execute(_ROLLED, values):
            events = Events(
                currency or None,
                count,
                from_numeric(amount) if priced else None,
                from_numeric(quantity) if measured else None,
            )
            self._add(spans[at - 1].labels, self.kinds[kind], events, (None,))

    def records(self, labels: list[Labels], moments: dict[str, list[str]], chosen: str) -> None:
        """Add records one by one; `labels` are those of the spans of time, `moments` where these begin and end."""
        query, store = self._query, self._snapshot.store
        home, top_type = (_HOME, "session.record_type") if query.of_sessions else ("", "null")
        statement = f"select span.at, packed, {top_type} {chosen} {home}"
        values = moments | {"account": self._snapshot.account_id}
        for kind, declared in self.kinds.items():
            shown = lists.fields(self._snapshot, declared.name) if query.conditions or query.fields else {}
            fields = shown | dict(declared.fields)
            matches = Matcher(Query(declared.name, query.conditions), fields).matches
            values_of = field_values(query.fields, fields)
            for at, packed, top in self._few_at_once(statement, values | {"kind": kind}):
                record = store.packer.unpack(packed)
                if query.currency is not None and record.currency != query.currency:
                    continue
                top = None if top is None else from_text(top)
                if (query.session_types is None or top in query.session_types) and matches(record.body):
                    events = Events(record.currency, 1, record.cost, record.quantity)
                    self._add(labels[at - 1], declared, events, (top, *values_of(record.body)))

    def _few_at_once(self, statement: str, values: dict[str, Any]) -> Iterator[Any]:
        """The rows that a statement finds; however many they are, few are held here."""
        with closing(self._snapshot.db.cursor("records")) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(statement, values)

    def _add(self, labels: Labels, declared: RecordType, events: Events, of_records: tuple[str | None, ...]) -> None:
        known = (*labels, declared.product, declared.name, events.currency, *of_records)
        unit = declared.quantity.unit if declared.quantity else None
        self.sums.add(tuple([known[at] for at in self._places]), unit, events)


def _moments(spans: list[Span]) -> dict[str, list[str]]:
    return {"firsts": [_moment(span.first) for span in spans], "lasts": [_moment(span.last) for span in spans]}


def _moment(micros: int) -> str:
    """A moment as PostgreSQL reads it; the end of all years lies beyond those that Python has."""
    return "infinity" if micros >= END else from_micros(micros).isoformat()
