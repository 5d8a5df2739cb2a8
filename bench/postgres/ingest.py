"""Ingest into PostgreSQL: by one process and by two at once, and over HTTP with sessions kept up to date."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

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
"""Records a second that are required of so many writers at once: docs/decisions/writers.md says what one is."""


def measure(plan: Plan, made: Databases) -> Iterator[Figure]:
    """By so many writers reading and adding alone, then all that as many servers do."""
    for writers, required in RATES.items():
        added = [_together(made, plan, writers, "add") for _ in range(plan.repeats)]
        raw = [_together(made, plan, writers, "copy") for _ in range(plan.repeats)]
        who = f"{writers} process{'es' if writers > 1 else ''}"
        name = f"records read and added, {who}, sessions not refreshed"
        yield from _figures(name, who, added, raw, "the same bytes by plain COPY, as many a commit", required)
        served = [_served(made, plan, writers) for _ in range(plan.repeats)]
        who = f"{writers} server{'s' if writers > 1 else ''}"
        name = f"NDJSON over HTTP, {who}, sessions kept up to date"
        yield from _figures(name, who, served, added, "reading and adding alone")


class _Run(NamedTuple):
    """What came of storing records: how many a second, and at what CPU time each, of ours and of the database."""

    rate: float
    ours: float
    database: float


def _figures(
    name: str, who: str, runs: Sequence[_Run], bound: Sequence[_Run], bound_name: str, required: float | None = None
) -> Iterator[Figure]:
    yield Figure(
        group="ingest",
        name=name,
        value=median([run.rate for run in runs]),
        unit="records/s",
        bound=median([run.rate for run in bound]),
        bound_name=bound_name,
        required=required,
        more_is_better=True,
    )
    yield _micros(f"CPU per record, {who}", [run.ours for run in runs])
    if all(run.database for run in runs):
        yield _micros(f"database's CPU per record, {who}", [run.database for run in runs])


def _micros(name: str, seconds: Sequence[float]) -> Figure:
    return Figure(group="ingest", name=name, value=1e6 * median(seconds), unit="µs")


def _together(made: Databases, plan: Plan, writers: int, what: str) -> _Run:
    """So many processes that begin at once, each with records of its own."""
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
            started.append(stack.enter_context(_writer(url, file, what)))
        for _, said in started:
            assert said.readline(), "it did not start"
        before, began = made.cpu_seconds(), time.perf_counter()
        for begin, _ in started:
            begin.close()
        spent = sum([float(said.readline()) for _, said in started])
        seconds = time.perf_counter() - began
        return _run(plan, made, seconds, spent, before)


@contextmanager
def _writer(url: str, file: Path, what: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A process that waits for the end of the first stream, and speaks on the second."""
    command = [sys.executable, "-m", "bench.postgres.writing", url, str(file), what]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
    assert process.returncode == 0


def _served(made: Databases, plan: Plan, servers: int) -> _Run:
    """So many servers, each with one client."""
    url = made.fresh("ingest")
    with ExitStack() as stack:
        running = [stack.enter_context(serving(url)) for _ in range(servers)]
        with ThreadPoolExecutor(servers) as threads:
            spent = sum([server.cpu_seconds() for server in running])
            before, began = made.cpu_seconds(), time.perf_counter()
            list(threads.map(bulk_rate, running, _bodies(plan, servers)))
            seconds = time.perf_counter() - began
            return _run(plan, made, seconds, sum([server.cpu_seconds() for server in running]) - spent, before)


def _run(plan: Plan, made: Databases, seconds: float, spent: float, before: float | None) -> _Run:
    """`spent` is our CPU time, `before` what the database had used, if that is known."""
    of_database = 0.0 if before is None else (made.cpu_seconds() or 0.0) - before
    return _Run(plan.bulk_empty / seconds, spent / plan.bulk_empty, of_database / plan.bulk_empty)


def _bodies(plan: Plan, writers: int) -> list[list[bytes]]:
    """For each writer some records of the same time, together as many as the plan says."""
    count = plan.bulk_empty // writers
    return [Maker(seed=SEED_STORED + number, timed=True).bodies(count) for number in range(writers)]
