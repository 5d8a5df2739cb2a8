"""All that is derived from records, together: after any adds, repeats, changes, undos, deletes and prunes the session
rows, spend, exports and verify agree with the naive model, and with each other.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from model_intakes import Kept
from model_reading import UNITS, read_record
from model_sessions import comparable, held, predicted
from sessiontree import money, taking_back
from sessiontree.catalog import Catalog
from sessiontree.session_query import SessionQuery
from sessiontree.store import Store
from sessiontree.store.spend import SpendQuery
from sessiontree.verifying import verify
from stores import NewStore
from test_export_laws import exported, rows_and_trailer, said, sums_of
from test_taking_back import ACCOUNT, IMPORTS, Step, both, catalog, sequences

__all__ = ["catalog"]  # the fixture of that name

Amounts = dict[str, int]


def perform(each, name: str, value) -> None:
    if name == "undo":
        each.undo(*value)
    else:
        {"add": each.add, "delete": each.delete, "prune": each.prune}[name](value)


def check(store: Store, kept: Kept, catalog: Catalog) -> None:
    model, costs = kept.model(), record_sums(kept, catalog)
    rows = predicted(model, catalog, kept.received())
    listed = {(session.record_type, session.id): session for session in store.sessions.walk(ACCOUNT, SessionQuery())}
    assert {top: comparable(session) for top, session in listed.items()} == rows
    assert {key: store.sessions.of_record(ACCOUNT, *key) for key in model.events()} == held(model)

    of_sessions: Amounts = {}
    for row in rows.values():
        money.add(of_sessions, row.totals)
        money.add(of_sessions, {currency: -amount for currency, amount in row.elsewhere.items()})
    assert without_zeros(of_sessions) == costs

    for by_records in (False, True):
        spent = store.spend.table(ACCOUNT, SpendQuery(by=("record_type", "session_type")), from_records=by_records)
        of_spend: Amounts = {}
        for group in spent:
            if group.currency is not None:
                money.add(of_spend, {group.currency: group.amount})
        assert without_zeros(of_spend) == costs
        assert sum(group.event_count for group in spent) == len(kept.contents)

    sent, trailer = rows_and_trailer(exported(store, SessionQuery()))
    exact = {currency: Decimal(amount) / UNITS for currency, amount in costs.items()}
    assert sums_of(sent) == said(trailer) == exact

    verified = verify(store, ACCOUNT)
    assert verified.holds, verified.differences


def record_sums(kept: Kept, catalog: Catalog) -> Amounts:
    """What the present records cost, by walking over them."""
    sums: Amounts = {}
    for contents in kept.contents.values():
        event = read_record(catalog, contents[-1].record, None)
        if event.cost is not None and event.currency is not None:
            sums[event.currency] = sums.get(event.currency, 0) + int(Fraction(event.cost) * UNITS)
    return without_zeros(sums)


def without_zeros(amounts: Amounts) -> Amounts:
    return {currency: amount for currency, amount in amounts.items() if amount}


def run(new_store: NewStore, steps: Sequence[Step], catalog: Catalog) -> None:
    with both(new_store, catalog, IMPORTS) as each:
        for name, value in steps:
            perform(each, name, value)
            taking_back.refresh(each.store)
            check(each.store, each.kept, catalog)


quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(steps=sequences())
def test_everything_agrees_whatever_happens(new_store: NewStore, steps: list[Step], catalog: Catalog):
    run(new_store, steps, catalog)


@pytest.mark.long
@thorough
@given(steps=sequences())
def test_everything_agrees_whatever_happens_at_length(new_store: NewStore, steps: list[Step], catalog: Catalog):
    run(new_store, steps, catalog)
