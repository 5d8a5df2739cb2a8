"""Sessions in PostgreSQL while several processes write and refresh at once: in the end, all is as the model predicts.

Each store that a test opens stands for a process: they have nothing in common but the database. A failure prints its
seed.
"""

import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from textwrap import dedent
from typing import Any
from zlib import crc32

import pytest
from psycopg import Connection

import messy
from conftest import until
from model import Model
from sessiontree import money
from sessiontree.catalog import Catalog
from sessiontree.catalog_files import load
from sessiontree.errors import StoreError
from sessiontree.query import Condition
from sessiontree.reading import Reader
from sessiontree.session_query import SessionQuery
from sessiontree.store import Store, open_store
from sessiontree.store.intakes import Origin, Share, new_id
from sessiontree.store.postgres import (
    adding_up,
    brought,
    checks,
    dirty,
    identities,
    intakes,
    pruning,
    refresh_reading,
    removing,
    reread,
    session_writing,
    sessions,
    write,
)
from sessiontree.store.postgres import list as lists
from sessiontree.store.postgres.amounts import from_numeric, to_numeric
from sessiontree.store.postgres.pool import CONNECTIONS
from sessiontree.store.spend import SpendQuery
from sessiontree.store.suite import Opening, add, changed, record, shipped, together
from sessiontree.verifying import verify
from test_laws import catalog
from test_sessions import Both, assert_sessions

RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture
def opening(postgres: str) -> Iterator[Opening]:
    opened: list[Store] = []

    def open_it(catalog: Catalog | None = None) -> Store:
        opened.append(open_store(postgres, catalog or shipped()))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


def refreshed(store: Store) -> None:
    while store.sessions.refresh():
        pass


def batches(rng: random.Random, records: Sequence[messy.Record]) -> Iterator[Sequence[messy.Record]]:
    first = 0
    while first < len(records):
        size = rng.choice((1, 1, 2, 3, 7))
        yield records[first : first + size]
        first += size


# One after another


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("operator", [False, True])
def test_rows_are_as_predicted_whoever_adds_and_refreshes(opening: Opening, seed: int, operator: bool) -> None:
    rng = random.Random(seed)
    stores = [opening(catalog(operator=operator)) for _ in range(3)]
    both = Both(stores[0], operator=operator)
    for at, some in enumerate(batches(rng, messy.generate(rng, 60, operator=operator, size=2))):
        both.store = rng.choice(stores)
        both.add(some)
        if rng.random() < 0.5:
            rng.choice(stores).sessions.refresh(rng.choice((1, 2, 3, 1000)))
        if at in (5, 15):
            both.refresh(rng.choice((1, 2, 5, 1000)))
            both.check()
    both.check()
    assert list(verify(stores[0], "default").differences) == []


