"""Filling an empty SQLite store with all that another one holds (see `store.copying`).

Kinds and sessions are numbered within an account elsewhere, and within the store here: they get new numbers.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sessiontree.errors import StoreError
from sessiontree.money import UNIT
from sessiontree.store.copying import LAST_CHANGE, LAST_ROW, LAST_SESSION, Piece
from sessiontree.store.parts import half_copies
from sessiontree.store.parts.notes import PLACE, SESSION
from sessiontree.store.parts.session_rows import read_row, read_session
from sessiontree.store.sqlite import brought, dirty
from sessiontree.store.sqlite.session_costs import costs_of
from sessiontree.store.sqlite.write import insert_rows, places_of

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

Rows = Sequence[tuple[Any, ...]]
_AS_THEY_ARE = {"account": 2, "shape": 5, "dictionary": 2, "setting": 2, "api_key": 9, "intake": 13, "intake_rows": 4,
                "intake_unfinished": 2, "session_gone": 4}  # fmt: skip
_COLUMNS = {"api_key": "(prefix, digest, account, scopes, name, created, expires, revoked, used)"}


class SqliteTarget:
    """See `Target`."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store
        self._kinds: dict[tuple[int, int], int] = {}
        self._sessions: dict[tuple[int, int], int] = {}
        self._puts: dict[str, Callable[[sqlite3.Connection, Rows], None]] = {
            "kind": self._put_kinds,
            "field": self._put_fields,
            "record": self._put_records,
            "history": self._put_history,
            "session": self._put_sessions,
            "spend": self._put_spend,
            "dirty": self._put_dirty,
            "counter": self._put_counters,
        }

    def begin(self) -> None:
        with self._store.writing() as db:
            if not db.execute(half_copies.SET).rowcount:
                raise StoreError(half_copies.refusal(str(self._store.path), half_copies.DELETE))

    def put(self, piece: Piece) -> None:
        with self._store.writing() as db:
            if piece.table in _AS_THEY_ARE:
                marks = ",".join("?" * _AS_THEY_ARE[piece.table])
                columns = _COLUMNS.get(piece.table, "")
                db.executemany(f"insert into {piece.table} {columns} values ({marks})", piece.rows)  # noqa: S608
            else:
                self._puts[piece.table](db, piece.rows)

    def end(self) -> None:
        with self._store.writing() as db:
            db.execute("insert into setting values ('last session', ?)", [len(self._sessions)])

    def release(self) -> None:
        with self._store.writing() as db:
            db.execute(half_copies.END)

    def _put_kinds(self, db: sqlite3.Connection, rows: Rows) -> None:
        for account_id, id, record_type in rows:
            self._kinds[account_id, id] = number = len(self._kinds) + 1
            db.execute("insert into kind values (?, ?, ?)", [number, account_id, record_type])

    def _put_fields(self, db: sqlite3.Connection, rows: Rows) -> None:
        values = [(self._kinds[account_id, kind], name, type) for account_id, kind, name, type in rows]
        db.executemany("insert into field values (?, ?, ?)", values)

    def _put_records(self, db: sqlite3.Connection, rows: Rows) -> None:
        records: list[tuple[Any, ...]] = []
        links: list[tuple[int, int]] = []
        for account_id, row, kind, start, intake, packed in rows:
            records.append((row, self._kinds[account_id, kind], start, intake, packed))
            record = self._store.packer.unpack(packed)
            places = places_of(account_id, record.record_type, record.id, record.keys, record.refs)
            links += [(place, row) for place in places]
        insert_rows(db, "record", 5, records)
        insert_rows(db, "link", 2, sorted(links))

    def _put_history(self, db: sqlite3.Connection, rows: Rows) -> None:
        values = [(row, received, version, intake, packed) for _, row, version, received, intake, packed in rows]
        db.executemany("insert into history values (?, ?, ?, ?, ?)", values)

    def _put_sessions(self, db: sqlite3.Connection, rows: Rows) -> None:
        costs: list[tuple[Any, ...]] = []
        homes: list[tuple[int, int]] = []
        visits: list[tuple[int, int]] = []
        sessions: list[tuple[Any, ...]] = []
        for old, account_id, *others in rows:
            self._sessions[account_id, old] = number = len(self._sessions) + 1
            values = (number, account_id, *others)
            sessions.append(values)
            row = read_row(values)
            costs += costs_of(account_id, row, read_session(values))
            homes += [(each, number) for each in row.homes]
            visits += [(each, number) for each in row.visits]
        insert_rows(db, "session", 20, sessions)
        insert_rows(db, "session_cost", 9, costs)
        insert_rows(db, "home", 2, sorted(homes))
        insert_rows(db, "visit", 2, sorted(visits))

    def _put_spend(self, db: sqlite3.Connection, rows: Rows) -> None:
        for account_id, kind, *key, amount, events, quantity in rows:
            split = (*divmod(amount, UNIT), events, *divmod(quantity, UNIT))
            marks = ",".join("?" * 10)
            db.execute(f"insert into spend values ({marks})", [self._kinds[account_id, kind], *key, *split])  # noqa: S608

    def _put_dirty(self, db: sqlite3.Connection, rows: Rows) -> None:
        for account_id, what, first, last in rows:
            if what == SESSION:
                dirty.note_sessions(db, account_id, [self._sessions.get((account_id, first), 0)])
            elif what == PLACE:
                dirty.note_places(db, account_id, [first])
            else:
                dirty.note_rows(db, account_id, first, last)

    def _put_counters(self, db: sqlite3.Connection, rows: Rows) -> None:
        for account_id, name, value in rows:
            if name == LAST_ROW:
                brought.note_removed(db, value)
            elif name == LAST_CHANGE:
                db.execute("insert into setting values (?, ?)", [f"last change of account {account_id}", value])
            else:
                assert name == LAST_SESSION, "sessions get new numbers here"
