"""A changed catalogue: what is stored is read again by it, in steps, and nothing is lost on the way."""

import pytest

from sessiontree.analysis import Analysis
from sessiontree.catalog import Catalog, Relationship, Via
from sessiontree.query import Condition, Query
from sessiontree.store import Store
from sessiontree.store.suite.helpers import (
    ACCOUNT,
    RECEIVED,
    Opening,
    add,
    changed,
    found,
    get,
    history,
    later,
    record,
    shipped,
)

BY_RATE = ("rate",)


def rated() -> Catalog:
    """Recordings cost what their rate says."""
    return changed(shipped(), "recording", cost_fields=BY_RATE)


def under_legs() -> Catalog:
    """Recordings belong under legs."""
    parent = Relationship("recording", "call-control", (Via("leg", "telnyx_leg_id"),), "The leg that was recorded.")
    return changed(shipped(), "recording", parents=(parent,))


def named() -> Catalog:
    """Recordings can be asked for by their name too."""
    return changed(shipped(), "recording", second_id_fields=("name",))


def reread(store: Store, batch: int = 2000) -> list[tuple[int, int]]:
    return list(store.reread(batch=batch))


def reopened(opening: Opening, catalog: Catalog, batch: int = 2000) -> Store:
    """The store, after its records were read again by this catalogue."""
    store = opening(catalog)
    reread(store, batch)
    return store


def fill(store: Store, count: int = 1) -> None:
    add(store, *(record(store, "recording", f"r{at}", cost="1", rate="2", name=f"n{at}") for at in range(count)))


def test_a_new_store_has_nothing_to_read_again(opening: Opening) -> None:
    store = opening()
    assert store.stale() == []
    fill(store)
    assert store.stale() == []
    assert opening().stale() == []


def test_another_cost_field(opening: Opening) -> None:
    fill(opening())
    store = opening(rated())
    assert store.stale() == ["recording"]
    assert get(store, "recording", "r0").cost == 10**12
    reread(store)
    assert store.stale() == []
    assert get(store, "recording", "r0").cost == 2 * 10**12
    assert opening(rated()).stale() == []


def test_the_last_records_are_removed_on_the_way(opening: Opening) -> None:
    fill(opening(), 3)
    store = opening(rated())
    steps = store.reread(batch=1)
    next(steps)
    while store.sessions.refresh():
        pass
    assert store.removing.session(ACCOUNT, "recording", "r2") is not None
    list(steps)
    assert [get(store, "recording", f"r{at}").cost for at in (0, 1)] == [2 * 10**12] * 2
    assert store.stale() == []


def test_only_what_has_changed_is_stale(opening: Opening) -> None:
    first = opening()
    fill(first)
    add(first, record(first, "webrtc", "w", cost="1"))
    assert opening(changed(shipped(), "recording", description="Other words.")).stale() == []
    assert opening(changed(shipped(), "fax-api", cost_fields=BY_RATE)).stale() == []
    both = changed(rated(), "webrtc", cost_fields=BY_RATE)
    assert opening(both).stale() == ["recording", "webrtc"]


def test_a_new_parent_type_moves_records_to_other_trees(opening: Opening) -> None:
    first = opening()
    add(first, record(first, "call-control", "leg", telnyx_leg_id="l", cost="1"))
    add(first, record(first, "recording", "r", leg="l", telnyx_session_id="s", cost="2"))
    assert tree(first, "call-control", "leg") == ["leg"]
    assert tree(first, "call-session", "s") == ["s", "r"]
    store = reopened(opening, under_legs())
    assert tree(store, "call-control", "leg") == ["leg", "r"]
    assert found(store, refs=["s"]) == []
    again = reopened(opening, shipped())
    assert tree(again, "call-control", "leg") == ["leg"]
    assert tree(again, "call-session", "s") == ["s", "r"]


def tree(store: Store, record_type: str, id: str) -> list[str]:
    return [node.id for node in Analysis(store).tree(ACCOUNT, store.catalog.types[record_type], id).nodes]


def test_a_new_key_field(opening: Opening) -> None:
    fill(opening(), 3)
    store = opening(named())
    assert found(store, keys=["n1"]) == []
    reread(store)
    assert found(store, keys=["n1"]) == [("recording", "r1")]
    assert found(reopened(opening, shipped()), keys=["n1"]) == []


def test_other_start_fields_sort_lists_anew(opening: Opening) -> None:
    first = opening()
    add(first, record(first, "recording", "a", started_at="2026-03-02", made="2026-03-01"))
    add(first, record(first, "recording", "b", started_at="2026-03-01", made="2026-03-02"))
    assert [each.id for each in first.page(ACCOUNT, Query("recording")).records] == ["a", "b"]
    store = reopened(opening, changed(shipped(), "recording", start_fields=("made",)))
    assert [each.id for each in store.page(ACCOUNT, Query("recording")).records] == ["b", "a"]


def test_what_is_not_reread_yet_can_be_used_and_changed(opening: Opening) -> None:
    fill(opening(), 3)
    store = opening(named())
    same = record(store, "recording", "r0", cost="1", rate="2", name="n0")
    other = record(store, "recording", "r1", cost="5", rate="2", name="n1")
    assert add(store, same, other, received=later(1)) == ["unchanged", "updated"]
    assert found(store, keys=["n1"]) == [("recording", "r1")]
    reread(store)
    assert found(store, keys=["n0", "n1", "n2"]) == [("recording", f"r{at}") for at in range(3)]
    assert len(history(store, "recording", "r1")) == 2


