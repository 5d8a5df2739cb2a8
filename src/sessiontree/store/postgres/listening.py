"""Hearing that keys have changed, without asking: the database tells this process on a connection of its own.

It tells a moment later, and a connection that hangs tells nothing: so that silence counts for a second at the most,
and then the database is asked again.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

SILENCE_SECONDS = 1.0
_CHANNEL = "sessiontree_keys"
TELL = f"notify {_CHANNEL}"
"""A statement for the transaction that changes a key."""

Db = Connection[Any]


class Listening:
    """Whether anything was told since `begin`. Any thread may ask."""

    def __init__(self, connect: Callable[[], Db]) -> None:
        self._connect = connect
        self._db: Db | None = None
        self._until = 0.0
        self._lock = threading.Lock()
        self._closed = False

    def begin(self) -> None:
        """From now on silence means that nothing has changed. Before asking what is the case; may wait."""
        with self._lock:
            self._until = 0.0
            try:
                if self._db is None and not self._closed:
                    self._db = self._connect()
                    self._db.execute(f"listen {_CHANNEL}")
                if self._db is not None:
                    self._told(self._db)  # what was told before, whoever begins is about to ask for
                    self._until = time.monotonic() + SILENCE_SECONDS
            except psycopg.Error:
                self._drop()

    def silent(self) -> bool:
        """Whether nothing has been told, as far as is known here and now: never waits."""
        if time.monotonic() > self._until or not self._lock.acquire(blocking=False):
            return False
        try:
            if self._db is None or self._told(self._db):
                self._until = 0.0
        except psycopg.Error:
            self._drop()
        finally:
            self._lock.release()
        return self._until > 0.0

    def _told(self, db: Db) -> bool:
        """Take what has come; whether there was anything."""
        db.pgconn.consume_input()
        told = False
        while db.pgconn.notifies() is not None:
            told = True
        return told

    def _drop(self) -> None:
        self._until = 0.0
        if self._db is not None:
            self._db.close()
            self._db = None

    def close(self) -> None:
        """Listen no more."""
        with self._lock:
            self._closed = True
            self._drop()
