"""Writing transactions: durable when they end, gone when they fail, and never in doubt.

Two that were in each other's way are tried again. When the connection goes while a transaction is being committed,
a fresh one is asked what became of it.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import Connection

from sessiontree.errors import StoreError
from sessiontree.store.postgres.opening import lost, passing, refusal
from sessiontree.store.postgres.pool import Pool

BEGIN = "begin isolation level read committed"
BEGIN_OF_ONE_MOMENT = "begin isolation level repeatable read"
"""A transaction that sees the state of one moment; what others change meanwhile, it cannot change."""
TRIES = 12
_PAUSE_SECONDS = 0.01  # before the second try; then longer, and never the same for two
RESOLVE_SECONDS = 15.0  # how long to ask what became of a transaction

Db = Connection[Any]
T = TypeVar("T")


def write(pool: Pool, work: Callable[[Db], T], *, begin: str = BEGIN) -> T:
    """What this work returns, done in one transaction. It may run several times, each on a state of its own."""
    attempt = 0
    while True:
        try:
            with _transaction(pool, begin) as db:
                return work(db)
        except psycopg.Error as error:
            attempt += 1
            if attempt == TRIES or not passing(error):
                raise refusal(pool.name, error) from error
        time.sleep(_PAUSE_SECONDS * 2 ** min(attempt, 6) * random.random())


@contextmanager
def writing(pool: Pool) -> Iterator[Db]:
    """One transaction that is not tried again: for work that cannot run twice."""
    try:
        with _transaction(pool) as db:
            yield db
    except psycopg.Error as error:
        raise refusal(pool.name, error) from error


@contextmanager
def _transaction(pool: Pool, begin: str = BEGIN) -> Iterator[Db]:
    db, number = _begun(pool, begin)
    try:
        try:
            yield db
        except BaseException:
            _roll_back(db)
            raise
        _commit(pool, db, number)
    finally:
        pool.give(db)


class _Number(NamedTuple):
    """What a transaction is known by: its number, and the life of the database in which it has it."""

    xid: str
    life: str | None


def live(db: Db) -> None:
    """Begin a life of the database, if it has none since the last crash."""
    db.execute("insert into life select gen_random_uuid()::text where not exists (select 1 from life)")


def _begun(pool: Pool, begin: str) -> tuple[Db, _Number]:
    """A connection in a new transaction, and its number."""
    db = pool.take()
    try:
        asked = "select pg_current_xact_id()::text, (select min(token) from life)"
        cursor = db.execute(f"{begin}; {asked}", prepare=False)
        while cursor.nextset():
            pass
        xid, life = cursor.fetchone() or ("", None)
        return db, _Number(xid, life)
    except BaseException:
        pool.give(db)
        raise


def _roll_back(db: Db) -> None:
    try:
        if not db.closed:
            db.execute("rollback", prepare=False)
    except psycopg.Error:
        db.close()  # and what it had begun goes with it


def _commit(pool: Pool, db: Db, number: _Number) -> None:
    try:
        db.execute("commit", prepare=False)
    except psycopg.Error as error:
        if not lost(error) or not _committed(pool, number):
            raise


def _committed(pool: Pool, number: _Number) -> bool:
    """Whether this transaction, whose connection was lost while it was being committed, has been committed.

    Raises StoreError when that cannot be found out: whoever sends the records again is told what is stored.
    """
    until = time.monotonic() + RESOLVE_SECONDS
    while True:
        status = _status(pool, number)
        if status in ("committed", "aborted"):
            return status == "committed"
        if status == "unknown" or time.monotonic() > until:
            raise StoreError(f"{pool.name} was lost at the moment of storing: send the records again")
        time.sleep(0.05)


def _status(pool: Pool, number: _Number) -> str | None:
    """What the database says of a transaction; `unknown` after a crash, None while there is no answer."""
    try:
        with pool.using() as db:
            life = db.execute("select min(token) from life").fetchone()
            if number.life is None or life != (number.life,):
                return "unknown"
            row = db.execute("select pg_xact_status(%s::xid8)", [number.xid]).fetchone()
            return None if row is None else str(row[0])
    except (psycopg.Error, StoreError):
        return None
