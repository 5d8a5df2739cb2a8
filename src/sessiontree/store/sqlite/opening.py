"""Opening a SQLite file: its settings, the tables of a new one, and what is wrong with one that cannot be used."""

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.resources import files
from pathlib import Path

from sessiontree.errors import StoreError
from sessiontree.store.parts import half_copies

APPLICATION_ID = 0x53545245  # "STRE", in the file's header: how a Sessiontree file is known
SCHEMA_VERSION = 4
OLDEST_VERSION = 2  # that lacks nothing but tables and indexes, made when it is opened, and some sessions' new sums
LOG_PAGES = 20_000  # of the log, before it is worked into the file
LOG_BYTES = 100_000_000  # of it that stay on the disk: who reads for long lets it grow, and this is more than it needs
BUSY_MS = 5000
_LOOK_AGAIN_SECONDS = 0.002
YIELD_SECONDS = (
    0.005  # between two transactions of a process beside which others write: so that those see that they can
)
_PRIMARY = 0xFF  # of an error code: what kind of error
_NAME = re.compile(r"^create [a-z ]*(?:table|index|trigger) (\w+)", re.MULTILINE)
# Rows of sessions counted unpriced events that are at home elsewhere along with their own: those are computed again.
_COUNTED_TWICE = """insert into dirty (account, what, first, last)
    select account, 'session', number, number from session where elsewhere_count > 0 and unpriced_count > 0"""
STATEMENTS = 512  # kept ready by a connection


def connect(path: Path, *, cache_kib: int) -> sqlite3.Connection:
    """A connection to the file, for any thread."""
    db = sqlite3.connect(
        path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    db.execute("pragma synchronous = full")
    db.execute(f"pragma cache_size = -{cache_kib}")
    db.execute("pragma foreign_keys = on")
    return db


def prepare(
    path: Path, db: sqlite3.Connection, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]
) -> None:
    """Make the tables of a new file, and what one of the version before lacks.

    Raises StoreError for a file that is something else, of another version, or half a copy.
    """
    db.execute("begin")  # all three of one moment: another process may be making the tables
    application, version = (db.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version"))
    empty = not db.execute("select 1 from sqlite_master limit 1").fetchone()
    db.execute("rollback")
    if empty and application == 0:
        _keep_a_log(db)
        with writing():
            _make_what_is_missing(db)
    elif application != APPLICATION_ID:
        raise StoreError(f"{path} is not a Sessiontree file: name another with --store")
    elif OLDEST_VERSION <= version < SCHEMA_VERSION:
        with writing():
            _make_what_is_missing(db)
    elif version != SCHEMA_VERSION:
        raise StoreError(f"{path} was made by another version of Sessiontree (schema {version})")
    if db.execute(half_copies.READ).fetchone():
        raise StoreError(half_copies.refusal(str(path), half_copies.DELETE))
    db.execute(f"pragma wal_autocheckpoint = {LOG_PAGES}")  # the writer itself checkpoints (1.6 times the rate)
    db.execute(f"pragma journal_size_limit = {LOG_BYTES}")


def _make_what_is_missing(db: sqlite3.Connection) -> None:
    """Make the tables and indexes that are not there, which may be all; another process may have made them already."""
    there = {name for (name,) in db.execute("select name from sqlite_master")}
    schema = files("sessiontree.store.sqlite").joinpath("schema.sql").read_text()
    for statement in schema.split(";\n"):
        named = _NAME.search(statement)
        if named is not None and named[1] not in there:
            db.execute(statement)
    db.execute(_COUNTED_TWICE)
    db.execute(f"pragma application_id = {APPLICATION_ID}")
    db.execute(f"pragma user_version = {SCHEMA_VERSION}")


def begin(db: sqlite3.Connection) -> None:
    """Begin to write, as soon as no other process does.

    SQLite itself would look again after ever longer pauses, up to a tenth of a second, and could long miss the short
    ones that a busy process leaves between its transactions.
    """
    until = time.monotonic() + BUSY_MS / 1000
    db.execute("pragma busy_timeout = 0")
    try:
        while True:
            try:
                db.execute("begin immediate")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(_LOOK_AGAIN_SECONDS)
    finally:
        db.execute(f"pragma busy_timeout = {BUSY_MS}")


def _keep_a_log(db: sqlite3.Connection) -> None:
    """Write ahead into a log from now on. For this SQLite does not wait by itself while others open the file too."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def sentence(path: Path, error: sqlite3.Error) -> str:
    """What went wrong with the store, in one sentence that tells what to do."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"{path} is locked by another process that is writing; try again in a moment"
    if "not a database" in text:
        return f"{path} is not a Sessiontree file: name another with --store"
    if "full" in text:
        return f"the disk that holds {path} is full: free some space and send the records again"
    if "readonly" in text or "read-only" in text:
        return f"{path} cannot be written: check its permissions and those of its folder"
    if "unable to open" in text:
        return f"{path} cannot be opened: check that its folder exists and can be written"
    return f"{path} cannot be used: {text}"
