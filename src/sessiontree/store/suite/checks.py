"""Looking at everything, what is unlinked, and the problems of sessions."""

import pytest

from sessiontree.money import UNIT
from sessiontree.session_query import SessionQuery
from sessiontree.store import Store
from sessiontree.store.checks import Identity, Row
from sessiontree.store.suite.helpers import ACCOUNT, add, later, record
from sessiontree.unfit import REASONS

CENT = UNIT // 100


def fill_with_unlinked(store: Store) -> None:
    """Two unlinked turns, an unlinked check with two problems, and a recording; and one turn of another account."""
    add(
        store,
        record(store, "inference", "t1", conversation_id="gone", created_at="2026-03-17T10:00:00Z", cost="0.01"),
        record(store, "inference", "t2", created_at="2026-03-18T10:00:00Z", cost="0.02"),
        record(store, "inference", "t3", conversation_id="gone", cost="0.04"),
        record(store, "call-control", "a", telnyx_leg_id="L", telnyx_session_id="call", started_at="2026-03-16"),
        record(store, "call-control", "b", telnyx_leg_id="L", telnyx_session_id="call"),
        record(store, "amd", "c", call_leg_id="none", call_session_id="call", cost="0.08"),
    )
    add(store, record(store, "inference", "t1", cost="5"), account="other")
    while store.sessions.refresh():
        pass


def unlinked(*reasons: str) -> SessionQuery:
    return SessionQuery(unlinked=tuple(REASONS[each] for each in reasons or REASONS))


def test_unlinked_records_are_sessions_that_can_be_selected(store: Store) -> None:
    fill_with_unlinked(store)
    found = [session.id for session in store.sessions.page(ACCOUNT, unlinked()).sessions]
    assert found == ["t2", "t1", "t3"]
    assert [session.id for session in store.sessions.walk(ACCOUNT, unlinked("null_link"))] == ["t2"]
    assert store.sessions.page(ACCOUNT, unlinked("no_such_parent")).totals.totals == {"USD": 5 * CENT}
    assert len(store.sessions.page(ACCOUNT, SessionQuery()).sessions) == 4


def test_unlinked_records_by_type_and_reason(store: Store) -> None:
    fill_with_unlinked(store)
    groups = store.sessions.unlinked_groups(ACCOUNT, unlinked())
    assert [(group.record_type, group.reason, group.count, group.totals) for group in groups] == [
        ("inference", REASONS["no_such_parent"], 2, {"USD": 5 * CENT}),
        ("inference", REASONS["null_link"], 1, {"USD": 2 * CENT}),
    ]
    assert store.sessions.unlinked_groups("nobody", unlinked()) == []


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_problems_one_by_one_of_the_latest_session_first(store: Store, limit: int) -> None:
    fill_with_unlinked(store)
    found = []
    after = None
    while True:
        page = store.sessions.problems(ACCOUNT, SessionQuery(with_problems=True, limit=limit), (), after)
        assert page.counts == {"fallback_link": 1, "several_parents": 1, "unlinked": 3}
        assert len(page.problems) <= limit
        found += [(each.problem.code, each.problem.id, each.record_type, each.id) for each in page.problems]
        if page.next is None:
            break
        after = page.next
    assert found == [
        ("unlinked", "t2", "inference", "t2"),
        ("unlinked", "t1", "inference", "t1"),
        ("fallback_link", "c", "call-session", "call"),
        ("several_parents", "c", "call-session", "call"),
        ("unlinked", "t3", "inference", "t3"),
    ]


def test_problems_of_some_codes_and_sessions(store: Store) -> None:
    fill_with_unlinked(store)
    calls = SessionQuery(with_problems=True, record_types=("call-session",))
    page = store.sessions.problems(ACCOUNT, calls, ("several_parents", "circle"))
    assert [each.problem.code for each in page.problems] == ["several_parents"]
    assert page.counts == {"circle": 0, "several_parents": 1}
    assert store.sessions.problems("nobody", calls).counts == {}


def test_all_records_in_order_of_arrival(store: Store) -> None:
    for first in range(0, 2600, 1300):
        made = [record(store, "amd" if at % 2 else "recording", f"r{at}") for at in range(first, first + 1300)]
        add(store, *made, received=later(first))
    add(store, record(store, "amd", "theirs"), account="other")
    assert [each.id for each in store.checks.records(ACCOUNT)] == [f"r{at}" for at in range(2600)]
    assert [each.id for each in store.checks.records(ACCOUNT, "amd")] == [f"r{at}" for at in range(1, 2600, 2)]
    assert (store.checks.count(ACCOUNT), store.checks.count(ACCOUNT, "amd"), store.checks.count("nobody")) == (
        2600,
        1300,
        0,
    )
    assert list(store.checks.records("nobody")) == list(store.checks.records(ACCOUNT, "webrtc")) == []


def test_a_moment_has_the_rows_with_their_records_and_three_sums(store: Store) -> None:
    fill_with_unlinked(store)
    with store.checks.moment(ACCOUNT) as moment:
        numbers = moment.numbers(after=0, limit=100)
        rows = moment.rows([*numbers, max(numbers) + 1])
        sums = moment.sums(lambda count: None)
        sample = moment.sample(2)
        assert (moment.waiting, moment.session_count()) == (0, 4)
    assert [row.number for row in rows] == numbers
    assert moment_members(rows) == {
        "t1": {("inference", "t1")},
        "t2": {("inference", "t2")},
        "t3": {("inference", "t3")},
        "call": {("call-control", "a"), ("call-control", "b"), ("amd", "c")},
    }
    assert sums.records == sums.sessions == sums.spend == {"USD": 15 * CENT}
    assert (sums.record_count, sums.home_count, sums.spend_count, sums.session_count) == (6, 6, 6, 4)
    assert (sums.differences, sums.difference_count, sums.undeclared) == ((), 0, {})
    assert len(sample) == 2 and set(sample) <= set(numbers)


def moment_members(rows: list[Row]) -> dict[str, set[Identity]]:
    assert all(row.visits == frozenset() for row in rows)
    return {row.session.id: set(row.homes) for row in rows}


def test_a_moment_says_what_waits(store: Store) -> None:
    add(store, record(store, "amd", "new"))
    with store.checks.moment(ACCOUNT) as moment:
        assert moment.waiting > 0
    with store.checks.moment("nobody") as moment:
        assert (moment.waiting, moment.session_count(), moment.numbers(after=0, limit=9)) == (0, 0, [])


def test_a_moment_does_not_move(store: Store) -> None:
    fill_with_unlinked(store)
    with store.checks.moment(ACCOUNT) as moment:
        before = moment.sums(lambda count: None)
        add(store, record(store, "inference", "t4", cost="1"))
        while store.sessions.refresh():
            pass
        assert moment.sums(lambda count: None) == before
        assert moment.session_count() == 4
