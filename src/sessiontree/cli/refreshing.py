"""Bringing the sessions up to date before a command that shows them, or after one that changed records."""

from sessiontree.cli.progress import progress
from sessiontree.store import Store


def refresh(store: Store) -> None:
    """Refresh every session that waits for it, with a progress bar; nothing to do is no work."""
    waiting = store.sessions.waiting()
    if not waiting:
        return
    with progress("sessions", waiting) as advance:
        while left := store.sessions.refresh():
            advance(waiting - left)
            waiting = left
