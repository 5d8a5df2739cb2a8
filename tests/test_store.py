"""The store suite on SQLite, and what only SQLite can do wrong."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from itertools import product
from pathlib import Path
from tempfile import mkdtemp
from textwrap import dedent

import pytest

import old_rows
from sessiontree import is_compiled
from sessiontree.catalog import Catalog
from sessiontree.errors import StoreError
from sessiontree.query import Query
from sessiontree.store import Asks, Store, condition, open_store
from sessiontree.store.parts.packing import SAMPLE_BYTES_MAX, train
from sessiontree.store.parts.places import KEY, REF, place
from sessiontree.store.sqlite import opening as opening_files
from sessiontree.store.sqlite import snapshot, write
from sessiontree.store.suite import *  # noqa: F403
from sessiontree.store.suite import ACCOUNT, Opening, add, found, get, history, key, record, shipped


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    opened: list[Store] = []

    def open_it(catalog: Catalog | None = None) -> Store:
        opened.append(open_store(str(tmp_path / "store.db"), catalog or shipped()))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


def refused(path: Path | str, *, create: bool = True) -> str:
    with pytest.raises(StoreError) as error:
        open_store(str(path), shipped(), create=create)
    assert "\n" not in str(error.value)
    return str(error.value)


# Opening


def test_a_path_and_a_url(tmp_path):
    for where in (str(tmp_path / "a.db"), f"sqlite:///{tmp_path / 'b.db'}"):
        open_store(where, shipped()).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "b.db"]


@pytest.mark.parametrize("content", [b"some text\n" * 500, b"{}", b"SQLite format 3\0", b"\0" * 4096])
def test_a_file_that_is_something_else_is_left_alone(tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    assert "notes.txt is not a Sessiontree file: name another with --store" in refused(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_another_programs_database_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("create table record (a)")
    before = (tmp_path / "other.db").read_bytes()
    assert "other.db is not a Sessiontree file" in refused(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    open_store(str(tmp_path / "store.db"), shipped()).close()
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute(f"pragma user_version = {opening_files.SCHEMA_VERSION + 1}")
    db.close()
    another = f"another version of Sessiontree (schema {opening_files.SCHEMA_VERSION + 1})"
    assert another in refused(tmp_path / "store.db")


def test_a_file_of_the_version_before_gets_what_it_lacks(tmp_path):
    """Such as one of version 2, which had no list of unfinished imports."""
    path = tmp_path / "store.db"
    store = open_store(str(path), shipped())
    add(store, record(store, "recording", "r"))
    store.close()
    with sqlite3.connect(path) as db:
        made = dict(db.execute("select name, sql from sqlite_master").fetchall())
        db.execute("drop table intake_unfinished")
        db.execute("drop index intake_of_files")
        db.execute("pragma user_version = 2")
    db.close()
    assert condition.look(str(path)).faults == ["the schema has version 2: any other command brings it to 4"]
    store = open_store(str(path), shipped(), create=False)
    assert (store.count(), len(store.intakes.page(ACCOUNT, limit=9, source="file"))) == (1, 0)
    store.close()
    with sqlite3.connect(path) as db:
        assert dict(db.execute("select name, sql from sqlite_master").fetchall()) == made
    db.close()
    assert condition.look(str(path)).faults == []


def test_sessions_that_counted_unpriced_visitors_as_their_own_are_computed_again(tmp_path):
    """As those of version 3 did."""
    path = tmp_path / "store.db"
    store = open_store(str(path), shipped())
    old_rows.add_visitor(store)
    store.close()
    with sqlite3.connect(path) as db:
        before = "cast(json_remove(cast(details as text), '$[4]') as blob)"
        db.execute(f"update session set unpriced_count = 1, details = {before} where elsewhere_count > 0")  # noqa: S608
        db.execute("pragma user_version = 3")
    db.close()
    store = open_store(str(path), shipped(), create=False)
    old_rows.assert_mended(store)
    store.close()


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "store.db").touch()
    store = open_store(str(tmp_path / "store.db"), shipped(), create=False)
    assert add(store, record(store, "recording", "r")) == ["created"]
    store.close()


def test_a_store_that_is_not_there_is_not_made_unasked(tmp_path):
    assert "store.db does not exist: import records first" in refused(tmp_path / "store.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_store(tmp_path):
    for create in (True, False):
        assert (
            refused(tmp_path, create=create)
            == f"{tmp_path} is a folder, and a file is needed: name one in it with --store"
        )


@pytest.mark.parametrize("where", ["no/such/folder/store.db", "/proc/store.db"])
def test_a_place_where_no_file_can_be(tmp_path, where):
    assert "cannot be opened: check that its folder exists and can be written" in refused(tmp_path / where)


AS_NOBODY = """
    import os, sys
    from sessiontree.catalog_files import load
    from sessiontree.errors import StoreError
    from sessiontree.reading import Reader
    from sessiontree.store import open_store
    from datetime import UTC, datetime
    catalog = load()
    open_store(sys.argv[2], catalog).close()  # so that all is loaded while this user may read it
    if os.getuid() == 0:
        os.setgid(65534), os.setuid(65534)
    try:
        store = open_store(sys.argv[1], catalog)
        store.add("default", [Reader(catalog).read(b'{"id": "r", "record_type": "recording"}')], datetime.now(UTC))
        print("stored")
    except StoreError as error:
        print(error)
