"""When the sessions are refreshed: in a process or thread of its own, beside those that add records.

A list is to show what was added within a second. Refreshing after every commit would build a session again for each of
its records, so it waits for a pause, or until the first commit is a moment ago. Under load a little is left for the
next turn: much of it belongs to sessions of which the rest is about to arrive. What is noted in the store, by whatever
process, is found by looking. Where sessions are made by other declarations, that is left to a process which has those.
"""

import logging
import threading
import time
from collections.abc import Callable

from sessiontree.calling import as_called
from sessiontree.errors import SessionsDisputed, StoreError
from sessiontree.outages import Outages
from sessiontree.store import Store

IDLE_SECONDS = 0.1  # until the next look when nothing waits
LOOK_SECONDS = 0.05
DELAY_SECONDS = 0.25  # after the first commit, or after a turn that left something
LEFT_SECONDS = 0.05  # of refreshing that a turn may leave
LOOKING_SHARE = 0.05  # of the time, at most, for looking whether something waits: a cluster has many nodes to ask
LOOK_SECONDS_MAX = 0.25
RETRY_SECONDS = 5.0
RECORDS = 6_000  # at once, at most
FEW_RECORDS = 100  # that any step takes
log = logging.getLogger("sessiontree")


class Keeper:
    """Keeps the sessions of a store up to date. `pause` lets so many seconds pass, and says whether to stop."""

    def __init__(self, store: Store, pause: Callable[[float], bool]) -> None:
        self._sessions = store.sessions
        self._outages = Outages(store)
        self._pause = pause
        self._said = ""  # why sessions are left alone
        self._waiting = 0  # when last looked
        self._since = 0.0  # when something was first seen to wait, or the last turn ended

    def run(self) -> None:
        """Go on until told to stop. What fails is tried again later."""
        seconds = 0.0
        while not self._pause(seconds):
            try:
                seconds = self._look()
            except SessionsDisputed as error:
                self._say(str(error))
                seconds = RETRY_SECONDS
            except StoreError as error:
                self._outages.note("sessions wait to be refreshed", error)
                seconds = RETRY_SECONDS
            except Exception:
                log.exception("sessions could not be refreshed")
                seconds = RETRY_SECONDS

    def _look(self) -> float:
        """Refresh if it is time; when to look again."""
        began = time.monotonic()
        waiting, before, now = self._sessions.waiting(), self._waiting, time.monotonic()
        at_least = min((now - began) / LOOKING_SHARE, LOOK_SECONDS_MAX)
        if waiting and not before:
            self._since = now
        if waiting and (waiting == before or now >= self._since + DELAY_SECONDS):
            waiting = self._turn()
            self._since = time.monotonic()
        self._waiting = waiting
        return max(LOOK_SECONDS if waiting else IDLE_SECONDS, at_least)

    def _turn(self) -> int:
        """Refresh until little is left; about how many records that is."""
        while True:
            before, began = self._sessions.waiting(), time.monotonic()
            left = self._sessions.refresh(RECORDS)
            seconds = time.monotonic() - began
            self._say("")
            done = max(before - left, min(before, FEW_RECORDS))  # as much may have come meanwhile
            if left * seconds < LEFT_SECONDS * done or self._pause(0):
                return left

    def _say(self, why: str) -> None:
        """Say why sessions are left alone, once, and when that is over."""
        if why and why != self._said:
            log.error("sessions wait to be refreshed: %s", as_called(why))
        elif self._said and not why:
            log.info("sessions are refreshed again")
        self._said = why


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
