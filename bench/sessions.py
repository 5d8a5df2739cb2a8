"""Session rows: what keeping them up to date takes from ingest, how fast that is, and how soon a row is right."""

import gc
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
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
from sessiontree.keeping import RECORDS
from sessiontree.keeping_process import KeeperProcess
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.reading import Reader
from sessiontree.settings import Settings
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
    alone = median([_add(stores.fresh("ingest"), bodies, kept=False)[0] for _ in range(plan.repeats)])
    runs = [_add(stores.fresh("ingest"), bodies, kept=True) for _ in range(plan.repeats)]
    kept = median([adding for adding, _ in runs])
    yield _rate("ingest in process without refreshing", len(bodies) / alone)
    yield _rate("ingest in process, sessions kept up to date", len(bodies) / kept)
    yield Figure(
        group="sessions",
        name="share of its rate that ingest keeps",
        value=alone / kept,
        unit="",
        required=KEPT,
        more_is_better=True,
    )
    late = max(late for _, late in runs)
    yield Figure(group="sessions", name="all rows fresh after the last commit", value=late, unit="s")
    yield _rate("refresh, sessions arrived together", len(bodies) / _refresh(stores.fresh("ingest"), bodies))
    random.Random(SEED_STORED).shuffle(bodies)
    yield _rate("refresh, records arrived at random", len(bodies) / _refresh(stores.fresh("ingest"), bodies))
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


def _add(path: Path, bodies: Sequence[bytes], *, kept: bool) -> tuple[float, float]:
    """How long reading and adding the records took, and how much later all sessions were right; or only the first."""
    store = open_store(str(path), catalog_files.load())
    with KeeperProcess(Settings(store=str(path))) if kept else nullcontext():
        began = time.perf_counter()
        _add_all(store, bodies)
        added = time.perf_counter()
        while kept and store.sessions.waiting():
            time.sleep(_POLL_SECONDS)
        late = time.perf_counter() - added
    store.close()
    return added - began, late


def _refresh(path: Path, bodies: Sequence[bytes]) -> float:
    """How long refreshing took, after all of the records had been added."""
    store = open_store(str(path), catalog_files.load())
    _add_all(store, bodies)
    began = time.perf_counter()
    while store.sessions.refresh(RECORDS):
        pass
    seconds = time.perf_counter() - began
    store.close()
    return seconds


def _add_all(store: Store, bodies: Sequence[bytes]) -> None:
    reader = Reader(store.catalog)
    for first in range(0, len(bodies), COMMIT_RECORDS):
        records = [reader.read(body) for body in bodies[first : first + COMMIT_RECORDS]]
        store.add(DEFAULT_ACCOUNT, records, datetime.now(UTC))


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
