"""Processes with different declarations on one store: sessions are made by those applied last, and by no others."""

from contextlib import suppress
from random import Random

import pytest

from sessiontree import taking_back
from sessiontree.catalog import Catalog
from sessiontree.errors import SessionsDisputed
from sessiontree.store import Store, refuse_disputed
from sessiontree.store.intakes import Origin, Share, new_id
from sessiontree.store.parts.packing import reading_of
from sessiontree.store.suite.helpers import ACCOUNT, RECEIVED, Opening, add, changed, later, record, shipped
from sessiontree.store.suite.rereading import named, reread, under_legs
from sessiontree.store.suite.undeclared import without
from sessiontree.verifying import verify

SEEDS = range(6)
TURNS = 40


def taped() -> Catalog:
    """Recordings are another product."""
    return changed(shipped(), "recording", product="tape")


def both_elsewhere() -> Catalog:
    """Recordings belong under legs, and legs under nothing."""
    return changed(under_legs(), "call-control", parents=())


CHANGES = {
    "product": (shipped(), taped()),
    "link": (shipped(), under_legs()),
    "two links": (taped(), both_elsewhere()),
    "key": (named(), shipped()),
    "gone": (shipped(), without("recording")),
    "added": (without("recording"), shipped()),
}
of_changes = pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)


def fill(store: Store, *numbers: int, cost: str = "1", received: float = 0) -> None:
    """Legs of a session each, with a recording where the catalogue has such."""
    for at in numbers:
        leg = record(store, "call-control", f"leg{at}", telnyx_leg_id=f"l{at}", telnyx_session_id=f"s{at}", cost=cost)
        add(store, leg, received=later(received))
        if "recording" in store.catalog.types:
            links = {"leg": f"l{at}", "telnyx_session_id": f"s{at % 2}", "name": f"n{at}"}
            add(store, record(store, "recording", f"r{at}", cost=cost, **links), received=later(received))


def prove(store: Store) -> None:
    """Bring the sessions up to date, and compare each with a fresh computation."""
    taking_back.refresh(store)
    assert list(verify(store, ACCOUNT).differences) == []


def concerned(before: Catalog, after: Catalog) -> list[str]:
    """The types of the records here that the two catalogues read otherwise."""
    names = [{name: reading_of(each, name) for name in each.types} for each in (before, after)]
    return [name for name in ("call-control", "recording") if names[0].get(name) != names[1].get(name)]


def refused(store: Store, *, outdated: bool) -> None:
    """Something waits, and this process leaves it alone; `outdated`: other declarations were applied since it began."""
    waiting = store.sessions.waiting()
    for refresh in (store.sessions.refresh, store.sessions.settle, lambda: refuse_disputed(store)):
        with pytest.raises(SessionsDisputed, match=r"catalog apply") as error:
            refresh()
        assert (error.value.outdated, "restart it" in str(error.value)) == (outdated, outdated)
    assert store.sessions.waiting() == waiting > 0


@of_changes
def test_who_has_the_old_declarations_leaves_sessions_alone(opening: Opening, before: Catalog, after: Catalog) -> None:
    fill(opening(), 0, 1)
    old, new = opening(before), opening(after)
    reread(old)
    fill(old, 2, 3)
    prove(old)
    reread(new)
    fill(new, 4)
    refused(old, outdated=True)
    prove(new)
    fill(old, 5)  # is stored, also by the old one
    refused(old, outdated=True)
    prove(new)
    reread(new)
    prove(new)
    assert new.stale() == new.sessions.disputed() == []
    assert old.sessions.disputed() == concerned(before, after)


@of_changes
def test_who_has_new_declarations_waits_until_they_are_applied(
    opening: Opening, before: Catalog, after: Catalog
) -> None:
    fill(opening(), 0, 1)
    old, new = opening(before), opening(after)
    reread(old)
    fill(old, 2, 3)
    prove(old)
    fill(new, 4, 5)
    refused(new, outdated=False)
    prove(old)  # also what the new one stored
    reread(new, 3)
    fill(old, 6)
    refused(old, outdated=True)
    prove(new)
    reread(new)
    prove(new)
    assert new.stale() == []


def test_a_type_that_is_not_declared_is_left_alone_before_it_stands_in_any_session(opening: Opening) -> None:
    lacking, store = opening(without("verify")), opening()
    add(store, record(store, "verify", "v", cost="1"))
    refused(lacking, outdated=False)
    prove(store)
    assert store.sessions.of_record(ACCOUNT, "verify", "v") == [("verify", "v")]


def test_another_type_concerns_nobody(opening: Opening) -> None:
    """Declarations differ, and no record of that type is stored."""
    store, other = opening(), opening(changed(without("verify"), "fax-api", product="letter"))
    for each in (store, other, store):
        fill(each, 1)
        prove(each)
    assert store.stale() == other.stale() == []


def test_stopped_it_still_knows_what_changed(opening: Opening) -> None:
    old, new = opening(), opening(taped())
    fill(old, 0)
    prove(old)
    fill(new, *range(1, 21))
    prove(old)  # read by the new declarations, and made by the old
    next(iter(new.reread(batch=10)))
    fill(old, 0, cost="2")  # and so it begins anew
    next(iter(opening(taped()).reread(batch=10)))
    again = opening(taped())
    assert again.stale() == ["recording"]
    assert reread(again, 10)[0] == (20, 42)
    prove(again)
    assert again.stale() == []


def test_stopped_and_gone_on_with_by_another_catalogue(opening: Opening) -> None:
    old, new, last = opening(), opening(taped()), opening(changed(taped(), "webrtc", product="calls"))
    add(old, record(old, "recording", "r", cost="1"), record(old, "webrtc", "w", cost="1"))
    prove(old)
    add(new, *(record(new, "recording", f"r{at}", cost="1") for at in range(20)))  # a session each
    prove(old)  # read by the new declarations, and made by the old
    next(iter(new.reread(batch=5)))
    reread(last)
    prove(last)


def test_undone_declared_otherwise_and_imported_again(opening: Opening) -> None:
    first = opening()
    origin = Origin(new_id())
    first.add(ACCOUNT, [record(first, "recording", "r", cost="1")], RECEIVED, [Share(origin, 1)])
    prove(first)
    taking_back.undo(first, ACCOUNT, origin.id, later(1), lambda count: None)
    prove(first)
    second = opening(taped())
    refuse_disputed(second)
    add(second, record(second, "recording", "r", cost="1"))
    prove(second)
    add(first, record(first, "recording", "r2", cost="1"))
    refused(first, outdated=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_sessions_are_right_however_processes_take_turns(opening: Opening, seed: int) -> None:
    random = Random(seed)
    stores = [opening(catalog) for catalog in (shipped(), taped(), under_legs(), without("recording"))]
    random.shuffle(stores)
    stores = stores[: random.randint(2, 4)]
    for turn in range(TURNS):
        store = random.choice(stores)
        match random.randrange(8):
            case 0 | 1 | 2:
                fill(store, *random.choices(range(12), k=3), cost=str(random.randint(0, 3)), received=turn)
            case 3 | 4:
                with suppress(SessionsDisputed):
                    store.sessions.refresh(random.choice([1, 5, 2000]))
            case 5:
                steps = store.reread(batch=7)
                for _ in range(random.randint(1, 3)):
                    next(steps, None)
            case 6:
                reread(store, 11)
            case 7 if store.stale() == []:
                prove(store)
    last = random.choice(stores)
    while last.stale():
        reread(last)
    prove(last)
