"""All that a PostgreSQL store holds, as one moment of it (see `store.copying`)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.store.checks import Sums
from sessiontree.store.copying import COUNTED, LAST_ROW, ROWS_AT_ONCE, Piece
from sessiontree.store.postgres import adding_up
from sessiontree.store.postgres.amounts import from_numeric
from sessiontree.store.postgres.session_rows import COLUMNS
from sessiontree.store.postgres.snapshot import PostgresSnapshot
from sessiontree.store.postgres.text import from_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

_TABLES = {
    "account": "select id, name from account order by id",
    "shape": "select id, record_type, reading, key_fields, ref_fields from shape order by id",
    "dictionary": "select number, content from dictionary order by number",
    "setting": "select name, value from setting where name in ('reread done', 'session rules')",
    "kind": "select account, id, record_type from kind order by account, id",
    "field": "select account, kind, name, type from field order by account, kind, name",
    "api_key": "select prefix, digest, account, scopes, name, created, expires, revoked, used from api_key",
    "record": """select account, row, kind, case when start > '-infinity' then
        (extract(epoch from start) * 1000000)::bigint end, intake, packed from record order by row""",
    "history": "select account, row, version, received, intake, packed from history order by account, row, version",
    "intake": """select account, number, received, files, key, created, updated, unchanged, rejected, first, last,
        undo_began, undone from intake""",
    "intake_rows": "select account, intake, first, last from intake_rows",
    "intake_unfinished": "select account, number from intake_unfinished",
    "session": f"select {COLUMNS} from session order by account, number",  # noqa: S608
    "session_gone": "select account, sequence, record_type, id from session_gone",
    "spend": "select account, kind, hour, currency, priced, measured, amount, events, quantity from spend",
    "dirty": "select account, what, first, last from dirty order by account, number",
    "counter": "select account, name, value from counter",
}
_TEXTS = {"account": (1,), "shape": (1, 2), "kind": (2,), "field": (2,), "api_key": (0, 4), "intake": (3,),
          "session": (2, 3), "session_gone": (2, 3)}  # fmt: skip
_ROW = "select case when is_called then last_value else 0 end from record_row"


@contextmanager
def source(store: "PostgresStore") -> Iterator["PostgresSource"]:
    """The store as it is now, until the block ends."""
    with store.snapshot("") as snapshot:
        yield PostgresSource(store, snapshot.db)


class PostgresSource:
    """See `Source`: inside a read transaction."""

    def __init__(self, store: "PostgresStore", db: Connection[Any]) -> None:
        self._store = store
        self._db = db

    def pieces(self) -> Iterator[Piece]:
        for table, statement in _TABLES.items():
            with self._db.cursor("dumping") as cursor:
                cursor.execute(statement)
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    yield Piece(table, [_neutral(table, row) for row in rows])
        (last,) = self._db.execute(_ROW).fetchone() or (0,)
        yield Piece("counter", [(0, LAST_ROW, last)])

    def counts(self) -> dict[str, int]:
        return {table: self._count(table) for table in COUNTED}

    def _count(self, table: str) -> int:
        (count,) = self._db.execute(f"select count(*) from {table}").fetchone() or (0,)  # noqa: S608 - our own names
        return int(count)

    def sums(self, account: str, advance: Callable[[int], None]) -> Sums:
        return adding_up.sums(PostgresSnapshot(self._store, self._db, account), advance)


def _neutral(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row in the form that all stores take."""
    if table == "spend":
        *key, priced, measured, amount, events, quantity = row
        return (*key, int(priced), int(measured), from_numeric(amount), events, from_numeric(quantity))
    texts = _TEXTS.get(table)
    if texts is None:
        return row
    return tuple(from_text(value) if at in texts and value is not None else value for at, value in enumerate(row))
