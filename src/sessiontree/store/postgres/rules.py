"""The rules of the sessions in PostgreSQL (see `parts.rules`).

A refresh sees the rules of the moment at which it began, and may end after a re-read has set others. No harm comes of
that: whatever it put into sessions was stored by then, so that the re-read, which had waited for all who were adding
records, notes those records after it has set the rules; and a refresh drops no note that it did not see. What it
enters itself, and what is set meanwhile, are changes of one row: then the database has it begin anew.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.store.parts.rules import SETTING, Rules
from sessiontree.store.postgres.text import from_text, to_text

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

Db = Connection[Any]

_READ = """select (select value from setting where name = %s), array(select distinct record_type from shape)"""
_STORED = """select distinct record_type from kind where record_type = any(%s::text[])
    and exists (select 1 from record where account = kind.account and kind = kind.id)"""
_WRITE = "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value"


def rules(store: "PostgresStore", db: Db) -> Rules:
    """The rules as they are in this transaction."""
    return Rules(_Table(db), store.kinds.readings, store.kinds.agreed)


def hold(db: Db) -> None:
    """Wait for whoever is changing the rules, and let nobody else until this transaction ends."""
    db.execute("insert into setting values (%s, '{}') on conflict do nothing", [SETTING])
    db.execute("select from setting where name = %s for update", [SETTING])


class _Table:
    """See `Table`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def read(self) -> tuple[str | None, list[str]]:
        value, names = self._db.execute(_READ, [SETTING]).fetchone() or (None, [])
        return value, [from_text(name) for name in names]

    def stored(self, names: Collection[str]) -> set[str]:
        found = self._db.execute(_STORED, [[to_text(name) for name in names]])
        return {from_text(name) for (name,) in found.fetchall()}

    def write(self, value: str) -> None:
        self._db.execute(_WRITE, [SETTING, value])
