"""The changes of sessions: in order, each session once, and those that are gone."""

import pytest

from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT, add, record
from sessiontree.store.suite.session_lists import message, refresh


def changes_since(store: Store, since: int, limit: int = 100) -> list[str]:
    changes = store.sessions.changes(ACCOUNT, since, limit)
    assert [each.sequence for each in changes] == sorted({each.sequence for each in changes})
    assert all(each.session is None or each.session.id == each.id for each in changes)
    return [each.id if each.session else f"-{each.id}" for each in changes]


def test_changes_come_in_order_and_once(store: Store) -> None:
    for id in ("a", "b", "c"):
        message(store, id, cost="1")
    assert changes_since(store, 0) == ["a", "b", "c"]
    first = store.sessions.changes(ACCOUNT, 0, 2)
    assert [each.id for each in first] == ["a", "b"]
    assert changes_since(store, first[-1].sequence) == ["c"]
    reached = store.sessions.last_change(ACCOUNT)
    assert changes_since(store, reached) == []
    message(store, "a", cost="2")
    message(store, "b", cost="1")  # as it was
    assert changes_since(store, reached) == ["a"]
    assert changes_since(store, 0) == ["b", "c", "a"]
    assert store.sessions.changes(ACCOUNT, reached, 1)[0].session == store.sessions.find(ACCOUNT, "message", "a")


def test_changes_tell_of_sessions_that_are_gone(store: Store) -> None:
    add(store, record(store, "conference-participant", "p", conference_id="c", cost="5"))
    refresh(store)
    before = store.sessions.last_change(ACCOUNT)
    add(store, record(store, "conference", "c"))
    refresh(store)
    assert sorted(changes_since(store, before)) == ["-p", "c"]
    assert changes_since(store, before, limit=1) == changes_since(store, before)[:1]


def test_of_a_session_that_comes_and_goes_the_last_change_is_told(store: Store) -> None:
    def participant(conference: str) -> None:
        add(store, record(store, "conference-participant", "p", conference_id=conference, cost="5"))
        refresh(store)

    participant("c")  # a top: no such conference
    add(store, record(store, "conference", "c"))
    refresh(store)
    assert sorted(changes_since(store, 0)) == ["-p", "c"]
    participant("other")
    assert sorted(changes_since(store, 0)) == ["c", "p"]
    participant("c")
    assert sorted(changes_since(store, 0)) == ["-p", "c"]


def test_changes_of_one_account_say_nothing_of_another(store: Store) -> None:
    for at in range(3):
        add(store, record(store, "message", f"theirs {at}", cost="1"), account="other")
    message(store, "a", cost="1")
    assert [each.sequence for each in store.sessions.changes(ACCOUNT, 0, 10)] == [1]
    assert store.sessions.last_change("other") == 3


def test_a_change_that_nobody_has_made_yet_is_refused(store: Store) -> None:
    message(store, "a", cost="1")
    reached = store.sessions.last_change(ACCOUNT)
    for since in (reached + 1, 1 << 70):
        with pytest.raises(ValueError, match="ahead"):
            store.sessions.changes(ACCOUNT, since, 10)
    assert changes_since(store, reached) == []


def test_tops_are_counted_by_type_and_account(store: Store) -> None:
    add(store, record(store, "conference-participant", "p", conference_id="c"), record(store, "conference", "c"))
    add(store, record(store, "recording", "r", telnyx_session_id="s"), record(store, "recording", "alone"))
    add(store, record(store, "recording", "theirs"), account="other")
    refresh(store)
    counted = {name: store.sessions.count_tops(ACCOUNT, name) for name in store.catalog.types}
    tops = {"conference": 1, "recording": 1, "call-session": 1}
    assert {name: count for name, count in counted.items() if count} == tops
    assert store.sessions.count_tops("other", "recording") == 1
    assert store.sessions.count_tops("nobody", "recording") == 0
    assert store.sessions.count_tops(ACCOUNT, "nothing") == 0
