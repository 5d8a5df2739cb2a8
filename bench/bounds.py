"""What nothing could beat: the same bytes read and written by plain SQLite statements, with none of our work around.

The bound of an answer over HTTP is a reply that is always the same; see `constant`.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.data import SESSION_RECORDS
from bench.stores import Stored, discard
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.store.parts.places import REF, place

COMMIT_RECORDS = 4_000
_LEVEL = "select packed from link cross join record on record.row = link.row where place = ?"


class RawReader:
    """Reads the packed bytes of the records of a session, one statement per level."""

    def __init__(self, stored: Stored) -> None:
        self._db = _opened(stored.path)
        row = self._db.execute("select id from account where name = ?", [DEFAULT_ACCOUNT]).fetchone()
        self._account = int(row[0])

    def seconds(self, sessions: Sequence[tuple[str, str]]) -> list[float]:
        """For each session (its id and its conversation's), how long that takes."""
        db, taken = self._db, []
        for levels in [[place(self._account, REF, value) for value in session] for session in sessions]:
            began = time.perf_counter()
            db.execute("begin")
            rows = [db.execute(_LEVEL, [at]).fetchall() for at in levels]
            db.execute("rollback")
            taken.append(time.perf_counter() - began)
            assert sum(map(len, rows)) == SESSION_RECORDS
        return taken

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def write_rate(path: Path, bodies: Sequence[bytes]) -> float:
    """Records per second into one table without an index, a durable commit every 2,000."""
    discard(path)
    with closing(_opened(path)) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma wal_autocheckpoint = 20000")
        db.execute("create table record (row integer primary key, body blob not null)")
        began = time.perf_counter()
        for first in range(0, len(bodies), COMMIT_RECORDS):
            db.execute("begin")
            rows = [(body,) for body in bodies[first : first + COMMIT_RECORDS]]
            db.executemany("insert into record (body) values (?)", rows)
            db.execute("commit")
        rate = len(bodies) / (time.perf_counter() - began)
    discard(path)
    return rate


def _opened(path: Path) -> sqlite3.Connection:
    """A connection with the settings that the store uses."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma synchronous = full")
    db.execute("pragma cache_size = -262144")
    return db
