"""Session rows: whatever happens to the records, and whenever rows are refreshed, they are as the naive model predicts.

A failure prints its seed or its smallest example. Larger runs carry the mark `long`.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import messy
from model import Key, Model
from model_sessions import comparable, held, predicted
from sessiontree import is_compiled
from sessiontree.catalog import Catalog
from sessiontree.errors import StoreError
from sessiontree.money import Totals
from sessiontree.money import add as add_totals
from sessiontree.reading import Reader
from sessiontree.session_query import SessionQuery
from sessiontree.sessions import Session
from sessiontree.store import Asks, Store, open_store
from sessiontree.store.parts import notes
from sessiontree.store.postgres import neighbourhood
from sessiontree.store.postgres import refresh_reading as postgres_reading
from sessiontree.store.postgres import write as postgres_write
from sessiontree.store.sqlite import refresh_reading, session_writing, snapshot, write
from stores import NewStore
from test_laws import catalog, stored

RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)


class Both:
    """A store and the model, told the same."""

    def __init__(self, store: Store, *, operator: bool) -> None:
        self.store = store
        self.catalog = catalog(operator=operator)
        self.model = Model(self.catalog)
        self.received: dict[Key, datetime] = {}
        self._now = RECEIVED

    def add(self, records: Sequence[messy.Record]) -> None:
        """Add records in one go, a second after those before."""
        self._now += timedelta(seconds=1)
        reader = Reader(self.catalog)
        read = [reader.read(line) for line in messy.ndjson(records).splitlines()]
        outcomes = self.store.add("default", read, self._now)
        for record, outcome in zip(records, outcomes, strict=True):
            assert self.model.add(record) == outcome
            if outcome != "unchanged":
                self.received[Key(*messy.identity(record))] = self._now

    def refresh(self, limit: int) -> None:
        """Refresh to the end, which comes: a record is noted again at most once."""
        steps = 2 * self.store.sessions.waiting() + 1
        assert any(self.store.sessions.refresh(limit) == 0 for _ in range(steps))
        assert self.store.sessions.waiting() == 0

    def check(self) -> None:
        """All rows, and where each record is at home and shown, are as predicted."""
        assert_sessions(self.store, self.model, self.catalog, self.received)
        assert_sums(self.store, set(self.received))


def assert_sessions(
    store: Store, model: Model, catalog: Catalog, received: Mapping[Key, datetime] | None = None
) -> None:
    """Once refreshed, the rows are the model's, and so is where each record is at home and shown.

    When the records were received is left out where it is not given.
    """
    while store.sessions.refresh():
        pass
    rows = predicted(model, catalog, received)
    found = {(each.record_type, each.id): comparable(each) for each in walk(store)}
    assert {top: row if received else row._replace(changed=None) for top, row in found.items()} == rows
    assert {top: each and comparable(each) for top in rows if (each := store.sessions.find("default", *top))} == found
    assert {key: store.sessions.of_record("default", *key) for key in model.events()} == held(model)


def walk(store: Store) -> list[Session]:
    return list(store.sessions.walk("default", SessionQuery()))


def assert_sums(store: Store, identities: set[Key]) -> None:
    """Total minus elsewhere of all sessions is the sum over the records, in each currency; none counts twice."""
    of_sessions: Totals = {}
    for row in walk(store):
        add_totals(of_sessions, row.totals)
        add_totals(of_sessions, {currency: -amount for currency, amount in row.elsewhere.items()})
    of_records: Totals = {}
    unpriced = 0
    with store.snapshot("default") as snapshot:
        for record in snapshot.find(Asks({*identities}, set(), set())):
            if record.cost is not None and record.currency is not None:
                add_totals(of_records, {record.currency: record.cost})
            unpriced += record.cost is None and record.currency is not None
    assert of_sessions == of_records
    assert store.sessions.page("default", SessionQuery(limit=1)).totals.unpriced_count == unpriced


def run(
    new_store: NewStore, rng: random.Random, records: Sequence[messy.Record], *, operator: bool, checks: int = 1
) -> None:
    """Add records in batches of any size, refresh some of what waits in between, and compare at some moments."""
    with stored(new_store, [], operator=operator) as store:
        both = Both(store, operator=operator)
        ends = [*sorted(rng.sample(range(1, len(records)), min(checks - 1, len(records) - 1))), len(records)]
        first = 0
        while first < len(records):
            end = min(first + rng.choice((1, 1, 2, 3, 7, 1000)), min(end for end in ends if end > first))
            both.add(records[first:end])
            first = end
            if rng.random() < 0.5:
                store.sessions.refresh(rng.choice((1, 2, 3, 1000)))
            if first in ends:
                both.refresh(rng.choice((1, 2, 5, 1000)))
                both.check()


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(messy.records(operator=False), st.randoms(use_true_random=False))
@quick
def test_rows_are_as_predicted(new_store: NewStore, records: list[messy.Record], rng: random.Random) -> None:
    run(new_store, rng, records, operator=False)


@given(messy.records(operator=True), st.randoms(use_true_random=False))
@quick
def test_also_with_an_operators_types(new_store: NewStore, records: list[messy.Record], rng: random.Random) -> None:
    run(new_store, rng, records, operator=True)


@pytest.mark.long
@given(messy.records(operator=True), st.randoms(use_true_random=False))
@thorough
def test_also_with_an_operators_types_thoroughly(
    new_store: NewStore, records: list[messy.Record], rng: random.Random
) -> None:
    run(new_store, rng, records, operator=True, checks=3)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("operator", [False, True])
def test_larger_sets_too(new_store: NewStore, seed: int, operator: bool) -> None:
    rng = random.Random(seed)
    run(new_store, rng, messy.generate(rng, 60, operator=operator), operator=operator, checks=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_larger_sets(new_store: NewStore, seed: int) -> None:
    rng = random.Random(seed)
    records = messy.generate(rng, 40 + seed % 60, operator=seed % 2 == 0, size=2 + seed % 5)
    run(new_store, rng, records, operator=seed % 2 == 0, checks=6)


@pytest.mark.sqlite_only("a failure in the middle of its code; test_store_postgres_sessions has PostgreSQL's")
def test_a_refresh_that_fails_leaves_all_as_it_was(new_store: NewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    records = messy.generate(random.Random(1), 40, operator=False)
    with stored(new_store, [], operator=False) as store:
        both = Both(store, operator=False)
        both.add(records[:20])
        both.refresh(1000)
        both.add(records[20:])
        before = walk(store)

        def fail(*arguments: object) -> None:
            real(*arguments)
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            real = session_writing.write
            patch.setattr(session_writing, "write", fail)
            waiting = store.sessions.waiting()
            with pytest.raises(StoreError):
                store.sessions.refresh()
            assert (store.sessions.waiting(), walk(store)) == (waiting, before)
        both.check()


@pytest.mark.parametrize("operator", [False, True])
def test_values_that_share_a_place_cost_no_more_than_time(
    new_store: NewStore, monkeypatch: pytest.MonkeyPatch, operator: bool
) -> None:
    if is_compiled():
        pytest.skip("compiled modules cannot be given other parts")
    of_files, of_databases = (snapshot, write, refresh_reading), (neighbourhood, postgres_reading, postgres_write)
    for module in (*of_files, *of_databases, notes):
        monkeypatch.setattr(module, "place", lambda account, kind, value: 7)
    rng = random.Random(5)
    reader = Reader(catalog(operator=operator))
    records = messy.generate(rng, 40, operator=operator)
    with stored(new_store, [], operator=operator) as store:
        both = Both(store, operator=operator)
        for first in range(0, len(records), 10):
            others = [reader.read(line) for line in messy.ndjson(records[::-1]).splitlines()]
            store.add("other", others[first : first + 10], RECEIVED)
            both.add(records[first : first + 10])
            store.sessions.refresh(7)
        both.check()


@pytest.mark.parametrize("seed", range(6))
def test_several_processes_add_and_refresh(where: str, seed: int) -> None:
    """Each has its own idea of what is in the store; what one keeps in memory another may have changed."""
    rng = random.Random(seed)
    records = messy.generate(rng, 60, operator=False, size=2)
    stores = [open_store(where, catalog(operator=False)) for _ in range(3)]
    both = Both(stores[0], operator=False)
    for at in range(0, len(records), 3):
        both.store = rng.choice(stores)
        both.add(records[at : at + 3])
        if rng.random() < 0.5:
            rng.choice(stores).sessions.refresh(rng.choice((1, 3, 1000)))
    both.check()
    for store in stores:
        store.close()
