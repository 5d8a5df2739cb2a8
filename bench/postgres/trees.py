"""Trees over HTTP out of PostgreSQL: how many, how fast, and at what cost in CPU, of the server and of the database."""

from collections.abc import Callable, Iterator, Sequence

from bench.data import SECONDS_APART
from bench.figure import Figure, median, percentile
from bench.http import CLIENTS, SESSIONS, Measured, request
from bench.load import Run
from bench.plan import Plan
from bench.postgres.bounds import Walks
from bench.postgres.databases import Databases
from bench.processes import serving
from bench.trees import answer_bytes

RATE = 2_400  # what a service written by hand for this one question gave
P50_MS = 0.8
WORKERS, MANY_CLIENTS = 2, 16
_BOUND = "its statement alone, by plain psycopg"


def measure(plan: Plan, made: Databases) -> Iterator[Figure]:
    """One process with eight clients and with one, then several processes."""
    size = plan.http_sizes[0]
    stored, _ = made.filled("trees", size, seconds_apart=SECONDS_APART)
    url, sample = str(stored.path), stored.sample[:SESSIONS]
    lengths, where = answer_bytes(stored, sample), f"{size:,} records"
    walks = Walks(url, [id for id, _ in sample], CLIENTS)
    with serving(url) as server:
        ours = Measured(plan, server, [request(server, id) for id, _ in sample], lengths)
        figures = _one_process(plan, made, ours, walks, where)
    walks.close()
    yield from figures
    with serving(url, "--workers", str(WORKERS)) as server:
        ours = Measured(plan, server, [request(server, id) for id, _ in sample], lengths)
        runs = [ours.run(MANY_CLIENTS, plan.http_count) for _ in range(plan.repeats)]
    name = f"trees over HTTP, {WORKERS} processes, {MANY_CLIENTS} clients, {where}"
    yield _rate(name, [run.rate for run in runs])


def _one_process(plan: Plan, made: Databases, ours: Measured, walks: Walks, where: str) -> list[Figure]:
    alone: list[Run] = []
    together: list[Run] = []
    spent: list[float] = []
    walks.run(CLIENTS, plan.one_client_count)  # as a warm-up
    for _ in range(plan.repeats):
        spent.append(_cpu(made, ours.repeat) / (plan.http_count + plan.one_client_count))
        together.append(walks.run(CLIENTS, plan.http_count))
        alone.append(walks.run(1, plan.one_client_count))
    figures = [
        _rate(f"trees over HTTP, {CLIENTS} clients, {where}", ours.rates, together, required=RATE),
        Figure(
            group="trees",
            name=f"tree over HTTP, one client, {where}, p50",
            value=1e3 * median(ours.middles),
            unit="ms",
            bound=1e3 * median([percentile(run.latencies, 0.5) for run in alone]),
            bound_name=_BOUND,
            required=P50_MS,
        ),
        _micros(f"server's CPU per tree, {CLIENTS} clients, {where}", ours.cpu),
    ]
    return figures + ([_micros(f"database's CPU per tree, {where}", spent)] if all(spent) else [])


def _cpu(made: Databases, work: Callable[[], object]) -> float:
    """The CPU time that this takes of the database; 0 where that cannot be known."""
    before = made.cpu_seconds() or 0.0
    work()
    return (made.cpu_seconds() or 0.0) - before


def _rate(name: str, rates: Sequence[float], bound: Sequence[Run] = (), *, required: float | None = None) -> Figure:
    return Figure(
        group="trees",
        name=name,
        value=median(rates),
        unit="requests/s",
        bound=median([run.rate for run in bound]) if bound else None,
        bound_name=_BOUND,
        required=required,
        more_is_better=True,
    )


def _micros(name: str, seconds: Sequence[float]) -> Figure:
    return Figure(group="trees", name=name, value=1e6 * median(seconds), unit="µs")
