"""When the writer's thread refreshes the sessions: in its pauses, and under load often enough.

A list is to show what was added within a second. Refreshing after every commit would halve the rate of small ones, so
it waits for a pause, or until the first commit is a moment ago. Under full load the newest records are left for the
next turn: many belong to sessions of which the rest is about to arrive. Records that another process stored are noticed
by looking.
"""

import logging
import time
from collections.abc import Callable

from sessiontree.errors import StoreError
from sessiontree.store import Store

PAUSE_SECONDS = 0.05
DELAY_SECONDS_MAX = 0.2
TURN_SECONDS_MAX = 0.3  # at a stretch, while jobs wait
LOOK_SECONDS = 0.25
RETRY_SECONDS = 5.0
RECORDS = 4000
log = logging.getLogger("sessiontree")


class Refresher:
    """Keeps the sessions of a store up to date, whenever its owner gives it a turn."""

    def __init__(self, store: Store) -> None:
        self._sessions = store.sessions
        self._since: float | None = 0.0  # when the first change was made that may wait; None: nothing known
        self._not_before = 0.0

    def committed(self) -> None:
        """Something has been written."""
        if self._since is None:
            self._since = time.monotonic()

    @property
    def patience(self) -> float:
        """How many seconds without a job are a pause that wants a turn."""
        now = time.monotonic()
        return max(LOOK_SECONDS if self._since is None else PAUSE_SECONDS, self._not_before - now)

    @property
    def due(self) -> bool:
        """Whether a turn must be now, although jobs are waiting."""
        now = time.monotonic()
        return self._since is not None and now >= max(self._since + DELAY_SECONDS_MAX, self._not_before)

    def turn(self, pausing: Callable[[], bool]) -> None:
        """Refresh until all is fresh, or jobs have waited long enough. What fails is tried again later."""
        began = time.monotonic()
        try:
            self._refresh(began + TURN_SECONDS_MAX, pausing)
        except StoreError as error:
            self._later(f"sessions wait to be refreshed: {error}")
        except Exception:
            self._later("sessions could not be refreshed", exc_info=True)
        else:
            now = time.monotonic()
            self._not_before = (
                2 * now - began
            )  # a session may be so large that it takes seconds: jobs get half the time

    def _refresh(self, until: float, pausing: Callable[[], bool]) -> None:
        while waiting := self._sessions.refresh(RECORDS):
            if pausing():
                continue
            if waiting < RECORDS:
                self._since = time.monotonic()
            if waiting < RECORDS or time.monotonic() > until:
                return
        self._since = None

    def _later(self, message: str, *, exc_info: bool = False) -> None:
        log.error(message, exc_info=exc_info)
        self._not_before = time.monotonic() + RETRY_SECONDS
