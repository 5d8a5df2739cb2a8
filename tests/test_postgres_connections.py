"""Connections that break, are too few, or get in each other's way: what the store says, and that nothing is lost."""

import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from textwrap import dedent
from typing import Any

import psycopg
import pytest

from conftest import SECONDS, until
from postgres import GIVEN
from postgres_server import Server, binaries
from sessiontree.errors import StoreError
from sessiontree.store import Asks, Store, open_store
from sessiontree.store.postgres import listening, migrating, opening, pool, transactions
from sessiontree.store.postgres.pool import Pool
from sessiontree.store.postgres.store import PostgresStore
from sessiontree.store.suite import ACCOUNT, RECEIVED, add, found, history, key, record, shipped
from stores import let_go


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres, shipped())
    yield store
    store.close()


def refused(url: str) -> str:
    with pytest.raises(StoreError) as error:
        open_store(url, shipped())
    assert "\n" not in str(error.value)
    return str(error.value)


def throw_out(url: str) -> int:
    """End all other connections to the database; how many there were."""
    with psycopg.connect(url, autocommit=True) as db:
        statement = """select pg_terminate_backend(pid, 5000) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
        return len(db.execute(statement).fetchall())


# Opening


def test_an_empty_database_is_made_ready_by_any_number_at_once(empty_database: str) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(open_store(empty_database, shipped()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [add(store, record(store, "recording", str(at))) for at, store in enumerate(stores)] == [["created"]] * 4
    for store in stores:
        store.close()


def test_who_waits_for_another_to_make_the_database_ready_takes_it_as_it_is_then(empty_database: str) -> None:
    prepared = []

    def prepare() -> None:
        with opening.connect(opening.parameters(empty_database), psycopg.Connection) as db:
            migrating.prepare(db, "the database")
            prepared.append(migrating.version(db, "the database"))

    waiter = threading.Thread(target=prepare)
    with psycopg.connect(empty_database, autocommit=True) as other, other.transaction():
        other.execute("select pg_advisory_xact_lock(%s)", [migrating._LOCK])
        waiter.start()
        waiting = """select 1 from pg_locks join pg_database on pg_database.oid = database
            where datname = current_database() and locktype = 'advisory' and not granted"""
        until(lambda: other.execute(waiting).fetchone())
        # The least that makes a store: after many tables the server would tell the other connection at once.
        other.execute("create sequence record_row")
        other.execute("create table setting (name text primary key, value text not null)")
        other.execute("insert into setting values ('schema', %s)", [str(migrating.newest())])
    waiter.join()
    assert prepared == [migrating.newest()]


def test_what_cannot_be_opened_is_said_in_a_sentence_without_the_password(empty_database: str, tmp_path: Path) -> None:
    nowhere = "postgresql://me:sesame@127.0.0.1:1/records"
    assert refused(nowhere) == (
        "postgresql://me@127.0.0.1:1/records cannot be reached: "
        "check that the server runs and takes connections, and try again"
    )
    missing = empty_database.replace("/test_", "/missing_")
    assert "there is no such user or database on the server: create it first" in refused(missing)
    assert refused("postgresql://me:sesame@[/x") == (
        "the store's URL is not one of PostgreSQL: postgresql://user@host:5432/database"
    )
    for password in ("ses/ame", "ses@me", "se/s@me"):
        assert refused(f"postgresql://me:{password}@127.0.0.1:1/records") == (
            "the store's URL has a / or @ in its user or password: write it as %2F or %40 there"
        )
    assert refused("postgresql://me:ses%2Fa%40me@127.0.0.1:1/re%40cords").startswith(
        "postgresql://me@127.0.0.1:1/re@cords "
    )
    with psycopg.connect(empty_database, autocommit=True) as db:
        db.execute("create table record (a int)")
    assert "holds something else than a Sessiontree store: name an empty database" in refused(empty_database)


def test_a_newer_schema_is_left_alone(empty_database: str) -> None:
    open_store(empty_database, shipped()).close()
    with psycopg.connect(empty_database, autocommit=True) as db:
        db.execute("update setting set value = '999' where name = 'schema'")
    assert "was made by a newer version of Sessiontree (schema 999)" in refused(empty_database)


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sessiontree.store.postgres.store", None)
    monkeypatch.setattr("builtins.__import__", _without_psycopg(__import__))
    assert refused("postgresql://localhost/x").endswith("pip install 'sessiontree[postgres]'")


def _without_psycopg(real: Callable[..., Any]) -> Callable[..., Any]:
    def load(name: str, *arguments: Any) -> Any:
        if name.startswith("sessiontree.store.postgres"):
            raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
        return real(name, *arguments)

    return load


def test_options_are_those_of_the_url_only_since_poolers_let_no_others_through(store: PostgresStore) -> None:
    assert "options" not in opening.parameters(store.url)
    own = opening.parameters(f"{store.url}&options=-c%20work_mem%3D1MB%20-c%20timezone%3DAsia/Kathmandu")
    with opening.connect(own, psycopg.Connection, "lock_timeout = 7") as db:
        shown = [db.execute(f"show {name}").fetchone() for name in ("work_mem", "timezone", "lock_timeout")]
    assert shown == [("1MB",), ("UTC",), ("7ms",)]


def test_a_statement_that_took_too_long_for_its_user_is_told_so(store: PostgresStore) -> None:
    told = "as long as this one: raise the statement_timeout of this user"
    with store.alone() as db, pytest.raises(StoreError, match=told), store._errors():
        db.execute("set statement_timeout = 1")
        db.execute("select pg_sleep(30)")


# Connections that are lost


def test_connections_lost_while_idle_are_not_noticed(store: PostgresStore) -> None:
    """By whoever asks next, however he asks."""
    add(store, record(store, "recording", "r", telnyx_session_id="s"))
    new = iter("abcdef")
    asks: list[Callable[[], object]] = [
        store.count,
        lambda: found(store, refs=["s"]),
        lambda: add(store, record(store, "recording", next(new))),
        lambda: store.add_key(key("k")),
        store.check_write,
        store.changes,
        lambda: store.fields(ACCOUNT, "recording"),
        store.stale,
        lambda: store.sessions.refresh(),
    ]
    for ask in asks:
        with store.pool.using(), store.pool.using(), store.pool.using():
            pass  # so that three lie idle
        assert throw_out(store.url) >= 3
        ask()
    assert store.count() == 2


def test_a_connection_that_is_lost_in_the_middle(store: PostgresStore) -> None:
    with pytest.raises(StoreError, match="cannot be reached"), store.writing() as db:
        db.execute("insert into setting values ('x', '1')")
        throw_out(store.url)
        db.execute("insert into setting values ('y', '1')")
    with pytest.raises(StoreError, match="cannot be reached"), store.snapshot("a") as snapshot:
        assert snapshot.find(Asks(set(), set(), {"s"})) == []
        throw_out(store.url)
        assert snapshot.db.execute("select 1")
    assert store.ask("select name from setting where name in ('x', 'y')") == []


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_that_is_lost_while_committing(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Whether it has been committed is found out: no outcome is wrong, and nothing is stored twice."""
    add(store, record(store, "recording", "before"))
    execute = psycopg.Connection.execute

    def losing(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if query != "commit":
            return execute(self, query, *arguments, **options)
        monkeypatch.setattr(psycopg.Connection, "execute", execute)
        if committed:
            self.execute("commit")
        throw_out(store.url)
        return self.execute("commit")

    monkeypatch.setattr(psycopg.Connection, "execute", losing)
    batch = [record(store, "recording", "new"), record(store, "recording", "before", n=1)]
    if committed:
        assert add(store, *batch) == ["created", "updated"]
    else:
        with pytest.raises(StoreError, match="cannot be reached"):
            add(store, *batch)
        assert add(store, *batch) == ["created", "updated"]
    assert (store.count(), len(history(store, "recording", "before"))) == (2, 2)


def test_a_server_that_goes_and_comes_back() -> None:
    """Meanwhile every question is refused at once; then all goes on, and what was acknowledged is there.

    Should it come back as a standby, that is said.
    """
    programs = binaries()
    if programs is None or __import__("os").environ.get(GIVEN):
        pytest.skip("needs a server of its own, to stop it")
    folder = Path(tempfile.mkdtemp(prefix="sessiontree-postgres-"))
    server = Server(folder, programs, fsync="on", synchronous_commit="on")
    try:
        server.make()
        server.start()
        store = PostgresStore(server.url("postgres"), shipped())
        assert add(store, *(record(store, "recording", f"{at}") for at in range(100))) == ["created"] * 100
        for how in ("immediate", "fast"):
            server.stop(how)
            for ask in (store.count, store.check_write, store.keys, lambda: found(store, refs=["s"])):
                with pytest.raises(StoreError, match="cannot be reached"):
                    ask()
            server.start()
            assert store.count() == 100
            assert add(store, record(store, "recording", "7")) == ["unchanged"]
        server.stop()
        (folder / "data" / "standby.signal").touch()
        server.start()
        with pytest.raises(StoreError, match="takes no writes: it is a standby"):
            store.check_write()
        store.close()
        assert "takes no writes: it is a standby, or set to be read only" in refused(server.url("postgres"))
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def test_a_full_pool_is_an_error_and_no_hang(store: PostgresStore) -> None:
    store.pool.wait_seconds = 0.05
    taken = []
    with pytest.raises(StoreError, match="is busy: no connection became free in time; try again in a moment"):
        while len(taken) < 1000:
            taken.append(store.pool.take())
    assert 4 <= len(taken) < 1000
    with pytest.raises(StoreError, match="is busy"):
        found(store, refs=["s"])
    for db in taken:
        store.pool.give(db)
    assert store.count() == 0


# Others in the way


def test_whoever_has_a_connection_needs_no_second(store: PostgresStore) -> None:
    """Or all who have one might wait for each other: also for a thread's first records, packed with a dictionary."""
    add(store, *(record(store, "recording", str(at), telnyx_session_id="s") for at in range(1500)))
    whole, store.pool = store.pool, Pool(store.name, store._connect, size=1)
    store.pool.wait_seconds = 0.1
    done: list[object] = []

    def work() -> None:
        done.append(len(found(store, refs=["s"])))
        done.append(add(store, record(store, "recording", "new", telnyx_session_id="s")))
        done.append(store.sessions.refresh() > 0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    store.pool.close()
    store.pool = whole
    assert done == [1500, ["created"], True]


@pytest.fixture
def few(empty_database: str) -> Iterator[str]:
    """The database, for a user who may have one connection."""
    role = f"few_{secrets.token_hex(6)}"
    with psycopg.connect(empty_database, autocommit=True) as db:
        db.execute(f"create role {role} login connection limit 1".encode())
        yield f"{empty_database}&user={role}"
        db.execute(f"drop role {role}".encode())


def test_a_user_with_too_few_connections_is_told_so(few: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.05)
    with psycopg.connect(few):
        assert refused(few).endswith("is busy: the server has no connection left; try again in a moment")


def test_where_the_server_has_no_room_one_of_ours_is_waited_for(few: str) -> None:
    ours = Pool("it", lambda: psycopg.connect(few, autocommit=True))
    first = ours.take()
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(ours.take)
        assert not wait([second], timeout=0.05).done
        ours.give(first)
        assert second.result(60) is first
    ours.give(first)
    ours.close()


def test_deadlocks_are_tried_again(store: PostgresStore) -> None:
    """Two transactions that lock two rows in opposite order: one of them fails, and is done once more."""
    with store.writing() as db:
        db.execute("insert into setting values ('a', '0'), ('b', '0')")
    barrier = threading.Barrier(2, timeout=SECONDS)
    runs: list[str] = []

    def count(first: str, second: str) -> None:
        def work(db: Any) -> None:
            runs.append(first)
            db.execute("set local deadlock_timeout = '20ms'")
            db.execute("update setting set value = (value::int + 1)::text where name = %s", [first])
            if runs.count(first) == 1:
                barrier.wait()
            db.execute("update setting set value = (value::int + 1)::text where name = %s", [second])

        store.write(work)

    threads = [threading.Thread(target=count, args=each) for each in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(runs) >= 3
    assert store.ask("select name, value from setting where name in ('a', 'b') order by name") == [
        ("a", "2"),
        ("b", "2"),
    ]


def test_who_is_in_the_way_for_ever_is_named_in_the_end(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "TRIES", 3)
    monkeypatch.setattr(transactions, "_PAUSE_SECONDS", 0)
    runs = []

    def work(db: Any) -> None:
        runs.append(1)
        db.execute("do $$ begin raise serialization_failure; end $$")

    with pytest.raises(StoreError):
        store.write(work)
    assert len(runs) == 3


def test_every_script_is_there(empty_database: str) -> None:
    assert list(migrating.scripts()) == list(range(1, migrating.newest() + 1))
    with psycopg.connect(empty_database, autocommit=True) as db:
        assert migrating.version(db, "x") == 0
        assert migrating.migrate(db, "x") == migrating.migrate(db, "x") == migrating.newest()


def test_a_store_of_the_version_before_is_migrated_and_keeps_what_it_holds(empty_database: str) -> None:
    """Both ways lead to the same schema."""
    catalog = """select table_name, column_name, data_type, is_nullable from information_schema.columns
        where table_schema = current_schema() union all
        select tablename, indexname, indexdef, '' from pg_indexes where schemaname = current_schema() order by 1, 2"""
    PostgresStore(empty_database, shipped()).close()
    with psycopg.connect(empty_database, autocommit=True) as db:
        made = db.execute(catalog).fetchall()
        db.execute("drop table intake_unfinished; drop index intake_of_files")
        db.execute("update setting set value = '1' where name = 'schema'")
        assert "run `sessiontree store migrate` with this --store first" in refused(empty_database)
        assert migrating.migrate(db, "x") == migrating.newest()
        assert db.execute(catalog).fetchall() == made


# Hearing of keys


def test_a_change_of_keys_is_heard_of(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "SILENCE_SECONDS", 600.0)  # so that silence ends by what is heard
    other = PostgresStore(store.url, shipped())
    assert not store.silent()  # it has never asked
    for change in (
        lambda: other.add_key(key("k")),
        lambda: other.revoke_key("k", RECEIVED),
        lambda: throw_out(store.url),
    ):
        store.changes()
        assert store.silent()
        add(other, record(other, "recording", "r"))
        assert store.silent()
        change()
        until(lambda: not store.silent())
        assert not store.silent()
    other.close()
    store.close()
    assert not store.silent()


def test_silence_does_not_count_for_ever(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "SILENCE_SECONDS", 0.0)
    store.changes()
    assert not store.silent()


WRITING = """
    import sys
    from datetime import UTC, datetime
    from sessiontree.catalog_files import load
    from sessiontree.errors import StoreError
    from sessiontree.reading import Reader
    from sessiontree.store import open_store
    catalog = load()
    read = Reader(catalog).read
    store = open_store(sys.argv[1], catalog)
    for number in range(100_000):
        records = [read(b'{"id":"%s-%d-%d"}' % (sys.argv[2].encode(), number, at), "recording") for at in range(40)]
        try:
            store.add("default", records, datetime.now(UTC))
            print(number, flush=True)
        except StoreError:
            pass
"""


def written_until_killed(server: Server, turn: int) -> set[str]:
    """The batches that two processes stored until they were killed; before that, the server or one of them was."""
    names = [f"{turn}{name}" for name in "ab"]
    commands = [[sys.executable, "-c", dedent(WRITING), server.url("postgres"), name] for name in names]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    lines: list[list[str]] = [[], []]
    threads = [threading.Thread(target=lambda at=at: lines[at].extend(processes[at].stdout or ())) for at in (0, 1)]
    for thread in threads:
        thread.start()
    until(lambda: all(len(each) > 3 + turn for each in lines))
    if turn % 2:
        processes[0].kill()
    else:
        server.kill()
        server.start_again()
    count = len(lines[1])
    until(lambda: len(lines[1]) > count + 3)
    for process in processes:
        process.kill()
        process.wait()
    for thread in threads:
        thread.join()
    return {f"{name}-{line.strip()}" for name, some in zip(names, lines, strict=True) for line in some}


@pytest.mark.long
def test_killed_many_times_nothing_acknowledged_is_lost() -> None:
    """The server, and by turns one of two processes that write to it, in the middle of writing."""
    programs = binaries()
    if programs is None:
        pytest.skip("needs a server of its own, to kill it")
    folder = Path(tempfile.mkdtemp(prefix="sessiontree-postgres-"))
    server = Server(folder, programs, fsync="on", synchronous_commit="on", full_page_writes="on")
    server.make()
    server.start()
    try:
        acknowledged = set().union(*(written_until_killed(server, turn) for turn in range(6)))
        let_go(server.url("postgres"))
        store = PostgresStore(server.url("postgres"), shipped())
        wanted = [("recording", f"{batch}-{at}") for batch in sorted(acknowledged) for at in range(40)]
        assert len(acknowledged) > 50
        assert found(store, ids=wanted) == sorted(wanted)
        assert store.count() % 40 == 0, "a batch is stored whole or not at all"
        ((identities, links),) = store.ask("select (select count(*) from identity), (select count(*) from link)")
        assert identities == links == store.count()
        store.close()
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)
