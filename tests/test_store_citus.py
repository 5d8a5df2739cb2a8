"""A store on a real Citus cluster, where there is one; `tests/citus.py` says how to name it."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

import citus
from sessiontree.analysis import Analysis
from sessiontree.cli import main
from sessiontree.errors import StoreError
from sessiontree.query import Condition, Query
from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.session_query import SORTS, Clock, SessionQuery
from sessiontree.store import Store, open_store
from sessiontree.store.intakes import FILE, Origin, Share, new_id
from sessiontree.store.postgres import reread
from sessiontree.store.spend import SpendQuery
from sessiontree.store.suite import shipped
from sessiontree.unfit import Unlinked
from sessiontree.verifying import verify

MISSING = f"Citus was not tested: name a database of a cluster's coordinator in {citus.GIVEN}"
EXAMPLES = Path(__file__).parent.parent / "examples"
ACCOUNT = "default"
CALL = "a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
NOW = datetime(2026, 8, 1, tzinfo=UTC)
ONE_NODE = "citus.multi_task_query_log_level%3Derror"
"""With this, Citus refuses every statement that is not for one shard alone."""


@pytest.fixture(autouse=True, scope="module")
def _cluster() -> None:
    if citus.given() is None:
        pytest.skip(MISSING)


def records() -> list[Record]:
    """Those of all examples."""
    reader = Reader(shipped())
    bodies = [line for path in sorted(EXAMPLES.glob("*.ndjson")) for line in path.read_bytes().splitlines()]
    return [reader.read(body) for body in bodies if body.strip()]


def run(*arguments: str) -> str:
    return CliRunner().invoke(main, ["store", *arguments]).output


def refresh(store: Store) -> None:
    while store.sessions.refresh():
        pass


@pytest.fixture
def limited(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with all examples whose statements may ask one shard only, but for what a refresh begins with."""
    whole = open_store(postgres, shipped())
    store = open_store(f"{postgres}&options=-c%20{ONE_NODE}", shipped())
    with pytest.raises(StoreError, match="multi-task"):
        store.count()
    monkeypatch.setattr(store.sessions, "waiting", whole.sessions.waiting)
    monkeypatch.setattr(store, "ask", whole.ask)
    yield store
    store.close()
    whole.close()


@pytest.mark.parametrize("at_once", [3, 100], ids=["a few at once", "all at once"])
def test_what_concerns_one_account_is_asked_of_one_shard(limited: Store, at_once: int):
    """Adding, working in, changing, asking in every way, proving, taking back, deleting."""
    store, given, origin = limited, records(), Origin(new_id(), files="a")
    for first in range(0, len(given), at_once):
        some = given[first : first + at_once]
        store.add(ACCOUNT, some, NOW, [Share(origin, len(some))])
        refresh(store)
    store.add("other", given, NOW)
    refresh(store)
    tree = Analysis(store).tree(ACCOUNT, store.catalog.types["call-session"], CALL)
    assert tree.root.event_count == 11
    ask_of_records(store)
    ask_of_sessions(store)
    ask_of_spend(store)
    with store.checks.moment(ACCOUNT) as moment:
        sums = moment.sums(lambda count: None)
        assert not sums.differences
        assert len(moment.rows(moment.sample(3))) == 3
    assert store.removing.session(ACCOUNT, "call-session", CALL) is not None
    for source in (None, FILE):
        assert [each.id for each in store.intakes.page(ACCOUNT, limit=2, source=source)] == [origin.id]
    assert store.intakes.preview(ACCOUNT, origin.id).removal.removed
    while store.intakes.undo(ACCOUNT, origin.id, NOW, limit=10):
        refresh(store)
    refresh(store)
    assert (listed(store), len(listed(store, "other"))) == ([], 19)


def listed(store: Store, account: str = ACCOUNT, **asked: object) -> list[str]:
    query = dataclasses.replace(SessionQuery(), clock=Clock(NOW, timedelta(hours=24), timedelta(minutes=10)), **asked)
    page = store.sessions.page(account, query)
    assert len(list(store.sessions.walk(account, query))) >= len(page.sessions)
    return [session.id for session in page.sessions]


