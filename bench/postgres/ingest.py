"""Ingest into PostgreSQL: by one process and by two at once, and over HTTP with sessions kept up to date."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.data import Maker
from bench.figure import Figure, median
from bench.ingest import bulk_rate
from bench.plan import Plan
from bench.postgres.databases import Databases
from bench.processes import ROOT, serving
from bench.stores import SEED_STORED
from sessiontree import catalog_files
from sessiontree.store import open_store

RATES = {1: 30_000, 2: 40_000}
"""Records a second that are required, by writers."""


def measure(plan: Plan, made: Databases) -> Iterator[Figure]:
    """Reading and adding alone, then all that a server does."""
    for writers in RATES:
        ours = [_together(made, plan, writers, "add") for _ in range(plan.repeats)]
        raw = [_together(made, plan, writers, "copy") for _ in range(plan.repeats)]
        name = f"records read and added, {writers} process{'es' if writers > 1 else ''}, sessions not refreshed"
        yield _figure(name, ours, writers, raw)
    for servers in RATES:
        name = f"NDJSON over HTTP, {servers} server{'s' if servers > 1 else ''}, sessions kept up to date"
        yield _figure(name, [_served(made, plan, servers) for _ in range(plan.repeats)], servers)


def _figure(name: str, rates: Sequence[float], writers: int, bound: Sequence[float] = ()) -> Figure:
    return Figure(
        group="ingest",
        name=name,
        value=median(rates),
        unit="records/s",
        bound=median(bound) if bound else None,
        bound_name="the same bytes by plain COPY, as many a commit",
        required=RATES[writers],
        more_is_better=True,
    )


def _together(made: Databases, plan: Plan, writers: int, what: str) -> float:
    """Records a second of so many processes that begin at once, each with records of its own."""
    url = made.fresh("ingest")
    if what == "add":
        open_store(url, catalog_files.load()).close()
    else:
        with psycopg.connect(url) as db:
            db.execute("create table raw (body bytea not null)")
    with TemporaryDirectory(prefix="sessiontree-bench-") as folder, ExitStack() as stack:
        started = []
        for number, bodies in enumerate(_bodies(plan, writers)):
            file = Path(folder) / f"{number}.ndjson"
            file.write_bytes(b"\n".join(bodies))
            command = [sys.executable, "-m", "bench.postgres.writing", url, str(file), what]
            pipe = subprocess.PIPE
            started.append(stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe)))
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline(), "it did not start"
        began = time.perf_counter()
        for process in started:
            assert process.stdin is not None
            process.stdin.close()  # which they wait for
        assert not sum([process.wait() for process in started])
        return plan.bulk_empty / (time.perf_counter() - began)


def _served(made: Databases, plan: Plan, servers: int) -> float:
    """Records a second of so many servers, each with one client."""
    url = made.fresh("ingest")
    with ExitStack() as stack:
        running = [stack.enter_context(serving(url)) for _ in range(servers)]
        with ThreadPoolExecutor(servers) as threads:
            began = time.perf_counter()
            list(threads.map(bulk_rate, running, _bodies(plan, servers)))
            return plan.bulk_empty / (time.perf_counter() - began)


def _bodies(plan: Plan, writers: int) -> list[list[bytes]]:
    """For each writer some records of the same time, together as many as the plan says."""
    count = plan.bulk_empty // writers
    return [Maker(seed=SEED_STORED + number, timed=True).bodies(count) for number in range(writers)]
