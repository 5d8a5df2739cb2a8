"""Removing sessions as a whole: one that is named, or all that are over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sessiontree import taking_back
from sessiontree.record import Record
from sessiontree.store import Store
from sessiontree.store.removing import NotFresh, Removal
from sessiontree.store.suite.helpers import ACCOUNT, RECEIVED, add, found, record
from sessiontree.store.suite.taking_back import leg

UNIT = 10**12


def participant(store: Store, id: str, call: str, **fields: Any) -> Record:
    return record(store, "conference-participant", id, conference_id="room", call_session_id=call, **fields)


def visited(store: Store) -> list[Record]:
    """A call and a conference that share a participant, who is at home in the call and has a history."""
    at = "2026-03-17T10:00:00Z"
    return [
        leg(store, "leg", cost="1", started_at=at, finished_at=at),
        record(store, "conference", "room", started_at=at, ended_at=at),
        participant(store, "p", "s", cost="2", joined_at=at),
        participant(store, "p", "s", cost="3", joined_at=at, left_at=at),
    ]


def test_deleting_a_session_removes_what_is_at_home_there(store: Store) -> None:
    add(store, *visited(store))
    taking_back.refresh(store)
    expected = Removal(removed=2, dropped=1, gone={"USD": 4 * UNIT})
    assert store.removing.session(ACCOUNT, "call-session", "s", dry_run=True) == expected
    assert store.count() == 3
    assert store.removing.session(ACCOUNT, "call-session", "s") == expected
    taking_back.refresh(store)
    assert store.sessions.find(ACCOUNT, "call-session", "s") is None
    room = store.sessions.find(ACCOUNT, "conference", "room")
    assert room is not None
    assert (room.event_count, room.totals, store.count()) == (1, {}, 1)


def test_what_only_visits_a_deleted_session_stays(store: Store) -> None:
    add(store, *visited(store))
    taking_back.refresh(store)
    assert store.removing.session(ACCOUNT, "conference", "room") == Removal(removed=1)
    taking_back.refresh(store)
    call = store.sessions.find(ACCOUNT, "call-session", "s")
    assert call is not None
    assert (call.event_count, call.totals) == (3, {"USD": 4 * UNIT})


def test_a_session_that_is_not_there_is_none(store: Store) -> None:
    add(store, leg(store, "leg"))
    taking_back.refresh(store)
    for account, *top in (
        (ACCOUNT, "call-control", "leg"),
        (ACCOUNT, "call-session", "x"),
        ("other", "call-session", "s"),
    ):
        assert store.removing.session(account, *top) is None
    assert store.count() == 1


def test_taking_sessions_away_needs_fresh_ones(store: Store) -> None:
    add(store, leg(store, "leg"))
    with pytest.raises(NotFresh):
        store.removing.session(ACCOUNT, "call-session", "s")
    with pytest.raises(NotFresh):
        store.removing.prune(ACCOUNT, RECEIVED, open_since=RECEIVED)
    assert store.removing.session("other", "call-session", "s") is None
    assert store.count() == 1


def prune(store: Store, before: str, *, open_since: datetime = RECEIVED, limit: int = 1000) -> int:
    """Prune step by step; how many sessions went."""
    moment = datetime.fromisoformat(before).replace(tzinfo=UTC)
    sessions, after = 0, 0
    while True:
        taking_back.refresh(store)
        step = store.removing.prune(ACCOUNT, moment, open_since=open_since, after=after, limit=limit)
        sessions += step.sessions
        if step.following is None:
            return sessions
        after = step.following


def test_pruning_removes_sessions_that_ended_before(store: Store) -> None:
    def call(at: int, start: str, finish: str | None) -> Record:
        return leg(store, f"leg{at}", telnyx_session_id=f"s{at}", started_at=start, finished_at=finish, cost="1")

    add(store, call(1, "2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z"))
    add(store, call(2, "2026-03-01T23:59:00Z", "2026-03-02T00:00:00Z"))
    add(store, call(3, "2026-03-02T08:00:00Z", "2026-03-02T08:01:00Z"), call(4, "2026-03-01T09:00:00Z", None))
    add(store, call(1, "2026-03-01T10:00:00Z", "2026-03-01T10:06:00Z"), account="other")
    assert prune(store, "2026-03-02", open_since=datetime(2026, 3, 1, 9, tzinfo=UTC) - timedelta(seconds=1)) == 1
    assert found(store, refs=["s1", "s2", "s3", "s4"]) == [("call-control", f"leg{at}") for at in (2, 3, 4)]
    assert prune(store, "2026-03-02", open_since=datetime(2026, 3, 1, 9, tzinfo=UTC)) == 1
    assert found(store, refs=["s4"]) == []
    assert prune(store, "2026-03-03", limit=1) == 2
    assert (store.count(), len(found(store, refs=["s1"], account="other"))) == (1, 1)


def test_pruning_leaves_a_session_whole_when_one_record_in_it_is_newer(store: Store) -> None:
    old = {"started_at": "2026-03-01T10:00:00Z", "finished_at": "2026-03-01T10:05:00Z"}
    add(
        store, leg(store, "leg", **old), record(store, "recording", "r", telnyx_session_id="s", started_at="2026-03-09")
    )
    assert (prune(store, "2026-03-05"), store.count()) == (0, 2)
    assert (prune(store, "2026-03-10"), store.count()) == (1, 0)


def test_pruning_goes_by_the_receipt_of_records_without_a_time(store: Store) -> None:
    add(store, leg(store, "leg"))
    assert (prune(store, "2026-03-20"), store.count()) == (0, 1)
    assert (prune(store, "2026-03-21"), store.count()) == (1, 0)


def test_pruning_leaves_sessions_that_share_a_record_with_one_that_stays(store: Store) -> None:
    """A chain: the call shares a participant with the first room, which shares one with a later call."""
    add(store, *visited(store))
    joined = {"joined_at": "2026-03-17T10:01:00Z", "left_at": "2026-03-17T10:02:00Z"}
    add(store, participant(store, "q", "t", **joined))
    last = leg(
        store, "last", telnyx_session_id="t", started_at="2026-03-18T10:00:00Z", finished_at="2026-03-18T10:01:00Z"
    )
    add(store, last)
    assert (prune(store, "2026-03-18"), store.count()) == (0, 5)
    assert (prune(store, "2026-03-19"), store.count()) == (3, 0)


def test_pruning_in_small_steps_takes_the_same(store: Store) -> None:
    records: Sequence[Record] = [
        leg(store, f"leg{at}", telnyx_session_id=f"s{at % 40}", started_at=f"2026-03-{1 + at % 20:02}T10:00:00Z",
            finished_at=f"2026-03-{1 + at % 20:02}T10:01:00Z")
        for at in range(120)
    ]  # fmt: skip
    add(store, *records)
    assert prune(store, "2026-03-11", limit=7) == 20
    assert store.count() == 60
    assert found(store, refs=[f"s{at}" for at in range(40)]) == sorted(
        ("call-control", each.id) for each in records if each.start is not None and each.start.day >= 11
    )
