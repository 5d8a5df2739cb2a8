"""Refreshing a SQLite store beside others: whatever happens while one works out what to write, rows end up right."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings

from sessiontree import taking_back
from sessiontree.catalog import Catalog
from sessiontree.catalog_files import load
from sessiontree.store.sqlite import claim, sessions
from sessiontree.store.sqlite.sessions import SqliteSessions
from sessiontree.store.sqlite.store import SqliteStore
from sessiontree.store.suite import add, record
from stores import NewStore
from test_laws_together import check, perform
from test_taking_back import IMPORTS, Step, both, catalog, sequences

pytestmark = pytest.mark.sqlite_only("in PostgreSQL a transaction that sees one moment does it")
__all__ = ["catalog"]  # the fixture of that name


def meanwhile(patch: pytest.MonkeyPatch, store: SqliteStore, happens: Callable[[], None]) -> bool:
    """Refresh, and let something happen when that has been worked out and not yet written; whether it came to that."""
    assert isinstance(store.sessions, SqliteSessions)
    work_out, happened = store.sessions._worked_out, []

    def interrupted(db, limit):
        refresh = work_out(db, limit)
        if not happened and db is store.reader:  # otherwise others wait
            happened.append(True)
            happens()
        return refresh

    with patch.context() as inside:
        inside.setattr(store.sessions, "_worked_out", interrupted)
        store.sessions.refresh(3)
    return bool(happened)


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a few records are worked out while others write."""
    monkeypatch.setattr(sessions, "_FEW_RECORDS", 0)


def run(new_store: NewStore, steps: Sequence[Step], catalog: Catalog) -> None:
    """Every step happens while another process, whose claim lasts no time, is about to write what it has worked out."""
    with pytest.MonkeyPatch.context() as patch, both(new_store, catalog, IMPORTS) as each:
        patch.setattr(sessions, "_FEW_RECORDS", 0)
        patch.setattr(claim, "SECONDS", 0.0)
        assert isinstance(each.store, SqliteStore)
        other = SqliteStore(each.store.path, catalog)
        for name, value in steps:
            if not meanwhile(patch, other, lambda name=name, value=value: perform(each, name, value)):
                perform(each, name, value)
        taking_back.refresh(other)
        check(other, each.kept, catalog)
        other.close()


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(steps=sequences())
def test_rows_are_right_whatever_happens_meanwhile(new_store: NewStore, steps: list[Step], catalog: Catalog):
    run(new_store, steps, catalog)


@pytest.mark.long
@thorough
@given(steps=sequences())
def test_rows_are_right_whatever_happens_meanwhile_at_length(new_store: NewStore, steps: list[Step], catalog: Catalog):
    run(new_store, steps, catalog)


