"""Several who have the same store open, as several processes would: they write and refresh at once."""

import threading
from collections.abc import Callable, Iterator

from sessiontree.session_query import SessionQuery
from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT, Opening, add, record
from sessiontree.verifying import verify

SECONDS_MAX = 120.0
UNIT = 10**12


def together(*works: Callable[[], None]) -> None:
    """Do all at once; raises what any of them raised."""
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS_MAX)
        assert not thread.is_alive(), "it hangs"
    if failed:
        raise failed[0]


def changes(store: Store, since: int) -> Iterator[tuple[int, str, int]]:
    """Changes of sessions after one: its place, the top's id, and the events that the session has then."""
    for change in store.sessions.changes(ACCOUNT, since, 100):
        yield change.sequence, change.id, 0 if change.session is None else change.session.event_count


def test_sessions_grow_together_whoever_adds_and_refreshes(opening: Opening) -> None:
    """Two add the children of the same events, one the events; two refresh; one follows the changes."""
    done = threading.Event()
    talks = [f"talk{number}" for number in range(8)]

    def parents(store: Store) -> None:
        for talk in talks:
            add(store, record(store, "ai-voice-assistant", talk, conversation_id=talk, cost="1"))

    def children(store: Store, name: str) -> None:
        for talk in talks:
            add(
                store,
                *[record(store, "inference", f"{name}-{talk}-{at}", conversation_id=talk, cost="2") for at in "12"],
            )

    def refresh(store: Store) -> None:
        while store.sessions.refresh(3) or not done.is_set():
            pass

    mirrored: dict[str, int] = {}

    def mirror(store: Store) -> None:
        since, last = 0, False
        while not last:
            last = done.is_set() and not store.sessions.waiting()
            for sequence, id, events in changes(store, since):
                assert sequence > since
                since, mirrored[id] = sequence, events
                last = False

    def write(*writers: Callable[[], None]) -> None:
        try:
            together(*writers)
        finally:
            done.set()

    stores = [opening() for _ in range(6)]
    writers = [
        lambda: parents(stores[0]),
        lambda: children(stores[1], "one"),
        lambda: children(stores[2], "other"),
    ]
    together(lambda: write(*writers), lambda: refresh(stores[3]), lambda: refresh(stores[4]), lambda: mirror(stores[5]))
    page = stores[5].sessions.page(ACCOUNT, SessionQuery())
    assert sorted((session.id, session.event_count, session.totals) for session in page.sessions) == [
        (talk, 5, {"USD": 9 * UNIT}) for talk in sorted(talks)
    ]
    assert page.totals.totals == {"USD": 9 * UNIT * len(talks)}
    assert {id: events for id, events in mirrored.items() if events} == dict.fromkeys(talks, 5)
    assert list(verify(stores[5], ACCOUNT).differences) == []
