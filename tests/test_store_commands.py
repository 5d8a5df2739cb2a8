"""`store check`, `store migrate` and `store distribute`."""

import re
import secrets
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

import citus
import old_rows
from postgres import named
from sessiontree import taking_back
from sessiontree.cli import main
from sessiontree.store import Store, open_store
from sessiontree.store.names import shown_name
from sessiontree.store.postgres import distributing, migrating
from sessiontree.store.suite import ACCOUNT, add, record, shipped

WORD = "sesame"
without_citus = pytest.mark.skipif(citus.given() is not None, reason="about a server without Citus")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["store", *arguments])


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        for statement in statements:
            db.execute(statement.encode())


def faults(result: Result) -> list[str]:
    """What `store check` found wrong, but for the settings of the tests' own server, which promises nothing."""
    found = [line.removeprefix("Fault: ") for line in result.output.splitlines() if line.startswith("Fault: ")]
    return [each for each in found if "may be lost" not in each]


def with_records(where: str, *starts: str | None) -> None:
    store = open_store(where, shipped())
    add(store, *(record(store, "call-control", f"a{at}", started_at=start) for at, start in enumerate(starts)))
    store.close()


# What a database has to be


@without_citus
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_keep_every_text_is_refused(postgres_server: str, encoding: str):
    name = f"other_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server) as db:
        provider = "locale_provider libc" if db.info.server_version >= 150000 else ""
    change(postgres_server, f"create database {name} encoding {encoding} locale 'C' {provider} template template0")
    try:
        url = named(postgres_server, name)
        refused = run("migrate", "--store", url)
        assert refused.exit_code == 1
        assert refused.output.endswith(
            f"/{name} has the encoding {encoding}: make a database with UTF8 (createdb --encoding UTF8)\n"
        )
        assert re.search(r"schema: +none yet", checked := run("check", "--store", url).output)
        assert f"Fault: the database has the encoding {encoding}: make one with UTF8" in checked
    finally:
        change(postgres_server, f"drop database {name} with (force)")


@without_citus
def test_a_check_says_what_a_user_may_not_do(empty_database: str):
    """Before the first record is refused."""
    role = f"stranger_{secrets.token_hex(6)}"
    stranger = f"{empty_database}&user={role}"
    change(empty_database, f"create role {role} login", "revoke create on schema public from public")
    try:
        assert faults(run("check", "--store", stranger)) == [
            "this user may not create tables in the schema public: `grant create on schema` lets it"
        ]
        change(empty_database, f"alter role {role} set search_path to nowhere")
        assert faults(run("check", "--store", stranger)) == [
            "no schema of this user's search_path is there: create one, or set it to `public`"
        ]
        run("migrate", "--store", empty_database)
        change(empty_database, f"alter role {role} reset search_path", f"grant create on schema public to {role}")
        change(empty_database, f"grant select on all tables in schema public to {role}")
        assert "the tables belong to postgres: this user may not make" in faults(run("check", "--store", stranger))[0]
        change(empty_database, f"alter role {role} set default_transaction_read_only to on")
        assert faults(run("check", "--store", stranger))[0].startswith("it takes no writes: it is a standby")
    finally:
        change(empty_database, f"drop owned by {role}", f"drop role {role}")


@pytest.mark.parametrize("scheme", ["mysql", "postgresql+psycopg", "PostgreSQL", "sqlite", " postgresql"])
def test_another_url_is_no_file_whose_name_is_shown(scheme: str):
    for arguments in (["check"], ["migrate"], ["prune", "--before", "2026-01-01"]):
        refused = run(*arguments, "--store", f"{scheme}://me:{WORD}@127.0.0.1/records")
        assert refused.output == f"Error: a store is a file, or a postgresql:// URL: {scheme}:/... is neither\n"


