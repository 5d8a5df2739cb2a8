"""Lists: one page of the records of a type, as a `Query` says; and the fields that records have shown."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from sessiontree.query import Condition, Query
from sessiontree.record import read_time
from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT, add, get, record

NOON = read_time("2026-03-17T12:00:00Z")
ROWS: tuple[tuple[str, dict[str, object]], ...] = (
    ("a", {"started_at": "2026-03-17T12:00:00Z", "cost": "0.10", "telnyx_session_id": "s1", "note": "one"}),
    ("b", {"started_at": "2026-03-17T14:00:00+02:00", "cost": 0.1, "telnyx_session_id": "s2", "note": "two"}),
    ("c", {"cost": "-1", "telnyx_session_id": "s1", "extra": True}),
    ("d", {"started_at": "2026-03-16T12:00:00Z", "cost": "1e1", "telnyx_session_id": "s1", "note": "One more"}),
    ("e", {"started_at": "2026-03-18", "cost": None, "telnyx_session_id": "s3", "note": None, "extra": 12}),
    ("f", {"cost": "2", "note": "", "extra": "12"}),
)


def fill(store: Store) -> None:
    """In two batches, in this order; among the same in another account, and others in this one."""
    for at in range(0, 6, 3):
        add(store, *(record(store, "recording", id, **fields) for id, fields in ROWS[at : at + 3]))
    add(store, record(store, "webrtc", "a", started_at="2026-03-17T12:00:00Z", telnyx_session_id="s1"))
    add(store, record(store, "recording", "x", telnyx_session_id="s1", theirs=1), account="other")


def ids(store: Store, query: Query, account: str = ACCOUNT) -> str:
    page = store.page(account, query)
    return " ".join([*(each.id for each in page.records), f"of {page.total}"])


def ask(*conditions: tuple[str, str, str], **values: object) -> Query:
    return Query("recording", tuple(Condition(*each) for each in conditions), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ask(), "e b a d f c of 6"),
        (ask(size=2), "e b of 6"),
        (ask(size=2, page=2), "a d of 6"),
        (ask(size=4, page=2), "f c of 6"),
        (ask(size=6, page=2), "of 6"),
        (ask(size=50, page=10**9), "of 6"),
        (ask(since=NOON), "e b a of 3"),
        (ask(until=NOON), "d of 1"),
        (ask(since=NOON, until=read_time("2026-03-18T00:00:00Z")), "b a of 2"),
        (ask(since=NOON, until=NOON), "of 0"),
        (ask(("id", "eq", "c")), "c of 1"),
        (ask(("id", "eq", "c"), since=NOON), "of 0"),
        (ask(("id", "eq", "a"), until=NOON), "of 0"),
        (ask(("id", "eq", "a"), since=NOON), "a of 1"),
        (ask(("id", "eq", "nobody")), "of 0"),
        (ask(("id", "gte", "e")), "e f of 2"),
        (ask(("telnyx_session_id", "eq", "s1")), "a d c of 3"),
        (ask(("telnyx_session_id", "eq", "s1"), size=1, page=2), "d of 3"),
        (ask(("telnyx_session_id", "eq", "s1"), ("note", "eq", "one")), "a of 1"),
        (ask(("telnyx_session_id", "eq", "s1"), ("telnyx_session_id", "eq", "s2")), "of 0"),
        (ask(("cost", "eq", "0.100")), "b a of 2"),
        (ask(("cost", "gt", "1e-1")), "d f of 2"),
        (ask(("cost", "gte", "0.1")), "b a d f of 4"),
        (ask(("cost", "lt", "0")), "c of 1"),
        (ask(("cost", "lte", "2"), ("cost", "gt", "0.1")), "f of 1"),
        (ask(("cost", "starts_with", "0.1")), "b a of 2"),
        (ask(("started_at", "eq", "2026-03-17T13:00:00+01:00")), "b a of 2"),
        (ask(("started_at", "lt", "2026-03-17")), "d of 1"),
        (ask(("note", "contains", "ne")), "a d of 2"),
        (ask(("note", "starts_with", "on")), "a of 1"),
        (ask(("note", "ends_with", "e")), "a d of 2"),
        (ask(("note", "contains", "")), "b a d f of 4"),
        (ask(("note", "eq", "")), "f of 1"),
        (ask(("extra", "eq", "true")), "c of 1"),
        (ask(("extra", "eq", "12")), "e f of 2"),
        (ask(("no_such_field", "eq", "1")), "of 0"),
        (ask(sort=(("id", False),)), "a b c d e f of 6"),
        (ask(sort=(("id", True),), size=4), "f e d c of 6"),
        (ask(sort=(("cost", False),)), "c a b f d e of 6"),
        (ask(sort=(("cost", True),)), "d f a b c e of 6"),
        (ask(sort=(("started_at", False),)), "d a b e c f of 6"),
        (ask(sort=(("telnyx_session_id", True), ("cost", True)), page=2, size=2), "d a of 6"),
        (ask(("cost", "gt", "0"), sort=(("cost", False), ("id", True))), "b a f d of 4"),
        (Query("webrtc"), "a of 1"),
        (Query("fax-api"), "of 0"),
        (Query("fax-api", (Condition("id", "eq", "a"),)), "of 0"),
    ],
)
def test_a_page_is_what_the_query_says(store: Store, query: Query, expected: str) -> None:
    fill(store)
    assert ids(store, query) == expected


def test_an_account_lists_its_own(store: Store) -> None:
    fill(store)
    assert ids(store, ask(), "other") == "x of 1"
    assert ids(store, ask(("telnyx_session_id", "eq", "s1")), "other") == "x of 1"
    assert ids(store, ask(), "nobody") == "of 0"
    assert ids(store, ask(("id", "eq", "x"))) == "of 0"


def test_listed_records_are_the_stored_ones(store: Store) -> None:
    fill(store)
    for query in (ask(size=1), ask(("id", "eq", "e")), ask(("note", "contains", "")), ask(sort=(("id", True),))):
        listed = [msgspec.structs.replace(each, shape=0) for each in store.page(ACCOUNT, query).records]
        assert listed == [get(store, "recording", each.id) for each in listed]
        assert listed


def test_a_changed_record_is_listed_as_it_is_now(store: Store) -> None:
    fill(store)
    add(store, record(store, "recording", "d", started_at="2026-04-01", telnyx_session_id="s9", note="new"))
    add(store, record(store, "recording", "e", telnyx_session_id="s1"))
    assert ids(store, ask()) == "d b a f e c of 6"
    assert ids(store, ask(("telnyx_session_id", "eq", "s1"))) == "a e c of 3"
    assert ids(store, ask(("note", "contains", "One"))) == "of 0"


@pytest.mark.parametrize("seed", range(5))
def test_pages_hold_every_record_once_and_in_order(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    starts = [None, *(f"2026-03-{day:02}T00:00:00Z" for day in range(1, 9))]
    made = [
        record(store, "recording", f"r{at}", started_at=rng.choice(starts), note=rng.choice("xyz")) for at in range(150)
    ]
    add(store, *made)
    arrived = {each.id: at for at, each in enumerate(made)}
    newest = sorted(made, key=lambda each: (-each.start.timestamp() if each.start else 0, -arrived[each.id]))
    assert paged(store, ask(size=7)) == [each.id for each in newest]
    xs = [each.id for each in newest if b'"x"' in each.body]
    assert paged(store, ask(("note", "eq", "x"), size=7)) == xs
    by_note = sorted(made, key=lambda each: (each.body[-3:], arrived[each.id]))
    assert paged(store, ask(sort=(("note", False),), size=7)) == [each.id for each in by_note]


def paged(store: Store, query: Query) -> list[str]:
    listed: list[str] = []
    number = 1
    while page := _page(store, query, number):
        listed += page
        number += 1
    assert store.page(ACCOUNT, query).total == len(listed)
    return listed


def _page(store: Store, query: Query, number: int) -> Sequence[str]:
    asked = Query(query.record_type, query.conditions, sort=query.sort, page=number, size=query.size)
    return [each.id for each in store.page(ACCOUNT, asked).records]


def test_fields_are_those_that_records_have_shown(store: Store) -> None:
    assert store.fields(ACCOUNT, "recording") == {}
    add(store, record(store, "recording", "a", n=1, t="x", b=False, l=[1], o={"inner": 1}, **{"odd 'é'": 1.5}))
    shown = {"id": "string", "n": "number", "t": "string", "b": "boolean", "l": "list", "o": "object"}
    assert store.fields(ACCOUNT, "recording") == shown | {"odd 'é'": "number"}
    add(store, record(store, "recording", "a", later="x"))
    add(store, record(store, "recording", "b", last=2))
    assert store.fields(ACCOUNT, "recording") == shown | {"odd 'é'": "number", "later": "string", "last": "number"}
    assert store.fields(ACCOUNT, "webrtc") == store.fields("other", "recording") == {}
    assert store.fields(ACCOUNT, "no-such-type") == {}


def test_a_field_that_was_null_first_has_the_type_that_it_shows_later(store: Store) -> None:
    add(store, record(store, "recording", "a", n=None))
    assert store.fields(ACCOUNT, "recording")["n"] == "string"
    add(store, record(store, "recording", "b", n=2))
    assert store.fields(ACCOUNT, "recording")["n"] == "number"
