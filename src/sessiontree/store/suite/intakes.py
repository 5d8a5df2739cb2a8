"""Intakes: what is noted of each, listing them, and ids that name none."""

from typing import Any

import pytest

from sessiontree.store import Store
from sessiontree.store.intakes import IntakeUndone, Origin, Share, UnknownIntake, new_id
from sessiontree.store.suite.helpers import ACCOUNT, RECEIVED, add, found, later
from sessiontree.store.suite.taking_back import bring, leg, undo


def test_intakes_are_listed_latest_first(store: Store) -> None:
    origins = [Origin(new_id(), files="a.csv, b.csv"), Origin(new_id(), key="st_12345678"), Origin(new_id())]
    for at, origin in enumerate(origins):
        store.add(ACCOUNT, [leg(store, "a", cost=str(at))], later(at), [Share(origin, 1, rejected=at)])
    store.add(ACCOUNT, [leg(store, "a", cost="2"), leg(store, "b")], later(9), [Share(origins[0], 2, rejected=5)])
    listed = list(store.intakes.page(ACCOUNT, limit=10))
    assert [each.id for each in listed] == [origin.id for origin in reversed(origins)]
    last, middle, first = listed
    assert (first.files, first.key, first.source, first.received) == ("a.csv, b.csv", None, "a.csv, b.csv", RECEIVED)
    assert (first.created, first.updated, first.unchanged, first.rejected, first.records) == (2, 0, 1, 5, 8)
    assert (middle.key, middle.source, middle.updated) == ("st_12345678", "POST /v2/detail_records", 1)
    assert (last.rejected, last.state, last.undone) == (2, "stored", None)
    assert store.intakes.page(ACCOUNT, limit=2) == [last, middle]
    assert store.intakes.page(ACCOUNT, limit=2, before=middle.id) == [first]
    assert store.intakes.get(ACCOUNT, middle.id) == middle


def test_an_intake_that_only_had_rejects_is_noted(store: Store) -> None:
    origin = Origin(new_id())
    assert store.add(ACCOUNT, [], RECEIVED, [Share(origin, 0, rejected=3)]) == []
    noted = store.intakes.get(ACCOUNT, origin.id)
    assert noted is not None
    assert (noted.records, noted.brought, noted.state, store.count()) == (3, 0, "rejected", 0)
    assert undo(store, origin) == []


def state(store: Store, origin: Origin) -> str:
    found = store.intakes.get(ACCOUNT, origin.id)
    assert found is not None
    assert [each.state for each in store.intakes.page(ACCOUNT, limit=9) if each.id == origin.id] == [found.state]
    return found.state


def test_an_intake_is_unfinished_until_a_share_says_that_there_is_no_more(store: Store) -> None:
    origin, other = Origin(new_id(), files="a.csv"), Origin(new_id())
    shares = [Share(origin, 1, more=True), Share(other, 1)]
    store.add(ACCOUNT, [leg(store, "a"), leg(store, "b")], RECEIVED, shares)
    assert (state(store, origin), state(store, other)) == ("unfinished", "stored")
    store.add(ACCOUNT, [leg(store, "c")], later(1), [Share(origin, 1, more=True)])
    assert state(store, origin) == "unfinished"
    store.add(ACCOUNT, [], later(2), [Share(origin, 0)])
    assert (state(store, origin), state(store, other)) == ("stored", "stored")


def test_an_intake_may_end_in_the_batch_that_it_begins_in(store: Store) -> None:
    origin = Origin(new_id())
    shares = [Share(origin, 1, more=True), Share(origin, 1)]
    store.add(ACCOUNT, [leg(store, "a"), leg(store, "b")], RECEIVED, shares)
    assert state(store, origin) == "stored"


def test_what_came_of_an_unfinished_intake_can_be_undone(store: Store) -> None:
    origin = Origin(new_id(), files="a.csv")
    store.add(ACCOUNT, [leg(store, "a")], RECEIVED, [Share(origin, 1, more=True)])
    undo(store, origin)
    assert (state(store, origin), store.count()) == ("undone", 0)
    with pytest.raises(IntakeUndone):
        store.add(ACCOUNT, [], later(1), [Share(origin, 0)])


def test_intakes_of_files_and_of_requests_are_listed_by_themselves(store: Store) -> None:
    files, requests = [], []
    for at in range(4):
        files.append(bring(store, leg(store, f"f{at}")).id)
        requests += [bring(store, leg(store, f"r{at}{n}"), origin=Origin(new_id())).id for n in range(3)]

    def listed(**asked: Any) -> list[str]:
        return [each.id for each in store.intakes.page(ACCOUNT, **asked)]

    assert listed(limit=99, source="file") == files[::-1]
    assert listed(limit=99, source="http") == requests[::-1]
    assert listed(limit=99) == sorted(files + requests, reverse=True)
    assert listed(limit=2, source="file", before=files[3]) == [files[2], files[1]]
    assert listed(limit=4, source="http", before=requests[6]) == requests[5:1:-1]
    assert store.intakes.page("nobody", limit=9, source="file") == []


@pytest.mark.parametrize("id", ["", "no id", "0" * 16, "f" * 16, "F" * 16, "0" * 17, "é" * 16, "٣" * 16])
def test_an_id_that_no_intake_has(store: Store, id: str) -> None:
    bring(store, leg(store, "a"))
    assert store.intakes.get(ACCOUNT, id) is None
    for question in (lambda: store.intakes.preview(ACCOUNT, id), lambda: store.intakes.undo(ACCOUNT, id, RECEIVED)):
        with pytest.raises(UnknownIntake):
            question()
    assert store.count() == 1


def test_an_account_neither_sees_nor_undoes_anothers_intakes(store: Store) -> None:
    origin = bring(store, leg(store, "a"))
    add(store, leg(store, "a"), account="other")
    assert (store.intakes.page("other", limit=9), store.intakes.get("other", origin.id)) == ([], None)
    with pytest.raises(UnknownIntake):
        store.intakes.undo("other", origin.id, RECEIVED)
    assert (store.intakes.page("nobody", limit=9), store.intakes.get("nobody", origin.id)) == ([], None)
    undo(store, origin)
    assert found(store, refs=["s"], account="other") == [("call-control", "a")]
