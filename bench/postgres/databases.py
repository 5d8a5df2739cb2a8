"""Databases to measure, on the server that is named or on a private one; each made when needed, and dropped.

The private one is a server as it comes, with the settings that make it safe: what it says is stored is on the disk.
"""

import os
import random
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg

from bench.data import WINDOW, Maker, Session
from bench.stores import SAMPLE, SEED_STORED, Stored
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.reading import Reader
from sessiontree.store import open_store

PRIVATE = "postgresql:"
"""Instead of a URL: a private server."""
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}
_OF_PRIVATE = _SAFE | {"shared_buffers": "256MB", "max_wal_size": "4GB"}


class Databases:
    """Those of one bench on one server; `process` is the server's main one, if it is on this machine and known."""

    def __init__(self, url: str, process: int | None = None) -> None:
        self.url = url
        self._process = process
        self._name = f"bench_{secrets.token_hex(4)}"
        self._made: set[str] = set()

    def about(self) -> dict[str, str]:
        """What the figures depend on."""
        with psycopg.connect(self.url) as db:
            names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
            values = [db.execute("select current_setting(%s)", [name]).fetchone() or ("",) for name in names]
        version, *settings = [f"{name} {value}" for name, (value,) in zip(names, values, strict=True)]
        return {"PostgreSQL": ", ".join([version.split()[1], *settings])}

    def fresh(self, name: str) -> str:
        """The URL of a new database of this name; what was there is gone."""
        database = f"{self._name}_{name}"
        self._drop(database)
        self._do(f"create database {database}")
        self._made.add(database)
        return _named(self.url, database)

    def filled(self, name: str, size: int, *, seconds_apart: float) -> tuple[Stored, list[Session]]:
        """A new store of so many records, with random ids, as it is once the server has looked through it."""
        url = self.fresh(name)
        catalog = catalog_files.load()
        reader, store = Reader(catalog), open_store(url, catalog)
        sessions: list[Session] = []
        for group, bodies in Maker(seed=SEED_STORED, timed=False, seconds_apart=seconds_apart).windows():
            store.add(DEFAULT_ACCOUNT, [reader.read(body) for body in bodies], datetime.now(UTC))
            store.sessions.refresh(WINDOW)
            sessions += group
            if len(sessions) >= size * len(group) // WINDOW:
                break
        store.close()
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("vacuum analyze")
        sessions = random.Random(size).sample(sessions, min(SAMPLE, len(sessions)))
        return Stored(url, size, [(session.id, session.conversation) for session in sessions]), sessions

    def cpu_seconds(self) -> float | None:
        """The CPU time that all processes of the server have used so far; None if they are not known."""
        if self._process is None:
            return None
        return sum(_ticks(int(path.name), self._process) for path in Path("/proc").glob("[0-9]*")) / os.sysconf(
            "SC_CLK_TCK"
        )

    def drop(self) -> None:
        """Drop all that were made."""
        for database in list(self._made):
            self._drop(database)

    def _drop(self, database: str) -> None:
        self._do(f"drop database if exists {database} with (force)")
        self._made.discard(database)

    def _do(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute(statement.encode())


@contextmanager
def databases(url: str) -> Iterator[Databases]:
    """Databases on the server of this URL, or on a private one; gone at the end."""
    with nullcontext((url, None)) if url != PRIVATE else _private() as (reached, process):
        made = Databases(reached, process)
        try:
            yield made
        finally:
            made.drop()


@contextmanager
def _private() -> Iterator[tuple[str, int]]:
    """The URL of a server started here, and its main process; gone at the end."""
    from tests.postgres_server import Server, binaries  # what the tests start theirs with

    found = binaries()
    if found is None:
        raise click.UsageError("there is no PostgreSQL here to start: install its server, or name one: --store URL")
    with tempfile.TemporaryDirectory(prefix="sessiontree-bench-") as folder:
        Path(folder).chmod(0o711)  # the server may run as another user
        server = Server(Path(folder) / "server", found, **_OF_PRIVATE)
        server.make()
        server.start()
        try:
            process = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
            yield server.url("postgres"), process
        finally:
            server.stop()


def _named(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    before, mark, after = url.partition("?")
    return f"{before.rpartition('/')[0]}/{database}{mark}{after}"


def _ticks(process: int, main: int) -> int:
    """The CPU time of a process, if it is a child of this main one, or that one: then with that of ended children."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0
    if process == main:
        return sum(map(int, fields[11:15]))
    return sum(map(int, fields[11:13])) if int(fields[1]) == main else 0