@pytest.fixture
def stores(tmp_path: Path):
    """Two that have the same file open, as two processes do."""
    both = [SqliteStore(tmp_path / "store.db", load()) for _ in range(2)]
    yield both
    for store in both:
        store.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of claims, which goes on by hand."""
    at = SimpleNamespace(now=1_800_000_000.0)
    monkeypatch.setattr(claim, "time", SimpleNamespace(time=lambda: at.now, monotonic=lambda: at.now))
    return at


def counted(store: SqliteStore, id: str) -> int | None:
    found = store.sessions.find("default", "call-session", id)
    return None if found is None else found.event_count


@pytest.mark.usefixtures("beside")
def test_what_is_added_meanwhile_neither_waits_nor_is_lost(stores: list[SqliteStore], monkeypatch: pytest.MonkeyPatch):
    one, other = stores
    add(one, record(one, "recording", "r1", telnyx_session_id="s"))
    assert meanwhile(monkeypatch, one, lambda: add(other, record(other, "recording", "r2", telnyx_session_id="s")))
    assert (counted(one, "s"), one.sessions.waiting()) == (2, 1)
    assert one.sessions.refresh() == 0
    assert counted(one, "s") == 3


@pytest.mark.usefixtures("beside")
def test_what_was_worked_out_for_deleted_records_is_thrown_away(
    stores: list[SqliteStore], monkeypatch: pytest.MonkeyPatch
):
    one, other = stores
    add(one, record(one, "recording", "r", telnyx_session_id="s"))
    one.sessions.refresh()
    add(one, record(one, "recording", "more", telnyx_session_id="t"))
    add(one, record(one, "recording", "r", telnyx_session_id="s", cost="1"))

    def delete() -> None:
        monkeypatch.setattr(claim, "SECONDS", 0.0)  # so that the other need not wait
        taking_back.refresh(other)
        assert other.removing.session("default", "call-session", "t") is not None

    assert meanwhile(monkeypatch, one, delete)
    taking_back.refresh(one)
    assert (counted(one, "s"), counted(one, "t"), one.sessions.of_record("default", "recording", "more")) == (
        2,
        None,
        [],
    )


def test_one_process_at_a_time_refreshes_until_it_is_no_more(
    stores: list[SqliteStore], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    one, other = stores
    monkeypatch.setattr(sessions, "_LEFT_RECORDS", 0)
    add(one, *[record(one, "recording", f"r{at}", telnyx_session_id=f"s{at}") for at in range(3)])
    assert one.sessions.refresh(1) == 2
    assert (other.sessions.refresh(1), other.sessions.refresh(1)) == (2, 2)
    clock.now += claim.SECONDS
    assert other.sessions.refresh(1) == 1
    assert one.sessions.refresh() == 1
    assert other.sessions.refresh() == 0


def test_who_settles_does_not_wait_for_another(stores: list[SqliteStore], monkeypatch: pytest.MonkeyPatch):
    one, other = stores
    monkeypatch.setattr(sessions, "_LEFT_RECORDS", 0)
    add(one, *[record(one, "recording", f"r{at}", telnyx_session_id=f"s{at}") for at in range(3)])
    assert one.sessions.refresh(1) == 2
    other.sessions.settle()
    assert other.sessions.waiting() == 0


@pytest.mark.usefixtures("beside")
def test_what_was_worked_out_before_another_settled_is_thrown_away(
    stores: list[SqliteStore], monkeypatch: pytest.MonkeyPatch
):
    one, other = stores
    add(one, record(one, "recording", "r1", telnyx_session_id="s"))

    def settle() -> None:
        add(other, record(other, "recording", "r2", telnyx_session_id="s"))
        other.sessions.settle()

    assert meanwhile(monkeypatch, one, settle)
    assert (counted(one, "s"), one.sessions.waiting()) == (3, 0)


def test_a_claim_of_the_future_is_none(
    stores: list[SqliteStore], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    """The clock has been set back."""
    one, other = stores
    monkeypatch.setattr(sessions, "_LEFT_RECORDS", 0)
    add(one, *[record(one, "recording", f"r{at}", telnyx_session_id=f"s{at}") for at in range(2)])
    assert one.sessions.refresh(1) == 1
    clock.now -= 3600
    assert other.sessions.refresh() == 0


@pytest.mark.usefixtures("beside")
def test_who_has_lost_a_claim_leaves_the_next_one_alone(
    stores: list[SqliteStore], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    one, other = stores
    monkeypatch.setattr(sessions, "_LEFT_RECORDS", 0)
    add(one, *[record(one, "recording", f"r{at}", telnyx_session_id=f"s{at}") for at in range(4)])

    def others_turn() -> None:
        clock.now += claim.SECONDS
        assert other.sessions.refresh(1) == 3

    assert meanwhile(monkeypatch, one, others_turn)
    assert meanwhile(monkeypatch, other, lambda: None)
    assert other.sessions.waiting() == 0


def test_nobody_waits_for_a_session_that_takes_long(stores: list[SqliteStore], monkeypatch: pytest.MonkeyPatch):
    one, other = stores
    monkeypatch.setattr(sessions, "_LONG_SECONDS", 0.0)
    add(one, record(one, "recording", "r1", telnyx_session_id="s"))
    assert not meanwhile(monkeypatch, one, lambda: None)
    add(one, record(one, "recording", "r2", telnyx_session_id="s"))
    assert meanwhile(monkeypatch, one, lambda: add(other, record(other, "recording", "r3", telnyx_session_id="s")))
    assert one.sessions.refresh() == 0
    assert counted(one, "s") == 4