"""


def test_a_file_that_may_not_be_written(tmp_path):
    """Asked by a user who may read the file and the folder only; not in pytest's folder, which no other user enters."""
    folder = Path(mkdtemp())
    path = folder / "store.db"
    store = open_store(str(path), shipped())
    try:
        folder.chmod(0o555)
        path.chmod(0o444)
        answers = [run(AS_NOBODY, path, tmp_path / "own.db").strip()]
        folder.chmod(0o777)
        answers += [run(AS_NOBODY, each, tmp_path / "own.db").strip() for each in (path, folder / "new.db")]
        assert answers[:2] == [f"{path} cannot be written: check its permissions and those of its folder"] * 2
        assert answers[2] == "stored"
        assert store.count() == 0
    finally:
        store.close()
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


def run(code: str, *arguments: object) -> str:
    """What a program of its own printed."""
    command = [sys.executable, "-c", dedent(code), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def test_a_fresh_file_has_the_published_schema(opening, tmp_path):
    opening()
    with sqlite3.connect(":memory:") as fresh:
        fresh.executescript(files("sessiontree.store.sqlite").joinpath("schema.sql").read_text())
    with sqlite3.connect(tmp_path / "store.db") as db:
        statement = "select type, name, sql from sqlite_master order by name"
        schemas = [each.execute(statement).fetchall() for each in (fresh, db)]
        names = ("journal_mode", "application_id", "user_version")
        settings = [db.execute(f"pragma {name}").fetchone()[0] for name in names]
    assert schemas[0] == schemas[1]
    assert len(schemas[0]) >= 10
    assert settings == ["wal", opening_files.APPLICATION_ID, opening_files.SCHEMA_VERSION]


def test_the_log_that_grew_while_somebody_read_shrinks_again(opening, tmp_path, monkeypatch):
    monkeypatch.setattr(opening_files, "LOG_PAGES", 20)
    monkeypatch.setattr(opening_files, "LOG_BYTES", 150_000)
    store, log = opening(), tmp_path / "store.db-wal"

    def add_some(first: int) -> None:
        for at in range(first, first + 40):
            add(store, *[record(store, "recording", f"r{at}-{each}", note="x" * 400) for each in range(20)])

    with store.snapshot(ACCOUNT) as snapshot:
        snapshot.find(Asks({("recording", "r")}, set(), set()))
        add_some(0)
        assert log.stat().st_size > 4 * opening_files.LOG_BYTES
    add_some(40)
    assert log.stat().st_size <= opening_files.LOG_BYTES


OPEN = """
    import sys
    from sessiontree.catalog_files import load
    from sessiontree.store import open_store
    catalog = load()
    print("ready", flush=True)
    sys.stdin.readline()
    for folder in sys.argv[1:]:
        open_store(folder + "/store.db", catalog).close()
"""


def test_many_may_make_the_same_file_at_once(tmp_path):
    folders = [tmp_path / str(number) for number in range(40)]
    for folder in folders:
        folder.mkdir()
    command = [sys.executable, "-c", dedent(OPEN), *map(str, folders)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [(process.communicate(timeout=120)[1], process.returncode) for process in processes] == [("", 0)] * 4
    finally:
        for process in processes:
            process.kill()
            process.wait()


# Writing that fails


def test_locked_by_another_process(opening, tmp_path, monkeypatch):
    monkeypatch.setattr(opening_files, "BUSY_MS", 50)
    store = opening()
    add(store, record(store, "recording", "before"))
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("begin immediate")
    try:
        for write in (
            lambda: add(store, record(store, "recording", "r")),
            lambda: store.add_key(key("k")),
            store.check_write,
        ):
            with pytest.raises(StoreError, match="is locked by another process that is writing; try again in a moment"):
                write()
        assert found(store, ids=[("recording", "before"), ("recording", "r")]) == [("recording", "before")]
    finally:
        other.rollback()
        other.close()
    assert add(store, record(store, "recording", "r")) == ["created"]


def test_a_full_disk_loses_nothing_that_was_acknowledged(opening):
    """The limit on pages stands for the disk: SQLite reports both alike."""
    store = opening()
    kept = 0
    pages = store._writer.execute("pragma page_count").fetchone()[0]
    store._writer.execute(f"pragma max_page_count = {pages + 60}")
    with pytest.raises(StoreError, match="is full: free some space and send the records again"):
        while kept < 10_000:
            batch = [record(store, "recording", f"r{kept + at}", text=os.urandom(200).hex()) for at in range(20)]
            assert add(store, *batch, record(store, "webrtc", "same", n=kept))[:20] == ["created"] * 20
            kept += 20
    assert 0 < kept < 10_000
    assert store.count() == kept + 1
    assert len(history(store, "webrtc", "same")) == kept // 20
    store._writer.execute("pragma max_page_count = 1000000")
    assert add(store, *batch, record(store, "webrtc", "same", n=kept)) == ["created"] * 20 + ["updated"]
    assert {get(store, "recording", f"r{at}").id for at in range(kept + 20)} == {f"r{at}" for at in range(kept + 20)}


LIMITED = """
    import resource, sys
    from datetime import UTC, datetime
    from sessiontree.catalog_files import load
    from sessiontree.errors import StoreError
    from sessiontree.reading import Reader
    from sessiontree.store import open_store
    catalog = load()
    read = Reader(catalog).read
    store = open_store(sys.argv[1], catalog)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    def add(number):
        records = [read(b'{"id":"%d-%d","text":"%s"}' % (number, at, b"x" * 3000), "recording") for at in range(10)]
        store.add("default", records, datetime.now(UTC))
    number = 0
    try:
        while number < 100_000:
            add(number)
            number += 1
    except StoreError as error:
        print(number, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    add(number)
    print(store.count())
"""


def test_a_file_that_may_not_grow(opening, tmp_path):
    """As on some full disks, writing fails halfway with an error of the operating system."""
    failed, count = run(LIMITED, tmp_path / "store.db").splitlines()
    acknowledged, _, sentence = failed.partition(" ")
    assert str(tmp_path / "store.db") in sentence
    assert int(acknowledged) > 0
    assert int(count) == 10 * (int(acknowledged) + 1)
    store = opening()
    wanted = [("recording", f"{number}-{at}") for number, at in product(range(int(acknowledged) + 1), range(10))]
    assert found(store, ids=wanted) == sorted(wanted)


def test_what_failed_leaves_no_memory_of_what_it_made(opening):
    """A new account, type and field that were made by a batch that failed are made again by the next."""
    store, other = opening(), opening()
    pages = store._writer.execute("pragma page_count").fetchone()[0]
    store._writer.execute(f"pragma max_page_count = {pages}")
    big = [record(store, "recording", f"r{at}", text=os.urandom(2000).hex(), own=1) for at in range(50)]
    with pytest.raises(StoreError, match="is full"):
        add(store, *big, account="first")
    store._writer.execute("pragma max_page_count = 1000000")
    add(other, record(other, "webrtc", "w", telnyx_session_id="s"), account="second")
    assert store.page("first", Query("recording")).total == 0
    assert found(store, refs=["s"], account="first") == []
    assert store.accounts() == ["second"]
    assert add(store, *big, account="first") == ["created"] * 50
    assert store.fields("first", "recording") == {"id": "string", "text": "string", "own": "number"}
    assert found(store, refs=["s"], account="second") == [("webrtc", "w")]


def test_a_number_that_was_rolled_back_never_leads_to_another_accounts_records(opening):
    """A snapshot that is taken while a new account is being written, and used when that has failed."""
    store, other = opening(), opening()
    with ExitStack() as stack:
        with pytest.raises(ZeroDivisionError), store.writing() as db:
            store.kinds.make_kind(db, store.kinds.make_account(db, "first"), "webrtc")
            snapshot = stack.enter_context(store.snapshot("first"))
            raise ZeroDivisionError
        add(other, record(other, "webrtc", "theirs", telnyx_session_id="s"), account="second")
        assert snapshot.find(Asks({("webrtc", "theirs")}, set(), {"s"})) == []
    assert found(store, refs=["s"], account="second") == [("webrtc", "theirs")]


WRITE = """
    import sys
    from datetime import UTC, datetime
    from sessiontree.catalog_files import load
    from sessiontree.reading import Reader
    from sessiontree.store import open_store
    catalog = load()
    read = Reader(catalog).read
    store = open_store(sys.argv[1], catalog)
    name = sys.argv[2]
    print("ready", flush=True)
    sys.stdin.readline()
    tally = {"created": 0, "updated": 0, "unchanged": 0}
    for batch in range(60):
        bodies = [b'{"id":"common-%d"}' % (batch * 20 + at) for at in range(20)]
        bodies += [b'{"id":"%s-%d"}' % (name.encode(), batch * 20 + at) for at in range(20)]
        bodies += [b'{"id":"last","by":"%s","n":%d}' % (name.encode(), batch)]
        for outcome in store.add("default", [read(body, "recording") for body in bodies], datetime.now(UTC)):
            tally[outcome] += 1
    print(*tally.values())
"""


def test_two_processes_that_write_at_once_lose_and_double_nothing(opening, tmp_path):
    """They pass a thousand records, too, where each would train a dictionary."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", dedent(WRITE), str(tmp_path / "store.db")]
    processes = [subprocess.Popen([*command, name], **pipes) for name in ("one", "two")]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [errors for _, errors in answers] == ["", ""]
    tallies = [[int(number) for number in printed.split()] for printed, _ in answers]
    created, updated, unchanged = (sum(column) for column in zip(*tallies, strict=True))
    assert (created, updated, unchanged) == (3 * 1200 + 1, 2 * 60 - 1, 1200)
    store = opening()
    assert store.count() == created
    assert len(history(store, "recording", "last")) == updated + 1
    wanted = sorted(("recording", f"{name}-{at}") for name in ("common", "one", "two") for at in range(1200))
    assert found(store, ids=wanted) == wanted


def test_large_records_are_no_burden_when_a_dictionary_is_trained():
    """Only so many are taken as a few megabytes hold; those that come after are not even asked for."""
    taken = 0

    def bodies() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b'{"id":"%d","text":"%s"}' % (taken, os.urandom(1000).hex().encode() * 50)

    assert train(bodies()) is not None
    assert taken * 100_000 < 2 * SAMPLE_BYTES_MAX


@pytest.mark.parametrize("bodies", [[], [b"{}"], [b"x" * (SAMPLE_BYTES_MAX + 1)] * 9])
def test_of_too_little_no_dictionary_is_made(bodies):
    assert train(bodies) is None


# Places: hashes that several values may share


@pytest.fixture
def crowded(monkeypatch):
    """All values stand in one place."""
    if is_compiled():
        pytest.skip("compiled modules cannot be given other parts")
    for module in (snapshot, write):
        monkeypatch.setattr(module, "place", lambda account, kind, value: 7)


@pytest.mark.usefixtures("crowded")
def test_values_that_share_a_place_are_told_apart(opening):
    store = opening()
    for account in ("a", "b"):
        legs = [record(store, "call-control", f"leg{at}", telnyx_leg_id=f"l{at}", telnyx_session_id="s") for at in "12"]
        ais = [record(store, "ai-voice-assistant", f"ai{at}", telnyx_leg_id=f"l{at}") for at in "12"]
        assert add(store, *legs, *ais, account=account) == ["created"] * 4
    assert add(store, *legs, *ais, account="b") == ["unchanged"] * 4
    moved = record(store, "ai-voice-assistant", "ai1", telnyx_leg_id="l2")
    assert add(store, moved, account="b") == ["updated"]
    assert found(store, keys=["l1"], account="b") == [("call-control", "leg1")]
    assert found(store, refs=["l1"], account="a") == [("ai-voice-assistant", "ai1")]
    assert found(store, refs=["l1"], account="b") == []
    assert found(store, refs=["l2"], account="b") == [("ai-voice-assistant", "ai1"), ("ai-voice-assistant", "ai2")]
    asked = [("call-control", "leg2"), ("call-control", "ai2")]
    assert found(store, ids=asked, account="a") == [("call-control", "leg2")]
    assert [len(history(store, "ai-voice-assistant", "ai1", account=account)) for account in "ab"] == [1, 2]


def test_two_real_ids_that_share_a_place(opening):
    """Version 1 UUIDs of the same moment differ in few bits of a place only."""
    one, other = next(colliding())
    assert (one != other, place(1, REF, one)) == (True, place(1, REF, other))
    store = opening()
    add(store, record(store, "recording", "r1", telnyx_session_id=one))
    add(store, record(store, "recording", "r2", telnyx_session_id=other))
    assert found(store, refs=[one]) == [("recording", "r1")]
    assert found(store, refs=[other]) == [("recording", "r2")]


def colliding() -> Iterator[tuple[str, str]]:
    seen: dict[int, str] = {}
    for number in range(1 << 20):
        # A multiplier, since the checksums of neighbouring numbers are far apart by design.
        node = number * 2654435761 % (1 << 48)
        text = f"f54f0dae-21e2-11f1-8b1c-{node:012x}"
        at = place(1, REF, text)
        if at in seen:
            yield seen[at], text
        seen[at] = text


def test_links_of_content_that_is_gone_are_gone(opening, tmp_path):
    """They would find nothing wrong, since what is found is verified, but take room for ever."""
    store = opening()
    for version in ({"telnyx_session_id": "s1"}, {"telnyx_session_id": "s2", "n": 1}, {"n": 2}):
        add(store, record(store, "recording", "r", **version))
        with sqlite3.connect(tmp_path / "store.db") as db:
            links = {at for (at,) in db.execute("select place from link")}
        db.close()
        refs = {place(1, REF, value) for name, value in version.items() if name == "telnyx_session_id"}
        assert links == {place(1, "recording", "r")} | refs


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", "f54f0dae-21e2-11f1-8b1c-02420aef92a0", "ffffffff-ffff-1fff-ffff-ffffffffffff"),
        *("00000000-0000-1000-0000-000000000000", "ffffffff-ffff-7fff-ffff-ffffffffffff", "-1234567-1234-1-23-1234-12"),
        *("-1234567-1234-1-23-1234-123456789012", "--------------1---------------------", "\ud800", "\u0661" * 36),
    ],
)
def test_every_place_fits_a_row_and_has_its_own_purpose(value):
    places = [place(account, kind, value) for account in (1, 2) for kind in (KEY, REF, "recording")]
    assert all(-(1 << 63) <= each < 1 << 63 for each in places)
    assert len(set(places)) == 6


def test_ids_of_one_hour_stand_close_together():
    hour = [place(1, REF, f"{low:08x}-21e2-11f1-8b1c-02420aef92a0") for low in (0, 1 << 31)]
    day = place(1, REF, "00000000-22e2-11f1-8b1c-02420aef92a0")
    assert abs(hour[0] - hour[1]) < abs(hour[0] - day) < 1 << 60
