"""Bringing the sessions up to date before a command that shows them, or after one that changed records."""

from sessiontree.cli.progress import progress
from sessiontree.store import Store
from sessiontree.working_in import work_in


def refresh(store: Store) -> None:
    """Refresh every session that waits for it, with a progress bar; nothing to do is no work. See `work_in`.

    Raises SessionsDisputed where something waits and these declarations are not those that sessions are made by.
    """
    waiting = store.sessions.waiting()
    if not waiting:
        return
    with progress("sessions", waiting) as advance:
        shown = waiting

        def tell(left: int) -> None:
            nonlocal shown
            advance(shown - left)
            shown = left

        work_in(store, tell)
