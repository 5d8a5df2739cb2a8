"""Ingest: records over HTTP and from a file into the store, each durable before it counts; and the memory it takes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from bench import bounds, load
from bench.data import Maker
from bench.figure import Figure, median
from bench.load import Connection, Load
from bench.plan import Plan
from bench.processes import ROOT, Server, peak_bytes, serving
from bench.stores import SEED_ADDED, SEED_STORED, Stores

BODY_RECORDS = 9_000  # a body of about 8 MB
CLIENTS = 50
MEMORY_MB = 250
_LIMITS = {"SESSIONTREE_BODY_BYTES_MAX": str(1 << 34), "SESSIONTREE_UNPACKED_BYTES_MAX": str(1 << 34)}
_NDJSON = "application/x-ndjson"


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """Into an empty store, into a large one, one by one, and from a file."""
    yield _empty(plan, stores)
    yield _large(plan, stores)
    yield _posts(plan, stores)
    file = stores.folder / "records.ndjson"
    records = _write_file(file, plan.file_bytes)
    yield from _import(file, records, stores)
    yield _one_body(file, records, stores)
    file.unlink()


def _empty(plan: Plan, stores: Stores) -> Figure:
    bodies = Maker(seed=SEED_STORED, timed=True).bodies(plan.bulk_empty)
    rates, raw = [], []
    for _ in range(plan.repeats):
        with serving(stores.fresh("ingest")) as server:
            rates.append(bulk_rate(server, bodies))
        raw.append(bounds.write_rate(stores.fresh("raw"), bodies))
    stores.fresh("ingest")
    return Figure(
        group="ingest",
        name=f"NDJSON over HTTP, time-ordered ids, 0 to {len(bodies):,} records",
        value=median(rates),
        unit="records/s",
        bound=median(raw),
        bound_name=f"the same bytes by raw inserts, {bounds.COMMIT_RECORDS:,} a commit",
        required=30_000,
        goal=45_000,
        more_is_better=True,
    )


def _large(plan: Plan, stores: Stores) -> Figure:
    parts = _parts(Maker(seed=SEED_ADDED, timed=False).bodies(plan.bulk_full * plan.repeats), plan.repeats)
    with serving(stores.copy(plan.bulk_full_size)) as server:
        rates = [bulk_rate(server, part) for part in parts]
    stores.fresh("copy")
    return Figure(
        group="ingest",
        name=f"NDJSON over HTTP, random ids, at {plan.bulk_full_size:,} records",
        value=median(rates),
        unit="records/s",
        bound=median([bounds.write_rate(stores.fresh("raw"), part) for part in parts]),
        bound_name=f"the same bytes by raw inserts, {bounds.COMMIT_RECORDS:,} a commit",
        required=15_000,
        goal=20_000,
        more_is_better=True,
    )


def _posts(plan: Plan, stores: Stores) -> Figure:
    bodies = Maker(seed=SEED_STORED, timed=True).bodies(plan.posts_count * (plan.repeats + 1))
    with serving(stores.fresh("ingest")) as server:
        requests = [head(server, len(body), "application/json") + body for body in bodies]
        parts = _parts(requests, plan.repeats + 1)  # the first is the warm-up
        runs = [
            load.run(Load(port=server.port, requests=part, lengths=[], clients=CLIENTS, count=len(part)))
            for part in parts
        ]
    stores.fresh("ingest")
    return Figure(
        group="ingest",
        name=f"posts of one record, {CLIENTS} clients",
        value=median([run.rate for run in runs[1:]]),
        unit="posts/s",
        required=5_000,
        more_is_better=True,
    )


def _import(file: Path, records: int, stores: Stores) -> Iterator[Figure]:
    """A file of time-ordered records through the command line, start and end of the process included."""
    command = [sys.executable, "-m", "sessiontree", "--store", str(stores.fresh("ingest")), "import", str(file)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_bytes(process.pid))
        time.sleep(0.02)
    rate = records / (time.perf_counter() - began)
    assert process.returncode == 0
    stores.fresh("ingest")
    size = f"a file of {file.stat().st_size / 1e6:,.0f} MB"
    yield Figure(
        group="ingest",
        name=f"sessiontree import of {size}",
        value=rate,
        unit="records/s",
        required=30_000,
        goal=45_000,
        more_is_better=True,
    )
    yield Figure(group="ingest", name=f"peak memory, import of {size}", value=peak / 1e6, unit="MB", required=MEMORY_MB)


def _one_body(file: Path, records: int, stores: Stores) -> Figure:
    """The whole file as one request body; the limits on bodies are raised for it."""
    with serving(stores.fresh("ingest"), **_LIMITS) as server, file.open("rb") as stream:
        length = file.stat().st_size
        connection = Connection(server.port)
        connection.send(head(server, length, _NDJSON), 0)
        connection.socket.sendfile(stream)
        _finish(connection, records)
        connection.socket.close()
        peak = server.peak_bytes()
    stores.fresh("ingest")
    name = f"peak memory, server, one body of {length / 1e6:,.0f} MB"
    return Figure(group="ingest", name=name, value=peak / 1e6, unit="MB", required=MEMORY_MB)


def _write_file(path: Path, length: int) -> int:
    """A file of time-ordered records of about this length; how many."""
    records = 0
    windows = Maker(seed=SEED_STORED, timed=True).windows()
    with path.open("wb") as stream:
        while stream.tell() < length:
            bodies = next(windows)[1]
            records += len(bodies)
            stream.write(b"\n".join(bodies) + b"\n")
    return records


def bulk_rate(server: Server, bodies: list[bytes]) -> float:
    """Records per second, sent by one client in bodies made beforehand."""
    chunks = [(len(part), b"\n".join(part)) for part in _parts(bodies, max(1, len(bodies) // BODY_RECORDS))]
    connection = Connection(server.port)
    began = time.perf_counter()
    for records, chunk in chunks:
        connection.send(head(server, len(chunk), _NDJSON), 0)
        connection.socket.sendall(chunk)
        _finish(connection, records)
    rate = len(bodies) / (time.perf_counter() - began)
    connection.socket.close()
    return rate


def _finish(connection: Connection, records: int) -> None:
    """Wait for the answer, which must say that all of the records are new."""
    while not connection.receive():
        pass
    assert f'"created":{records},'.encode() in connection.body(), connection.body()


def head(server: Server, length: int, media_type: str) -> bytes:
    """The head of a request that posts records."""
    return (
        f"POST /v2/detail_records HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {server.key}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _parts(items: list[bytes], count: int) -> list[list[bytes]]:
    """The items in so many parts of about the same length."""
    edges = [len(items) * at // count for at in range(count + 1)]
    return [items[first:last] for first, last in pairwise(edges)]
