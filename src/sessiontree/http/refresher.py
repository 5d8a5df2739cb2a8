"""When the writer's thread refreshes the sessions: in its pauses, and under load often enough.

A list is to show what was added within a second. Refreshing after every commit would build a session again for each of
its records, so it waits for a pause, or until the first commit is a moment ago, or until it would take too long: then
jobs wait, since what they add is not to be late either. Under load a little is left for the next turn: much of it
belongs to sessions of which the rest is about to arrive. What another process stored is noticed by looking, and comes
after our own; where its types are not declared here, nothing is refreshed any more, and its writer does it.
"""

import logging
import time
from collections.abc import Callable

from sessiontree.errors import StoreError
from sessiontree.store import Store, refuse_undeclared

PAUSE_SECONDS = 0.05
DELAY_SECONDS_MAX = 0.4  # after the first commit, when all was fresh before
DELAY_SECONDS = 0.2  # after a turn that left something
WORK_SECONDS = 0.3  # of refreshing that may pile up
LEFT_SECONDS = 0.05  # of refreshing that a turn may leave
MEASURED_RECORDS = 100  # fewer say nothing about how long one takes
TURN_SECONDS_MAX = 3.0  # at a stretch, while jobs wait; then they have one turn
LONG_SECONDS = 0.6  # a step that takes longer is of a session so large that jobs get half the time
LOOK_SECONDS = 0.25
LOOKING_SHARE = 0.05  # of the time, at most, for looking whether another process stores types that this one lacks
RETRY_SECONDS = 5.0
RECORDS = 4000
log = logging.getLogger("sessiontree")


class Refresher:
    """Keeps the sessions of a store up to date, whenever its owner gives it a turn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions = store.sessions
        self._look_again = 0.0
        self._due_at: float | None = 0.0  # None: nothing is known to wait
        self._ours = 0  # records added here that wait
        self._seconds_each = 0.0  # that one of them took lately
        self._not_before = 0.0

    def committed(self, records: int) -> None:
        """So many records have been written, or something else (0)."""
        self._ours += records
        if self._due_at is None:
            self._due_at = time.monotonic() + DELAY_SECONDS_MAX

    @property
    def patience(self) -> float:
        """How many seconds without a job are a pause that wants a turn."""
        now = time.monotonic()
        return max(LOOK_SECONDS if self._due_at is None else PAUSE_SECONDS, self._not_before - now)

    @property
    def due(self) -> bool:
        """Whether a turn must be now, although jobs are waiting."""
        now = time.monotonic()
        if self._due_at is None or now < self._not_before:
            return False
        return now >= self._due_at or self._ours * self._seconds_each > WORK_SECONDS

    def turn(self, pausing: Callable[[], bool]) -> None:
        """Refresh until all is fresh, or, while jobs wait, what was added here but for a little.

        What fails is tried again later.
        """
        until = time.monotonic() + TURN_SECONDS_MAX
        try:
            self._look()
            while self._step() and (pausing() or not self._enough(until)):
                pass
        except StoreError as error:
            self._later(f"sessions wait to be refreshed: {error}")
        except Exception:
            self._later("sessions could not be refreshed", exc_info=True)

    def _step(self) -> bool:
        """Refresh a part; whether anything is left."""
        began, began_work, before = time.monotonic(), time.thread_time(), self._ours
        waiting = self._sessions.refresh(RECORDS)
        self._ours = self._sessions.waiting_ours() if waiting else 0
        seconds = time.monotonic() - began
        if before - self._ours >= MEASURED_RECORDS:
            self._seconds_each = max(seconds / (before - self._ours), self._seconds_each / 2)
        if time.thread_time() - began_work > LONG_SECONDS:  # not counting the wait for another process
            self._not_before = time.monotonic() + seconds
        self._due_at = time.monotonic() + DELAY_SECONDS if waiting else None
        return waiting > 0

    def _enough(self, until: float) -> bool:
        """Whether jobs may have their turn again."""
        little = self._ours < RECORDS and self._ours * self._seconds_each < LEFT_SECONDS
        return little or time.monotonic() > until or time.monotonic() < self._not_before

    def _look(self) -> None:
        """Raise StoreError where records wait and a refresh would spoil sessions."""
        began = time.monotonic()
        if began < self._look_again:
            return
        try:
            refuse_undeclared(self._store)
        except StoreError:
            if self._sessions.waiting():
                raise
        else:
            ended = time.monotonic()
            self._look_again = ended + (ended - began) / LOOKING_SHARE

    def _later(self, message: str, *, exc_info: bool = False) -> None:
        log.error(message, exc_info=exc_info)
        self._not_before = time.monotonic() + RETRY_SECONDS
