"""Records that look like one and the same under different ids: same type, link values, times, cost and currency.

Only records that have a start, a link value and a cost other than zero are looked at: without these, being alike says
nothing (or costs nothing). One line for each is kept in a temporary file that SQLite sorts, so that memory stays flat.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from sessiontree.catalog import Catalog, RecordType
from sessiontree.record import Record

IDS_MAX = 20
"""So many ids of one group are named."""
_ROWS_AT_ONCE = 1000
_CACHE_KIB = 16_384
_GROUPS = "select min(rowid) as first, count(*) as count, digest from seen group by digest having count(*) > 1"


@dataclass(frozen=True, slots=True)
class Double:
    """Records that are alike: `count` of them, with the first of their ids, in order of arrival."""

    record_type: str
    ids: tuple[str, ...]
    count: int


class Doubles:
    """Takes in records, then tells the groups of those that are alike. To be closed."""

    def __init__(self, catalog: Catalog) -> None:
        self._id_at = {name: _position(catalog.key_fields(name), t.id_field) for name, t in catalog.types.items()}
        import sqlite3  # not when the program starts

        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file that nobody else sees
        self._db.execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._db.execute("create table seen (digest blob not null, record_type text not null, id text not null)")
        self._db.execute("begin")
        self._waiting: list[tuple[bytes, str, str]] = []

    def close(self) -> None:
        """Let go of the temporary file."""
        self._db.close()

    def add(self, record: Record) -> None:
        """Take in one record."""
        digest = self._digest(record)
        if digest is not None:
            self._waiting.append((digest, record.record_type, record.id))
            if len(self._waiting) >= _ROWS_AT_ONCE:
                self._write()

    def _write(self) -> None:
        self._db.executemany("insert into seen values (?, ?, ?)", self._waiting)
        self._waiting.clear()

    def _digest(self, record: Record) -> bytes | None:
        at = self._id_at[record.record_type]
        links = [*record.refs, *(key for position, key in enumerate(record.keys) if position != at)]
        if record.start is None or not record.cost or not any(links):
            return None
        times = [record.start.isoformat(), record.finish and record.finish.isoformat()]
        parts = [record.record_type, links, times, str(record.cost), record.currency]
        return blake2b(json.dumps(parts).encode(), digest_size=16).digest()

    def count(self) -> int:
        """How many groups there are."""
        self._write()
        self._db.execute("create index if not exists seen_by_digest on seen (digest)")
        return int(self._db.execute(f"select count(*) from ({_GROUPS})").fetchone()[0])  # noqa: S608

    def groups(self, limit: int) -> Iterator[Double]:
        """The first groups, in order of arrival of their first record."""
        self._write()
        for _, count, digest in self._db.execute(f"{_GROUPS} order by first limit ?", [limit]).fetchall():
            found = self._db.execute(
                "select record_type, id from seen where digest = ? order by rowid limit ?", [digest, IDS_MAX]
            ).fetchall()
            yield Double(found[0][0], tuple(id for _, id in found), count)


def differing_fields(declared: RecordType, records: Iterable[Record]) -> list[str]:
    """The fields, other than the id, in which records differ, by name: none means alike to the last field."""
    bodies = [msgspec.json.decode(record.body) for record in records]
    names = sorted({name for body in bodies for name in body} - {declared.id_field})
    return [name for name in names if any(body.get(name) != bodies[0].get(name) for body in bodies)]


def _position(fields: tuple[str, ...], name: str) -> int | None:
    return fields.index(name) if name in fields else None
