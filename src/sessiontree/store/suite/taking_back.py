"""Taking back what an intake brought: records that go, contents that come back, and stopping halfway."""

import dataclasses
from datetime import datetime
from typing import Any

import pytest

from sessiontree import taking_back
from sessiontree.catalog import Catalog
from sessiontree.record import Record
from sessiontree.store import Store
from sessiontree.store.intakes import IntakeUndone, Origin, Share, new_id
from sessiontree.store.removing import Removal
from sessiontree.store.suite.helpers import (
    ACCOUNT,
    RECEIVED,
    Opening,
    add,
    as_stored,
    changed,
    found,
    get,
    history,
    later,
    record,
    shipped,
)

UNIT = 10**12


def bring(store: Store, *records: Record, origin: Origin | None = None, received: datetime = RECEIVED) -> Origin:
    """Add records as one import (going on with it, if it is given)."""
    origin = origin or Origin(new_id(), files="a.ndjson")
    store.add(ACCOUNT, records, received, [Share(origin, len(records))])
    return origin


def undo(store: Store, origin: Origin, *, at: datetime = RECEIVED, limit: int = 500) -> list[Removal]:
    """Undo to the end; what each step took."""
    steps: list[Removal] = []
    while (step := store.intakes.undo(ACCOUNT, origin.id, at, limit=limit)) is not None:
        steps.append(step)
    return steps


def leg(store: Store, id: str, **fields: Any) -> Record:
    return record(store, "call-control", id, **{"telnyx_session_id": "s", "telnyx_leg_id": id, **fields})


def test_what_an_import_created_is_removed(store: Store) -> None:
    origin = bring(store, leg(store, "a", cost="1", currency="EUR"), leg(store, "b", cost="2"))
    add(store, leg(store, "c", cost="4"))
    assert undo(store, origin) == [Removal(removed=2, gone={"EUR": UNIT, "USD": 2 * UNIT})]
    assert found(store, refs=["s"]) == [("call-control", "c")]
    assert (found(store, keys=["a"]), found(store, ids=[("call-control", "a")])) == ([], [])
    assert (store.count(), history(store, "call-control", "a")) == (1, [])


def test_what_an_import_changed_gets_back_the_content_before_with_its_time(store: Store) -> None:
    one, two = leg(store, "a", cost="1"), leg(store, "a", cost="5", telnyx_session_id="t", telnyx_leg_id="other")
    add(store, one)
    origin = bring(store, two, received=later(5))
    assert undo(store, origin) == [Removal(restored=1, gone={"USD": 4 * UNIT})]
    assert get(store, "call-control", "a") == as_stored(one)
    assert history(store, "call-control", "a") == [(RECEIVED, one.body)]
    assert (found(store, refs=["s"], keys=["a"]), found(store, refs=["t"], keys=["other"])) == (
        [("call-control", "a")],
        [],
    )


def test_a_content_in_the_history_just_goes(store: Store) -> None:
    one, two, three = (leg(store, "a", cost=cost) for cost in ("1", "2", "3"))
    first, second, third = (bring(store, each, received=later(at)) for at, each in enumerate((one, two, three)))
    assert undo(store, second) == [Removal(dropped=1)]
    assert history(store, "call-control", "a") == [(RECEIVED, one.body), (later(2), three.body)]
    assert undo(store, first) == [Removal(dropped=1)]
    assert get(store, "call-control", "a") == as_stored(three, later(2))
    assert undo(store, third) == [Removal(removed=1, gone={"USD": 3 * UNIT})]
    assert store.count() == 0


def test_all_versions_of_one_import_go_together(store: Store) -> None:
    base = leg(store, "a", cost="1")
    add(store, base)
    origin = bring(store, leg(store, "a", cost="2"), leg(store, "b", cost="1"), leg(store, "b", cost="7"))
    bring(store, leg(store, "a", cost="3"), origin=origin)
    assert undo(store, origin) == [
        Removal(removed=1, dropped=1, gone={"USD": 7 * UNIT}),
        Removal(0, 1, 1, {"USD": 2 * UNIT}),
    ]
    assert get(store, "call-control", "a") == as_stored(base)
    assert store.count() == 1


def test_a_repeat_belongs_to_nobody(store: Store) -> None:
    one = leg(store, "a", cost="1")
    first, second = bring(store, one), bring(store, one, leg(store, "b"))
    assert store.intakes.preview(ACCOUNT, first.id).repeated == 1
    undo(store, first)
    assert (found(store, refs=["s"]), store.intakes.preview(ACCOUNT, second.id).repeated) == (
        [("call-control", "b")],
        0,
    )
    undo(store, second)
    assert store.count() == 0


