"""The laws of session trees on messy random data: the program gives what the naive model predicts, whoever asks.

A failure prints its seed or its smallest example. Larger runs carry the mark `long`.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

import messy
from model import Model
from model_tree import Comparable, flatten
from sessiontree.analysis import Analysis
from sessiontree.catalog import Catalog
from sessiontree.catalog_files import load
from sessiontree.errors import EventNotFound
from sessiontree.placement import Node
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.tree import Tree
from stores import NewStore

RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)
BATCHES = (1, 3, 1000)


@cache
def catalog(*, operator: bool) -> Catalog:
    if not operator:
        return load()
    with TemporaryDirectory() as folder:
        messy.write_operator_types(Path(folder))
        return load(Path(folder))


@contextmanager
def stored(
    new_store: NewStore, records: Sequence[messy.Record], *, operator: bool, batch: int = 1000
) -> Iterator[Store]:
    """A new store that got the records in this order."""
    with new_store() as where:
        store = open_store(where, catalog(operator=operator))
        try:
            add(store, records, batch=batch)
            yield store
        finally:
            store.close()


def add(store: Store, records: Sequence[messy.Record], *, batch: int = 1000) -> list[str]:
    reader = Reader(store.catalog)
    read = [reader.read(line) for line in messy.ndjson(records).splitlines()]
    outcomes: list[str] = []
    for first in range(0, len(read), batch):
        outcomes += store.add("default", read[first : first + batch], RECEIVED + timedelta(seconds=first))
    return outcomes


def modelled(records: Sequence[messy.Record], *, operator: bool) -> tuple[Model, list[object]]:
    model = Model(catalog(operator=operator))
    return model, [model.add(record) for record in records]


def tree_of(store: Store, record_type: str, id: str) -> Tree:
    return Analysis(store).tree("default", store.catalog.resolve(record_type), id)


def comparable(tree: Tree) -> dict[tuple[str, str], Comparable]:
    flat = {node.identity: seen(node, is_root=node is tree.root) for node in tree.nodes}
    assert len(flat) == len(tree.nodes) == tree.root.event_count
    return flat


def seen(node: Node, *, is_root: bool) -> Comparable:
    link = None if is_root else node.link
    cost = node.record.cost if node.record else None
    away = link is not None and link is not node.home and node.home is not None
    return Comparable(
        event_cost=cost,
        status=node.cost_status,
        currency=node.currency,
        totals=tuple(sorted(node.totals.items())),
        event_count=node.event_count,
        elsewhere=tuple(sorted((currency, amount) for currency, amount in node.away_totals.items() if amount)),
        elsewhere_count=node.away_count,
        unpriced_count=node.unpriced_count,
        relationship=link and (link.via.local_field, link.via.parent_field, *link.parent.identity),
        also_in=node.home.parent.identity if away and node.home else None,
        start=node.start,
        finish=node.finish,
        children=tuple(child.identity for child in node.children),
    )


def assert_as_modelled(store: Store, model: Model) -> None:
    """Every event's tree is the model's: places, amounts, counts, times, ancestors, problems. Others are not found."""
    for record_type, id in model.events():
        expected = model.tree(record_type, id)
        assert expected is not None
        tree = tree_of(store, record_type, id)
        where = f"asked for {record_type} {id}"
        assert comparable(tree) == flatten(expected), where
        ancestors = [(link.via.local_field, link.via.parent_field, *link.parent.identity) for link in tree.ancestors]
        assert ancestors == [(link.local_field, link.parent_field, *link.parent) for link in expected.ancestors], where
        assert {(problem.code, problem.record_type, problem.id) for problem in tree.problems} == expected.problems, (
            where
        )
    for record_type, id in model.absent():
        with pytest.raises(EventNotFound):
            tree_of(store, record_type, id)


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_against_model(new_store: NewStore, records: list[messy.Record], *, operator: bool, batch: int) -> None:
    model, predicted = modelled(records, operator=operator)
    with stored(new_store, [], operator=operator) as store:
        assert add(store, records, batch=batch) == predicted
        assert_as_modelled(store, model)
        assert set(add(store, last_versions(records))) <= {"unchanged"}
        assert_as_modelled(store, model)


def last_versions(records: Sequence[messy.Record]) -> list[messy.Record]:
    return list({messy.identity(record): record for record in records}.values())


@given(messy.records(operator=False))
@quick
def test_the_program_gives_what_the_model_predicts(new_store: NewStore, records: list[messy.Record]) -> None:
    check_against_model(new_store, records, operator=False, batch=1000)


@given(messy.records(operator=True))
@quick
def test_also_with_an_operators_types(new_store: NewStore, records: list[messy.Record]) -> None:
    check_against_model(new_store, records, operator=True, batch=3)


@pytest.mark.long
@given(messy.records(operator=False))
@thorough
def test_the_program_gives_what_the_model_predicts_thoroughly(new_store: NewStore, records: list[messy.Record]) -> None:
    check_against_model(new_store, records, operator=False, batch=1)


@pytest.mark.long
@given(messy.records(operator=True))
@thorough
def test_also_with_an_operators_types_thoroughly(new_store: NewStore, records: list[messy.Record]) -> None:
    check_against_model(new_store, records, operator=True, batch=1000)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("operator", [False, True])
def test_larger_sets_too(new_store: NewStore, seed: int, operator: bool) -> None:
    records = messy.generate(random.Random(seed), 60, operator=operator)
    check_against_model(new_store, records, operator=operator, batch=BATCHES[seed % len(BATCHES)])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_larger_sets(new_store: NewStore, seed: int) -> None:
    records = messy.generate(random.Random(seed), 40 + seed % 60, operator=seed % 2 == 0)
    check_against_model(new_store, records, operator=seed % 2 == 0, batch=BATCHES[seed % len(BATCHES)])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("operator", [False, True])
def test_the_order_of_arrival_makes_no_difference(new_store: NewStore, seed: int, operator: bool) -> None:
    """Any order that keeps the versions of one id in order gives the same trees."""
    rng = random.Random(seed)
    records = messy.generate(rng, 40, operator=operator)
    model, _ = modelled(records, operator=operator)
    for order in messy.orders(records, rng, count=3):
        with stored(new_store, order, operator=operator, batch=7) as store:
            assert_as_modelled(store, model)


@pytest.mark.parametrize("seed", range(10))
def test_a_cumulative_cost_is_one_number_from_wherever_it_is_asked(new_store: NewStore, seed: int) -> None:
    """Every event of a session has, asked for itself, the totals that it has in the tree of the session's top."""
    records = messy.generate(random.Random(seed), 60, operator=False)
    model, _ = modelled(records, operator=False)
    with stored(new_store, records, operator=False) as store:
        for top in model.sessions():
            for node in tree_of(store, *top).nodes:
                if node.record is not None or node.children:
                    asked = tree_of(store, *node.identity).root
                    assert (asked.totals, asked.event_count) == (node.totals, node.event_count), node.identity


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("operator", [False, True])
def test_sessions_sum_to_the_records(new_store: NewStore, seed: int, operator: bool) -> None:
    """Over all sessions, total minus elsewhere is the sum of all records, in every currency."""
    records = messy.generate(random.Random(seed), 60, operator=operator)
    model, _ = modelled(records, operator=operator)
    reader = Reader(catalog(operator=operator))
    of_records: dict[str, int] = {}
    for line in messy.ndjson(last_versions(records)).splitlines():
        record = reader.read(line)
        if record.cost is not None and record.currency is not None:
            of_records[record.currency] = of_records.get(record.currency, 0) + record.cost
    of_sessions: dict[str, int] = {}
    with stored(new_store, records, operator=operator) as store:
        for top in model.sessions():
            root = tree_of(store, *top).root
            for currency, amount in root.totals.items():
                at_home = amount - root.away_totals.get(currency, 0)
                of_sessions[currency] = of_sessions.get(currency, 0) + at_home
    assert of_sessions == of_records


def test_one_account_never_sees_anothers_records(new_store: NewStore) -> None:
    records = messy.generate(random.Random(1), 40, operator=False)
    model, _ = modelled(records, operator=False)
    with stored(new_store, records, operator=False) as store:
        for record_type, id in model.events():
            with pytest.raises(EventNotFound):
                Analysis(store).tree("other", store.catalog.resolve(record_type), id)