@pytest.mark.parametrize(
    "words",
    [
        f"host=db dbname=records user=me password={WORD}",
        f"password='{WORD} and more'",
        f" sslmode=require\nuser = me password = {WORD}",
        f"service=records password={WORD}",
        f"sslmode=require sslpassword={WORD}",
    ],
)
def test_a_connection_string_is_no_file_either(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    url = "postgresql://user:password@host:5432/database"
    said = f"Error: a store is a file, or a URL: write this as {url}, or a file of that name with its folder: ./...\n"
    for arguments in (["store", "check"], ["store", "copy", "a.db"], ["import", "/dev/null"], ["keys", "create"]):
        options = [words] if "copy" in arguments else ["--store", words]
        refused = CliRunner().invoke(main, [*arguments, *options])
        assert (refused.exit_code, refused.output, list(tmp_path.iterdir())) == (1, said, [])


@pytest.mark.parametrize("name", ["run=7.db", "user.db", "dbname", "./host=7", "sqlite:///host=7"])
def test_a_file_may_have_nearly_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with_records(name, None)
    assert Path(name.removeprefix("sqlite:///")).is_file()


# migrate


def test_an_empty_database_is_made_ready_once(empty_database: str):
    before = run("check", "--store", empty_database)
    assert re.search(r"schema: +none yet", before.output)
    assert run("migrate", "--store", empty_database).output == "The schema has version 3 now.\n"
    assert run("migrate", "--store", empty_database).output == "The schema has version 3, as before.\n"
    open_store(empty_database, shipped()).close()
    assert faults(run("check", "--store", empty_database)) == []


def test_a_newer_schema_is_refused_by_all(empty_database: str):
    run("migrate", "--store", empty_database)
    change(empty_database, "update setting set value = '99' where name = 'schema'")
    refused = run("migrate", "--store", empty_database)
    assert (refused.exit_code, "newer version of Sessiontree (schema 99)" in refused.output) == (1, True)
    assert faults(run("check", "--store", empty_database))[0].startswith("the schema has version 99")
    assert run("prune", "--before", "2026-01-01", "--store", empty_database).exit_code == 1


def test_an_older_schema_is_brought_to_the_present_one(empty_database: str, monkeypatch: pytest.MonkeyPatch):
    with_records(empty_database, "2026-03-01")
    scripts = migrating.scripts()
    later = {**scripts, 4: "create table more (account integer primary key)", 5: "alter table more add name text"}
    monkeypatch.setattr(migrating, "scripts", lambda: later)
    refused = run("prune", "--before", "2026-01-01", "--store", empty_database)
    assert (refused.exit_code, "store migrate" in refused.output) == (1, True)
    assert "store migrate" in faults(run("check", "--store", empty_database))[0]
    assert run("migrate", "--store", empty_database).output == "The schema has version 5 now.\n"
    store = open_store(empty_database, shipped())
    assert store.count() == 1
    store.close()


def test_sessions_that_counted_unpriced_visitors_as_their_own_are_computed_again(empty_database: str):
    """As those of version 2 did."""
    store = open_store(empty_database, shipped())
    old_rows.add_visitor(store)
    store.close()
    change(
        empty_database,
        """update session set unpriced_count = 1,
            details = convert_to((convert_from(details, 'UTF8')::jsonb - 4)::text, 'UTF8') where elsewhere_count > 0""",
        "update session_sum set unpriced = 2 where currency = ''",
        "update setting set value = '2' where name = 'schema'",
    )
    assert run("migrate", "--store", empty_database).output == "The schema has version 3 now.\n"
    store = open_store(empty_database, shipped())
    old_rows.assert_mended(store)
    store.close()


def test_a_script_is_run_statement_by_statement():
    script = "-- a; b\ncreate table a (b text); -- c\n\ncreate function f() as $$ x; y; $$;\nselect 1;\n"
    assert migrating.statements(script) == [
        "create table a (b text);",
        "create function f() as $$ x; y; $$;",
        "select 1;",
    ]


@pytest.mark.parametrize(
    "made", ["table other (a integer)", "view other as select 1", "materialized view other as select 1"]
)
def test_another_programs_database_is_left_alone(made: str, empty_database: str):
    change(empty_database, f"create {made}")
    for command in ("migrate", "check", "distribute"):
        refused = run(command, "--store", empty_database)
        assert (refused.exit_code, "something else than a Sessiontree store" in refused.output) == (1, True)


@without_citus
def test_what_an_extension_brought_makes_no_database_another_programs(empty_database: str):
    change(empty_database, "create view seen as select 1", "create table known (at integer)")
    change(empty_database, *(f"alter extension plpgsql add {each}" for each in ("view seen", "table known")))
    assert run("migrate", "--store", empty_database).exit_code == 0
    assert faults(run("check", "--store", empty_database)) == []


def test_files_are_neither_migrated_nor_distributed(tmp_path: Path):
    for command in ("migrate", "distribute"):
        refused = run(command, "--store", str(tmp_path / "a.db"))
        assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["migrate", "check", "distribute"])