def test_a_record_that_was_worked_in_before_its_turn_is_not_worked_in_again(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch belongs to the session of the first; a refresh of the first finds all of it."""
    store, another = opening(), opening()
    talk = {"conversation_id": "talk", "cost": "0.1"}
    add(
        store,
        record(store, "inference", "i0", conversation_id="other"),
        record(store, "inference", "i1", **talk),
    )
    add(store, record(store, "inference", "i2", **talk))
    add(store, record(store, "ai-voice-assistant", "ai", conversation_id="talk"))
    worked_out: list[set[str]] = []
    real = session_writing.write

    def spied(db: object, refresh: object, number: int) -> None:
        worked_out.append({id for _, id in refresh.new})
        real(db, refresh, number)

    monkeypatch.setattr(session_writing, "write", spied)
    assert store.sessions.refresh(2) == 2
    assert another.sessions.refresh(1000) == 0
    assert worked_out == [{"ai", "i0"}, set()]
    assert store.sessions.find("default", "ai-voice-assistant", "ai").revision == 1


def test_a_record_that_changed_after_it_was_worked_in_is_worked_in_again(opening: Opening) -> None:
    store, another = opening(), opening()
    talk = {"conversation_id": "talk"}
    add(store, record(store, "ai-voice-assistant", "ai", **talk))
    add(store, record(store, "inference", "i", cost="0.1", **talk))
    assert store.sessions.refresh(1) == 1
    add(another, record(store, "inference", "i", cost="0.7", **talk))
    refreshed(store)
    assert store.sessions.find("default", "ai-voice-assistant", "ai").totals == {"USD": 7 * 10**11}


# Two at once


def test_one_refresh_at_a_time_of_an_account_and_others_meanwhile(opening: Opening) -> None:
    store, another = opening(), opening()
    add(store, record(store, "recording", "r"), account="held")
    with another.writing() as db:
        dirty.hold(db, another.kinds.account_id(db, "held"))
        assert store.sessions.refresh() == 1
        add(store, record(store, "recording", "r"), account="free")
        assert store.sessions.refresh() == 1
        found = [store.sessions.find(account, "recording", "r") for account in ("held", "free")]
        assert [each is None for each in found] == [True, False]
    assert store.sessions.refresh() == 0
    assert store.sessions.find("held", "recording", "r") is not None


def held_up(beside: Store) -> list[tuple[str]]:
    """The statements that wait for a lock, as soon as any does."""
    waiting = "select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return until(lambda: beside.ask(waiting))


def test_settling_waits_for_a_refresh_that_is_under_way(opening: Opening) -> None:
    """Beside a busy server there always is one: to leave again because of it would be to settle nothing."""
    store, another = opening(), opening()
    add(store, record(store, "recording", "r"))
    settling = threading.Thread(target=store.sessions.settle)
    with another.writing() as db:
        dirty.hold(db, another.kinds.account_id(db, "default"))
        settling.start()
        held_up(another)
    settling.join(60)
    assert store.sessions.waiting() == 0
    assert store.sessions.find("default", "recording", "r") is not None


def test_two_that_settle_different_accounts_take_turns(opening: Opening) -> None:
    """Both keep others from noting anything, and both take notes away: at once they would wait for each other."""
    store, another = opening(), opening()
    for account in ("mine", "its"):
        add(store, record(store, "recording", "r"), account=account)
    settling = threading.Thread(target=store.sessions.settle)
    with another.writing() as db:
        dirty.hold_all(db, another.kinds.account_id(db, "its"))
        settling.start()
        found = held_up(another)
        assert "lock table dirty" in found[0][0]
    settling.join(60)
    assert store.sessions.waiting() == 0


def test_a_refresh_that_another_was_quicker_than_begins_anew(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees the moment at which it began: what the other has done since then must not be done again."""
    store, another = opening(), opening()
    add(store, *[record(store, "recording", f"r{at}", cost="1") for at in range(3)])
    real = dirty.begin
    begun = []

    def overtaken(db: object, account_id: int) -> int | None:
        begun.append(account_id)
        if len(begun) == 1:
            assert another.sessions.refresh(2) == 1  # which begins as well
        return real(db, account_id)

    monkeypatch.setattr(dirty, "begin", overtaken)
    assert store.sessions.refresh() == 0
    assert len(begun) == 3
    assert [change.sequence for change in store.sessions.changes("default", 0, 10)] == [1, 2, 3]
    assert store.sessions.page("default", SessionQuery()).totals.totals == {"USD": 3 * 10**12}


def test_what_is_added_during_a_refresh_waits_for_the_next(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a parent that would take the record away from the session that is being written."""
    store, another = opening(), opening()
    add(store, record(store, "inference", "i", conversation_id="talk", cost="1"))
    real = session_writing.write

    def interrupted(db: object, refresh: object, number: int) -> None:
        add(another, record(another, "ai-voice-assistant", "ai", conversation_id="talk", cost="2"))
        real(db, refresh, number)

    with monkeypatch.context() as patch:
        patch.setattr(session_writing, "write", interrupted)
        assert store.sessions.refresh() == 1
    assert store.sessions.find("default", "inference", "i").event_count == 1
    assert store.sessions.refresh() == 0
    assert store.sessions.find("default", "inference", "i") is None
    assert store.sessions.find("default", "ai-voice-assistant", "ai").totals == {"USD": 3 * 10**12}


def test_a_refresh_that_ends_after_a_re_read_is_done_again(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """It saw the rules of the moment at which it began."""
    old, new = opening(), opening(changed(shipped(), "recording", product="tape"))
    for at in range(2):
        add(old, record(old, "recording", f"r{at}", cost="1"))
        if at == 0:
            old.sessions.refresh()
    real = dirty.drop

    def overtaken(db: object, notes: object) -> None:
        real(db, notes)
        assert list(new.reread(batch=1)) == [(1, 2), (2, 2)]

    with monkeypatch.context() as patch:
        patch.setattr(dirty, "drop", overtaken)
        assert old.sessions.refresh() > 0
    assert [name for name, *_ in new.sessions.find("default", "recording", "r1").products] == ["recording-cdrs"]
    assert new.sessions.refresh() == 0
    for at in range(2):
        assert [name for name, *_ in new.sessions.find("default", "recording", f"r{at}").products] == ["tape"]


@pytest.mark.parametrize("seed", range(6))
def test_writers_and_refreshers_at_once(opening: Opening, seed: int) -> None:
    """Each writer has its own identities, so that their contents follow each other as in the model."""
    operator = seed % 2 == 1
    declared = catalog(operator=operator)
    records = messy.generate(random.Random(seed), 120, operator=operator, size=3)
    model = Model(declared)
    for each in records:
        model.add(each)
    writing = threading.Event()

    def writer(number: int) -> Callable[[], None]:
        store, rng, reader = opening(declared), random.Random(seed * 10 + number), Reader(declared)
        mine = [each for each in records if crc32(repr(messy.identity(each)).encode()) % 3 == number]

        def work() -> None:
            for some in batches(rng, mine):
                store.add("default", [reader.read(line) for line in messy.ndjson(some).splitlines()], RECEIVED)

        return work

    def refresher(number: int) -> Callable[[], None]:
        store, rng = opening(declared), random.Random(seed * 10 + number)

        def work() -> None:
            while store.sessions.refresh(rng.choice((1, 3, 10, 1000))) or not writing.is_set():
                pass

        return work

    writers = [writer(number) for number in range(3)]

    def write_all() -> None:
        try:
            together(*writers)
        finally:
            writing.set()

    together(write_all, *[refresher(number) for number in range(3)])
    store = opening(declared)
    assert store.sessions.waiting() == 0
    assert_sessions(store, model, declared)
    assert list(verify(store, "default").differences) == []


@pytest.mark.parametrize("seed", range(4))
def test_imports_that_are_undone_while_others_write_and_refresh(opening: Opening, seed: int) -> None:
    """What a removed record's sessions become is worked out once it is gone, by whichever refresh comes next."""
    done = threading.Event()
    origins = [Origin(new_id(), files=f"{number}.ndjson") for number in range(6)]
    records = messy.generate(random.Random(seed), 90, operator=False, size=3)
    parts = [[each for each in records if crc32(repr(messy.identity(each)).encode()) % 6 == at] for at in range(6)]

    def writer(store: Store, origin: Origin, mine: Sequence[messy.Record], *, undone: bool) -> None:
        reader, rng = Reader(store.catalog), random.Random(seed)
        for some in batches(rng, mine):
            read = [reader.read(line) for line in messy.ndjson(some).splitlines()]
            store.add("default", read, RECEIVED, [Share(origin, len(read))])
        while undone and store.intakes.undo("default", origin.id, RECEIVED, limit=rng.choice((1, 3, 500))) is not None:
            pass

    def refresher(store: Store) -> None:
        while store.sessions.refresh(5) or not done.is_set():
            pass

    def write_all() -> None:
        try:
            kept = zip(origins, parts, (False, True) * 3, strict=True)
            together(*[partial(writer, opening(), *each, undone=undone) for *each, undone in kept])
        finally:
            done.set()

    together(write_all, partial(refresher, opening()), partial(refresher, opening()))
    store, model = opening(), Model(shipped())
    for part in parts[::2]:
        for each in part:
            model.add(each)
    assert_sessions(store, model, shipped())
    assert list(verify(store, "default").differences) == []


# Plans


ON_ALL = {
    refresh_reading: ("_AT_PLACES", "_RECORDS", "_OF_ROWS", "_BETWEEN", "_HELD", "_HELD_BETWEEN"),
    dirty: ("_AT_HOME", "_OF_THESE_AT_HOME"),
    session_writing: ("_GONE", "_FORGET", "_LEAVE_HOME", "_LEAVE_VISIT"),
    write: ("_KEEP", "_MOVE", "_UNLINK"),
    brought: ("_KNOWN", "_MORE"),
    identities: ("_STORED", "_LOCK"),
    removing: ("_IDENTITIES_OF", "_LOCK", "_VERSIONS", "_PRESENT", "_FORGET_ALL", "_SESSIONS", "_REMOVE_IDENTITY"),
    pruning: ("_RECORDS",),
    checks: ("_RECORDS",),
    reread: ("_ROWS", "_FIRST", "_LAST"),
    lists: ("_RECORDS",),
}


def test_no_step_reads_a_whole_table_or_account(empty_database: str) -> None:
    """Not even by a plan that was made while the store was empty, and is kept while it grows."""
    store = open_store(empty_database, shipped())
    add(store, record(store, "recording", "r", started_at="2026-03-01T00:00:00Z"))
    with store.alone() as db:
        plans = {
            (module.__name__, name): planned(db, getattr(module, name))
            for module, names in ON_ALL.items()
            for name in names
        }
    store.close()
    bad = ("Seq Scan on", "Hash Join", "Merge Join", "Filter")
    assert {at: plan for at, plan in plans.items() if "Index" not in plan or any(way in plan for way in bad)} == {}


def planned(db: Connection[Any], asked: str) -> str:
    """How a statement is done, whatever its values are."""
    statement, count = re.subn(r"%(\(\w+\))?s", "$0", asked)
    for number in range(1, count + 1):
        statement = statement.replace("$0", f"${number}", 1)
    db.execute(f"prepare asked as {statement}", prepare=False)
    arguments = ", ".join(["null"] * count)
    plan = "\n".join(line for (line,) in db.execute(f"explain execute asked({arguments})", prepare=False))
    db.execute("deallocate asked")
    return plan


OF_SESSIONS = (
    refresh_reading._SESSIONS,
    refresh_reading._SESSIONS_OF,
    sessions._FIND,
    session_writing._REMOVE,
    session_writing._REMOVE_COSTS,
    pruning._NAMED,
    adding_up._COSTS_OF,
    checks._ROWS,
)


def test_a_few_sessions_are_found_without_reading_all_of_the_account(empty_database: str) -> None:
    """Not even before the database has looked at the tables by itself: the refresh has it look as sessions come."""
    store = open_store(empty_database, shipped())
    some = {"started_at": "2026-03-01T00:00:00Z", "cost": "0.01"}
    add(store, *[record(store, "recording", f"r{at}", **some) for at in range(200)])
    refreshed(store)
    with store.alone() as db:
        plans = [planned(db, statement) for statement in OF_SESSIONS]
    store.close()
    for plan in plans:
        assert re.search("session_pkey|session_cost_pkey|session_account_record_type_id_key", plan), plan
        assert "Filter" not in plan, plan


def test_a_page_of_imports_is_read_in_order(empty_database: str) -> None:
    """So that it ends where the page does, among however many."""
    store = open_store(empty_database, shipped())
    with store.alone() as db:
        plans = {source: planned(db, statement) for source, statement in intakes._PAGES.items()}
    store.close()
    for source, plan in plans.items():
        index = "intake_of_files" if source == "file" else "intake_pkey"
        assert f"Index Scan Backward using {index}" in plan
        assert "Sort" not in plan, plan


# Numbers


@pytest.mark.parametrize("amount", [0, 1, -1, 10**12, -(10**12) - 1, 5 * 10**11, 10**40 + 7, -(10**60) - 10**11])
def test_amounts_are_exact_there_and_back(opening: Opening, amount: int) -> None:
    ((found, same),) = opening().ask("select %s::numeric, %s::numeric = %s", [to_numeric(amount)] * 3)
    assert (from_numeric(found), same) == (amount, True)


def test_sums_of_sessions_stay_exact_when_these_change(opening: Opening) -> None:
    """Of amounts that no binary number holds, and in two currencies; a session that goes takes its sums with it."""
    store = opening()
    costs = ["0.1", "0.000000000001", "-999999999999.999999999999", "333333333333.333333333333"]
    add(store, *[record(store, "recording", f"r{at}", cost=cost) for at, cost in enumerate(costs)])
    add(store, record(store, "recording", "e", cost="0.7", currency="EUR"))
    refreshed(store)
    totals = store.sessions.page("default", SessionQuery()).totals
    assert (totals.session_count, totals.event_count) == (5, 5)
    assert totals.totals == {"USD": sum(map(money.read, costs)), "EUR": 7 * 10**11}
    add(store, record(store, "recording", "r2", cost="2"), record(store, "recording", "e", cost="0.2", currency="USD"))
    refreshed(store)
    totals = store.sessions.page("default", SessionQuery()).totals
    assert totals.totals == {"USD": sum(map(money.read, ["0.1", "0.000000000001", "2", costs[3], "0.2"]))}
    assert store.sessions.currencies("default") == ["USD"]


# Killed


REFRESHER = """
    import sys
    from sessiontree.catalog_files import load
    from sessiontree.store import open_store
    store = open_store(sys.argv[1], load())
    print("ready", flush=True)
    while True:
        store.sessions.refresh(3)
        print("done", flush=True)
"""


@pytest.mark.parametrize("seed", range(2))
def test_refreshers_that_are_killed_lose_and_double_nothing(opening: Opening, postgres: str, seed: int) -> None:
    """Killed (SIGKILL) after some refreshes, somewhere in the next; another goes on."""
    rng, declared = random.Random(seed), load()
    both = Both(opening(declared), operator=False)
    records = messy.generate(rng, 60, operator=False, size=3)
    for first in range(0, len(records), 12):
        both.add(records[first : first + 12])
        command = [sys.executable, "-c", dedent(REFRESHER), postgres]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            for _ in range(rng.randint(0, 2)):
                process.stdout.readline()
        finally:
            process.kill()
            process.communicate()
    both.check()
    assert list(verify(both.store, "default").differences) == []


def test_a_refresh_whose_connection_is_lost_is_done_by_the_next(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, another = opening(), opening()
    add(store, record(store, "recording", "r", cost="1"))
    real = session_writing.write

    def lost(db: Connection[Any], refresh: object, number: int) -> None:
        real(db, refresh, number)
        another.ask("select pg_terminate_backend(%s::integer)", [db.info.backend_pid])

    with monkeypatch.context() as patch:
        patch.setattr(session_writing, "write", lost)
        with pytest.raises(StoreError, match="cannot be reached"):
            store.sessions.refresh()
    assert another.sessions.find("default", "recording", "r") is None
    assert store.sessions.refresh() == 0
    assert store.sessions.find("default", "recording", "r").revision == 1


def test_a_list_takes_one_connection(opening: Opening) -> None:
    """Were it to want another while it has one, many at once would all wait for each other."""
    store = opening()
    add(store, record(store, "recording", "r", cost="1", channels=2))
    refreshed(store)
    condition = Condition("channels", "eq", "2")
    taken = [store.pool.take() for _ in range(CONNECTIONS - 1)]
    store.pool.wait_seconds = 0.01
    try:
        query = SessionQuery(record_types=("recording",), conditions=(condition,))
        assert [session.id for session in store.sessions.page("default", query).sessions] == ["r"]
        query = SpendQuery(by=("day",), record_types=frozenset({"recording"}), conditions=(condition,))
        assert [row.amount for row in store.spend.table("default", query)] == [10**12]
        found = store.sessions.problems("default", SessionQuery()).problems
        assert [each.problem.code for each in found] == ["unlinked"]
    finally:
        for db in taken:
            store.pool.give(db)


def test_a_refresh_that_fails_leaves_all_as_it_was(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opening()
    add(store, record(store, "recording", "r", cost="1"))

    def fail(*arguments: object) -> None:
        real(*arguments)
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        real = session_writing.write
        patch.setattr(session_writing, "write", fail)
        with pytest.raises(StoreError, match="the disk is full"):
            store.sessions.refresh()
    assert (store.sessions.waiting(), store.sessions.find("default", "recording", "r")) == (1, None)
    assert store.sessions.refresh() == 0
    assert store.sessions.find("default", "recording", "r").revision == 1
