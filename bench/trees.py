"""Trees in process: from the store to the bytes of the answer."""

import gc
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bench.bounds import RawReader
from bench.data import SESSION_EVENTS
from bench.figure import Figure, median, percentile
from bench.plan import Plan
from bench.stores import Stored, Stores
from sessiontree import catalog_files
from sessiontree.analysis import Analysis
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.rendering import session_json
from sessiontree.store import Store, open_store

DEPTH = 5
ROOT_TYPE = "call-session"


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """The time of one tree in a large store, beside that of the raw statements."""
    stored = stores.at(plan.trees_size)
    store, reader = open_store(str(stored.path), catalog_files.load()), RawReader(stored)
    warm, measured = split(stored.sample, plan.trees_count)
    tree_seconds(store, warm)
    reader.seconds(warm)
    ours, raw = [], []
    for _ in range(plan.repeats):  # in turns, so that other load on the machine hits both
        ours.append(tree_seconds(store, measured))
        raw.append(reader.seconds(measured))
    store.close()
    reader.close()
    yield _figure("p50", 0.5, plan, ours, raw)
    yield _figure("p99", 0.99, plan, ours, raw)


def _figure(name: str, part: float, plan: Plan, ours: list[list[float]], raw: list[list[float]]) -> Figure:
    return Figure(
        group="trees",
        name=f"tree of {SESSION_EVENTS} events to JSON, {plan.trees_size:,} records, {name}",
        value=1e6 * median([percentile(taken, part) for taken in ours]),
        unit="µs",
        bound=1e6 * median([percentile(taken, part) for taken in raw]),
        bound_name="the same records by raw statements, packed",
        required=120 if name == "p50" else None,
    )


def split(sample: Sequence[tuple[str, str]], count: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Sessions to warm up with, and others to measure."""
    warm = min(500, len(sample) // 4)
    return list(sample[:warm]), list(sample[warm : warm + count])


def tree_seconds(store: Store, sessions: Sequence[tuple[str, str]]) -> list[float]:
    """For each session, how long its tree takes from the store to JSON."""
    analysis, declared, now = Analysis(store), store.catalog.types[ROOT_TYPE], datetime.now(UTC)
    gc.collect()
    gc.freeze()  # what the bench itself holds is not the program's to look through
    taken = []
    for id, _ in sessions:
        began = time.perf_counter()
        tree = analysis.tree(DEFAULT_ACCOUNT, declared, id)
        session_json(tree, depth_max=DEPTH, records=True, now=now)
        tree.release()  # as the server does
        taken.append(time.perf_counter() - began)
        assert tree.root.event_count == SESSION_EVENTS
    gc.unfreeze()
    return taken


def answer_bytes(stored: Stored, sessions: Sequence[tuple[str, str]]) -> list[int]:
    """For each session, the length of the answer about it."""
    store = open_store(str(stored.path), catalog_files.load())
    analysis, declared, now = Analysis(store), store.catalog.types[ROOT_TYPE], datetime.now(UTC)
    lengths = []
    for id, _ in sessions:
        tree = analysis.tree(DEFAULT_ACCOUNT, declared, id)
        lengths.append(len(session_json(tree, depth_max=DEPTH, records=True, now=now)))
    store.close()
    return lengths
