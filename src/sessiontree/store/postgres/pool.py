"""The store's connections: a few, each used by one thread at a time, made when needed and kept for the next.

One that was lost while it lay idle is noticed and replaced; when one breaks in use, all that lie idle are thrown away,
since they went with the same server. Nobody waits for ever: without a free connection in time the answer is an error.
"""

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from sessiontree.errors import StoreError
from sessiontree.store.postgres.opening import full, refusal

CONNECTIONS = 16
WAIT_SECONDS = 5.0
CONNECT_AGAIN_SECONDS = 0.5  # where the server had no room: each time it notes that in its log
_LOOK_SECONDS = 0.005

Db = Connection[Any]


class Pool:
    """At most so many connections to one database; `name` is what messages call it."""

    def __init__(self, name: str, connect: Callable[[], Db], *, size: int = CONNECTIONS) -> None:
        self.name = name
        self.wait_seconds = WAIT_SECONDS
        self.connect = connect
        self._slots = threading.Semaphore(size)
        self._idle: list[tuple[Db, bool]] = []  # with whether it is still ending a transaction
        self._closed = False

    def take(self) -> Db:
        """A connection outside any transaction, until it is given back. Raises StoreError."""
        if self._closed:
            raise StoreError(f"{self.name} has been closed")
        if not self._slots.acquire(timeout=self.wait_seconds):
            raise StoreError(f"{self.name} is busy: no connection became free in time; try again in a moment")
        try:
            return self._next()
        except BaseException as error:
            self._slots.release()
            if isinstance(error, Exception):
                raise refusal(self.name, error) from error
            raise

    def _next(self) -> Db:
        """One that lies idle, or a new one. Where the server has no room for more, it waits for one of either kind."""
        until = time.monotonic() + self.wait_seconds
        while True:
            try:
                return self._ready() or self.connect()
            except psycopg.OperationalError as error:
                if not full(error) or time.monotonic() > until:
                    raise
            again = min(until, time.monotonic() + CONNECT_AGAIN_SECONDS)
            while not self._idle and time.monotonic() < again:
                time.sleep(_LOOK_SECONDS)

    def take_idle(self) -> Db | None:
        """A connection that lies idle and is ready, None if there is none now: never waits."""
        if self._closed or not self._slots.acquire(blocking=False):
            return None
        if (db := self._ready()) is not None:
            return db
        self._slots.release()
        return None

    def _ready(self) -> Db | None:
        """An idle connection that is still good: the last one given back, since its caches are warm."""
        while self._idle:
            try:
                db, ending = self._idle.pop()
            except IndexError:
                break
            if (not ending or _ended(db)) and not _spoken(db):
                return db
            db.close()
        return None

    def give(self, db: Db) -> None:
        """Take a connection back; one that is broken, or in the middle of something, is closed."""
        status = db.pgconn.transaction_status
        if status == TransactionStatus.IDLE and not self._closed:
            self._idle.append((db, False))
        else:
            db.close()
            if status == TransactionStatus.UNKNOWN:
                self.drop_idle()
        self._slots.release()

    def end(self, db: Db) -> None:
        """End the transaction of a connection that has only been read from, without waiting, and take it back."""
        try:
            if db.pgconn.transaction_status != TransactionStatus.INTRANS or self._closed:
                db.close()
            else:
                db.pgconn.send_query(b"commit")  # psycopg forgets its prepared statements with every rollback
                self._idle.append((db, True))
        except psycopg.Error:
            db.close()
        finally:
            self._slots.release()

    @contextmanager
    def using(self) -> Iterator[Db]:
        """A connection while the block runs."""
        db = self.take()
        try:
            yield db
        finally:
            self.give(db)

    def drop_idle(self) -> None:
        """Close the connections that nobody uses now."""
        while self._idle:
            try:
                self._idle.pop()[0].close()
            except IndexError:
                return

    def close(self) -> None:
        """Close all; those in use when they are given back."""
        self._closed = True
        self.drop_idle()


def _ended(db: Db) -> bool:
    """Whether the transaction that was being ended has come to its end."""
    try:
        while db.pgconn.get_result() is not None:
            pass
    except psycopg.Error:
        return False
    return db.pgconn.transaction_status == TransactionStatus.IDLE


def _spoken(db: Db) -> bool:
    """Whether the server has said something that nobody asked for: most likely good-bye."""
    try:
        poll = select.poll()
        poll.register(db.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))
    except psycopg.Error:
        return True
