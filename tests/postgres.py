"""A PostgreSQL server for tests: the one that SESSIONTREE_TEST_POSTGRES names, else a private one of this test run.

The private one is made of the installed binaries in a folder of its own, as another user when the tests run as root;
all processes of a test run share it, and the first of them stops it in the end. Each test gets a database of its own.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

import citus
from postgres_server import Server, binaries
from sessiontree.catalog_files import load
from sessiontree.store import open_store

GIVEN = "SESSIONTREE_TEST_POSTGRES"
REQUIRED = "SESSIONTREE_REQUIRE_POSTGRES"
MISSING = (
    f"PostgreSQL was not tested: install its server (Debian, Ubuntu: apt install postgresql), or name one in {GIVEN}"
)
_RUN = "POSTGRES_OF_TEST_RUN"
# As an operator may have set it up, so that nothing relies on the usual:
_UNUSUAL = {
    "timezone": "America/St_Johns",
    "datestyle": "SQL, DMY",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "client_encoding": "LATIN1",
}
os.environ.setdefault(_RUN, str(os.getpid()))  # of the process that began the test run: the others have it from there


def _folder() -> Path:
    """The shared server's folder: one for all processes of a test run."""
    return Path(tempfile.gettempdir()) / f"sessiontree-postgres-{os.environ[_RUN]}"


def shared() -> Server:
    """The private server of this test run, started by whoever wants it first. Skips the test if there is none."""
    found = binaries()
    if found is None:
        if os.environ.get(REQUIRED):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    server = Server(_folder(), found, **_UNUSUAL)
    with server.folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (server.folder / "ready").exists():
            server.make()
            server.start()
            _watch(server)
            (server.folder / "ready").touch()
    return server


_WATCH = """
import os, shutil, subprocess, sys, time
run, folder, stop = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
while os.path.exists(folder):
    try:
        os.kill(run, 0)
    except ProcessLookupError:
        user = {"user": os.stat(folder + "/data").st_uid} if os.getuid() == 0 else {}
        subprocess.run(stop, cwd="/", **user)
        shutil.rmtree(folder, ignore_errors=True)
    time.sleep(1)
"""


_watching: list["subprocess.Popen[bytes]"] = []


def _watch(server: Server) -> None:
    """Have the server stopped also when the test run is killed."""
    stop = [str(server.binaries / "pg_ctl"), "-D", str(server.folder / "data"), "-m", "immediate", "stop"]
    command = [sys.executable, "-c", _WATCH, os.environ[_RUN], str(server.folder), *stop]
    silent = subprocess.DEVNULL
    _watching.append(subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the test run stops the server, if one was started."""
    if os.environ[_RUN] != str(os.getpid()):
        return
    folder, found = _folder(), binaries()
    if folder.exists() and found is not None:
        Server(folder, found).stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def database(url_of_server: str) -> Iterator[str]:
    """The URL of a new database of a server, which is dropped in the end."""
    name = f"test_{secrets.token_hex(6)}"
    _run(url_of_server, f"create database {name}")
    try:
        url = named(url_of_server, name)
        if citus.given():
            citus.join(url)
        yield url
    finally:
        _run(url_of_server, f"drop database if exists {name} with (force)")


def _run(url_of_server: str, statement: str) -> None:
    """Run a statement about databases, in a cluster on every node."""
    if citus.given():
        return citus.everywhere(statement)
    with psycopg.connect(url_of_server, autocommit=True) as db:
        db.execute(statement.encode())


def named(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    before, mark, after = url.partition("?")
    return f"{before.rpartition('/')[0]}/{database}{mark}{after}"


_OTHERS = """select pg_terminate_backend(pid, 60000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
_TABLES = """select relname, relispartition and relname not like '%_default' from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
    and relname not in ('setting', 'life')"""


def clean(url: str) -> None:
    """Take everything out of a store, and throw out who still uses it. Quicker than a new database (half a second)."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(_OTHERS)
        statements = [f"drop table {name}" if month else f"delete from {name}" for name, month in db.execute(_TABLES)]  # noqa: S608
        statements += ["delete from setting where name <> 'schema'", "alter sequence record_row restart"]
        db.execute("; ".join(sorted(statements, reverse=True)).encode())  # drops first


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a server on which databases may be made."""
    return citus.given() or os.environ.get(GIVEN) or shared().url("postgres")


class Databases:
    """Databases with an empty store in each, used again by the next test: cleaning is quicker than making."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.free: list[str] = []
        self._made = ExitStack()

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of one, for as long as this lasts; its schema must be left as it is."""
        if self.free:
            clean(url := self.free.pop())
        else:
            open_store(url := self._made.enter_context(database(self.server)), load()).close()
            if citus.given():
                citus.distribute(url)
        try:
            yield url
        finally:
            self.free.append(url)

    def close(self) -> None:
        """Drop all of them."""
        self._made.close()


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Iterator[Databases]:
    """The databases of this process of the test run."""
    databases = Databases(postgres_server)
    yield databases
    databases.close()


@pytest.fixture
def postgres(databases: Databases) -> Iterator[str]:
    """The URL of a database with an empty store in it, whose schema the test leaves as it is."""
    with databases.one() as url:
        yield url


@pytest.fixture
def empty_database(postgres_server: str) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    with database(postgres_server) as url:
        yield url
