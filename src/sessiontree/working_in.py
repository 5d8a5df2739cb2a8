"""Working in what is noted as changed before something is read, without going on for ever while others write."""

import sys
import time
from collections.abc import Callable

from sessiontree.store import Store

WORK_SECONDS = 0.5
"""How long to go on without getting nearer to the end, because others write as fast."""


def work_in(store: Store, left: Callable[[int], None] = lambda records: None) -> None:
    """Bring the sessions up to date. While others write as fast, that has no end: some of what they add is left then.

    `left` is told how many records still wait. Raises StoreError.
    """
    lowest, until = sys.maxsize, 0.0
    while waiting := store.sessions.refresh():
        left(waiting)
        if waiting < lowest:
            lowest, until = waiting, time.monotonic() + WORK_SECONDS
        elif time.monotonic() > until:
            store.sessions.settle()
            return
