"""Cost against size: the same two things done with ever larger stores."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.data import WINDOW, Maker
from bench.figure import Figure, median, percentile
from bench.plan import Plan
from bench.stores import SEED_ADDED, Stored, Stores
from bench.trees import split, tree_seconds
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store

GROWTH_MAX = 1.5
TURNS = 10


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """The time of a tree and the rate of ingest at each size, in process, by how much the tree grew, and the store."""
    middles = _tree_middles([stores.at(size) for size in plan.growth_sizes], plan)
    for size, middle in zip(plan.growth_sizes, middles, strict=True):
        yield Figure(group="sizes", name=f"tree p50 at {size:,} records", value=1e6 * middle, unit="µs")
    for size in plan.growth_sizes:
        rate = _ingest_rate(stores.copy(size), plan.growth_count)
        stores.fresh("copy")
        name = f"ingest in process, random ids, at {size:,} records"
        yield Figure(group="sizes", name=name, value=rate, unit="records/s", more_is_better=True)
    first, last = plan.growth_sizes[0], plan.growth_sizes[-1]
    yield Figure(
        group="sizes",
        name=f"tree p50 at {last:,} records, times that at {first:,}",
        value=middles[-1] / middles[0],
        unit="times",
        required=GROWTH_MAX,
    )
    per_record = stores.path(last).stat().st_size / last
    yield Figure(group="sizes", name=f"store file at {last:,} records, per record", value=per_record, unit="bytes")


def _tree_middles(of_sizes: list[Stored], plan: Plan) -> list[float]:
    """The middle time of a tree in each store, in many short turns, so that other load on the machine hits all."""
    turns: list[tuple[Store, list[list[tuple[str, str]]]]] = []
    for stored in of_sizes:
        store = open_store(str(stored.path), catalog_files.load())
        warm, measured = split(stored.sample, plan.trees_count)
        tree_seconds(store, warm)
        turns.append((store, [measured[at::TURNS] for at in range(TURNS)]))
    taken: list[list[float]] = [[] for _ in turns]
    for at in range(TURNS):
        for (store, parts), into in zip(turns, taken, strict=True):
            into.append(percentile(tree_seconds(store, parts[at]), 0.5))
    for store, _ in turns:
        store.close()
    return [median(each) for each in taken]


def _ingest_rate(path: Path, count: int) -> float:
    """Records per second, read and stored a window at a time, after one window to warm up."""
    bodies = Maker(seed=SEED_ADDED, timed=False).bodies(count + WINDOW)
    store = open_store(str(path), catalog_files.load())
    reader = Reader(store.catalog)
    began = 0.0
    for first in range(0, len(bodies), WINDOW):
        if first == WINDOW:
            began = time.perf_counter()
        records = [reader.read(body) for body in bodies[first : first + WINDOW]]
        store.add(DEFAULT_ACCOUNT, records, datetime.now(UTC))
    rate = (len(bodies) - WINDOW) / (time.perf_counter() - began)
    store.close()
    return rate
