"""The server refreshes the sessions by itself: after its own commits, after those of others, and after failures."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Server, running
from sessiontree.catalog_files import load
from sessiontree.errors import StoreError
from sessiontree.http import refresher
from sessiontree.http.refresher import RECORDS, Refresher
from sessiontree.money import UNIT
from sessiontree.reading import Reader
from sessiontree.sessions import Session
from sessiontree.store import open_store

DEADLINE_SECONDS = 20


def until_found(store_path: Path, id: str, wanted: Callable[[Session], bool]) -> Session:
    """The row of a call session once it is as wanted."""
    store = open_store(str(store_path), load())
    try:
        until = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < until:
            found = store.sessions.find("default", "call-session", id)
            if found is not None and wanted(found):
                return found
            time.sleep(0.01)
    finally:
        store.close()
    raise AssertionError(found)


def recording(id: str, session: str) -> dict[str, Any]:
    return {"record_type": "recording", "id": id, "telnyx_session_id": session, "cost": "1"}


def test_what_is_posted_shows(server: Server) -> None:
    for count in (1, 2, 3):
        assert server.post([recording(f"posted-{count}", "posted")]).status_code == 200
        found = until_found(server.store_path, "posted", lambda session, count=count: session.event_count == count + 1)
        assert (found.totals, found.revision) == ({"USD": count * UNIT}, count)


def test_what_another_process_added_shows(server: Server) -> None:
    store = open_store(str(server.store_path), load())
    body = b'{"record_type":"recording","id":"r","telnyx_session_id":"imported","cost":"1"}'
    store.add("default", [Reader(store.catalog).read(body)], datetime.now(UTC))
    store.close()
    assert until_found(server.store_path, "imported", lambda session: True).event_count == 2


def test_what_waited_when_the_server_starts_shows(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store.db"), load())
    body = b'{"record_type":"recording","id":"r","telnyx_session_id":"s","cost":"1"}'
    store.add("default", [Reader(store.catalog).read(body)], datetime.now(UTC))
    store.close()
    with running(tmp_path) as server:
        until_found(server.store_path, "s", lambda session: True)


class Sessions:
    """Some records wait, ours and those of others; each call takes of ours first, for so long each, or fails."""

    def __init__(self, clock: Any, ours: int, others: int = 0, seconds_each: float = 0.0) -> None:
        self.clock = clock
        self.ours = ours
        self.others = others
        self.seconds_each = seconds_each
        self.failure: Exception | None = None
        self.calls = 0

    def refresh(self, limit: int) -> int:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        done = min(limit, self.ours or self.others)
        self.clock.now += done * self.seconds_each
        if self.ours:
            self.ours -= done
        else:
            self.others -= done
        return self.ours + self.others

    def waiting_ours(self) -> int:
        return self.ours


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that goes on by hand."""
    at = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(refresher, "time", SimpleNamespace(monotonic=lambda: at.now, thread_time=lambda: at.now))
    return at


class Kept:
    """A store of which only the sessions are asked, and which types it has that the catalogue lacks."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def undeclared(self) -> list[str]:
        return []


def made(sessions: Sessions) -> Refresher:
    """One that has been told of what waits."""
    keeper = Refresher(Kept(sessions))  # type: ignore[arg-type]
    keeper.committed(sessions.ours)
    return keeper


def test_a_turn_is_due_some_time_after_the_first_commit(clock: Any) -> None:
    keeper = made(Sessions(clock, 0))
    assert keeper.due  # whatever was left when the server stopped
    keeper.turn(lambda: True)
    assert (keeper.due, keeper.patience) == (False, refresher.LOOK_SECONDS)
    keeper.committed(1)
    clock.now += refresher.DELAY_SECONDS_MAX / 2
    keeper.committed(1)
    assert (keeper.due, keeper.patience) == (False, refresher.PAUSE_SECONDS)
    clock.now += refresher.DELAY_SECONDS_MAX / 2
    assert keeper.due


def test_a_turn_is_due_at_once_when_what_was_added_will_take_long(clock: Any) -> None:
    sessions = Sessions(clock, 2 * RECORDS, seconds_each=0.1 / RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: True)
    keeper.committed(2 * RECORDS)
    assert not keeper.due
    keeper.committed(2 * RECORDS)  # 0.4 s of refreshing
    assert keeper.due


def test_a_turn_goes_on_to_the_end_in_a_pause(clock: Any) -> None:
    sessions = Sessions(clock, 2 * RECORDS, others=3 * RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: True)
    assert (sessions.ours, sessions.others, keeper.due) == (0, 0, False)


def test_a_turn_leaves_a_little_for_the_next_while_jobs_wait(clock: Any) -> None:
    sessions = Sessions(clock, 2 * RECORDS + 1, seconds_each=0.01 / RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: False)
    assert (sessions.ours, keeper.due) == (1, False)
    clock.now += refresher.DELAY_SECONDS
    assert keeper.due
    keeper.turn(lambda: False)
    assert (sessions.ours, keeper.due) == (0, False)


def test_a_turn_leaves_nothing_that_takes_long_although_jobs_wait(clock: Any) -> None:
    sessions = Sessions(clock, 2 * RECORDS - 1, seconds_each=0.3 / RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: False)
    assert (sessions.ours, keeper.due) == (0, False)


def test_a_turn_takes_only_a_part_of_what_others_stored_while_jobs_wait(clock: Any) -> None:
    sessions = Sessions(clock, RECORDS, others=5 * RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: False)
    assert (sessions.ours, sessions.others) == (0, 5 * RECORDS)
    keeper.turn(lambda: False)
    assert sessions.others == 4 * RECORDS


def test_a_turn_ends_when_jobs_have_waited_too_long(clock: Any) -> None:
    sessions = Sessions(clock, 19 * RECORDS, seconds_each=0.15 * refresher.TURN_SECONDS_MAX / RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: False)
    assert (sessions.ours, keeper.due) == (12 * RECORDS, True)


def test_jobs_get_half_the_time_when_a_step_takes_long(clock: Any) -> None:
    sessions = Sessions(clock, 9 * RECORDS, seconds_each=2 / RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: False)
    assert (sessions.ours, keeper.due) == (8 * RECORDS, False)
    clock.now += 2
    assert keeper.due


@pytest.mark.parametrize("failure", [StoreError("it is locked"), ZeroDivisionError()])
def test_what_fails_is_tried_again_later_and_said(clock: Any, caplog: Any, failure: Exception) -> None:
    sessions = Sessions(clock, 1)
    sessions.failure = failure
    keeper = made(sessions)
    keeper.turn(lambda: True)
    assert "refreshed" in caplog.text
    assert (keeper.due, keeper.patience) == (False, refresher.RETRY_SECONDS)
    clock.now += refresher.RETRY_SECONDS
    assert keeper.due
    sessions.failure = None
    keeper.turn(lambda: True)
    assert (keeper.due, sessions.calls) == (False, 2)
