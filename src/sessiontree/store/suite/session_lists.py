"""Lists of sessions: pages in every order, what selections add up to, all of them, and the changes."""

import dataclasses
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sessiontree import money
from sessiontree.query import Condition
from sessiontree.record import read_time
from sessiontree.session_query import (
    LIMIT_MAX,
    SORTS,
    Clock,
    SelectionTotals,
    SessionQuery,
    read_cursor,
    write_cursor,
)
from sessiontree.sessions import Session
from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT, RECEIVED, add, later, record

CLOCK = Clock(later(0), timedelta(hours=24), timedelta(minutes=10))
MESSAGES: tuple[dict[str, Any], ...] = (
    {"id": "a", "created_at": "2026-03-17T10:00:00Z", "completed_at": "2026-03-17T10:02:00Z", "cost": "0.10"},
    {"id": "b", "created_at": "2026-03-17T11:00:00Z", "completed_at": "2026-03-17T11:01:00Z", "cost": "0.50"},
    {"id": "c", "cost": "0.30", "direction": "inbound"},
    {"id": "d", "created_at": "2026-03-20T08:00:00Z", "cost": "2", "currency": "EUR", "direction": "outbound"},
    {"id": "e", "created_at": "2026-03-17T09:00:00Z", "completed_at": "2026-03-17T09:00:30Z"},
    {"id": "f", "created_at": "2026-03-17T10:00:00Z", "completed_at": "2026-03-17T10:10:00Z", "cost": "-0.05"},
)
CALL: tuple[dict[str, Any], ...] = (
    {"id": "r1", "started_at": "2026-03-16T08:00:00Z", "finished_at": "2026-03-16T08:05:00Z", "cost": "0.02"},
    {"id": "r2", "started_at": "2026-03-16T08:00:00Z", "finished_at": "2026-03-16T08:04:00Z", "cost": "0.03"},
)


def message(store: Store, id: str, account: str = ACCOUNT, *, seconds: float = 0, **fields: Any) -> None:
    """A session of its own, up to date."""
    add(store, record(store, "message", id, **fields), account=account, received=later(seconds))
    refresh(store)


def refresh(store: Store) -> None:
    while store.sessions.refresh():
        pass


def fill_sessions(store: Store) -> None:
    """One session after another, so that the order of their rows is known; the call `s` has two currencies."""
    for fields in MESSAGES:
        message(store, str(fields["id"]), seconds=-3600, **{name: fields[name] for name in fields if name != "id"})
    for fields, currency in zip(CALL, ("USD", "EUR"), strict=True):
        values = {name: fields[name] for name in fields if name != "id"}
        add(store, record(store, "recording", str(fields["id"]), telnyx_session_id="s", currency=currency, **values))
    refresh(store)
    message(store, "x", "other", cost="7", currency="CHF")


def listed(store: Store, query: SessionQuery, account: str = ACCOUNT) -> str:
    return " ".join(session.id for session in store.sessions.page(account, query).sessions)


def asked(**values: Any) -> SessionQuery:
    return SessionQuery(clock=CLOCK, **values)


def of_message(*conditions: tuple[str, str, str]) -> SessionQuery:
    return asked(record_types=("message",), conditions=tuple(Condition(*each) for each in conditions))


