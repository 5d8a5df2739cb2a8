"""Taking back and pruning in PostgreSQL while others write, refresh and read again: all sums hold in the end."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from postgres_server import binaries
from sessiontree import taking_back
from sessiontree.cli import main
from sessiontree.store import Store, open_store
from sessiontree.store.intakes import IntakeUndone, Origin, Share, new_id
from sessiontree.store.removing import NotFresh, together
from sessiontree.store.suite import ACCOUNT, RECEIVED, add, changed, later, record, shipped
from sessiontree.verifying import verify

TURNS = 12


@pytest.fixture
def stores(postgres: str) -> Iterator[Callable[[], Store]]:
    """Opens the store anew, as another process would."""
    opened: list[Store] = []

    def open_it(*catalog: Any) -> Store:
        opened.append(open_store(postgres, *(catalog or (shipped(),))))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


def leg(store: Store, at: int, **fields: Any) -> Any:
    values = {"telnyx_session_id": f"s{at % 9}", "telnyx_leg_id": f"L{at}", "started_at": f"2026-0{1 + at % 6}-01"}
    return record(store, "call-control", f"leg{at}", **(values | fields))


def proved(store: Store) -> int:
    """How many records there are, which all sums agree on."""
    taking_back.refresh(store)
    found = verify(store, ACCOUNT)
    assert found.differences == []
    assert found.sums is not None
    return found.sums.record_count


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Do these at the same time; what each gives. What goes wrong in one goes wrong here."""
    with ThreadPoolExecutor(len(jobs)) as threads:
        return [future.result() for future in [threads.submit(job) for job in jobs]]


def refreshing(store: Store) -> Callable[[], None]:
    def work() -> None:
        for _ in range(10 * TURNS):
            store.sessions.refresh(50)

    return work


def test_an_undo_beside_writers_of_the_same_records(stores: Callable[[], Store]):
    one, two, three = stores(), stores(), stores()
    origin = Origin(new_id(), files="a.csv")
    records = [leg(one, at, cost="1") for at in range(200)]
    one.add(ACCOUNT, records, RECEIVED, [Share(origin, 200)])

    def write() -> int:
        """Sends other contents of the same records, half of which another import brought."""
        for turn in range(TURNS):
            some = [leg(two, at, cost=f"2.{turn}", telnyx_session_id=f"s{turn}") for at in range(turn, 200, 7)]
            two.add(ACCOUNT, some, later(turn), [Share(Origin(new_id()), len(some))])
        return TURNS

    def undo() -> Any:
        return taking_back.undo(one, ACCOUNT, origin.id, later(99), lambda count: None)

    _, undone, _ = at_once(write, undo, refreshing(three))
    assert undone.removed + undone.restored + undone.dropped >= 200 - undone.restored
    left = proved(stores())
    assert left <= 200
    for each in one.intakes.page(ACCOUNT, limit=100):  # and with every other import all of it goes
        taking_back.undo(one, ACCOUNT, each.id, later(100), lambda count: None)
    assert (proved(one), one.count()) == (0, 0)


def test_two_who_undo_the_same_import_take_each_record_once(stores: Callable[[], Store]):
    one, two = stores(), stores()
    origin = Origin(new_id())
    one.add(ACCOUNT, [leg(one, at, cost="1") for at in range(300)], RECEIVED, [Share(origin, 300)])

    def undo(store: Store) -> Any:
        steps = []
        while (step := store.intakes.undo(ACCOUNT, origin.id, later(1), limit=20)) is not None:
            steps.append(step)
        return together(steps)

    taken = together(at_once(lambda: undo(one), lambda: undo(two)))
    assert (taken.removed, taken.gone) == (300, {"USD": 300 * 10**12})
    assert (proved(one), one.count()) == (0, 0)


def test_an_import_that_goes_on_while_it_is_undone_leaves_nothing(stores: Callable[[], Store]):
    one, two = stores(), stores()
    origin = Origin(new_id(), files="a.csv")
    one.add(ACCOUNT, [leg(one, 0)], RECEIVED, [Share(origin, 1)])

    def go_on() -> bool:
        try:
            for at in range(1, 400):
                one.add(ACCOUNT, [leg(one, at)], RECEIVED, [Share(origin, 1)])
        except IntakeUndone:
            return True
        return False

    stopped, _ = at_once(go_on, lambda: taking_back.undo(two, ACCOUNT, origin.id, later(1), lambda count: None))
    assert stopped or one.count() == 0
    assert (proved(two), two.count()) == (0, 0)


