"""The list of sessions in process: its first page in every order, beside a statement over the records."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from bench.figure import Figure, median
from bench.plan import Plan
from bench.stores import Stores
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.session_query import SORTS, SessionQuery
from sessiontree.store import Store, open_store

PAGE_MS = 20
TURNS = 21
_STATEMENT = "select session, sum(cost) as total from flat group by session order by total desc limit 50"


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """The slowest of all orders, and the most expensive sessions, of the whole account with the sums of all."""
    stored = stores.at(plan.trees_size)
    store = open_store(str(stored.path), catalog_files.load())
    while store.sessions.refresh():
        pass
    times = {
        (sort, descending): median([_ms(_page(store, sort, descending)) for _ in range(TURNS + 1)][1:])
        for sort in SORTS
        for descending in (False, True)
    }
    with closing(_flat(store)) as flat:
        raw = median([_ms(lambda: flat.execute(_STATEMENT).fetchall()) for _ in range(plan.repeats)])
    for name, value in (("by total", times["total", True]), ("by the slowest order", max(times.values()))):
        yield Figure(
            group="lists",
            name=f"first page of sessions {name}, {stored.size:,} records",
            value=value,
            unit="ms",
            bound=raw,
            bound_name="a statement over a covering index, a row a record",
            required=PAGE_MS,
        )
    store.close()


def _page(store: Store, sort: str, descending: bool) -> Callable[[], object]:
    query = SessionQuery(sort=sort, descending=descending)
    return lambda: store.sessions.page(DEFAULT_ACCOUNT, query)


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _flat(store: Store) -> sqlite3.Connection:
    """What the hand-written statement reads: session and cost of each record that names its session."""
    db = sqlite3.connect(":memory:")
    db.execute("create table flat (session, cost)")
    costs = (
        (record.refs[0], record.cost) for record in store.checks.records(DEFAULT_ACCOUNT) if record.refs and record.cost
    )
    db.executemany("insert into flat values (?, ?)", costs)
    db.execute("create index flat_by_session on flat (session, cost)")
    return db