def test_changed_under_one_catalogue_and_reread_under_the_one_before(opening: Opening) -> None:
    first = opening(named())
    fill(first)
    second = opening()  # has not been reread: the name still leads to the record
    add(second, record(second, "recording", "r0", cost="3", name="n0"))
    third = reopened(opening, named())
    assert found(third, keys=["n0"]) == [("recording", "r0")]
    assert third.stale() == []
    assert get(third, "recording", "r0").cost == 3 * 10**12


def test_bodies_times_and_history_stay(opening: Opening) -> None:
    first = opening()
    versions = [record(first, "recording", "r", cost=cost, rate="2") for cost in ("1", "3")]
    for at, version in enumerate(versions):
        add(first, version, received=later(at))
    store = reopened(opening, rated())
    assert history(store, "recording", "r") == [(RECEIVED, versions[0].body), (later(1), versions[1].body)]
    assert get(store, "recording", "r").received == later(1)
    assert store.page(ACCOUNT, Query("recording", (Condition("cost", "eq", "3"),))).total == 1


@pytest.mark.parametrize("refused", [{"rate": "much"}, {"rate": True}, {"rate": "1", "currency_of": 5}])
def test_a_record_that_the_new_declaration_refuses_keeps_its_values(
    opening: Opening, refused: dict[str, object]
) -> None:
    first = opening()
    add(
        first,
        record(first, "recording", "odd", cost="1", **refused),
        record(first, "recording", "r", cost="1", rate="2"),
    )
    store = reopened(opening, changed(rated(), "recording", currency_field="currency_of"))
    assert get(store, "recording", "odd").cost == 10**12
    assert get(store, "recording", "r").cost == 2 * 10**12
    assert store.stale() == []


def test_an_identity_never_changes(opening: Opening) -> None:
    fill(opening())
    store = reopened(opening, changed(shipped(), "recording", id_field="name"))
    assert get(store, "recording", "r0").id == "r0"
    assert found(store, ids=[("recording", "n0")]) == []


def test_a_type_that_is_gone_is_not_shown_and_may_come_back(opening: Opening) -> None:
    first = opening()
    fill(first)
    add(
        first,
        record(first, "recording", "s", telnyx_session_id="s"),
        record(first, "webrtc", "w", telnyx_session_id="s"),
    )
    without = Catalog({name: each for name, each in shipped().types.items() if name != "recording"}, shipped().updated)
    store = reopened(opening, without)
    assert store.stale() == []
    assert found(store, ids=[("recording", "s")], refs=["s"]) == [("webrtc", "w")]
    assert found(reopened(opening, rated()), refs=["s"]) == [("recording", "s"), ("webrtc", "w")]
    assert get(opening(rated()), "recording", "r0").cost == 2 * 10**12


def test_stopped_it_resumes_where_it_was(opening: Opening) -> None:
    fill(opening(), 35)
    store = opening(rated())
    steps = store.reread(batch=10)
    assert [next(steps), next(steps)] == [(10, 35), (20, 35)]
    del steps
    assert store.stale() == ["recording"]
    again = opening(rated())
    assert again.stale() == ["recording"]
    assert reread(again, 10) == [(30, 35), (35, 35)]
    assert (store.stale(), again.stale()) == ([], [])
    assert {get(again, "recording", f"r{at}").cost for at in range(35)} == {2 * 10**12}


def test_stopped_and_then_another_catalogue_it_begins_anew(opening: Opening) -> None:
    fill(opening(), 35)
    next(iter(opening(rated()).reread(batch=10)))
    store = opening(named())
    assert reread(store, 20) == [(20, 35), (35, 35)]
    assert {get(store, "recording", f"r{at}").cost for at in range(35)} == {10**12}
    assert len(found(store, keys=[f"n{at}" for at in range(35)])) == 35


def test_a_process_that_still_has_the_old_catalogue_leaves_something_to_reread(opening: Opening) -> None:
    """A server that runs on while the catalogue is applied writes by the old one."""
    old = opening()
    fill(old, 2)
    store = reopened(opening, rated())
    assert store.stale() == []
    add(old, record(old, "recording", "late", cost="1", rate="2"))
    assert store.stale() == ["recording"]
    reread(store)
    assert store.stale() == []
    assert get(store, "recording", "late").cost == 2 * 10**12


def test_records_that_come_meanwhile(opening: Opening) -> None:
    old = opening()
    fill(old, 30)
    store = opening(rated())
    steps = store.reread(batch=10)
    next(steps)
    add(store, record(store, "recording", "new", cost="1", rate="2"))
    add(old, record(old, "recording", "r0", cost="7", rate="2"), received=later(60))  # behind where it is
    add(old, record(old, "recording", "late", cost="1", rate="2"))
    list(steps)
    while store.stale():
        reread(store)
    for id in ("new", "late", "r0", "r29"):
        assert get(store, "recording", id).cost == 2 * 10**12, id
