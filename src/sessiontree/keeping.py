"""When the sessions are refreshed: in a process or thread of its own, beside those that add records.

A list is to show what was added within a second. Refreshing after every commit would build a session again for each of
its records, so it waits for a pause, or until the first commit is a moment ago. Under load a little is left for the
next turn: much of it belongs to sessions of which the rest is about to arrive. What is noted in the store, by whatever
process, is found by looking. Where its types are not declared here, nothing is refreshed any more: its writer does it.
"""

import logging
import threading
import time
from collections.abc import Callable

from sessiontree.errors import StoreError
from sessiontree.outages import Outages
from sessiontree.store import Store, refuse_undeclared

IDLE_SECONDS = 0.1  # until the next look when nothing waits
LOOK_SECONDS = 0.05
DELAY_SECONDS = 0.25  # after the first commit, or after a turn that left something
LEFT_SECONDS = 0.05  # of refreshing that a turn may leave
LOOKING_SHARE = 0.05  # of the time, at most, for looking whether another process stores types that this one lacks
RETRY_SECONDS = 5.0
RECORDS = 6_000  # at once, at most
FEW_RECORDS = 100  # that any step takes
log = logging.getLogger("sessiontree")


class Keeper:
    """Keeps the sessions of a store up to date. `pause` lets so many seconds pass, and says whether to stop."""

    def __init__(self, store: Store, pause: Callable[[float], bool]) -> None:
        self._store = store
        self._sessions = store.sessions
        self._outages = Outages(store)
        self._pause = pause
        self._look_again = 0.0
        self._waiting = 0  # when last looked
        self._since = 0.0  # when something was first seen to wait, or the last turn ended

    def run(self) -> None:
        """Go on until told to stop. What fails is tried again later."""
        seconds = 0.0
        while not self._pause(seconds):
            try:
                seconds = self._look()
            except StoreError as error:
                self._outages.note("sessions wait to be refreshed", error)
                seconds = RETRY_SECONDS
            except Exception:
                log.exception("sessions could not be refreshed")
                seconds = RETRY_SECONDS

    def _look(self) -> float:
        """Refresh if it is time; when to look again."""
        waiting, before, now = self._sessions.waiting(), self._waiting, time.monotonic()
        if waiting and not before:
            self._since = now
        if waiting and (waiting == before or now >= self._since + DELAY_SECONDS):
            waiting = self._turn()
            self._since = time.monotonic()
        self._waiting = waiting
        return LOOK_SECONDS if waiting else IDLE_SECONDS

    def _turn(self) -> int:
        """Refresh until little is left; about how many records that is."""
        while True:
            self._refuse_undeclared()
            before, began = self._sessions.waiting(), time.monotonic()
            left = self._sessions.refresh(RECORDS)
            seconds = time.monotonic() - began
            done = max(before - left, min(before, FEW_RECORDS))  # as much may have come meanwhile
            if left * seconds < LEFT_SECONDS * done or self._pause(0):
                return left

    def _refuse_undeclared(self) -> None:
        """Raise StoreError where a refresh would spoil sessions."""
        began = time.monotonic()
        if began >= self._look_again:
            refuse_undeclared(self._store)
            ended = time.monotonic()
            self._look_again = ended + (ended - began) / LOOKING_SHARE


class KeeperThread:
    """A keeper in a thread of this process."""

    def __init__(self, store: Store) -> None:
        self._stop = threading.Event()
        keeper = Keeper(store, self._stop.wait)
        self._thread = threading.Thread(target=keeper.run, name="sessiontree-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after what is under way. Closing twice is fine."""
        self._stop.set()
        self._thread.join()
