"""What only SQLite can do wrong with lists of sessions: every first page goes along an index, and so does going on."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiontree.query import Condition
from sessiontree.session_query import COST_SORTS, SORTS, SessionQuery
from sessiontree.store.sqlite import SqliteStore
from sessiontree.store.sqlite.session_list import groups, statements
from sessiontree.store.sqlite.session_selection import currencies, ranked_currency, select
from sessiontree.store.suite.helpers import ACCOUNT, add, record, shipped

INDEXES = {
    "started_at": "session_by_start",
    "duration": "session_by_duration",
    "event_count": "session_by_events",
    "total": "session_by_total",
    "total_per_minute": "session_by_minute",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", shipped())
    span = {"created_at": "2026-03-17T10:00:00Z", "completed_at": "2026-03-17T10:02:00Z"}
    add(store, *(record(store, "message", f"m{at}", cost=f"0.{at}", **span) for at in range(1, 9)))
    add(store, record(store, "message", "e", cost="1", currency="EUR", **span))
    store.sessions.refresh()
    yield store
    store.close()


def plans(store: SqliteStore, query: SessionQuery) -> list[list[str]]:
    """How SQLite goes about each group of a list, from the cursor on."""
    with store.snapshot(ACCOUNT) as snapshot:
        selection = select(snapshot, query)
        return [
            [row[3] for row in snapshot.db.execute(f"explain query plan {statement}", [*values, query.limit])]
            for group in groups(query, selection, currencies(snapshot), ranked_currency(snapshot, query))
            for statement, values in statements(group, selection, query)
        ]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
def test_a_page_goes_along_its_index_without_sorting(store: SqliteStore, sort: str, descending: bool):
    first = SessionQuery(sort=sort, descending=descending, limit=3)
    cursor = store.sessions.page(ACCOUNT, first).next
    assert cursor is not None
    following = dataclasses.replace(first, cursor=cursor)
    for plan in [*plans(store, first)[:1], *plans(store, following)[:2]]:
        assert plan[0].startswith("SEARCH") and f"INDEX {INDEXES[sort]} (account=?" in plan[0], plan
        assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN session")], plan
    sign = "<" if descending else ">"
    expected = f"session){sign}(?,?,?)" if sort in COST_SORTS else f"=? AND rowid{sign}?"
    assert expected in plans(store, following)[0][0]


def test_a_range_of_starts_is_looked_up_and_sorted(store: SqliteStore):
    for sort in SORTS:
        query = SessionQuery(sort=sort, since=store.sessions.page(ACCOUNT, SessionQuery()).sessions[0].start)
        assert "INDEX session_by_start (account=? AND start>?)" in plans(store, query)[0][0]


def test_an_id_is_looked_up(store: SqliteStore):
    query = SessionQuery(record_types=("message",), conditions=(Condition("uuid", "eq", "m1"),), sort="total")
    assert "(account=? AND record_type=? AND id=?)" in plans(store, query)[0][0]


def test_the_sums_of_everything_look_at_no_session(store: SqliteStore):
    asked: list[str] = []
    store.reader.set_trace_callback(asked.append)
    totals = store.sessions.page(ACCOUNT, SessionQuery(limit=1)).totals
    store.reader.set_trace_callback(None)
    assert (totals.session_count, len(totals.totals)) == (9, 2)
    assert not [statement for statement in asked if "sum(" in statement or "count(" in statement]


def test_the_kept_sums_are_those_of_the_rows(store: SqliteStore):
    for at in range(4):
        add(store, record(store, "message", f"m{at}", cost="-2.5", currency="CHF", created_at="2026-03-18"))
        add(store, record(store, "conference-participant", f"p{at}", conference_id="c", cost="5"))
        store.sessions.refresh()
    add(store, record(store, "conference", "c"))
    store.sessions.refresh()
    db = store.reader
    kept = db.execute("select account, sessions, events, unpriced from session_sum").fetchall()
    counted = db.execute("""select account, count(*), sum(event_count - elsewhere_count), sum(unpriced_count)
        from session group by account""").fetchall()
    assert kept == counted
    kept = db.execute("select * from session_cost_sum where sessions > 0").fetchall()
    counted = db.execute("""select account, currency, count(*), sum(whole >> 32), sum(whole & 4294967295),
        sum(rest >> 20), sum(rest & 1048575), sum(elsewhere_whole >> 32), sum(elsewhere_whole & 4294967295),
        sum(elsewhere_rest >> 20), sum(elsewhere_rest & 1048575)
        from session_cost group by account, currency order by account, currency""").fetchall()
    assert kept == counted
    assert len(kept) == 3
