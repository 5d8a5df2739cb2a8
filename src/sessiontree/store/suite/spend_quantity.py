"""Spend: billed quantities and what one unit of them cost, exact at any size."""

import pytest

from sessiontree import money
from sessiontree.store import Store
from sessiontree.store.suite.helpers import add
from sessiontree.store.suite.spend import at, by, fill_spend, table


def test_sums_are_exact_beyond_every_machine_number(store: Store) -> None:
    large, small = "999999999999.999999999999", "0.000000000001"
    costs = [large, large, small, f"-{small}", f"-{small}", f"-{small}"]
    add(store, *(at(store, None, cost, id=str(number), billed_sec=large) for number, cost in enumerate(costs)))
    (row,) = table(store, by())
    assert row.amount == 2 * 10**24 - 2 - 2
    assert row.quantity == 6 * (10**24 - 1)
    assert row.average_rate == 333333333333


def test_the_quantity_is_summed_where_its_unit_is_one(store: Store) -> None:
    fill_spend(store)
    rows = {row.group: row for row in table(store, by("record_type")) if row.currency == "USD"}
    calls, turns = rows["recording",], rows["inference",]
    assert (calls.quantity, calls.unit, calls.quantity_count) == (97_500_000_000_000, "second", 4)
    assert (turns.quantity, turns.unit, turns.quantity_count) == (7 * money.UNIT, "token", 1)
    both = next(row for row in table(store, by()) if row.currency == "USD")
    assert (both.quantity, both.unit, both.quantity_count, both.average_rate) == (None, None, 5, None)


@pytest.mark.parametrize(
    ("priced", "expected"),
    [
        ([("0.002", 60)], 33_333_333),
        ([("0.002", 60), ("0.004", 60)], 50_000_000),
        ([("0.002", 60), (None, 60), ("5", None)], 33_333_333),
        ([("0.000000000001", 2)], 0),
        ([("0.000000000003", 2)], 2),
        ([("-0.000000000003", 2)], -2),
        ([("1", 0)], None),
        ([("1", 5), ("1", -5)], None),
        ([(None, 60)], None),
        ([("1", None)], None),
        ([("1", "many")], None),
    ],
)
def test_the_average_rate_is_of_events_with_a_cost_and_a_quantity(
    store: Store, priced: list[tuple[str | None, object]], expected: int | None
) -> None:
    add(store, *(at(store, None, cost, id=str(n), billed_sec=count) for n, (cost, count) in enumerate(priced)))
    (row,) = table(store, by())
    assert row.average_rate == expected
