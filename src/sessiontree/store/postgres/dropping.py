"""Dropping partitions that hold nothing any more: the disk gets their space back at once.

A partition is looked at, and dropped, while nobody can put anything into it. Whoever reads for long keeps it: then it
is left to the next pruning. Records of a dropped month that arrive all the same go to the default partition.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, UndefinedTable

from sessiontree.store.postgres.months import TABLES, Month, made, of_partition, partition
from sessiontree.store.removing import Emptied

if TYPE_CHECKING:
    from sessiontree.store.postgres.store import PostgresStore

_TRIES = 5
_PATIENCE = "300ms"  # all others wait as long as this does


def drop_empty(store: "PostgresStore", before: datetime) -> Emptied:
    """Drop the partitions of months that ended before a moment and in which no record of any account is left."""
    until, emptied = before.astimezone(UTC), Emptied([], [])
    with store.alone() as db:
        for month in filter(None, map(of_partition, made(db, "record"))):
            if month < (until.year, until.month):
                with suppress(UndefinedTable):  # another process was first
                    if _drop(db, month):
                        emptied.dropped.append(_shown(month))
                    elif _is_empty(db, month):
                        emptied.held.append(_shown(month))
    return emptied


def _shown(month: Month) -> str:
    return f"{month[0]}-{month[1]:02}"


def _drop(db: Connection[Any], month: Month) -> bool:
    """Drop a month's partitions, if they hold nothing and nobody reads for long."""
    for _ in range(_TRIES):
        with suppress(LockNotAvailable, DeadlockDetected):
            return _is_empty(db, month) and _drop_locked(db, month)
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
