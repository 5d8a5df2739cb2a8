"""Taking back from a SQLite file: each step finds what it takes, however much else the file holds."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

import messy
from sessiontree import catalog_files
from sessiontree.reading import Reader
from sessiontree.store import open_store
from sessiontree.store.intakes import Origin, Share, new_id
from sessiontree.store.sqlite.store import SqliteStore

ACCOUNT = "default"
RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)
CALL = {"telnyx_session_id": "call", "started_at": "2026-03-17T10:00:00Z"}
LARGE = {"record", "link", "history", "session", "home", "visit"}
MANY = 600
"""As many numbers as a statement gets: looked for by few, rows are found by them whatever the statement says."""

pytestmark = pytest.mark.sqlite_only("PostgreSQL goes about it in its own ways")


@pytest.fixture
def origin() -> Origin:
    return Origin(new_id())


@pytest.fixture
def store(where: str, origin: Origin) -> Iterator[SqliteStore]:
    store = open_store(where, catalog_files.load(None))
    assert isinstance(store, SqliteStore)
    read = Reader(store.catalog).read
    records = [{"record_type": "recording", "id": f"r{at}", **CALL} for at in range(MANY)]
    for some in (records, [records[0] | {"cost": "0.01"}]):
        bodies = messy.ndjson(some).splitlines()
        store.add(ACCOUNT, [read(body) for body in bodies], RECEIVED, [Share(origin, len(some))])
    while store.sessions.refresh():
        pass
    yield store
    store.close()


STEPS: dict[str, Callable[[SqliteStore, Origin], object]] = {
    "preview": lambda store, origin: store.intakes.preview(ACCOUNT, origin.id),
    "undo": lambda store, origin: store.intakes.undo(ACCOUNT, origin.id, RECEIVED),
    "prune": lambda store, origin: store.removing.prune(ACCOUNT, RECEIVED, open_since=RECEIVED),
}


@pytest.mark.parametrize("step", STEPS)
def test_no_step_passes_what_it_does_not_take(store: SqliteStore, origin: Origin, step: str):
    statements: list[str] = []
    for db in (store.reader, store._writer):
        db.set_trace_callback(statements.append)
    assert STEPS[step](store, origin) is not None
    for db in (store.reader, store._writer):
        db.set_trace_callback(None)
    ways = [way for statement in statements for way in _ways(store.reader, statement)]
    assert {table for table, _, _ in ways} >= {"record", "home"}
    assert [way for way in ways if way[1] == "SCAN"] == []
    assert [way for way in ways if "_by_start" in way[2]] == []  # all of a type, all before a moment


def _ways(db: sqlite3.Connection, statement: str) -> Iterator[tuple[str, str, str]]:
    """The large tables that a statement looks into, whether all of it or for some rows, and by which index."""
    if statement.startswith(("select", "update", "delete")):
        for *_, step in db.execute(f"explain query plan {statement}"):
            way, table, how = (*step.split(maxsplit=2), "", "")[:3]
            if table in LARGE:
                yield table, way, how
