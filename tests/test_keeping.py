"""The sessions are refreshed by themselves: when, after whose commits, after failures, and by a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Server, running, until
from sessiontree import keeping, keeping_process
from sessiontree.catalog_files import load
from sessiontree.errors import SessionsDisputed, StoreError
from sessiontree.keeping import DELAY_SECONDS, IDLE_SECONDS, LOOK_SECONDS, RETRY_SECONDS, Keeper
from sessiontree.keeping_process import KeeperProcess
from sessiontree.money import UNIT
from sessiontree.reading import Reader
from sessiontree.sessions import Session
from sessiontree.settings import Settings
from sessiontree.store import Store, open_store


def until_found(where: str, id: str, wanted: Callable[[Session], bool]) -> Session:
    """The row of a call session once it is as wanted."""
    store = open_store(where, load())
    try:
        return until(lambda: (found := store.sessions.find("default", "call-session", id)) and wanted(found) and found)
    finally:
        store.close()


def recording(id: str, session: str) -> dict[str, Any]:
    return {"record_type": "recording", "id": id, "telnyx_session_id": session, "cost": "1"}


def test_what_is_posted_shows(server: Server) -> None:
    for count in (1, 2, 3):
        assert server.post([recording(f"posted-{count}", "posted")]).status_code == 200
        found = until_found(server.where, "posted", lambda session, count=count: session.event_count == count + 1)
        assert (found.totals, found.revision) == ({"USD": count * UNIT}, count)


def test_what_another_process_added_shows(server: Server) -> None:
    store = open_store(server.where, load())
    body = b'{"record_type":"recording","id":"r","telnyx_session_id":"imported","cost":"1"}'
    store.add("default", [Reader(store.catalog).read(body)], datetime.now(UTC))
    store.close()
    assert until_found(server.where, "imported", lambda session: True).event_count == 2


def test_what_waited_when_the_server_starts_shows(tmp_path: Path, where: str) -> None:
    store = open_store(where, load())
    body = b'{"record_type":"recording","id":"r","telnyx_session_id":"s","cost":"1"}'
    store.add("default", [Reader(store.catalog).read(body)], datetime.now(UTC))
    store.close()
    with running(tmp_path, where) as server:
        until_found(server.where, "s", lambda session: True)


class Sessions:
    """Some records wait; refreshing one takes so long, or fails."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self.clock = clock
        self.left = 0
        self.seconds_each = 0.0
        self.seconds_looking = 0.0
        self.failure: Exception | None = None
        self.arriving = 0  # while a step is under way
        self.steps: list[float] = []

    def waiting(self) -> int:
        self.clock.now += self.seconds_looking
        return self.left

    def refresh(self, limit: int) -> int:
        self.steps.append(round(self.clock.now, 3))
        if self.failure is not None:
            raise self.failure
        done = min(limit, self.left)
        self.clock.now += done * self.seconds_each
        self.left += self.arriving - done
        return self.left


class Kept:
    """A store of which only the sessions are asked."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on by hand."""
    at = SimpleNamespace(now=0.0)
    monkeypatch.setattr(keeping, "time", SimpleNamespace(monotonic=lambda: at.now))
    return at


def keep(kept: Kept, until: float, happens: Callable[[float], None] = lambda now: None) -> None:
    """Keep until some time; `happens` is told the time before every look."""

    def pause(seconds: float) -> bool:
        kept.sessions.clock.now += seconds
        happens(round(kept.sessions.clock.now, 3))
        return bool(kept.sessions.clock.now >= until)

    Keeper(kept, pause).run()  # type: ignore[arg-type]


def test_a_pause_is_the_time_to_refresh(clock: SimpleNamespace) -> None:
    sessions = Sessions(clock)

    def happens(now: float) -> None:
        if now in (0.1, 0.15):
            sessions.left += 1

    keep(Kept(sessions), 1.0, happens)
    assert (sessions.steps, sessions.left) == ([pytest.approx(0.15 + LOOK_SECONDS)], 0)


def test_without_a_pause_it_waits_for_some_time(clock: SimpleNamespace) -> None:
    sessions = Sessions(clock)

    def happens(now: float) -> None:
        sessions.left += 1

    keep(Kept(sessions), 1.0, happens)
    assert len(sessions.steps) == 3
    for before, after in pairwise(sessions.steps):
        assert DELAY_SECONDS <= after - before <= DELAY_SECONDS + IDLE_SECONDS + 1.01 * LOOK_SECONDS