def test_no_more_repeats_are_told_than_an_intake_has_records(store: Store) -> None:
    bring(store, other := leg(store, "b"))
    mine, same = bring(store, leg(store, "a")), bring(store, leg(store, "a"))
    bring(store, *[other] * 3)
    assert [store.intakes.preview(ACCOUNT, each.id).repeated for each in (mine, same)] == [1, 0]


def test_intakes_that_share_a_commit_keep_what_is_theirs(store: Store) -> None:
    a, b, c = (Origin(new_id(), key=f"st_{at}") for at in range(3))
    records = [
        *(leg(store, "1", cost="1"), leg(store, "2")),
        *(leg(store, "1", cost="2"), leg(store, "3"), leg(store, "2")),
        *(leg(store, "1", cost="3"), leg(store, "4")),
    ]
    outcomes = store.add(ACCOUNT, records, RECEIVED, [Share(a, 2), Share(b, 3, rejected=2), Share(c, 2)])
    assert list(map(str, outcomes)) == ["created", "created", "updated", "created", "unchanged", "updated", "created"]
    seen = [store.intakes.get(ACCOUNT, each.id) for each in (a, b, c)]
    assert [(i.created, i.updated, i.unchanged, i.rejected) for i in seen if i] == [
        (2, 0, 0, 0),
        (1, 1, 1, 2),
        (1, 1, 0, 0),
    ]
    undo(store, b)
    assert [body for _, body in history(store, "call-control", "1")] == [records[0].body, records[5].body]
    undo(store, c)
    assert get(store, "call-control", "1") == as_stored(records[0])
    assert found(store, refs=["s"]) == [("call-control", "1"), ("call-control", "2")]
    undo(store, a)
    assert store.count() == 0


def test_a_preview_says_what_an_undo_does_and_does_nothing(store: Store) -> None:
    add(store, leg(store, "old", cost="1"), record(store, "recording", "r", telnyx_session_id="other"))
    origin = bring(
        store, leg(store, "old", cost="9"), leg(store, "new", cost="2"), leg(store, "far", telnyx_session_id="t")
    )
    taking_back.refresh(store)
    preview = store.intakes.preview(ACCOUNT, origin.id)
    assert preview.removal == Removal(removed=2, restored=1, gone={"USD": 10 * UNIT})
    assert (preview.sessions, preview.repeated, store.count()) == (2, 0, 4)
    assert store.intakes.preview(ACCOUNT, origin.id) == preview


def test_an_undo_is_gone_on_with_where_it_was_stopped(opening: Opening) -> None:
    first = opening()
    changed_too = [leg(first, f"old{at}", cost="1") for at in range(5)]
    add(first, *changed_too)
    origin = bring(first, *(leg(first, f"{at}", cost="1") for at in range(10)))
    bring(first, *(leg(first, f"old{at}", cost="3") for at in range(5)), origin=origin)
    for _ in range(2):
        assert first.intakes.undo(ACCOUNT, origin.id, later(9), limit=3) == Removal(removed=3, gone={"USD": 3 * UNIT})
    first.close()
    second = opening()
    half = second.intakes.get(ACCOUNT, origin.id)
    assert half is not None
    assert (half.state, half.undo_began, half.undone, second.count()) == ("undoing", later(9), None, 9)
    assert second.intakes.preview(ACCOUNT, origin.id).removal == Removal(4, 5, 0, {"USD": 14 * UNIT})
    assert [step.records for step in undo(second, origin, at=later(20), limit=3)] == [3, 1, 3, 2]
    whole = second.intakes.get(ACCOUNT, origin.id)
    assert whole is not None
    assert (whole.state, whole.undo_began, whole.undone, whole.created) == ("undone", later(9), later(20), 10)
    assert [get(second, "call-control", each.id) for each in changed_too] == [as_stored(each) for each in changed_too]


def test_undoing_twice_changes_nothing_more(store: Store) -> None:
    one = leg(store, "a", cost="1")
    origin = bring(store, one)
    assert len(undo(store, origin, at=later(1))) == 1
    bring(store, one)
    assert undo(store, origin, at=later(2)) == []
    seen = store.intakes.get(ACCOUNT, origin.id)
    assert (seen and seen.undone, store.count()) == (later(1), 1)


