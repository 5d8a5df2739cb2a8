"""The currency that a page of sessions says selects or ranks them, and in which order it shows their totals."""

import dataclasses

import pytest

from sessiontree.session_query import SessionQuery
from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT
from sessiontree.store.suite.session_lists import asked, cents, fill_sessions


@pytest.mark.parametrize(
    ("query", "ranked_in", "of_call"),
    [
        (asked(), None, ["EUR", "USD"]),
        (asked(sort="duration"), None, ["EUR", "USD"]),
        (asked(sort="total"), "USD", ["USD", "EUR"]),
        (asked(sort="total_per_minute", currency="EUR"), "EUR", ["EUR", "USD"]),
        (asked(currency="EUR"), "EUR", ["EUR", "USD"]),
        (asked(total_max=cents(100)), "USD", ["USD", "EUR"]),
        (asked(sort="total", limit=6), "USD", ["USD", "EUR"]),
    ],
)
def test_a_page_says_which_currency_selects_or_ranks(
    store: Store, query: SessionQuery, ranked_in: str | None, of_call: list[str]
) -> None:
    fill_sessions(store)
    page = store.sessions.page(ACCOUNT, query)
    shown = {session.id: page.currencies(session) for session in page.sessions}
    assert (page.ranked_in, shown["s"]) == (ranked_in, of_call)
    if page.next is not None:
        page = store.sessions.page(ACCOUNT, dataclasses.replace(query, cursor=page.next))
        assert page.ranked_in == ranked_in
