"""Spend in process: from the store to the rows, of everything that one account has."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from zoneinfo import ZoneInfo

from bench.figure import Figure, median
from bench.plan import Plan
from bench.stores import Stores
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.store import Store, open_store
from sessiontree.store.spend import SpendQuery

DAYS_MS = 10
TURNS = 21
CALLS = frozenset({"recording"})
_STATEMENT = """select start / 86400000000 as day, product, currency, count(*), sum(cost) from flat
    group by day, product, currency"""


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """The time of spend by day and product, beside a statement over the records; in a zone off the hour; by a field."""
    stored = stores.at(plan.trees_size)
    store = open_store(str(stored.path), catalog_files.load())
    days = SpendQuery(by=("day", "product"))
    with closing(_flat(store, stored.size)) as flat:
        raw = [_ms(lambda: flat.execute(_STATEMENT).fetchall()) for _ in range(plan.repeats)]
    yield Figure(
        group="spend",
        name=f"spend by day and product, {stored.size:,} records",
        value=_table_ms(store, days, TURNS),
        unit="ms",
        bound=median(raw),
        bound_name="a statement over a covering index, a row a record",
        required=DAYS_MS,
    )
    off = SpendQuery(by=("day", "product"), zone=ZoneInfo("Asia/Kolkata"))
    name = "the same by days that begin at half past the hour"
    yield Figure(group="spend", name=name, value=_table_ms(store, off, plan.repeats), unit="ms")
    fields = SpendQuery(by=("record.user_id",), record_types=CALLS)
    count = sum(row.event_count for row in store.spend.table(DEFAULT_ACCOUNT, fields))
    rate = count / _table_ms(store, fields, plan.repeats) * 1000
    name = "spend by a field: records looked at"
    yield Figure(group="spend", name=name, value=rate, unit="records/s", more_is_better=True)
    store.close()


def _table_ms(store: Store, query: SpendQuery, turns: int) -> float:
    """The middle time of an answer, after one to warm up."""
    return median([_ms(lambda: store.spend.table(DEFAULT_ACCOUNT, query)) for _ in range(turns + 1)][1:])


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _flat(store: Store, size: int) -> sqlite3.Connection:
    """What the hand-written statement reads: one row for each record, all of them in the order of an index."""
    db = sqlite3.connect(":memory:")
    db.execute("create table flat (start, product, currency, cost)")
    rows = (
        (round(record.start.timestamp() * 1e6), store.catalog.types[record.record_type].product, "USD", record.cost)
        for record in store.checks.records(DEFAULT_ACCOUNT)
        if record.start is not None
    )
    db.executemany("insert into flat values (?, ?, ?, ?)", rows)
    db.execute("create index flat_by_day on flat (start, product, currency, cost)")
    assert db.execute("select count(*) from flat").fetchone() == (size,)
    return db
