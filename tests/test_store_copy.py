"""`store copy`: everything of one store in another, whichever kinds they are, and the proof of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sessiontree import catalog_files, taking_back
from sessiontree.catalog import Catalog
from sessiontree.cli import main
from sessiontree.errors import StoreError
from sessiontree.keys import make_key
from sessiontree.query import Query
from sessiontree.session_query import SessionQuery
from sessiontree.store import Store, copying, open_store
from sessiontree.store.intakes import Origin, Share, new_id
from sessiontree.store.names import shown_name
from sessiontree.store.suite import ACCOUNT, RECEIVED, add, changed, later, record
from sessiontree.verifying import verify

SHIPPED = catalog_files.load()
WITH_OWN = Catalog({**SHIPPED.types, "own": replace(SHIPPED.types["verify"], name="own")}, SHIPPED.updated)


def leg(store: Store, id: str, **fields: Any) -> Any:
    return record(store, "call-control", id, **{"telnyx_session_id": "s", "telnyx_leg_id": id, **fields})


def fill(where: str) -> str:
    """A store that has some of everything; the id of an import that can be undone."""
    store = open_store(where, WITH_OWN)
    first, second, undone = (Origin(new_id(), files=name) for name in ("a.csv", "b.csv", "c.csv"))
    old = [leg(store, f"{at}", cost="1", started_at=f"2026-0{1 + at % 7}-01T00:00:00.000001Z") for at in range(30)]
    store.add(ACCOUNT, old, RECEIVED, [Share(first, 30)])
    store.add(ACCOUNT, [leg(store, "3", cost="7.000000000001", telnyx_session_id="t")], later(1), [Share(second, 1)])
    store.add(ACCOUNT, [leg(store, "gone", cost="1", telnyx_session_id="gone")], later(2), [Share(undone, 1)])
    store.add(ACCOUNT, [leg(store, "3", cost="8")], later(3), [Share(Origin(new_id(), key="st_12345678"), 1, 2)])
    add(store, record(store, "amd", "a", call_leg_id="L\x00odd\x1a", cost="9" * 11, currency="EUR"))
    add(store, record(store, "own", "o", cost="3"), record(store, "verify", "v", created_at="0001-01-01T00:00:00Z"))
    add(store, record(store, "recording", "r", created_at="9999-12-31T23:59:59.999999Z", started_at=None))
    add(store, leg(store, "1", cost="2"), account="other")
    for account in (ACCOUNT, "nobody"):
        store.add_key(replace(make_key(account=account, name="ü")[1], used=RECEIVED))
    store.revoke_key(store.keys("nobody")[0].prefix, later(9))
    taking_back.refresh(store)
    taking_back.undo(store, ACCOUNT, undone.id, later(4), lambda count: None)
    taking_back.refresh(store)
    add(store, leg(store, "late", cost="5"))  # waits for a refresh
    store.close()
    return second.id


def everything(store: Store) -> Iterator[object]:
    """All that a store says, by its own questions."""
    yield store.count(), store.accounts(), store.keys(), store.undeclared(), store.stale(), store.sessions.waiting()
    for account in store.accounts():
        for name in WITH_OWN.types:
            for each in store.page(account, Query(name, size=50)).records:
                yield replace_shape(each), store.history(account, name, each.id)
                yield store.sessions.of_record(account, name, each.id)
            yield store.fields(account, name)
        yield list(store.sessions.walk(account, SessionQuery(limit=500)))
        yield store.sessions.page(account, SessionQuery()).totals
        yield [
            (each.sequence, each.record_type, each.id) for each in store.sessions.changes(account, since=0, limit=500)
        ]
        yield store.sessions.last_change(account), store.intakes.page(account, limit=50)


def replace_shape(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__ if name not in ("shape", "names")}


def quiet(what: str, total: int) -> Any:
    from contextlib import nullcontext

    return nullcontext(lambda count: None)


def copy(origin: str, empty: str) -> copying.Copied:
    first, second = open_store(origin, WITH_OWN, create=False), open_store(empty, WITH_OWN)
    try:
        return copying.copy(first, second, quiet)
    finally:
        first.close()
        second.close()


def told(where: str) -> Sequence[object]:
    store = open_store(where, WITH_OWN)
    try:
        return list(everything(store))
    finally:
        store.close()


def disputed(where: str) -> list[str]:
    """The types by which a process with other declarations knows that the sessions are not its own."""
    store = open_store(where, changed(WITH_OWN, "recording", product="tape"))
    try:
        return store.sessions.disputed()
    finally:
        store.close()


@pytest.mark.parametrize("way", ["file to file", "file to postgres", "postgres to file", "postgres to postgres"])
def test_a_copy_answers_as_the_original_does(way: str, tmp_path: Path, request: pytest.FixtureRequest):
    one, other = way.split(" to ")
    origin = request.getfixturevalue("postgres") if one == "postgres" else str(tmp_path / "a.db")
    empty = request.getfixturevalue("empty_database") if other == "postgres" else str(tmp_path / "b.db")
    import_id = fill(origin)
    copied = copy(origin, empty)
    assert copied.differences == []
    assert copied.counts["record"] == (36, 36)
    before, after = copied.sums[ACCOUNT]
    assert before == after
    assert (before.record_count, before.home_count) == (35, 34), "the last one waits for a refresh"
    assert told(empty) == told(origin)
    assert disputed(empty) == disputed(origin) == ["recording"]
    _goes_on(empty, import_id)


def _goes_on(where: str, import_id: str) -> None:
    """The copy can be written: new records, an undo, and all still adds up."""
    store = open_store(where, WITH_OWN)
    try:
        row_before = store.sessions.last_change(ACCOUNT)
        assert add(store, leg(store, "late", cost="5"), leg(store, "later", cost="6")) == ["unchanged", "created"]
        assert sum(step.dropped for step in _undone(store, import_id)) == 1
        assert len(store.history(ACCOUNT, "call-control", "3")) == 2
        taking_back.refresh(store)
        assert store.sessions.last_change(ACCOUNT) > row_before
        assert verify(store, ACCOUNT).differences == []
        assert verify(store, "other").differences == []
    finally:
        store.close()


def _undone(store: Store, import_id: str) -> Iterator[Any]:
    while (step := store.intakes.undo(ACCOUNT, import_id, RECEIVED + timedelta(days=1))) is not None:
        yield step


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["store", "copy", *arguments])


def test_the_command_says_what_it_compared(tmp_path: Path, empty_database: str):
    origin = str(tmp_path / "a.db")
    fill(origin)
    done = run(origin, empty_database)
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines()]
    assert ["record", "36", "36"] in lines
    assert ["default,", "EUR", "99999999999.000000", "99999999999.000000"] in lines
    assert "holds the same as" in done.output


def test_a_store_that_is_not_empty_stays_as_it_is(tmp_path: Path):
    origin, other = str(tmp_path / "a.db"), str(tmp_path / "b.db")
    fill(origin)
    fill(other)
    before = told(other)
    for where in (other, origin):
        refused = run(origin, where)
        assert (refused.exit_code, "is not empty" in refused.output) == (1, True)
    assert told(other) == before


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path):
    refused = run(str(tmp_path / "no.db"), str(tmp_path / "b.db"))
    assert (refused.exit_code, "no.db does not exist" in refused.output) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_what_differs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sessiontree.store.sqlite.loading import SqliteTarget

    fill(str(tmp_path / "a.db"))
    monkeypatch.setattr(SqliteTarget, "_put_history", lambda self, db, rows: None)
    put_spend = SqliteTarget._put_spend
    monkeypatch.setattr(SqliteTarget, "_put_spend", lambda self, db, rows: put_spend(self, db, rows[1:]))
    copied = copy(str(tmp_path / "a.db"), str(tmp_path / "b.db"))
    assert copied.counts["history"] == (2, 0)
    assert {"history", "spend", "the sums of default"} <= set(copied.differences)
    refused_by_all(str(tmp_path / "b.db"))


def refused_by_all(where: str) -> None:
    """Nothing opens half a copy, and the look at its condition calls it a fault."""
    for command in (
        ["sessions"], ["spend"], ["verify"], ["export", "-o", "-"], ["serve", "--port", "0"], ["imports", "list"],
        ["import", __file__], ["store", "prune", "--before", "2026-01-01"], ["store", "copy", where, f"{where}2"],
    ):  # fmt: skip
        refused = CliRunner().invoke(main, [*command, "--store", where])
        assert (refused.exit_code, "is half a copy" in refused.stderr) == (1, True), (command, refused.output)
    looked = CliRunner().invoke(main, ["store", "check", "--store", where])
    assert (looked.exit_code, "is half a copy" in looked.stdout) == (1, True)


@pytest.mark.parametrize("kind", ["file", "postgres"])
@pytest.mark.parametrize("stopped_at", ["shape", "session", "counter"])
def test_half_a_copy_is_refused(
    kind: str, stopped_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    from sessiontree.store.postgres.loading import PostgresTarget
    from sessiontree.store.sqlite.loading import SqliteTarget

    origin = str(tmp_path / "a.db")
    empty = request.getfixturevalue("empty_database") if kind == "postgres" else str(tmp_path / "b.db")
    fill(origin)
    target = PostgresTarget if kind == "postgres" else SqliteTarget
    put = target.put

    def stop(self: Any, piece: copying.Piece) -> None:
        if piece.table == stopped_at:
            raise KeyboardInterrupt
        put(self, piece)

    with monkeypatch.context() as patch:
        patch.setattr(target, "put", stop)
        stopped = run(origin, empty)
    assert stopped.exit_code == 1
    assert stopped.stderr.startswith(f"Stopped: {shown_name(empty)} is half a copy, and its sums are wrong: ")
    refused_by_all(empty)
    again = run(origin, empty)
    assert (again.exit_code, "is half a copy" in again.stderr) == (1, True)
    if kind == "file":
        Path(empty).unlink()
        assert run(origin, empty).exit_code == 0
        assert told(empty) == told(origin)


def test_two_copies_do_not_fill_the_same_store(tmp_path: Path):
    fill(str(tmp_path / "a.db"))
    first, second = open_store(str(tmp_path / "b.db"), WITH_OWN), open_store(str(tmp_path / "b.db"), WITH_OWN)
    origin = open_store(str(tmp_path / "a.db"), WITH_OWN)
    copying._target(first).begin()
    with pytest.raises(StoreError, match="half a copy"):
        copying.copy(origin, second, quiet)
    for store in (first, second, origin):
        store.close()
