"""Intakes: what is noted of each, listing them, and ids that name none."""

import pytest

from sessiontree.store import Store
from sessiontree.store.intakes import Origin, Share, UnknownIntake, new_id
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
    assert (noted and noted.records, store.count()) == (3, 0)
    assert undo(store, origin) == []


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
