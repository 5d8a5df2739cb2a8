"""Session rows: what keeping them up to date takes from ingest, how fast that is, and how soon a row is right."""

import gc
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.data import Maker
from bench.figure import Figure, median
from bench.ingest import bulk_rate, head
from bench.load import Connection
from bench.plan import Plan
from bench.processes import ROOT, Server, serving
from bench.stores import SEED_ADDED, SEED_STORED, Stores
from sessiontree import catalog_files
from sessiontree.http.serving import GARBAGE_OBJECTS
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store

COMMIT_RECORDS = 4_000
FRESH_SECONDS = 1.0
KEPT = 0.7
_POLL_SECONDS = 0.005


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """Records that arrive session by session, the same at random, and a record amid a full load.

    In process, garbage is looked for as seldom as in a server.
    """
    gc.set_threshold(GARBAGE_OBJECTS)
    bodies = Maker(seed=SEED_STORED, timed=True).bodies(plan.sessions_count)
    runs = [_seconds(stores.fresh("ingest"), bodies) for _ in range(plan.repeats)]
    adding = median([adding for adding, _ in runs])
    refreshing = median([refreshing for _, refreshing in runs])
    yield _rate("ingest in process without refreshing", len(bodies) / adding)
    yield _rate("ingest in process, sessions kept up to date", len(bodies) / (adding + refreshing))
    yield Figure(
        group="sessions",
        name="share of its rate that ingest keeps",
        value=adding / (adding + refreshing),
        unit="",
        required=KEPT,
        more_is_better=True,
    )
    yield _rate("refresh, sessions arrive together", len(bodies) / refreshing)
    random.Random(SEED_STORED).shuffle(bodies)
    yield _rate("refresh, records arrive at random", len(bodies) / _seconds(stores.fresh("ingest"), bodies)[1])
    at_end = _seconds(stores.fresh("ingest"), bodies, at_end=True)[1]
    yield _rate("refresh at the end, records arrived at random", len(bodies) / at_end)
    bodies = Maker(seed=SEED_ADDED, timed=True).bodies(plan.bulk_empty)
    waits = _waits(stores.fresh("ingest"), lambda server: bulk_rate(server, bodies))
    name = f"from answer to fresh row under full ingest, the longest of {len(waits)}"
    yield Figure(group="sessions", name=name, value=max(waits), unit="s", required=FRESH_SECONDS)
    yield _beside_import(plan, stores)
    stores.fresh("ingest")


def _beside_import(plan: Plan, stores: Stores) -> Figure:
    """The same small posts while another process imports records in random order."""
    bodies = Maker(seed=SEED_STORED, timed=True).bodies(plan.bulk_empty)
    random.Random(SEED_STORED).shuffle(bodies)
    file, path = stores.folder / "shuffled.ndjson", stores.fresh("ingest")
    file.write_bytes(b"\n".join(bodies))
    command = [sys.executable, "-m", "sessiontree", "--store", str(path), "import", str(file)]

    def run(server: Server) -> None:
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)

    waits = _waits(path, run)
    file.unlink()
    name = f"from answer to fresh row beside an import in random order, the longest of {len(waits)}"
    return Figure(group="sessions", name=name, value=max(waits), unit="s", required=FRESH_SECONDS)


def _rate(name: str, value: float) -> Figure:
    return Figure(group="sessions", name=name, value=value, unit="records/s", more_is_better=True)


def _seconds(path: Path, bodies: Sequence[bytes], *, at_end: bool = False) -> tuple[float, float]:
    """How long reading and adding the records took, and how long refreshing, after every commit or only at the end."""
    store = open_store(str(path), catalog_files.load())
    reader = Reader(store.catalog)
    adding = refreshing = 0.0
    for first in range(0, len(bodies), COMMIT_RECORDS):
        began = time.perf_counter()
        records = [reader.read(body) for body in bodies[first : first + COMMIT_RECORDS]]
        store.add(DEFAULT_ACCOUNT, records, datetime.now(UTC))
        added = time.perf_counter()
        if not at_end or first + COMMIT_RECORDS >= len(bodies):
            while store.sessions.refresh(COMMIT_RECORDS):
                pass
        adding += added - began
        refreshing += time.perf_counter() - added
    store.close()
    return adding, refreshing


def _waits(path: Path, load: Callable[[Server], object]) -> list[float]:
    """While this load lasts: how long after the answer to a small post its session has a row."""
    with serving(path) as server:
        store = open_store(str(path), catalog_files.load())
        sending = threading.Thread(target=load, args=(server,))
        sending.start()
        waits = [_wait(server, store, 0)]
        while sending.is_alive():
            waits.append(_wait(server, store, len(waits)))
        sending.join()
        store.close()
    return waits


def _wait(server: Server, store: Store, number: int) -> float:
    body = f'{{"record_type":"recording","id":"probe-{number}","cost":"1"}}'.encode()
    connection = Connection(server.port)
    connection.send(head(server, len(body), "application/json") + body, 0)
    while not connection.receive():
        pass
    connection.socket.close()
    answered = time.perf_counter()
    while store.sessions.find(DEFAULT_ACCOUNT, "recording", f"probe-{number}") is None:
        time.sleep(_POLL_SECONDS)
    return time.perf_counter() - answered
