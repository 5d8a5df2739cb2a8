"""Dropping partitions that pruning has emptied: the disk gets their space back at once.

A partition is looked at, and dropped, while nobody can put anything into it. Whoever reads for long keeps it: then it
is left to the next pruning. Records of a dropped month that arrive all the same go to the default partition.
"""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, UndefinedTable

from sessiontree.store.postgres.months import TABLES, made, partition

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

_TRIES = 5
_PATIENCE = "300ms"  # all others wait as long as this does
_MONTH = re.compile(r"record_(\d{4})_(\d\d)")

Month = tuple[int, int]


def drop_empty(store: "PostgresStore", before: datetime) -> list[str]:
    """Drop the partitions of months that ended before a moment and in which no record of any account is left.

    The names of those of records that went.
    """
    until = before.astimezone(UTC)
    with store.alone() as db:
        names = made(db, "record")
        months = [(int(match[1]), int(match[2])) for match in map(_MONTH.fullmatch, names) if match]
        ended = [month for month in months if month < (until.year, until.month)]
        return [partition("record", month) for month in ended if _drop(db, month)]


def _drop(db: Connection[Any], month: Month) -> bool:
    for _ in range(_TRIES):
        try:
            return _is_empty(db, month) and _drop_locked(db, month)
        except (LockNotAvailable, DeadlockDetected):
            continue
        except UndefinedTable:  # another process was first
            return False
    return False


def _is_empty(db: Connection[Any], month: Month) -> bool:
    return not any(_holds(db, partition(table, month)) for table in TABLES)


def _holds(db: Connection[Any], name: str) -> bool:
    return db.execute(f"select 1 from {name} limit 1").fetchone() is not None  # noqa: S608 - only our own names


def _drop_locked(db: Connection[Any], month: Month) -> bool:
    with db.transaction():
        db.execute(f"set local lock_timeout = '{_PATIENCE}'")
        db.execute(f"lock table {', '.join(TABLES)} in access exclusive mode")
        if not _is_empty(db, month):
            return False
        for table in TABLES:
            db.execute(f"drop table if exists {partition(table, month)}")
        return True
