"""Filling an empty PostgreSQL store with all that another one holds (see `store.copying`)."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.errors import StoreError
from sessiontree.store.copying import LAST_ROW, Piece
from sessiontree.store.parts import half_copies
from sessiontree.store.parts.micros import from_micros
from sessiontree.store.parts.session_rows import read_row, read_session
from sessiontree.store.postgres import copying, write
from sessiontree.store.postgres.amounts import to_numeric
from sessiontree.store.postgres.binary import micros
from sessiontree.store.postgres.months import start_of
from sessiontree.store.postgres.session_rows import COSTS, WRITTEN, costs_of, sums_of, values_of
from sessiontree.store.postgres.text import to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

Db = Connection[Any]
Rows = Sequence[tuple[Any, ...]]

_AS_THEY_ARE = {
    "account": "id, name",
    "shape": "id, record_type, reading, key_fields, ref_fields",
    "dictionary": "number, content",
    "setting": "name, value",
    "kind": "account, id, record_type",
    "field": "account, kind, name, type",
    "api_key": "prefix, digest, account, scopes, name, created, expires, revoked, used",
    "history": "account, row, version, received, intake, packed",
    "intake": """account, number, received, files, key, created, updated, unchanged, rejected, first, last, undo_began,
        undone""",
    "intake_rows": "account, intake, first, last",
    "intake_unfinished": "account, number",
    "session_gone": "account, sequence, record_type, id",
    "dirty": "account, what, first, last",
}
_SPEND = "account, kind, hour, currency, priced, measured, amount, events, quantity"
_COUNTED_ON = ("account", "shape")
"""Tables whose next numbers follow those that were put in."""
_account = itemgetter(0)


class PostgresTarget:
    """See `Target`."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store
        self._sums: dict[tuple[int, str], list[int]] = {}
        self._puts: dict[str, Callable[[Db, Rows], None]] = {
            "record": self._put_records,
            "session": self._put_sessions,
            "spend": self._put_spend,
            "counter": self._put_counters,
        }

    def begin(self) -> None:
        with self._store.writing() as db:
            if not db.execute(half_copies.SET).rowcount:
                raise StoreError(half_copies.refusal(self._store.name, half_copies.EMPTY))

    def put(self, piece: Piece) -> None:
        if piece.table == "record":
            with self._store.alone() as db:
                starts = [None if micros is None else from_micros(micros) for *_, micros, _, _ in piece.rows]
                self._store.months.make(db, starts)
        with self._store.writing() as db:
            if piece.table in _AS_THEY_ARE:
                self._put(db, piece.table, piece.rows)
            else:
                self._puts[piece.table](db, piece.rows)

    def end(self) -> None:
        with self._store.writing() as db:
            rows = [
                (account_id, currency, *counts, to_numeric(total), to_numeric(elsewhere))
                for (account_id, currency), (*counts, total, elsewhere) in self._sums.items()
            ]
            _copy(db, "session_sum", "account, currency, sessions, events, unpriced, total, elsewhere", rows)
            for table in _COUNTED_ON:
                db.execute(
                    f"select setval(pg_get_serial_sequence('{table}', 'id'), max(id)) from {table} having count(*) > 0"  # noqa: S608
                )
        with self._store.alone() as db:
            db.execute("analyze")

    def release(self) -> None:
        with self._store.writing() as db:
            db.execute(half_copies.END)

    def _put(self, db: Db, table: str, rows: Rows) -> None:
        _copy(db, table, _AS_THEY_ARE[table], [tuple(map(_stored, row)) for row in rows])

    def _put_records(self, db: Db, rows: Rows) -> None:
        for account_id, some in groupby(rows, key=_account):
            records: list[copying.RecordRow] = []
            links: list[bytes] = []
            identities: list[tuple[Any, ...]] = []
            for _, row, kind, _, intake, packed in some:
                record = self._store.packer.unpack(packed)
                start, (places, hops) = micros(record.start), write.places_and_hops(account_id, record)
                records.append(copying.RecordRow(row, start, kind, intake, packed, hops))
                links += copying.links_of(account_id, row, start, places)
                identities.append((account_id, kind, to_text(record.id), row, start_of(record)))
            copying.put_records(db, account_id, records)
            copying.put_links(db, links)
            _copy(db, "identity", "account, kind, id, row, start", identities)

    def _put_sessions(self, db: Db, rows: Rows) -> None:
        listed = [(values[1], read_row(values), read_session(values)) for values in rows]
        _copy(db, "session", WRITTEN, [values_of(row, account_id) for account_id, row, _ in listed])
        _copy(db, "session_cost", COSTS, [cost for each in listed for cost in costs_of(*each)])
        homes = [(account_id, at, row.number) for account_id, row, _ in listed for at in row.homes]
        visits = [(account_id, at, row.number) for account_id, row, _ in listed for at in row.visits]
        _copy(db, "home", "account, row, session", homes)
        _copy(db, "visit", "account, row, session", visits)
        for account_id, row, _ in listed:
            for currency, numbers in sums_of([], [row]).items():
                found = self._sums.setdefault((account_id, currency), [0] * len(numbers))
                for at, number in enumerate(numbers):
                    found[at] += number

    def _put_spend(self, db: Db, rows: Rows) -> None:
        values = [
            (*key, bool(priced), bool(measured), to_numeric(amount), events, to_numeric(quantity))
            for *key, priced, measured, amount, events, quantity in rows
        ]
        _copy(db, "spend", _SPEND, values)

    def _put_counters(self, db: Db, rows: Rows) -> None:
        for account_id, name, value in rows:
            if name == LAST_ROW:
                db.execute("select setval('record_row', %s)", [max(value, 1)])
            else:
                db.execute("insert into counter (account, name, value) values (%s, %s, %s)", [account_id, name, value])


def _stored(value: object) -> object:
    return to_text(value) if isinstance(value, str) else value


def _copy(db: Db, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with db.cursor() as cursor, cursor.copy(f"copy {table} ({columns}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)
