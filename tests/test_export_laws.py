"""The laws of exports on messy data: every record once, and sums that are those of the sessions, to the last digit."""

import json
import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import messy
from model import Model
from sessiontree import demo, money
from sessiontree.export import Export
from sessiontree.export.columns import Layout
from sessiontree.export.lines import Csv, Ndjson
from sessiontree.export.sessions import session_trees
from sessiontree.session_query import Clock, SessionQuery
from sessiontree.store import Store
from stores import NewStore
from test_export import csv_rows
from test_laws import add, modelled, stored, tree_of

ALL = SessionQuery()
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def exported(store: Store, query: SessionQuery = ALL, *, form: type = Ndjson) -> bytes:
    export = Export(form(Layout()))
    return b"".join(export.chunks(session_trees(store, "default", query, export.tally)))


def rows_and_trailer(text: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    *rows, last = [json.loads(line) for line in text.splitlines()]
    return rows, last["trailer"]


def sums_of(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["currency"]] += Decimal(row["event_cost"])  # type: ignore[assignment]
    return {currency: amount for currency, amount in sums.items() if amount}


def said(trailer: dict[str, Any]) -> dict[str, Decimal]:
    return {each["currency"]: Decimal(each["total"]) for each in trailer["sum"] if Decimal(each["total"])}


def predicted(model: Model) -> dict[str, Decimal]:
    """What all stored records of the model cost."""
    sums: Counter[str] = Counter()
    for record_type, id in model.events():
        tree = model.tree(record_type, id)
        assert tree is not None
        sums[tree.root.currency] += tree.root.cost or 0  # type: ignore[assignment]
    return {currency: Decimal(amount) for currency, amount in sums.items() if amount}


def check_against_model(new_store: NewStore, records: list[messy.Record], *, operator: bool) -> None:
    model, _ = modelled(records, operator=operator)
    with stored(new_store, records, operator=operator) as store:
        rows, trailer = rows_and_trailer(exported(store))
        assert sorted((row["record_type"], row["id"]) for row in rows) == sorted(model.events())
        assert sums_of(rows) == said(trailer) == predicted(model)
        listed = list(store.sessions.walk("default", ALL))
        assert (trailer["rows"], trailer["sessions"], trailer["changed"]) == (len(rows), len(listed), False)
        assert said(trailer) == sums_of_sessions(listed)


def sums_of_sessions(sessions: list[Any]) -> dict[str, Decimal]:
    totals: money.Totals = {}
    for session in sessions:
        money.add(totals, session.totals)
        money.add(totals, {currency: -amount for currency, amount in session.elsewhere.items()})
    return {currency: Decimal(money.text(amount)) for currency, amount in totals.items() if amount}


@given(messy.records(operator=False))
@quick
def test_every_record_is_in_the_export_once(new_store: NewStore, records: list[messy.Record]) -> None:
    check_against_model(new_store, records, operator=False)


@given(messy.records(operator=True))
@quick
def test_also_with_an_operators_types(new_store: NewStore, records: list[messy.Record]) -> None:
    check_against_model(new_store, records, operator=True)


@pytest.mark.parametrize("seed", range(3))
def test_larger_sets_too(new_store: NewStore, seed: int) -> None:
    check_against_model(new_store, messy.generate(random.Random(seed), 200, operator=True), operator=True)


def test_selections_add_up_as_their_sessions_do(new_store: NewStore) -> None:
    now = datetime.now(UTC)
    clock = Clock(now, timedelta(days=3650), timedelta(0))
    day = datetime(2026, 3, 17, tzinfo=UTC)
    queries = [
        SessionQuery(record_types=("call-session",)),
        SessionQuery(since=day, until=day + timedelta(hours=10, seconds=1), sort="total"),
        SessionQuery(currency="EUR"),
        SessionQuery(total_min=money.UNIT, currency="USD"),
        SessionQuery(products=("inference", "conference"), limit=1),
        SessionQuery(statuses=("completed",), clock=clock),
    ]
    sizes = set()
    with stored(new_store, messy.generate(random.Random(5), 300, operator=False), operator=False) as store:
        for query in queries:
            rows, trailer = rows_and_trailer(exported(store, query))
            listed = list(store.sessions.walk("default", query))
            assert sums_of(rows) == said(trailer) == sums_of_sessions(listed)
            assert {row["session_id"] for row in rows} == {session.id for session in listed}
            sizes.add(trailer["sessions"])
    assert len(sizes) == len(queries)
    assert 0 not in sizes


def test_the_demo_adds_up(new_store: NewStore) -> None:
    with stored(new_store, [], operator=False) as store:
        demo.load(store, datetime(2026, 4, 1, tzinfo=UTC))
        rows, trailer = rows_and_trailer(exported(store))
        listed = list(store.sessions.walk("default", ALL))
        assert sums_of(rows) == said(trailer) == sums_of_sessions(listed)
        assert (trailer["rows"], trailer["sessions"]) == (len(rows), len(listed))
        assert sum(row["record_type"] != "call-session" for row in rows) == store.count() > 20


def test_csv_says_the_same(new_store: NewStore) -> None:
    with stored(new_store, messy.generate(random.Random(1), 200, operator=True), operator=True) as store:
        rows, trailer = rows_and_trailer(exported(store))
        *lines, last = csv_rows(exported(store, form=Csv).decode())
        assert sums_of(lines) == sums_of(rows)
        assert [line["id"] for line in lines] == [row["id"] for row in rows]
        sums = " + ".join(f"{each['currency']} {each['total']}" for each in trailer["sum"])
        assert last["path"] == f"rows={len(rows)} sessions={trailer['sessions']} sum={sums}"


def test_sessions_come_oldest_first_each_as_its_tree(new_store: NewStore) -> None:
    with stored(new_store, messy.generate(random.Random(2), 200, operator=False), operator=False) as store:
        rows, _ = rows_and_trailer(exported(store, SessionQuery(sort="total", descending=True, limit=2)))
        tops = [row for row in rows if row["depth"] == 0]
        starts = [datetime.fromisoformat(row["started_at"]) for row in tops if row["started_at"]]
        assert starts == sorted(starts)
        assert len(tops) > len(starts) > 10
        assert {row["started_at"] for row in tops[len(starts) :]} == {None}
        for row in tops:
            root = tree_of(store, row["record_type"], row["id"]).root
            assert row["cumulative_cost"] == money.text(root.totals.get(root.currency, 0))


def test_memory_stays_flat(new_store: NewStore) -> None:
    """3,000 more sessions, and 2 MB more to write, take no more memory (but for what small caches grow)."""
    sizes, peaks = [], []
    for count in (2000, 5000):
        call = {"record_type": "call-control", "cost": "0.01", "note": "x" * 600}
        with stored(new_store, [{**call, "id": f"c{at}"} for at in range(count)], operator=False) as store:
            while store.sessions.refresh():
                pass
            export = Export(Csv(Layout(("note",))))
            pieces = export.chunks(session_trees(store, "default", ALL, export.tally))
            next(pieces)
            tracemalloc.start()
            sizes.append(sum(len(piece) for piece in pieces))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert export.tally.rows == count
    assert sizes[1] > sizes[0] + 2_000_000
    assert peaks[1] < peaks[0] + 1_000_000


def test_a_change_on_the_way_is_told(new_store: NewStore) -> None:
    """The participant's call comes when its conference has been exported: the participant is in the export twice."""
    participant = {"record_type": "conference-participant", "id": "p1", "conference_id": "k1", "cost": "1"}
    records = [
        {"record_type": "conference", "id": "k1", "started_at": "2026-03-17T10:00:00Z"},
        participant,
        {"record_type": "call-control", "id": "c1", "telnyx_session_id": "s1", "started_at": "2026-03-18T10:00:00Z"},
    ]
    with stored(new_store, records, operator=False) as store:
        export = Export(Ndjson(Layout()))

        def trees() -> Iterator[Any]:
            for at, tree in enumerate(session_trees(store, "default", ALL, export.tally)):
                yield tree
                if at == 0:
                    add(store, [{**participant, "call_session_id": "s1"}])

        rows, trailer = rows_and_trailer(b"".join(export.chunks(trees())))
    assert Counter(row["id"] for row in rows)["p1"] == 2
    assert trailer["changed"] is True


def test_a_session_that_found_its_parent_is_left_out(new_store: NewStore) -> None:
    records = [
        {"record_type": "conference", "id": "k1", "started_at": "2026-03-17T10:00:00Z"},
        {"record_type": "inference", "id": "i1", "conversation_id": "t1", "created_at": "2026-03-18T10:00:00Z"},
        {"record_type": "inference", "id": "i2", "conversation_id": "t2", "created_at": "2026-03-18T10:00:00Z"},
    ]
    assistant = {"record_type": "ai-voice-assistant", "id": "a1", "conversation_id": "t1"}
    with stored(new_store, records, operator=False) as store:
        export = Export(Ndjson(Layout()))

        def trees() -> Iterator[Any]:
            for tree in session_trees(store, "default", ALL, export.tally):
                yield tree
                if tree.root.id == "k1":
                    add(store, [assistant])

        rows, trailer = rows_and_trailer(b"".join(export.chunks(trees())))
    assert [row["id"] for row in rows] == ["k1", "i2"]
    assert trailer["changed"] is True
