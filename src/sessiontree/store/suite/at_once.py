"""Several that write at once, each with a store of its own as other processes have: nothing is lost or doubled."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import msgspec

from sessiontree.record import Record
from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT, Opening, add, found, get, history, record

ROUNDS = 12


def at_once(opening: Opening, batches: Callable[[Store, int], Sequence[Sequence[Record]]], writers: int) -> list[str]:
    """Every writer adds its batches, each beginning when all are ready for it; all outcomes."""
    barrier = Barrier(writers, timeout=60)

    def write(writer: int) -> list[str]:
        store = opening()
        outcomes: list[str] = []
        for batch in batches(store, writer):
            barrier.wait()
            outcomes += add(store, *batch)
        return outcomes

    with ThreadPoolExecutor(writers) as threads:
        return [outcome for each in threads.map(write, range(writers)) for outcome in each]


def shuffled(records: list[Record], seed: int) -> list[Record]:
    random.Random(seed).shuffle(records)
    return records


def test_the_same_records_at_once_are_stored_once(opening: Opening) -> None:
    opening()

    def batches(store: Store, writer: int) -> list[list[Record]]:
        made = [
            [record(store, "recording", f"{turn}-{at}", cost="1", telnyx_session_id=f"s{turn}") for at in range(60)]
            for turn in range(ROUNDS)
        ]
        return [shuffled(each, writer) for each in made]

    outcomes = at_once(opening, batches, 3)
    store = opening()
    assert outcomes.count("created") == store.count() == 60 * ROUNDS
    assert outcomes.count("unchanged") == 2 * 60 * ROUNDS
    assert len(found(store, refs=[f"s{turn}" for turn in range(ROUNDS)])) == 60 * ROUNDS
    assert {len(history(store, "recording", f"{turn}-{at}")) for turn in range(ROUNDS) for at in range(60)} == {1}


def test_versions_that_come_at_once_are_all_in_the_history(opening: Opening) -> None:
    """Also those that move a record to another month: it never doubles."""
    opening()

    def batches(store: Store, writer: int) -> list[list[Record]]:
        times = [f"2026-0{1 + (writer + turn) % 9}-01T00:00:00Z" for turn in range(ROUNDS)]
        made = [
            [record(store, "recording", f"r{at}", by=f"{writer}-{turn}", started_at=time) for at in range(30)]
            for turn, time in enumerate(times)
        ]
        return [shuffled(each, writer * ROUNDS + turn) for turn, each in enumerate(made)]

    outcomes = at_once(opening, batches, 3)
    store = opening()
    assert (outcomes.count("created"), store.count()) == (30, 30)
    assert outcomes.count("updated") == 3 * 30 * ROUNDS - 30
    for at in range(30):
        bodies = [body for _, body in history(store, "recording", f"r{at}")]
        assert len({msgspec.json.decode(body)["by"] for body in bodies}) == len(bodies) == 3 * ROUNDS
        assert all(one != other for one, other in pairwise(bodies))
        assert get(store, "recording", f"r{at}").body == bodies[-1]


def test_new_accounts_types_and_fields_that_come_at_once(opening: Opening) -> None:
    opening()
    names = ("recording", "webrtc", "inference", "verify")

    def batches(store: Store, writer: int) -> list[list[Record]]:
        return [
            [record(store, name, f"{writer}", **{f"f{writer}": 1}) for name in names[turn:] + names[:turn]]
            for turn in range(len(names))
        ]

    outcomes = at_once(opening, batches, 4)
    store = opening()
    assert outcomes.count("created") == store.count() == 4 * len(names)
    assert store.accounts() == [ACCOUNT]
    for name in names:
        shown = {field for field in store.fields(ACCOUNT, name) if field.startswith("f")}
        assert shown == {"f0", "f1", "f2", "f3"}, name
        assert found(store, ids=[(name, str(writer)) for writer in range(4)]) == [
            (name, str(each)) for each in range(4)
        ]


def test_names_sort_by_code_point(opening: Opening) -> None:
    """Not by the rules of any language, which differ from one machine to the next."""
    store = opening()
    for account in ("b", "é", "Z", "a", "_", "A", "10", "9"):
        add(store, record(store, "recording", "r"), account=account)
    assert store.accounts() == ["10", "9", "A", "Z", "_", "a", "b", "é"]