@pytest.mark.parametrize(("looking", "next_look"), [(0.0, 0.1), (0.001, 0.101), (0.04, 0.29), (0.5, 0.75)])
def test_where_a_look_takes_long_there_are_fewer(clock: SimpleNamespace, looking: float, next_look: float) -> None:
    sessions, looks = Sessions(clock), list[float]()
    sessions.seconds_looking = looking
    keep(Kept(sessions), 2.0, looks.append)
    assert looks[:2] == [0.0, next_look]


def test_a_turn_goes_on_until_little_is_left(clock: SimpleNamespace) -> None:
    sessions = Sessions(clock)
    sessions.seconds_each = 0.00001

    def happens(now: float) -> None:
        if now == 0:
            sessions.left = 10 * keeping.RECORDS
        sessions.arriving = 100 if sessions.left else 0

    keep(Kept(sessions), 1.9, happens)
    step = keeping.RECORDS * sessions.seconds_each
    gaps = [after - before for before, after in pairwise(sessions.steps)]
    assert gaps[:9] == [pytest.approx(step)] * 9
    assert gaps[9] > step
    assert 0 < sessions.left < keeping.LEFT_SECONDS / sessions.seconds_each
    sessions.arriving = 0
    keep(Kept(sessions), 3.0)
    assert sessions.left == 0


@pytest.mark.parametrize("failure", [StoreError("it is locked"), ZeroDivisionError()])
def test_what_fails_is_tried_again_later_and_said(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    sessions = Sessions(clock)
    sessions.left, sessions.failure = 1, failure

    def happens(now: float) -> None:
        if now > RETRY_SECONDS:
            sessions.failure = None

    keep(Kept(sessions), 2 * RETRY_SECONDS, happens)
    assert "refreshed" in caplog.text
    assert sessions.steps[1] - sessions.steps[0] == pytest.approx(RETRY_SECONDS)
    assert sessions.left == 0


def test_why_sessions_are_left_alone_is_said_once_and_when_that_is_over(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sessiontree")
    sessions = Sessions(clock)

    def happens(now: float) -> None:
        sessions.left += 1
        if now < 6 * RETRY_SECONDS:
            sessions.failure = SessionsDisputed("tape is" if now < 3 * RETRY_SECONDS else "tape and film are")
        else:
            sessions.failure = None

    keep(Kept(sessions), 9 * RETRY_SECONDS, happens)
    assert caplog.messages == [
        "sessions wait to be refreshed: tape is",
        "sessions wait to be refreshed: tape and film are",
        "sessions are refreshed again",
    ]


# The process


def posted(store: Store, id: str) -> None:
    body = f'{{"record_type":"recording","id":"{id}","telnyx_session_id":"{id}","cost":"1"}}'.encode()
    store.add("default", [Reader(store.catalog).read(body)], datetime.now(UTC))


def ended(process: int) -> bool:
    """Whether a process is no more."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_keeps_a_store_until_it_is_closed(where: str, caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(where, load())
    with KeeperProcess(Settings(store=where)) as keeper:
        posted(store, "s")
        assert until_found(where, "s", lambda session: True).event_count == 2
    assert ended(keeper.pid)
    keeper.close()
    store.close()
    assert caplog.text == ""


def test_a_process_that_was_killed_is_replaced(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeping_process, "AGAIN_SECONDS", 0.01)
    store = open_store(where, load())
    with KeeperProcess(Settings(store=where)) as keeper:
        posted(store, "before")
        until_found(where, "before", lambda session: True)
        os.kill(keeper.pid, signal.SIGKILL)
        posted(store, "after")
        until_found(where, "after", lambda session: True)
    store.close()
    assert "ended (-9)" in caplog.text


def test_the_process_ends_with_the_one_that_started_it(where: str) -> None:
    program = """
        import sys, time
        from sessiontree.catalog_files import load
        from sessiontree.keeping_process import KeeperProcess
        from sessiontree.settings import Settings
        from sessiontree.store import open_store
        open_store(sys.argv[1], load()).close()
        print(KeeperProcess(Settings(store=sys.argv[1])).pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", dedent(program), where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        keeper = int(process.stdout.readline())
        process.kill()
    until(lambda: ended(keeper))


def test_a_store_that_cannot_be_opened_is_said_by_the_process(tmp_path: Path) -> None:
    settings = json.dumps(asdict(Settings(store=str(tmp_path / "none.db")))).encode() + b"\n"
    command = [sys.executable, "-m", "sessiontree.keeping_process"]
    done = subprocess.run(command, input=settings, capture_output=True, check=False)
    assert (done.returncode, b"none.db does not exist" in done.stderr) == (1, True)
    assert b"Traceback" not in done.stderr
