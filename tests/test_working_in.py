"""Working in what is noted as changed comes to an end, whatever others add meanwhile."""

from datetime import UTC, datetime

import pytest

from sessiontree import taking_back, working_in
from sessiontree.catalog_files import load
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.working_in import work_in

FOREVER = 1000


def busy(store: Store, monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Another record arrives after each of so many steps; what was left then. A step takes one record."""
    refresh, lefts = store.sessions.refresh, list[int]()

    def beside_others(limit: int = 1) -> int:
        refresh(1)
        assert len(lefts) < FOREVER
        if len(lefts) < times:
            add(store, f"later-{len(lefts)}")
        lefts.append(store.sessions.waiting())
        return lefts[-1]

    monkeypatch.setattr(store.sessions, "refresh", beside_others)
    return lefts


def add(store: Store, id: str) -> None:
    body = b'{"record_type":"recording","id":"%s","telnyx_session_id":"%s","cost":"1"}' % (id.encode(), id.encode())
    store.add("default", [Reader(store.catalog).read(body)], datetime.now(UTC))


@pytest.mark.parametrize("bring_up_to_date", [work_in, taking_back.refresh])
def test_it_ends_while_others_add_as_fast(where: str, monkeypatch: pytest.MonkeyPatch, bring_up_to_date):
    monkeypatch.setattr(working_in, "WORK_SECONDS", 0)
    store = open_store(where, load())
    for number in range(3):
        add(store, f"first-{number}")
    lefts = busy(store, monkeypatch, FOREVER)
    bring_up_to_date(store)
    assert lefts == [3, 3]
    assert store.sessions.waiting() == 0, "nobody else adds while the rest is worked in"
    store.close()


def test_it_goes_on_while_the_end_comes_nearer(where: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(working_in, "WORK_SECONDS", 0)
    store = open_store(where, load())
    for number in range(4):
        add(store, f"first-{number}")
    lefts, told = busy(store, monkeypatch, 1), list[int]()
    work_in(store, told.append)
    assert (lefts, told) == ([4, 3, 2, 1, 0], [4, 3, 2, 1])
    store.close()
