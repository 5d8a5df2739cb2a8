"""The server's writer: many records wait while the sessions are far behind, a few never do."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import SECONDS
from sessiontree.catalog_files import load
from sessiontree.http import writer
from sessiontree.http.writer import BEHIND_SECONDS, SMALL_RECORDS, Behind, Writer
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.store.intakes import Origin, new_id


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on by hand."""
    at = SimpleNamespace(
        now=100.0, monotonic=lambda: at.now, sleep=lambda seconds: setattr(at, "now", at.now + seconds)
    )
    monkeypatch.setattr(writer, "time", at)
    return at


def test_how_far_behind_the_sessions_are_is_the_age_of_the_oldest_record_that_waits(clock: SimpleNamespace) -> None:
    behind = Behind()
    assert behind.seconds(0) == 0
    for records in (10, 20, 30):
        behind.add(records)
        clock.now += 1
    assert [behind.seconds(waiting) for waiting in (60, 51, 50, 31, 30, 1, 0)] == [3, 3, 2, 2, 1, 1, 0]


def test_what_others_have_noted_is_no_older_than_our_own(clock: SimpleNamespace) -> None:
    behind = Behind()
    assert behind.seconds(1_000_000) == 0
    behind.add(10)
    clock.now += 2
    assert behind.seconds(1_000_000) == 2


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """A store whose sessions nobody refreshes."""
    store = open_store(where, load())
    yield store
    store.close()


@pytest.mark.parametrize(("records", "waits"), [(SMALL_RECORDS, True), (SMALL_RECORDS // 2 - 1, False)])
def test_many_records_wait_while_sessions_are_behind_a_few_do_not(
    store: Store, monkeypatch: pytest.MonkeyPatch, records: int, waits: bool
) -> None:
    slept: list[float] = []
    commits: list[int] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        while store.sessions.refresh():  # as somebody else does
            pass

    # Every commit takes longer than sessions may be behind.
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 2 * BEHIND_SECONDS * len(commits), sleep=sleep)
    monkeypatch.setattr(writer, "time", later)
    read = Reader(store.catalog).read
    adding = Writer(store, committed=commits.append)
    for first in (0, records):
        bodies = [f'{{"record_type":"recording","id":"{first + at}"}}'.encode() for at in range(records)]
        some = [read(body) for body in bodies]
        done: Future[Any] = Future()
        adding.add("default", some, Origin(new_id()), done)
        assert len(done.result(SECONDS)) == records
    adding.close()
    assert bool(slept) is waits


def test_few_records_are_added_while_many_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    committed: list[int] = []
    monkeypatch.setattr(writer, "BEHIND_SECONDS", -1)  # the sessions are always far behind
    monkeypatch.setattr(writer, "FAR_BEHIND_SECONDS", float("inf"))  # however long this takes
    monkeypatch.setattr(writer, "BEHIND_WAIT_SECONDS", 600)
    read = Reader(store.catalog).read
    adding = Writer(store, committed=committed.append)

    def add(name: str, count: int) -> "Future[Any]":
        done: Future[Any] = Future()
        bodies = [f'{{"record_type":"recording","id":"{name}-{at}"}}'.encode() for at in range(count)]
        adding.add("default", [read(body) for body in bodies], Origin(new_id()), done)
        return done

    many = SMALL_RECORDS
    add("first", many).result(SECONDS)
    waiting = [add("second", many), add("third", many)]
    for at in range(3):
        add(f"few-{at}", 1).result(SECONDS)
    assert committed == [many, 1, 1, 1]
    assert not any(each.done() for each in waiting)
    monkeypatch.setattr(writer, "BEHIND_SECONDS", float("inf"))
    adding.close()
    assert committed == [many, 1, 1, 1, 2 * many]
    assert all(len(each.result(SECONDS)) == many for each in waiting)


def test_also_few_records_wait_while_sessions_are_far_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    committed: list[int] = []
    monkeypatch.setattr(writer, "BEHIND_SECONDS", -1)
    monkeypatch.setattr(writer, "FAR_BEHIND_SECONDS", 0)
    monkeypatch.setattr(writer, "BEHIND_WAIT_SECONDS", 600)
    read = Reader(store.catalog).read
    adding = Writer(store, committed=committed.append)
    for first in range(0, SMALL_RECORDS + 10, 10):
        bodies = [f'{{"record_type":"recording","id":"{at}"}}'.encode() for at in range(first, first + 10)]
        done: Future[Any] = Future()
        adding.add("default", [read(body) for body in bodies], Origin(new_id()), done)
        if first < SMALL_RECORDS:
            done.result(SECONDS)
    assert (sum(committed), done.done()) == (SMALL_RECORDS, False)
    monkeypatch.setattr(writer, "BEHIND_SECONDS", float("inf"))
    adding.close()
    assert sum(committed) == SMALL_RECORDS + 10
