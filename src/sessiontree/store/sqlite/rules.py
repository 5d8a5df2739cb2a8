"""The rules of the sessions in SQLite (see `parts.rules`)."""

import json
import sqlite3
from collections.abc import Collection
from typing import TYPE_CHECKING

from sessiontree.store.parts.rules import SETTING, Rules

if TYPE_CHECKING:
    from sessiontree.store.sqlite.store import SqliteStore

_TYPES = "select distinct record_type from shape"
_STORED = """select distinct record_type from kind where record_type in (select value from json_each(?))
    and exists (select 1 from record where kind = kind.id)"""


def rules(store: "SqliteStore", db: sqlite3.Connection) -> Rules:
    """The rules as they are in this transaction."""
    return Rules(_Table(db), store.kinds.readings, store.kinds.agreed)


class _Table:
    """See `Table`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def read(self) -> tuple[str | None, list[str]]:
        found = self._db.execute("select value from setting where name = ?", [SETTING]).fetchone()
        return found and found[0], [name for (name,) in self._db.execute(_TYPES)]

    def stored(self, names: Collection[str]) -> set[str]:
        return {name for (name,) in self._db.execute(_STORED, [json.dumps(list(names))])}

    def write(self, value: str) -> None:
        self._db.execute("insert or replace into setting values (?, ?)", [SETTING, value])