def test_what_was_rejected_whole_stays_so(store: Store) -> None:
    origin = Origin(new_id(), files="a.csv")
    store.add(ACCOUNT, [], RECEIVED, [Share(origin, 0, rejected=3)])
    assert store.intakes.undo(ACCOUNT, origin.id, later(1)) is None
    noted = store.intakes.get(ACCOUNT, origin.id)
    assert noted is not None
    assert (noted.state, noted.undo_began, noted.undone) == ("rejected", None, None)


def test_what_is_rejected_so_far_can_be_broken_off(store: Store) -> None:
    origin = Origin(new_id(), files="a.csv")
    store.add(ACCOUNT, [], RECEIVED, [Share(origin, 0, rejected=3, more=True)])
    assert store.intakes.undo(ACCOUNT, origin.id, later(1)) is None
    noted = store.intakes.get(ACCOUNT, origin.id)
    assert (noted and noted.state) == "undone"


def test_nothing_can_be_added_to_what_is_being_undone(store: Store) -> None:
    origin = bring(store, *(leg(store, f"{at}") for at in range(4)))
    store.intakes.undo(ACCOUNT, origin.id, RECEIVED, limit=2)
    for _ in range(2):
        with pytest.raises(IntakeUndone):
            bring(store, leg(store, "more"), origin=origin)
        undo(store, origin)
    assert store.count() == 0


def test_after_an_undo_the_same_records_are_new(store: Store) -> None:
    records = [leg(store, f"{at}", cost="1") for at in range(3)]
    undo(store, bring(store, *records))
    again = Origin(new_id())
    assert list(map(str, store.add(ACCOUNT, records, later(1), [Share(again, 3)]))) == ["created"] * 3
    assert get(store, "call-control", "0") == as_stored(records[0], later(1))
    assert undo(store, again)[0].removed == 3


def test_an_import_never_takes_what_came_in_place_of_its_records(store: Store) -> None:
    """Records that were removed otherwise leave nothing behind that an undo could mistake for its own."""
    origin = bring(store, leg(store, "a"))
    taking_back.when_fresh(store, lambda: store.removing.session(ACCOUNT, "call-session", "s"))
    add(store, leg(store, "b"))
    assert undo(store, origin) == [Removal()]
    assert found(store, refs=["s"]) == [("call-control", "b")]


def test_what_comes_back_is_read_by_the_present_declarations(opening: Opening) -> None:
    first = opening()
    old = leg(first, "a", cost="1", price="8", case="c-1")
    add(first, old)
    origin = bring(first, leg(first, "a", cost="5"))
    first.close()
    now = changed(shipped(), "call-control", cost_fields=("price",), second_id_fields=("case",))
    second = opening(now)
    for _ in second.reread():
        pass
    undo(second, origin)
    assert get(second, "call-control", "a").cost == 8 * UNIT
    assert found(second, keys=["c-1"]) == [("call-control", "a")]
    assert get(second, "call-control", "a").received == RECEIVED


def test_a_type_whose_records_were_all_taken_back_is_not_missed(opening: Opening) -> None:
    folder = Catalog(
        {**shipped().types, "own": dataclasses.replace(shipped().types["verify"], name="own")}, shipped().updated
    )
    first = opening(folder)
    origin = bring(first, record(first, "own", "a"))
    assert opening(shipped()).undeclared() == ["own"]
    undo(first, origin)
    assert opening(shipped()).undeclared() == []


def test_what_the_catalogue_does_not_know_can_be_taken_back(opening: Opening) -> None:
    folder = Catalog(
        {**shipped().types, "own": dataclasses.replace(shipped().types["verify"], name="own")}, shipped().updated
    )
    first = opening(folder)
    one = record(first, "own", "a", cost="1")
    add(first, one)
    origin = bring(first, record(first, "own", "a", cost="2"), record(first, "own", "b"))
    second = opening(shipped())
    assert [(step.removed, step.restored) for step in undo(second, origin)] == [(1, 0), (0, 1)]
    assert (get(first, "own", "a"), first.count()) == (as_stored(one), 1)


def test_sessions_follow_an_undo(store: Store) -> None:
    add(store, record(store, "inference", "turn", conversation_id="talk", cost="1"))
    origin = bring(store, record(store, "ai-voice-assistant", "ai", conversation_id="talk", cost="2"))
    taking_back.refresh(store)
    assert store.sessions.of_record(ACCOUNT, "inference", "turn") == [("ai-voice-assistant", "ai")]
    undo(store, origin)
    taking_back.refresh(store)
    assert store.sessions.find(ACCOUNT, "ai-voice-assistant", "ai") is None
    own = store.sessions.find(ACCOUNT, "inference", "turn")
    assert own is not None
    assert (own.totals, own.event_count) == ({"USD": UNIT}, 1)
