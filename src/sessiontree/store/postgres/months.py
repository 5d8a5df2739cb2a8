"""Partitions of records: one for every month of their start, made when it is first needed.

Records without a start, of odd years, and of a month that could not be split off, lie in the default partitions.
Where a record lies changes no answer, only how many partitions a question with a time has to look into.
"""

import re
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection, errors

from sessiontree.record import Record

TABLES: Final = ("record",)
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100
NONE: Final = "-infinity"
"""The start of a record that has none."""
_LOCK: Final = 0x53545246  # among advisory locks: one makes partitions at a time
_PATIENCE: Final = "2s"  # a reader of a default partition may hold it for long: then the month stays in there

_MISSED_SECONDS: Final = 60.0  # another process may make it

_RECORDS: Final = re.compile(r"record_(\d{4})_(\d\d)")

Month = tuple[int, int]


def time_text(start: datetime | None) -> str:
    """A start, or that there is none, as text for the tables."""
    return NONE if start is None else start.isoformat()


def start_of(record: Record) -> str:
    """A record's start, as text for the tables."""
    return time_text(record.start)


class Months:
    """The months that have partitions, as far as this process has met them."""

    def __init__(self) -> None:
        self._known: set[Month] = set()
        self._missing: dict[Month, float] = {}
        self._there: set[Month] = set()
        self._lock = threading.Lock()

    def make(self, db: Connection[Any], starts: Iterable[datetime | None]) -> None:
        """Make the partitions in which records of these starts belong. Outside a transaction."""
        wanted = {(start.year, start.month) for start in starts if start is not None} - self._known
        for month in sorted(wanted):
            with self._lock:
                if month not in self._known and FIRST_YEAR <= month[0] <= LAST_YEAR:
                    _make(db, month)
                self._known.add(month)

    def missed(self, month: Month) -> None:
        """There is no partition of this month."""
        self._there.discard(month)
        self._missing[month] = time.monotonic()

    def found(self, month: Month, name: object) -> bool:
        """What the database answered to `is_there`; whether that is a partition."""
        if name is None:
            self.missed(month)
            return False
        self._there.add(month)
        return True

    def is_known(self, month: Month) -> bool:
        """Whether the month has a partition, as far as this process has seen."""
        return month in self._there

    def worth(self, month: Month | None) -> Month | None:
        """The month, if looking into its partition first is worth while: not if it was missed a moment ago."""
        if month is None or time.monotonic() - self._missing.get(month, -_MISSED_SECONDS) < _MISSED_SECONDS:
            return None
        return month


def partition(table: str, month: Month) -> str:
    """The name of a month's partition."""
    return f"{table}_{month[0]}_{month[1]:02}"


def of_partition(name: str) -> Month | None:
    """The month of a partition of records of this name; None for the default one, and for what is none."""
    match = _RECORDS.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]))


def is_there(month: Month) -> str:
    """Asks for the partition of a month: null if there is none. To name one that is none would be an error, which the
    server notes in its log.
    """
    return f"select to_regclass('{partition('record', month)}')"


def _make(db: Connection[Any], month: Month) -> None:
    first = datetime(*month, 1, tzinfo=UTC)
    following = (first + timedelta(days=31)).replace(day=1)
    try:
        with db.transaction():
            db.execute(f"set local lock_timeout = '{_PATIENCE}'")
            db.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            for table in TABLES:
                db.execute(
                    f"create table if not exists {partition(table, month)} partition of {table}"
                    f" for values from ('{first.isoformat()}') to ('{following.isoformat()}')"
                )
    except (errors.CheckViolation, errors.LockNotAvailable):
        pass  # the default partition has records of that month already, or is being read


def made(db: Connection[Any], table: str) -> list[str]:
    """The partitions of a table, by name, without the default one."""
    statement = """select relname from pg_class join pg_inherits on inhrelid = oid where inhparent = %s::regclass
        and relname <> %s order by relname"""
    try:
        return [name for (name,) in db.execute(statement, [table, f"{table}_default"]).fetchall()]
    except psycopg.errors.UndefinedTable:
        return []