def test_a_server_that_is_not_there_is_one_sentence_without_the_password(command: str, tmp_path: Path):
    refused = run(command, "--store", f"postgresql://me:{WORD}@/db?host={tmp_path}")
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "cannot be reached" in refused.output
    assert WORD not in refused.output


# check


def test_a_sound_store_has_its_months_told(postgres: str):
    with_records(postgres, "2026-03-01", "2026-11-30", "1999-12-31", None)
    found = run("check", "--store", postgres)
    assert faults(found) == []
    assert re.search(r"partitions: +2, record_2026_03 to record_2026_11", found.output)
    assert re.search(r"server: +PostgreSQL \d+", found.output)
    assert "Citus" in found.output
    assert "Fault: fsync is off" in found.output, "the tests' own server may lose what it has acknowledged"
    assert found.exit_code == 1


def test_a_month_that_could_not_be_split_off_is_told_and_no_fault(postgres: str):
    with_records(postgres, "2026-03-01")
    change(
        postgres,
        "insert into record select account, row + 100, '2026-04-05', kind, intake, packed, hops from record",
    )
    found = run("check", "--store", postgres)
    assert faults(found) == []
    assert re.search(r"month 2026-04: +1 records in the default partition", found.output)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("drop index session_by_start", "the index CREATE INDEX session_by_start"),
        ("alter table spend alter events type integer", "the column spend.events as bigint"),
        ("alter table field drop column type", "the column field.type as text not null is missing"),
        ("drop table visit", "the column visit.row as bigint"),
        ("drop function take_rows", "the function take_rows is missing"),
        ("update pg_index set indisvalid = false where indexrelid = 'record_by_start'::regclass",
         "`reindex index record_by_start`"),
        ("alter table record detach partition record_2026_03", "the table record_2026_03 is no partition"),
        ("alter table link rename to elsewhere", "the index CREATE UNIQUE INDEX link_pkey"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told(empty_database: str, damage: str, told: str):
    with_records(empty_database, "2026-03-01")
    assert faults(run("check", "--store", empty_database)) == []
    change(empty_database, damage)
    found = run("check", "--store", empty_database)
    assert found.exit_code == 1
    assert any(told in fault for fault in faults(found)), found.output


def test_a_look_changes_nothing(empty_database: str):
    assert run("check", "--store", empty_database).exit_code == 1
    with psycopg.connect(empty_database) as db:
        assert db.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'v'"
        ).fetchone() == (0,)


def test_a_file_is_looked_at_too(tmp_path: Path):
    path = tmp_path / "a.db"
    with_records(str(path), "2026-03-01")
    sound = run("check", "--store", str(path))
    assert (sound.exit_code, "Nothing is wrong." in sound.output) == (0, True)
    with sqlite3.connect(path) as db:
        db.execute("drop index session_by_start")
    damaged = run("check", "--store", str(path))
    assert (damaged.exit_code, faults(damaged)) == (
        1,
        ["the index session_by_start is missing, or another: restore a backup"],
    )
    assert run("check", "--store", str(tmp_path / "no.db")).exit_code == 1
    (tmp_path / "notes.txt").write_text("some text\n" * 100)
    assert "not a Sessiontree file" in run("check", "--store", str(tmp_path / "notes.txt")).output


# distribute


@without_citus
def test_without_citus_it_says_so_and_changes_nothing(postgres: str):
    refused = run("distribute", "--store", postgres)
    assert (refused.exit_code, "has no Citus" in refused.output) == (1, True)
    assert len(refused.output.splitlines()) == 1


STANDS_FOR_CITUS = (
    "create table public.pg_extension (extname text, extversion text)",
    "insert into public.pg_extension values ('citus', '12.1')",
    "create table pg_dist_partition (logicalrelid regclass, called text)",
    """create function create_reference_table(name text) returns void language sql as
        $$ insert into pg_dist_partition values (name::regclass, 'reference') $$""",
    """create function create_distributed_table(name text, by text, colocate_with text) returns void language sql as
        $$ insert into pg_dist_partition values (name::regclass, by || ' with ' || colocate_with) $$""",
    """create function truncate_local_data_after_distributing_table(name text) returns void language sql as
        $$ select null::void $$""",
)
"""Functions that only note how they are called, found in the place of those of Citus, which is not installed here."""