def ask_of_records(store: Store) -> None:
    assert len(store.history(ACCOUNT, "inference", records()[0].id)) <= 1
    assert store.page(ACCOUNT, Query("inference")).records
    assert store.page(
        ACCOUNT, Query("inference", since=datetime(2026, 3, 1, tzinfo=UTC), sort=(("cost", True),))
    ).records
    for field in ("id", "cost"):
        store.page(ACCOUNT, Query("inference", (Condition(field, "eq", "0.0010"),)))
    assert store.fields(ACCOUNT, "inference")
    assert list(store.checks.records(ACCOUNT))


def ask_of_sessions(store: Store) -> None:
    for sort in SORTS:
        assert CALL in listed(store, sort=sort)
    assert CALL in listed(
        store, products=("callcontrol-cdrs",), statuses=("settling", "completed"), currency="USD", total_min=1
    )
    begins = Condition("telnyx_session_id", "starts_with", "a1b2")
    assert listed(store, record_types=("call-session",), conditions=(begins,)) == [CALL]
    assert listed(store, record_types=("message",), conditions=(Condition("cost", "gt", "0"),))
    assert len(listed(store, unlinked=tuple(Unlinked))) == 1
    assert store.sessions.unlinked_groups(ACCOUNT, SessionQuery(unlinked=tuple(Unlinked)))
    assert store.sessions.problems(ACCOUNT, SessionQuery(with_problems=True)).counts
    assert store.sessions.find(ACCOUNT, "call-session", CALL)
    assert store.sessions.of_record(ACCOUNT, "call-session", CALL)
    assert store.sessions.changes(ACCOUNT, 0, 10)
    assert store.sessions.count_tops(ACCOUNT, "call-session")


def ask_of_spend(store: Store) -> None:
    month = {"since": datetime(2026, 3, 1, 0, 30, tzinfo=UTC), "until": datetime(2026, 4, 1, 0, 30, tzinfo=UTC)}
    for query in (
        SpendQuery(by=("day", "product")),
        SpendQuery(by=("month",), **month),
        SpendQuery(by=("day", "session_type"), **month),
        SpendQuery(by=("record.model",), record_types=frozenset({"inference"})),
    ):
        assert store.spend.table(ACCOUNT, query)


def test_writers_do_not_wait_for_each_other(postgres: str):
    store = open_store(postgres, shipped())
    for account in (ACCOUNT, "other"):
        store.add(account, records()[:1], NOW)
    second = open_store(f"{postgres}&options=-c%20statement_timeout%3D10s", shipped())
    with store.writing() as db:
        reread.writing_begins(store, db)
        assert second.add("other", records()[1:], NOW)[0] == "created"
    store.close()
    second.close()


def test_a_store_with_records_is_distributed(empty_database: str):
    store = open_store(empty_database, shipped())
    for account in (ACCOUNT, "other"):
        store.add(account, records(), NOW)
    refresh(store)
    before = store.sessions.page(ACCOUNT, SessionQuery())
    store.close()
    assert "not distributed" in run("check", "--store", empty_database)
    assert run("distribute", "--store", empty_database).startswith("Distributed: account, ")
    assert run("distribute", "--store", empty_database) == "All tables are distributed already.\n"
    assert "distributed over " in run("check", "--store", empty_database)
    store = open_store(empty_database, shipped())
    assert store.sessions.page(ACCOUNT, SessionQuery()) == before
    assert store.add("other", records(), NOW)[0] == "unchanged"
    for account in store.accounts():
        assert verify(store, account).holds
    store.close()
    with psycopg.connect(empty_database) as db:
        left = db.execute("select relname from pg_class where relname ~ '^(record|link|account)' and relkind = 'r' and"
                          " pg_relation_size(oid) > 0").fetchall()  # fmt: skip
    assert left == [], "what lies on the nodes is no longer kept here as well"


def test_a_table_that_a_later_version_brings_is_distributed_when_migrating(postgres: str):
    fault = "the table spend is not distributed: run `sessiontree store distribute`"
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("select undistribute_table('spend')")
    assert fault in run("check", "--store", postgres)
    assert run("migrate", "--store", postgres) == "The schema has version 3, as before.\n"
    assert fault not in run("check", "--store", postgres)
