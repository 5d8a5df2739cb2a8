"""All that a SQLite store holds, as one moment of it (see `store.copying`)."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sessiontree.money import UNIT
from sessiontree.store.checks import Sums
from sessiontree.store.copying import COUNTED, LAST_CHANGE, LAST_ROW, LAST_SESSION, ROWS_AT_ONCE, Piece
from sessiontree.store.parts.session_rows import COLUMNS
from sessiontree.store.sqlite import adding_up
from sessiontree.store.sqlite.brought import next_row
from sessiontree.store.sqlite.snapshot import SqliteSnapshot

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_TABLES = {
    "account": "select id, name from account order by id",
    "shape": "select id, record_type, reading, key_fields, ref_fields from shape order by id",
    "dictionary": "select number, content from dictionary order by number",
    "setting": "select name, value from setting where name in ('reread done', 'session rules')",
    "kind": "select account, id, record_type from kind order by id",
    "field": "select account, kind, name, type from field join kind on kind.id = kind order by kind, name",
    "api_key": "select prefix, digest, account, scopes, name, created, expires, revoked, used from api_key",
    "record": """select account, row, kind, start, intake, packed from record cross join kind on kind.id = kind
        order by row""",
    "history": """select account, history.row, version, received, history.intake, history.packed from history
        cross join record on record.row = history.row cross join kind on kind.id = kind
        order by history.row, version""",
    "intake": """select account, number, received, files, key, created, updated, unchanged, rejected, first, last,
        undo_began, undone from intake""",
    "intake_rows": "select account, intake, first, last from intake_rows",
    "intake_unfinished": "select account, number from intake_unfinished",
    "session": f"select {COLUMNS} from session order by number",  # noqa: S608
    "session_gone": "select account, sequence, record_type, id from session_gone",
    "spend": """select account, kind, hour, currency, priced, measured, whole, rest, events, quantity_whole,
        quantity_rest from spend join kind on kind.id = kind""",
    "dirty": "select account, what, first, last from dirty order by number",
}  # fmt: skip


@contextmanager
def source(store: "SqliteStore") -> Iterator["SqliteSource"]:
    """The store as it is now, until the block ends."""
    with store.snapshot("") as snapshot:
        yield SqliteSource(store, snapshot.db)


class SqliteSource:
    """See `Source`: inside a read transaction."""

    def __init__(self, store: "SqliteStore", db: sqlite3.Connection) -> None:
        self._store = store
        self._db = db

    def pieces(self) -> Iterator[Piece]:
        for table, statement in _TABLES.items():
            cursor = self._db.execute(statement)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield Piece(table, [_spend(*row) for row in rows] if table == "spend" else rows)
        yield Piece("counter", list(self._counters()))

    def counts(self) -> dict[str, int]:
        return {table: self._db.execute(f"select count(*) from {table}").fetchone()[0] for table in COUNTED}  # noqa: S608

    def sums(self, account: str, advance: Callable[[int], None]) -> Sums:
        return adding_up.sums(SqliteSnapshot(self._store, self._db, account), advance)

    def _counters(self) -> Iterator[tuple[int, str, int]]:
        yield (0, LAST_ROW, next_row(self._db) - 1)
        for (id,) in self._db.execute("select id from account").fetchall():
            yield (id, LAST_SESSION, self._setting("last session"))
            yield (id, LAST_CHANGE, self._setting(f"last change of account {id}"))

    def _setting(self, name: str) -> int:
        found = self._db.execute("select value from setting where name = ?", [name]).fetchone()
        return int(found[0]) if found else 0


def _spend(*row: int) -> tuple[int, ...]:
    *key, whole, rest, events, quantity_whole, quantity_rest = row
    return (*key, whole * UNIT + rest, events, quantity_whole * UNIT + quantity_rest)
