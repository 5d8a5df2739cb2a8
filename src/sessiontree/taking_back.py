"""Taking back what a store was given: an import, a session, or all sessions that are long over.

Each step is a transaction of its own, so that others write in between; stopped halfway, a run is gone on with by
running it again. The server takes the same steps in the thread that writes (`http/imports`).
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sessiontree.store import Store, refuse_disputed
from sessiontree.store.removing import NotFresh, Pruned, Removal, together
from sessiontree.working_in import work_in

FRESH_SECONDS_MAX = 10.0
_STEPS_UNREFRESHED = 20
T = TypeVar("T")


def undo(store: Store, account: str, id: str, at: datetime, done: Callable[[int], None]) -> Removal:
    """Undo an import to its end; what went now. `done` is told how many records each step dealt with.

    Raises UnknownIntake, StoreError. One that is undone already is left alone.
    """
    refuse_disputed(store)
    steps = []
    while (step := store.intakes.undo(account, id, at)) is not None:
        steps.append(step)
        done(step.records)
        if len(steps) % _STEPS_UNREFRESHED == 0:  # so that what waits does not pile up
            refresh(store)
    return together(steps)


def when_fresh(store: Store, work: Callable[[], T]) -> T:
    """What some work answers that needs every session's row to be right. Raises NotFresh if others keep writing."""
    until = time.monotonic() + FRESH_SECONDS_MAX
    while True:
        refresh(store)
        try:
            return work()
        except NotFresh:
            if time.monotonic() > until:
                raise


def refresh(store: Store) -> None:
    """Bring every session's row up to date, as `work_in` does. Raises StoreError, also as `refuse_disputed` does."""
    refuse_disputed(store)
    work_in(store)


def prune(
    store: Store,
    account: str,
    before: datetime,
    *,
    open_since: datetime,
    dry_run: bool = False,
    done: Callable[[int], None] = lambda sessions: None,
) -> Pruned:
    """Remove all sessions that ended before a moment (see `Removing.prune`); what went in all.

    `done` is told how many sessions each step removed. Raises NotFresh.
    """
    steps: list[Pruned] = []
    after: int | None = 0
    while after is not None:
        step = when_fresh(store, _step(store, account, before, open_since, after, dry_run))
        steps.append(step)
        done(step.sessions)
        after = step.following
    refresh(store)
    return Pruned(sum(step.sessions for step in steps), together(step.removal for step in steps), None)


def _step(
    store: Store, account: str, before: datetime, open_since: datetime, after: int, dry_run: bool
) -> Callable[[], Pruned]:
    return lambda: store.removing.prune(account, before, open_since=open_since, after=after, dry_run=dry_run)
