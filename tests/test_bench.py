"""The bench itself: its records are what it says, its verdicts are right, and a tiny run measures everything."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from bench import __main__ as bench
from bench import load
from bench.bounds import RawReader
from bench.data import FIRST_START, RECORD_BYTES, SESSION_EVENTS, WINDOW, Maker
from bench.figure import Figure, lines
from bench.plan import Plan
from bench.stores import Stores
from bench.trees import DEPTH, ROOT_TYPE
from click.testing import CliRunner

from conftest import SECONDS
from sessiontree import catalog_files
from sessiontree.analysis import Analysis
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.store import open_store

TINY = Plan(
    trees_size=2_000,
    trees_count=20,
    http_sizes=(2_000,),
    http_count=400,  # CPU is counted in hundredths of a second
    one_client_count=10,
    bulk_empty=2_000,
    bulk_full=2_000,
    bulk_full_size=2_000,
    posts_count=1_000,
    file_bytes=1_000_000,
    growth_sizes=(2_000, 4_000),
    growth_count=2_000,
    sessions_count=2_000,
    pages_count=5,
    large_events=100,
    repeats=1,
)


def figure(value: float, *, more_is_better: bool = False, required: float | None = None) -> Figure:
    return Figure(
        group="trees",
        name="a tree",
        value=value,
        unit="µs",
        bound=50,
        bound_name="nothing",
        required=required,
        goal=100,
        more_is_better=more_is_better,
    )


@pytest.mark.parametrize(
    ("value", "more_is_better", "required", "verdict", "ratio"),
    [
        (100, False, 120, "ok", 2),
        (120, False, 120, "below goal", 2.4),
        (121, False, 120, "MISSED", 2.42),
        (100, True, 80, "ok", 0.5),
        (80, True, 80, "below goal", 0.625),
        (79, True, 80, "MISSED", 50 / 79),
        (99, True, None, "below goal", 50 / 99),
    ],
)
def test_a_figure_knows_what_is_asked_of_it(
    value: float, more_is_better: bool, required: float | None, verdict: str, ratio: float
) -> None:
    measured = figure(value, more_is_better=more_is_better, required=required)
    assert measured.verdict == verdict
    assert measured.ratio == pytest.approx(ratio)
    assert verdict in next(lines(measured))


def test_a_figure_of_which_nothing_is_asked_has_no_verdict() -> None:
    assert replace(figure(1), goal=None, bound=None).verdict == ""


def test_records_are_the_same_every_time_and_of_the_promised_size() -> None:
    first, again, other = (Maker(seed=seed, timed=True).bodies(WINDOW) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)
    assert {len(body) for body in first} == {RECORD_BYTES}
    assert len({json.loads(body)["id"] for body in first}) == WINDOW


@pytest.mark.parametrize(("timed", "version"), [(True, 1), (False, 4)])
def test_ids_are_uuids_with_or_without_a_time(timed: bool, version: int) -> None:
    session = next(Maker(seed=1, timed=timed).sessions())
    ids = [UUID(id) for id in (session.id, session.conversation, json.loads(session.bodies[0])["id"])]
    assert [id.version for id in ids] == [version] * 3
    if timed:
        ticks = (ids[0].time - UUID("13814000-1dd2-11b2-8000-000000000000").time) / 1e7  # that one is of 1970
        assert abs(datetime.fromtimestamp(ticks, UTC) - FIRST_START).total_seconds() < 1


def test_stores_are_copied_as_they_grow_and_found_again(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    stores.build([WINDOW, 2 * WINDOW])
    made = stores.path(WINDOW).stat().st_mtime_ns
    stores.build([WINDOW])
    assert stores.path(WINDOW).stat().st_mtime_ns == made
    for size in (WINDOW, 2 * WINDOW):
        stored = stores.at(size)
        store = open_store(str(stored.path), catalog_files.load())
        assert store.count() == size
        for id, _ in stored.sample[:3]:
            tree = Analysis(store).tree(DEFAULT_ACCOUNT, store.catalog.types[ROOT_TYPE], id)
            assert tree.root.event_count == SESSION_EVENTS
            assert not tree.problems
            assert depth(tree.root) <= DEPTH
        store.close()
        reader = RawReader(stored)
        assert len(reader.seconds(stored.sample[:5])) == 5
        reader.close()


def depth(node: object) -> int:
    return max((1 + depth(child) for child in node.children), default=0)  # type: ignore[attr-defined]


@contextmanager
def answering(*pieces: bytes) -> Iterator[int]:
    """A server for one connection that answers the first request with these pieces; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                for piece in pieces:
                    connection.sendall(piece)
                connection.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(SECONDS)


def test_an_answer_may_come_in_pieces() -> None:
    with answering(b"HTTP/1.1 200 OK\r\ncontent-", b"length: 6\r\n\r\nab", b"cd", b"ef") as port:
        connection = load.Connection(port)
        connection.send(b"x", 6)
        while not connection.receive():
            pass
        assert connection.body() == b"abcdef"
        connection.socket.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404 Not Found"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde", "5 bytes where 6"),
    ],
)
def test_an_answer_that_is_not_the_expected_one_stops_the_bench(answer: bytes, said: str) -> None:
    with answering(answer) as port:
        connection = load.Connection(port)
        connection.send(b"x", 6)
        with pytest.raises(ConnectionError, match=said):
            connection.receive()
        connection.socket.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--store", "postgresql:", "pages"], "there is no group pages of this store, but trees, ingest, months"),
        (["months"], "there is no group months of this store, but trees, http"),
        (["--store", "postgresql:", "--folder", "x"], "--folder keeps SQLite's files"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: list[str], said: str) -> None:
    done = CliRunner().invoke(bench.main, options)
    assert (done.exit_code, said in done.output) == (2, True), done.output


@pytest.mark.long
def test_a_tiny_run_measures_postgresql_and_leaves_nothing(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "QUICK", TINY)
    report = tmp_path / "figures.json"
    options = ["--quick", "--store", postgres_server, "--json", str(report)]
    done = CliRunner().invoke(bench.main, options, catch_exceptions=False)
    assert done.exit_code == 0
    figures = json.loads(report.read_bytes())["figures"]
    assert list(dict.fromkeys(each["group"] for each in figures)) == ["trees", "ingest", "months"]
    assert [each["name"] for each in figures if each["value"] <= 0] == []
    required = [each["required"] for each in figures if each["required"] and each["group"] != "months"]
    assert required == [2_400, 0.8, 30_000, 40_000]
    assert [each["name"] for each in figures if each["unit"] == "records/s" and not each["bound"]] == []
    assert {each["group"] for each in figures if each["ratio"]} == {"trees", "ingest", "months"}
    with psycopg.connect(postgres_server) as db:
        assert db.execute("select datname from pg_database where datname like 'bench%'").fetchall() == []


@pytest.mark.long
def test_a_tiny_run_measures_every_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "QUICK", TINY)
    report = tmp_path / "figures.json"
    done = CliRunner().invoke(bench.main, ["--quick", "--json", str(report)], catch_exceptions=False)
    assert done.exit_code == 0
    figures = json.loads(report.read_bytes())["figures"]
    assert list(dict.fromkeys(each["group"] for each in figures)) == list(bench.GROUPS)
    assert [each["name"] for each in figures if each["value"] <= 0] == []
    assert all(each["name"] in done.output for each in figures)
    assert {each["group"] for each in figures if each["ratio"]} == {
        "trees",
        "http",
        "ingest",
        "spend",
        "lists",
        "pages",
    }  # with bounds
