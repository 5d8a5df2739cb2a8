"""A session whose row was written before unpriced events were counted at home only, for tests of both stores."""

from sessiontree.session_query import SessionQuery
from sessiontree.store import Store
from sessiontree.store.suite import ACCOUNT, add, record
from sessiontree.verifying import verify


def add_visitor(store: Store) -> None:
    """A participant without a price, at home in a call and shown in a conference."""
    add(store, record(store, "conference", "c"))
    add(store, record(store, "conference-participant", "p", conference_id="c", call_session_id="s"))
    while store.sessions.refresh():
        pass
    assert unpriced(store) == 1


def unpriced(store: Store) -> int:
    """How many events without a price the list of all sessions tells."""
    return store.sessions.page(ACCOUNT, SessionQuery(limit=1)).totals.unpriced_count


def assert_mended(store: Store) -> None:
    """The visited session alone waits, and is right once it is computed again."""
    assert (unpriced(store), store.sessions.waiting()) == (2, 1)
    assert store.sessions.refresh() == 0
    found = store.sessions.find(ACCOUNT, "conference", "c")
    assert found is not None
    assert (found.unpriced_count, found.elsewhere_unpriced_count, unpriced(store)) == (1, 1, 1)
    assert verify(store, ACCOUNT).differences == []