def test_pruning_beside_writers(stores: Callable[[], Store]):
    one, two, three = stores(), stores(), stores()
    add(one, *(leg(one, at, cost="1") for at in range(300)))
    before = datetime(2026, 4, 1, tzinfo=UTC)

    def write() -> None:
        for turn in range(TURNS):
            add(two, *(leg(two, 1000 + 10 * turn + at, cost="0.5", started_at="2026-06-01") for at in range(10)))
            add(two, *(leg(two, at, cost=f"3.{turn}") for at in range(turn, 300, 50)))

    def prune() -> None:
        for _ in range(3):
            with suppress(NotFresh):
                taking_back.prune(one, ACCOUNT, before, open_since=before)

    at_once(write, prune, refreshing(three))
    left = proved(three)
    assert left >= 10 * TURNS
    taking_back.prune(three, ACCOUNT, datetime(2027, 1, 1, tzinfo=UTC), open_since=datetime(2027, 1, 1, tzinfo=UTC))
    assert (proved(three), three.count()) == (0, 0)


def test_an_undo_beside_a_re_read(stores: Callable[..., Store]):
    one = stores()
    origin = Origin(new_id())
    records = [leg(one, at, cost="1", price="8", started_at="2026-01-01") for at in range(300)]
    one.add(ACCOUNT, records, RECEIVED, [Share(origin, 300)])
    add(one, *(leg(one, at, cost="2", price="9", started_at="2026-02-01") for at in range(0, 300, 3)))
    proved(one)
    other = changed(shipped(), "call-control", cost_fields=("price",))
    two, three = stores(other), stores(other)
    steps = two.reread(batch=10)
    next(steps)
    at_once(lambda: list(steps), lambda: taking_back.undo(three, ACCOUNT, origin.id, later(9), lambda count: None))
    for _ in two.reread(batch=100):
        pass
    assert proved(two) == 100
    with two.checks.moment(ACCOUNT) as moment:
        assert moment.sums(lambda count: None).records == {"USD": 100 * 9 * 10**12}


def test_a_re_read_ends_although_the_last_records_are_removed(stores: Callable[..., Store]):
    one = stores()
    origin = Origin(new_id())
    one.add(ACCOUNT, [leg(one, at, price="8") for at in range(30)], RECEIVED, [Share(origin, 30)])
    two, three = (stores(changed(shipped(), "call-control", cost_fields=("price",))) for _ in range(2))
    passed = []
    for done, last in two.reread(batch=10):
        passed.append((done, last))
        taking_back.undo(three, ACCOUNT, origin.id, later(9), lambda count: None)
    assert passed == [(10, 30), (30, 30)]
    assert (two.stale(), proved(two)) == ([], 0)


def test_a_re_read_passes_over_what_has_been_removed(stores: Callable[..., Store]):
    one = stores()
    for count, first in ((10, 0), (20, 10), (5, 30)):
        origin = Origin(new_id())
        one.add(
            ACCOUNT, [leg(one, at, price="8") for at in range(first, first + count)], RECEIVED, [Share(origin, count)]
        )
        if count == 20:
            taking_back.undo(one, ACCOUNT, origin.id, later(9), lambda count: None)
    two = stores(changed(shipped(), "call-control", cost_fields=("price",)))
    assert list(two.reread(batch=5)) == [(5, 35), (10, 35), (30, 35), (35, 35)]
    assert (two.stale(), proved(two)) == ([], 15)
    with two.checks.moment(ACCOUNT) as moment:
        assert moment.sums(lambda count: None).records == {"USD": 15 * 8 * 10**12}


def program(name: str) -> str | None:
    beside = binaries()
    return str(beside / name) if beside is not None and (beside / name).exists() else shutil.which(name)


def test_a_dump_that_is_restored_is_whole(
    stores: Callable[[], Store], postgres: str, empty_database: str, tmp_path: Path
):
    dump, restore = program("pg_dump"), program("pg_restore")
    if dump is None or restore is None:
        pytest.skip("pg_dump and pg_restore are not installed")
    one = stores()
    add(one, *(leg(one, at, cost="1") for at in range(50)))
    assert proved(one) == 50
    file = str(tmp_path / "backup.dump")
    subprocess.run([dump, "--format", "custom", "--file", file, postgres], check=True)
    subprocess.run([restore, "--no-owner", "--dbname", empty_database, file], check=True)
    checked = CliRunner().invoke(main, ["store", "check", "--store", empty_database])
    assert "0 missing" in checked.output
    restored = open_store(empty_database, shipped())
    try:
        assert add(restored, leg(restored, 1, cost="1"), leg(restored, 99, cost="1")) == ["unchanged", "created"]
        assert proved(restored) == 51
    finally:
        restored.close()