@without_citus
def test_every_table_is_distributed_by_account_or_copied_to_all(empty_database: str):
    run("migrate", "--store", empty_database)
    change(empty_database, *STANDS_FOR_CITUS)
    url = f"{empty_database}&options=-c%20search_path%3Dpublic%2Cpg_catalog"
    done = run("distribute", "--store", url)
    assert done.exit_code == 0, done.output
    with psycopg.connect(empty_database) as db:
        called = dict(db.execute("select logicalrelid::regclass::text, called from pg_dist_partition").fetchall())
        rows = db.execute("""select relname, exists (select from pg_attribute where attrelid = pg_class.oid
                and attname = 'account' and attnum > 0) from pg_class where relnamespace = 'public'::regnamespace
            and relkind in ('r', 'p') and not relispartition and relname not like 'pg_%'""").fetchall()
    assert called.keys() == {name for name, _ in rows} - set(distributing.LOCAL)
    with_account = {name for name, has_account in rows if has_account} - set(distributing.REFERENCE)
    assert {name for name, how in called.items() if how != "reference"} == with_account
    assert {how for name, how in called.items() if name in with_account} == {"account with none", "account with record"}
    assert called["record"] == "account with none", "the others lie beside it"
    assert run("distribute", "--store", url).output == "All tables are distributed already.\n"


# pruning partitions


def months(url: str) -> Sequence[str]:
    with psycopg.connect(url) as db:
        found = db.execute("""select relname from pg_class where relispartition and relkind = 'r'
            and relname like 'record%' and relname <> 'record_default' order by relname""")
        return [name for (name,) in found.fetchall()]


def prune(store: Store, before: datetime, account: str = ACCOUNT) -> None:
    taking_back.prune(store, account, before, open_since=before)
    store.removing.drop_months(before)


def test_pruning_drops_the_partitions_that_it_has_emptied(postgres: str):
    store = open_store(postgres, shipped())
    for at, start in enumerate(["2026-01-05", "2026-02-05", "2026-02-20", "2026-03-05"]):
        add(store, record(store, "call-control", f"a{at}", started_at=start, cost="1"))
    add(store, record(store, "call-control", "theirs", started_at="2026-01-09", cost="1"), account="other")
    assert months(postgres) == ["record_2026_01", "record_2026_02", "record_2026_03"]
    prune(store, datetime(2026, 2, 10, tzinfo=UTC))
    assert months(postgres) == ["record_2026_01", "record_2026_02", "record_2026_03"], "another account has one there"
    prune(store, datetime(2026, 2, 10, tzinfo=UTC), account="other")
    assert months(postgres) == ["record_2026_02", "record_2026_03"]
    prune(store, datetime(2026, 3, 1, tzinfo=UTC))
    assert (months(postgres), store.count()) == (["record_2026_03"], 1)
    again = open_store(postgres, shipped())  # this process believes that the dropped month is there
    for opened, id in ((store, "back"), (again, "again")):
        assert add(opened, record(opened, "call-control", id, started_at="2026-01-07", cost="1")) == ["created"]
    assert faults(run("check", "--store", postgres)) == []
    assert store.count() == 3
    for opened in (store, again):
        opened.close()


def test_a_partition_that_somebody_reads_is_dropped_another_time(postgres: str):
    store = open_store(postgres, shipped())
    add(store, record(store, "call-control", "a", started_at="2026-01-05"))
    with psycopg.connect(postgres) as db:
        db.execute("select count(*) from record_2026_01")
        held = run("prune", "--before", "2026-02-10", "--yes", "--store", postgres)
        assert held.output.endswith("Empty months that others are reading: 2026-01; to drop them, run it again later\n")
        assert (months(postgres), store.count()) == (["record_2026_01"], 0)
    dropped = run("prune", "--before", "2026-02-10", "--store", postgres)
    assert dropped.output.startswith("Sessions that ended before 2026-02-10: 0\n")
    assert dropped.output.endswith("Empty months dropped, with their room on the disk: 2026-01\n")
    assert months(postgres) == []
    store.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:word@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgresql://host/db?user=me&password=word", "postgresql://host/db?user=me"),
        ("postgresql:///db?password=word", "postgresql:///db"),
        ("postgres://me@/db?host=/run/pg&sslp%61ssword=word&port=5433", "postgres://me@/db?host=/run/pg&port=5433"),
        ("my password=word.db", "my password=word.db"),
    ],
)
def test_a_store_is_shown_without_a_password_as_it_can_be_named_again(url: str, shown: str):
    assert shown_name(url) == shown
