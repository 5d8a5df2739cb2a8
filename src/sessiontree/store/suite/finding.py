"""Finding records by identity, key and ref, and that a snapshot stands still."""

import pytest

from sessiontree.record import Record
from sessiontree.store import Asks, Store
from sessiontree.store.suite.helpers import ACCOUNT, Opening, add, as_stored, find, found, get, record

LEG, AI, TURN = ("call-control", "leg"), ("ai-voice-assistant", "ai"), ("inference", "turn")


def call(store: Store) -> list[Record]:
    return [
        record(store, *LEG, telnyx_leg_id="l", telnyx_session_id="s", call_session_id="s"),
        record(store, *AI, telnyx_leg_id="l", telnyx_session_id="s", conversation_id="talk"),
        record(store, *TURN, conversation_id="talk"),
    ]


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        (Asks(set(), set(), set()), []),
        (Asks({LEG}, set(), set()), [LEG]),
        (Asks({LEG, TURN, ("inference", "nobody")}, set(), set()), [LEG, TURN]),
        (Asks({("inference", "leg"), ("no-such-type", "leg")}, set(), set()), []),
        (Asks(set(), {"talk"}, set()), [AI]),
        (Asks(set(), {"l"}, set()), [LEG]),
        (Asks(set(), {"s"}, set()), [LEG]),
        (Asks(set(), set(), {"s"}), [AI, LEG]),
        (Asks(set(), set(), {"l"}), [AI]),
        (Asks(set(), set(), {"talk"}), [TURN]),
        (Asks(set(), {"leg", "ai"}, {"turn"}), []),
        (Asks(set(), {"TALK", "talk ", ""}, {"", "L", "None", "null"}), []),
        (Asks({LEG, AI}, {"l", "s", "talk"}, {"s", "l", "talk"}), [AI, LEG, TURN]),
    ],
)
def test_each_record_that_is_asked_for_is_found_once(store: Store, asks: Asks, expected: list[tuple[str, str]]) -> None:
    add(store, *call(store))
    with store.snapshot(ACCOUNT) as snapshot:
        assert sorted((each.record_type, each.id) for each in snapshot.find(asks)) == expected
        assert snapshot.find(asks) == [], "a snapshot gives each record once"


def test_an_account_that_is_not_there_has_nothing(store: Store) -> None:
    add(store, *call(store))
    assert found(store, ids=[LEG], keys=["talk"], refs=["s"], account="nobody") == []


def test_missing_link_values_are_no_values(store: Store) -> None:
    add(
        store,
        record(store, "inference", "a", conversation_id=None),
        record(store, "inference", "b", conversation_id=""),
    )
    add(store, record(store, "inference", "c"), record(store, "inference", "d", conversation_id=7))
    assert found(store, refs=["", "None", "null"]) == []
    assert found(store, refs=["7"]) == [("inference", "d")]


@pytest.mark.parametrize("together", [True, False])
def test_links_follow_the_present_content(store: Store, together: bool) -> None:
    before = record(store, *AI, telnyx_leg_id="l1", conversation_id="talk1", telnyx_session_id="s")
    after = record(store, *AI, telnyx_leg_id="l2", conversation_id="talk2", telnyx_session_id="s")
    if together:
        add(store, before, after)
    else:
        add(store, before)
        add(store, after)
    assert found(store, keys=["talk1"], refs=["l1"]) == []
    assert found(store, keys=["talk2"]) == found(store, refs=["l2"]) == found(store, refs=["s"]) == [AI]
    add(store, record(store, *AI, telnyx_session_id=None))
    assert found(store, keys=["talk2"], refs=["l2", "s"]) == []
    add(store, before)
    assert found(store, keys=["talk1"]) == found(store, refs=["l1"]) == found(store, refs=["s"]) == [AI]


def test_values_that_change_places_within_a_record(store: Store) -> None:
    add(store, record(store, *LEG, telnyx_session_id="x", call_session_id="y", telnyx_leg_id="z"))
    add(store, record(store, *LEG, telnyx_session_id="y", call_session_id="x", telnyx_leg_id="x"))
    assert found(store, refs=["x"]) == found(store, refs=["y"]) == [LEG]
    assert found(store, keys=["x"]) == found(store, keys=["y"]) == [LEG]
    assert found(store, keys=["z"]) == found(store, refs=["z"]) == []


def test_very_many_asks_and_answers_at_once(store: Store) -> None:
    many = [record(store, "inference", f"i{at}", conversation_id=f"talk-{at}") for at in range(3000)]
    add(store, *many, *(record(store, "inference", f"same-{at}", conversation_id="same") for at in range(2000)))
    wanted = sorted(("inference", f"i{at}") for at in range(3000))
    assert found(store, ids=wanted) == wanted
    assert found(store, ids=wanted[:1500], refs=[f"talk-{at}" for at in range(3000)]) == wanted
    assert len(found(store, refs=["same"])) == 2000


def update(store: Store) -> None:
    add(store, record(store, "inference", "new", conversation_id="talk"))
    add(store, record(store, *TURN, conversation_id="elsewhere", cost="5"))


def test_a_snapshot_of_an_account_without_records_stays_empty(opening: Opening) -> None:
    store, other = opening(), opening()
    asks = Asks(set(), set(), {"talk"})
    with store.snapshot("new") as snapshot:
        assert snapshot.find(asks) == []
        add(other, record(other, "inference", "new", conversation_id="talk"), account="new")
        assert snapshot.find(asks) == []
    assert found(store, refs=["talk"], account="new") == [("inference", "new")]


@pytest.mark.parametrize("by_another", [True, False])
def test_a_snapshot_stands_still(opening: Opening, by_another: bool) -> None:
    store, other = opening(), opening()
    old = call(store)
    add(store, *old)
    with store.snapshot(ACCOUNT) as snapshot:
        assert find(snapshot, Asks({LEG}, set(), set())) == [as_stored(old[0])]
        update(other if by_another else store)
        assert find(snapshot, Asks(set(), set(), {"talk"})) == [as_stored(old[2])]
        assert find(snapshot, Asks({TURN, ("inference", "new")}, set(), set())) == []
        assert find(snapshot, Asks(set(), set(), {"elsewhere"})) == []
    assert found(store, refs=["talk"]) == [("inference", "new")]
    assert get(store, *TURN).cost == 5 * 10**12


def test_a_snapshot_that_ends_in_an_error_leaves_the_store_as_it_was(store: Store) -> None:
    add(store, *call(store))
    with pytest.raises(ZeroDivisionError), store.snapshot(ACCOUNT) as snapshot:
        snapshot.find(Asks({LEG}, set(), set()))
        raise ZeroDivisionError
    update(store)
    assert found(store, refs=["talk"]) == [("inference", "new")]
