"""Compression dictionaries of the PostgreSQL store: trained of its own records as it grows (see `packing.Packer`)."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from sessiontree.record import Record
from sessiontree.store.parts.packing import train

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

TRAIN_AT_ROWS = (1_000, 20_000, 400_000)
TRAIN_RECORDS = 1_000  # how many records a dictionary is trained of
_NEWEST = "select packed from record where account = %s and row > %s order by row desc limit %s"


class Dictionaries:
    """Those of one store. They are trained when about so many rows have been made, by whoever comes to it first."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store
        rows = store.ask("select case when is_called then last_value else 0 end from record_row")[0][0]
        self._rows = int(rows)
        self._train_from = next((at for at in TRAIN_AT_ROWS if at > rows), sys.maxsize)
        self._known = self._read()

    def load(self, wanted: int) -> dict[int, bytes]:
        """All that are known, by number; all there are now if this one (0 for none) is not among them.

        A thread's first packer asks for none: that takes no second connection when all may be taken.
        """
        if wanted and wanted not in self._known:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[int, bytes]:
        return {number: bytes(content) for number, content in self._store.ask("select number, content from dictionary")}

    def grow(self, account_id: int, records: Sequence[Record]) -> None:
        """These records are about to be added: train if it is time. Outside a transaction."""
        self._rows += len(records)
        row = self._rows
        if row < self._train_from:
            return
        passed = [at for at in TRAIN_AT_ROWS if at <= row]
        self._train_from = next((at for at in TRAIN_AT_ROWS if at > row), sys.maxsize)
        with self._store.alone() as db:
            number = _newest(db) + 1
            if number <= len(passed):  # else another process was first
                content = train(self._samples(db, account_id, row, records[:TRAIN_RECORDS]))
                if content is not None:
                    db.execute("insert into dictionary values (%s, %s) on conflict do nothing", [number, content])
        self._known = self._read()
        self._store.packer.renew()

    def _samples(self, db: Connection[Any], account_id: int, row: int, records: Sequence[Record]) -> Iterator[bytes]:
        yield from (record.body for record in records)
        packer = self._store.packer
        wanted = TRAIN_RECORDS - len(records)
        for (packed,) in db.execute(_NEWEST, [account_id, row - 2 * TRAIN_RECORDS, wanted]).fetchall():
            yield packer.unpack(packed).body


def _newest(db: Connection[Any]) -> int:
    row = db.execute("select coalesce(max(number), 0) from dictionary").fetchone()
    return 0 if row is None else int(row[0])