def cents(count: int) -> int:
    return count * money.UNIT // 100


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (asked(), "d b f a e s c"),
        (asked(descending=False), "s e a f b d c"),
        (asked(sort="duration"), "f s a b e d c"),
        (asked(sort="duration", descending=False), "e b a s f c d"),
        (asked(sort="event_count"), "s f e d c b a"),
        (asked(sort="event_count", descending=False), "a b c d e f s"),
        (asked(sort="total"), "b c a s f d e"),
        (asked(sort="total", descending=False), "f s a c b d e"),
        (asked(sort="total", currency="EUR"), "d s"),
        (asked(sort="total", currency="EUR", descending=False), "s d"),
        (asked(sort="total_per_minute"), "b a s f e d c"),
        (asked(sort="total_per_minute", descending=False), "f s a b c d e"),
        (asked(sort="total_per_minute", currency="EUR"), "s d"),
        (asked(since=read_time("2026-03-17T10:00:00Z")), "d b f a"),
        (asked(until=read_time("2026-03-17T10:00:00Z")), "e s"),
        (asked(since=read_time("2026-03-17"), until=read_time("2026-03-18"), sort="total"), "b a f e"),
        (asked(since=read_time("2026-03-16"), until=read_time("2026-03-18"), sort="duration"), "f s a b e"),
        (asked(record_types=("call-session",)), "s"),
        (asked(record_types=("call-session", "message"), sort="event_count"), "s f e d c b a"),
        (asked(record_types=("recording",)), ""),
        (asked(products=("recording-cdrs",)), "s"),
        (asked(products=("recording-cdrs", "messaging"), descending=False), "s e a f b d c"),
        (asked(products=("fax-api",)), ""),
        (asked(statuses=("in_progress",)), "d"),
        (asked(statuses=("settling",)), "s"),
        (asked(statuses=("completed",)), "b f a e c"),
        (asked(statuses=("completed", "in_progress")), "d b f a e c"),
        (asked(currency="EUR"), "d s"),
        (asked(currency="CHF"), ""),
        (asked(total_min=cents(10)), "b a c"),
        (asked(total_min=cents(10), total_max=cents(30)), "a c"),
        (asked(total_max=cents(0), sort="total"), "f"),
        (asked(total_min=cents(3), currency="EUR"), "d s"),
        (asked(total_min=cents(3) + 1, currency="EUR"), "d"),
        (asked(total_min=cents(10), sort="total", descending=False, since=read_time("2026-03-17")), "a b"),
        (of_message(("direction", "eq", "inbound")), "c"),
        (of_message(("direction", "ends_with", "bound")), "d c"),
        (of_message(("cost", "gte", "0.3")), "d b c"),
        (of_message(("cost", "gte", "0.3"), ("direction", "eq", "inbound")), "c"),
        (of_message(("uuid", "eq", "a")), "a"),
        (of_message(("uuid", "eq", "a"), ("cost", "lt", "0")), ""),
        (of_message(("uuid", "eq", "nobody")), ""),
        (asked(record_types=("call-session",), conditions=(Condition("telnyx_session_id", "eq", "s"),)), "s"),
        (asked(record_types=("call-session",), conditions=(Condition("telnyx_session_id", "starts_with", "s"),)), "s"),
        (asked(record_types=("call-session",), conditions=(Condition("started_at", "gt", "2026-01-01"),)), ""),
        (asked(limit=2), "d b"),
    ],
)
def test_sessions_are_listed_as_the_query_says(store: Store, query: SessionQuery, expected: str) -> None:
    fill_sessions(store)
    assert listed(store, query) == expected


def test_an_account_lists_its_own_sessions(store: Store) -> None:
    fill_sessions(store)
    assert listed(store, asked(), "other") == "x"
    assert store.sessions.currencies("other") == ["CHF"]
    assert store.sessions.currencies(ACCOUNT) == ["USD", "EUR"]
    page = store.sessions.page("nobody", asked())
    assert (list(page.sessions), page.next, page.totals, page.fresh) == ([], None, SelectionTotals(), True)
    assert list(store.sessions.walk("nobody", asked())) == []
    assert store.sessions.currencies("nobody") == []
    assert list(store.sessions.changes("nobody", 0, 10)) == []


def pages_of(store: Store, query: SessionQuery) -> Iterator[list[Session]]:
    """Page after page, the cursor written and read as between two requests."""
    while True:
        page = store.sessions.page(ACCOUNT, query)
        yield list(page.sessions)
        if page.next is None:
            return
        cursor = read_cursor(write_cursor(page.next), sort=query.sort, descending=query.descending)
        query = dataclasses.replace(query, cursor=cursor)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_every_session_once_and_in_order(store: Store, sort: str, descending: bool) -> None:
    fill_sessions(store)
    whole = listed(store, asked(sort=sort, descending=descending)).split()
    for limit in range(1, 9):
        pages = list(pages_of(store, asked(sort=sort, descending=descending, limit=limit)))
        assert [session.id for page in pages for session in page] == whole
        assert {len(page) for page in pages[:-1]} <= {limit}
    assert [each.id for each in store.sessions.walk(ACCOUNT, asked(sort=sort, descending=descending, limit=1))] == whole


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
def test_going_on_neither_repeats_nor_skips_while_sessions_come_and_go(
    store: Store, sort: str, descending: bool
) -> None:
    rng = random.Random(f"{sort} {descending}")

    def some(prefix: str, count: int) -> list[str]:
        made = [f"{prefix}{at}" for at in range(count)]
        for id in made:
            start = rng.choice([None, f"2026-03-17T10:{rng.randrange(4):02}:00Z"])
            finish = rng.choice([None, f"2026-03-17T11:{rng.randrange(4):02}:00Z"])
            cost, currency = rng.choice([None, "0.1", "0.2", "0.3"]), rng.choice(["USD", "USD", "EUR", "CHF"])
            add(
                store, record(store, "message", id, created_at=start, completed_at=finish, cost=cost, currency=currency)
            )
        refresh(store)
        return made

    stay = some("stay", 40)
    seen: list[str] = []
    for at, page in enumerate(pages_of(store, asked(sort=sort, descending=descending, limit=5))):
        seen += [session.id for session in page]
        some(f"new{at}-", 4)
    assert [id for id in seen if seen.count(id) > 1] == []
    assert sorted(set(seen) & set(stay)) == sorted(stay)


