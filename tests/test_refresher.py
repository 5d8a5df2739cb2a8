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
    """So many records wait; each call does its limit of them, or fails."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.failure: Exception | None = None
        self.calls = 0

    def refresh(self, limit: int) -> int:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        self.waiting = max(0, self.waiting - limit)
        return self.waiting


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that goes on by hand."""
    at = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(refresher, "time", SimpleNamespace(monotonic=lambda: at.now))
    return at


def made(sessions: Sessions) -> Refresher:
    return Refresher(SimpleNamespace(sessions=sessions))  # type: ignore[arg-type]


def test_a_turn_is_due_some_time_after_the_first_commit(clock: Any) -> None:
    keeper = made(Sessions(0))
    assert keeper.due  # whatever was left when the server stopped
    keeper.turn(lambda: True)
    assert (keeper.due, keeper.patience) == (False, refresher.LOOK_SECONDS)
    keeper.committed()
    clock.now += refresher.DELAY_SECONDS_MAX / 2
    keeper.committed()
    assert (keeper.due, keeper.patience) == (False, refresher.PAUSE_SECONDS)
    clock.now += refresher.DELAY_SECONDS_MAX / 2
    assert keeper.due


def test_a_turn_goes_on_to_the_end_in_a_pause(clock: Any) -> None:
    sessions = Sessions(5 * RECORDS)
    keeper = made(sessions)
    keeper.turn(lambda: True)
    assert (sessions.waiting, keeper.due) == (0, False)


def test_a_turn_ends_when_jobs_have_waited_too_long(clock: Any) -> None:
    sessions = Sessions(5 * RECORDS)
    keeper = made(sessions)

    def pausing() -> bool:
        clock.now += refresher.TURN_SECONDS_MAX * 0.6
        return False

    keeper.turn(pausing)
    assert sessions.waiting == 3 * RECORDS
    assert not keeper.due  # before the jobs had as much time
    clock.now += refresher.TURN_SECONDS_MAX * 1.2
    assert keeper.due


def test_a_turn_leaves_the_newest_for_the_next_while_jobs_wait(clock: Any) -> None:
    sessions = Sessions(2 * RECORDS + 1)
    keeper = made(sessions)
    keeper.turn(lambda: False)
    assert (sessions.waiting, keeper.due) == (1, False)
    clock.now += refresher.DELAY_SECONDS_MAX
    assert keeper.due
    keeper.turn(lambda: False)
    assert (sessions.waiting, keeper.due) == (0, False)


@pytest.mark.parametrize("failure", [StoreError("it is locked"), ZeroDivisionError()])
def test_what_fails_is_tried_again_later_and_said(clock: Any, caplog: Any, failure: Exception) -> None:
    sessions = Sessions(1)
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
