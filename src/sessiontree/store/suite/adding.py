"""Adding records: what becomes of each, what the history keeps, and that it is all or nothing."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from sessiontree.errors import StoreError
from sessiontree.store import Store
from sessiontree.store.suite.helpers import (
    RECEIVED,
    Opening,
    add,
    as_stored,
    found,
    get,
    history,
    later,
    read,
    record,
)


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    leg = read(
        store,
        "call-control",
        """ { "cost":"0.0052",  "id" : "leg-1", "telnyx_session_id":"s", "telnyx_leg_id":"l", "note":"\\u00e9\\n",
        "started_at":"2026-03-17T10:00:00.123456Z", "finished_at":"2026-03-17T11:00:00+01:00", "currency":"eur" } """,
    )
    assert add(store, leg) == ["created"]
    assert get(store, "call-control", "leg-1") == as_stored(leg)
    assert get(store, "call-control", "leg-1").body == leg.body


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ('{"id":"a","n":1}', '{"id":"a","n":1}', "unchanged"),
        ('{"id":"a","n":1}', '{ "n" : 1,\n"id" : "a" }', "unchanged"),
        ('{"id":"a","o":{"x":1,"y":[2]}}', '{"id":"a","o":{"y":[2],"x":1}}', "unchanged"),
        ('{"id":"a","n":"\\u00e9"}', '{"id":"a","n":"é"}', "unchanged"),
        ('{"id":"a","n":0.10}', '{"id":"a","n":0.1}', "updated"),
        ('{"id":"a","n":1}', '{"id":"a","n":1.0}', "updated"),
        ('{"id":"a","n":100}', '{"id":"a","n":1e2}', "updated"),
        ('{"id":"a","n":1}', '{"id":"a","n":"1"}', "updated"),
        ('{"id":"a","n":1}', '{"id":"a","n":true}', "updated"),
        ('{"id":"a","n":["number","1"]}', '{"id":"a","n":1}', "updated"),
        ('{"id":"a","n":0}', '{"id":"a","n":false}', "updated"),
        ('{"id":"a","n":[1,2]}', '{"id":"a","n":[2,1]}', "updated"),
        ('{"id":"a","n":null}', '{"id":"a"}', "updated"),
        ('{"id":"a","n":null}', '{"id":"a","n":""}', "updated"),
        ('{"id":"a","cost":"0.10"}', '{"id":"a","cost":"0.1"}', "updated"),
        ('{"id":7}', '{"id":"7"}', "updated"),
        ('{"id":"a","n":12345678901234567890123}', '{"id":"a","n":12345678901234567890124}', "updated"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_same_value_is_unchanged_and_any_other_is_not(
    store: Store, first: str, second: str, outcome: str, together: bool
) -> None:
    one, two = (read(store, "recording", body) for body in (first, second))
    if together:
        assert add(store, one, two) == ["created", outcome]
    else:
        assert (add(store, one), add(store, two, received=later(1))) == (["created"], [outcome])
    kept = two if outcome == "updated" else one
    assert get(store, "recording", one.id).body == kept.body
    assert len(history(store, "recording", one.id)) == (2 if outcome == "updated" else 1)


def test_several_versions_in_one_batch_apply_in_order(store: Store) -> None:
    versions = [record(store, "recording", "r", cost=cost) for cost in ("1", "2", "1", "1", "3")]
    other = record(store, "recording", "other")
    assert add(store, *versions[:3], other, *versions[3:]) == [
        *("created", "updated", "updated"),
        *("created", "unchanged", "updated"),
    ]
    assert get(store, "recording", "r") == as_stored(versions[4])
    assert [body for _, body in history(store, "recording", "r")] == [versions[at].body for at in (0, 1, 2, 4)]
    assert len(history(store, "recording", "other")) == 1


def test_versions_of_a_stored_record_in_one_batch(store: Store) -> None:
    old, new, newer = (record(store, "recording", "r", cost=cost) for cost in ("1", "2", "3"))
    add(store, old)
    assert add(store, new, newer, old, received=later(5)) == ["updated", "updated", "updated"]
    assert get(store, "recording", "r") == as_stored(old, later(5))
    assert history(store, "recording", "r") == [
        (RECEIVED, old.body),
        (later(5), new.body),
        (later(5), newer.body),
        (later(5), old.body),
    ]


def test_the_history_has_every_content_with_its_time(store: Store) -> None:
    one, two = (record(store, "recording", "r", cost=cost) for cost in ("1", "2"))
    for at, version in enumerate([one, one, two, two, one]):
        add(store, version, received=later(at))
    assert history(store, "recording", "r") == [(RECEIVED, one.body), (later(2), two.body), (later(4), one.body)]
    assert get(store, "recording", "r") == as_stored(one, later(4))


def test_a_record_that_is_not_there_has_no_history(store: Store) -> None:
    assert history(store, "recording", "r") == []
    add(store, record(store, "recording", "r"))
    assert history(store, "webrtc", "r") == []
    assert history(store, "recording", "r", account="other") == []


def test_an_id_is_one_of_its_type(store: Store) -> None:
    assert add(store, record(store, "recording", "x"), record(store, "webrtc", "x")) == ["created", "created"]
    assert get(store, "recording", "x").record_type == "recording"
    assert get(store, "webrtc", "x").record_type == "webrtc"


def test_accounts_have_nothing_in_common(store: Store) -> None:
    ours = record(store, "call-control", "leg", telnyx_session_id="s", telnyx_leg_id="l", cost="1", ours=1)
    theirs = record(store, "call-control", "leg", telnyx_session_id="s", telnyx_leg_id="l", cost="2", theirs=1)
    assert add(store, ours, account="a") == ["created"]
    assert add(store, theirs, account="b") == ["created"]
    assert get(store, "call-control", "leg", account="a") == as_stored(ours)
    assert get(store, "call-control", "leg", account="b") == as_stored(theirs)
    assert found(store, keys=["l"], refs=["s"], account="a") == [("call-control", "leg")]
    assert found(store, ids=[("call-control", "leg")], keys=["l"], refs=["s"], account="c") == []
    assert "theirs" not in store.fields("a", "call-control")
    assert (store.accounts(), store.count()) == (["a", "b"], 2)


def test_adding_nothing_does_nothing(store: Store) -> None:
    assert add(store) == []
    assert (store.accounts(), store.count()) == ([], 0)


def test_what_is_added_is_there_for_who_opens_the_store_next(opening: Opening) -> None:
    first = opening()
    add(first, record(first, "recording", "r", cost="1"))
    second = opening()
    assert get(second, "recording", "r").cost == 10**12
    assert add(second, record(second, "recording", "r", cost="2")) == ["updated"]
    assert add(first, record(first, "recording", "r", cost="2")) == ["unchanged"]
    first.close()
    assert get(second, "recording", "r").cost == 2 * 10**12


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    good = record(store, "recording", "good")
    bad = msgspec.structs.replace(good, record_type="no-such-type", id="bad")
    with pytest.raises(Exception):  # noqa: B017 - a mistake of the caller's: which error is not promised
        store.add("new", [good, bad], RECEIVED)
    assert (store.count(), store.accounts(), found(store, ids=[("recording", "good")], account="new")) == (0, [], [])
    assert add(store, good, account="new") == ["created"]
    assert get(store, "recording", "good", account="new") == as_stored(good)


def test_a_large_batch(store: Store) -> None:
    records = [record(store, "recording", f"r{at % 2500}", telnyx_session_id=f"s{at % 7}") for at in range(3000)]
    outcomes = add(store, *records)
    changes = [outcome for at, outcome in enumerate(outcomes[2500:]) if (2500 + at) % 7 != at % 7]
    assert outcomes[:2500] == ["created"] * 2500
    assert changes == ["updated"] * 500
    assert store.count() == 2500
    assert len(found(store, refs=[f"s{at}" for at in range(7)])) == 2500


def test_two_that_write_by_turns_lose_and_double_nothing(opening: Opening) -> None:
    first, second = opening(), opening()
    for at in range(0, 60, 2):
        assert add(first, record(first, "recording", f"r{at}"), record(first, "webrtc", "same", n=at))[0] == "created"
        assert add(second, record(second, "recording", f"r{at + 1}"), record(second, "webrtc", "same", n=at + 1)) == [
            "created",
            "updated",
        ]
    assert first.count() == second.count() == 61
    assert [msgspec.json.decode(body)["n"] for _, body in history(first, "webrtc", "same")] == list(range(60))


def test_threads_that_write_at_once_lose_and_double_nothing(store: Store) -> None:
    def write(thread: int) -> list[str]:
        outcomes = []
        for first in range(0, 100, 10):
            batch = [record(store, "recording", f"r{at}") for at in range(first, first + 10)]
            outcomes += add(store, *batch, record(store, "recording", f"own-{thread}-{first}"))
        return outcomes

    with ThreadPoolExecutor(4) as threads:
        outcomes = [outcome for each in threads.map(write, range(4)) for outcome in each]
    assert outcomes.count("created") == store.count() == 100 + 4 * 10
    assert outcomes.count("unchanged") == 300


def test_many_records_stay_as_they_were_while_the_store_grows(opening: Opening) -> None:
    """A store may pack records otherwise as it grows: nobody notices, nor who opened it before."""
    first, second = opening(), opening()
    records = [
        record(
            first, "inference", f"i{at}", conversation_id=f"talk-{at % 99}", cost=f"0.00{at}", text="word " * (at % 9)
        )
        for at in range(2600)
    ]
    for at in range(0, 2600, 200):
        writer = first if at % 400 else second
        assert add(writer, *records[at : at + 200]) == ["created"] * 200
        assert get(first, "inference", f"i{at}").body == records[at].body
    for store in (first, second, opening()):
        assert {get(store, "inference", each.id) == as_stored(each) for each in records} == {True}
    assert set(add(second, *records)) == {"unchanged"}


def test_a_write_can_be_proved(store: Store) -> None:
    store.check_write()
    store.check_write()
    assert store.count() == 0


def test_a_store_can_be_closed_twice_and_answers_no_more(store: Store) -> None:
    new = record(store, "recording", "r")
    store.close()
    store.close()
    with pytest.raises(StoreError):
        add(store, new)
    with pytest.raises(StoreError):
        found(store, ids=[("recording", "r")])
    with pytest.raises(StoreError):
        store.changes()