@pytest.mark.parametrize(
    "query",
    [
        asked(),
        asked(since=read_time("2026-03-17")),
        asked(record_types=("message",)),
        asked(currency="EUR", sort="total"),
        asked(statuses=("completed",)),
        of_message(("cost", "gte", "0.3")),
        asked(products=("fax-api",)),
    ],
)
def test_totals_are_of_the_whole_selection(store: Store, query: SessionQuery) -> None:
    fill_sessions(store)
    add(store, record(store, "conference", "c1"))
    joined = {"conference_id": "c1", "cost": "0.4"}
    add(store, record(store, "conference-participant", "p1", **joined))
    add(store, record(store, "conference-participant", "p2", call_session_id="s", **joined))
    refresh(store)
    assert added_up(store.sessions.walk(ACCOUNT, query)) == store.sessions.page(ACCOUNT, query).totals
    assert store.sessions.page(ACCOUNT, dataclasses.replace(query, limit=1)).totals.totals.keys() <= {"USD", "EUR"}


def added_up(sessions: Iterator[Session]) -> SelectionTotals:
    """What sessions add up to, the plain way."""
    count = events = unpriced = 0
    totals: money.Totals = {}
    elsewhere: money.Totals = {}
    for session in sessions:
        count += 1
        events += session.event_count - session.elsewhere_count
        unpriced += session.unpriced_count - session.elsewhere_unpriced_count
        money.add(totals, session.totals)
        money.add(elsewhere, session.elsewhere)
    at_home = {currency: amount - elsewhere.get(currency, 0) for currency, amount in totals.items()}
    return SelectionTotals(count, events, unpriced, at_home, elsewhere)


def test_what_is_at_home_elsewhere_counts_once(store: Store) -> None:
    add(store, record(store, "conference", "c1"))
    add(store, record(store, "conference-participant", "p1", conference_id="c1", call_session_id="s", cost="0.4"))
    refresh(store)
    totals = store.sessions.page(ACCOUNT, asked()).totals
    assert totals == SelectionTotals(2, 3, 0, {"USD": cents(40)}, {"USD": cents(40)})


def test_sums_are_exact_whatever_their_size(store: Store) -> None:
    huge, tiny = "999999999999.999999999999", "-0.000000000001"
    for at in range(30):
        add(
            store,
            record(store, "message", f"huge{at}", cost=huge),
            record(store, "message", f"less{at}", cost=f"-{huge}"),
        )
    add(store, *(record(store, "message", f"tiny{at}", cost=tiny) for at in range(7)))
    add(store, record(store, "message", "last", cost=huge))
    refresh(store)
    expected = money.read(huge) - 7
    for query in (asked(), asked(record_types=("message",))):
        assert store.sessions.page(ACCOUNT, query).totals.totals == {"USD": expected}
    assert listed(store, asked(sort="total", limit=1)) == "last"
    assert listed(store, asked(sort="total", descending=False, limit=1)).startswith("less")


def test_totals_follow_changes_and_departures(store: Store) -> None:
    message(store, "a", cost="1")
    message(store, "b", cost="2", currency="EUR")
    message(store, "a", cost="3", currency="CHF")
    assert store.sessions.page(ACCOUNT, asked()).totals.totals == {"CHF": cents(300), "EUR": cents(200)}
    assert store.sessions.currencies(ACCOUNT) == ["CHF", "EUR"]
    add(store, record(store, "conference-participant", "p", conference_id="c", cost="5"))
    refresh(store)
    assert store.sessions.page(ACCOUNT, asked()).totals.session_count == 3
    add(store, record(store, "conference", "c"))
    refresh(store)
    assert store.sessions.page(ACCOUNT, asked()).totals == added_up(store.sessions.walk(ACCOUNT, asked()))
    assert store.sessions.page(ACCOUNT, asked()).totals.session_count == 3


def test_a_list_says_whether_records_wait_for_their_sessions(store: Store) -> None:
    message(store, "a", cost="1")
    add(store, record(store, "message", "b", cost="1"))
    assert not store.sessions.page(ACCOUNT, asked()).fresh
    refresh(store)
    assert store.sessions.page(ACCOUNT, asked()).fresh


def test_a_walk_goes_on_beyond_a_page(store: Store) -> None:
    add(store, *(record(store, "message", f"m{at:04}", cost="1") for at in range(LIMIT_MAX + 20)))
    refresh(store)
    walked = [session.id for session in store.sessions.walk(ACCOUNT, asked(limit=1))]
    assert sorted(walked) == [f"m{at:04}" for at in range(LIMIT_MAX + 20)]
    assert store.sessions.page(ACCOUNT, asked(limit=1)).sessions[0].changed == RECEIVED
