"""The condition of a PostgreSQL store: server, schema, partitions and indexes, held against what they should be."""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import Connection, errors

from sessiontree.store.condition import Condition
from sessiontree.store.parts import half_copies
from sessiontree.store.postgres import distributing, migrating, months, opening

SERVER_VERSION_MIN = 14
_UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")
_TRIAL = "sessiontree_trial"
"""A schema in which the tables are made anew, to compare with; never committed."""
_SCHEMA = "select current_schema(), has_schema_privilege(current_schema(), 'create')"
_OWNER = """select pg_get_userbyid(relowner) from pg_class
    where oid = 'record'::regclass and not pg_has_role(relowner, 'usage')"""
_COLUMNS = """select format('the column %%s.%%s as %%s%%s', relname, attname, format_type(atttypid, atttypmod),
        case when attnotnull then ' not null' else '' end)
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = %s::regnamespace and relkind in ('r', 'p') and not relispartition
        and attnum > 0 and not attisdropped"""
_INDEXES = """select 'the index ' || replace(pg_get_indexdef(indexrelid), %s || '.', '')
    from pg_index join pg_class on pg_class.oid = indrelid
    where relnamespace = %s::regnamespace and relkind in ('r', 'p') and not relispartition"""
_OTHERS = """select 'the sequence ' || relname from pg_class where relnamespace = %s::regnamespace and relkind = 'S'
    union all select 'the function ' || proname from pg_proc where pronamespace = %s::regnamespace"""
_INVALID = """select relname from pg_index join pg_class on pg_class.oid = indexrelid
    where relnamespace = current_schema()::regnamespace and not indisvalid order by relname"""
_UNATTACHED = """select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r'
    and not relispartition and relname ~ '^record_[0-9]{4}_[0-9]{2}$' order by relname"""
_NODES = """select count(distinct groupid) from pg_dist_shard join pg_dist_placement using (shardid)
    where logicalrelid = 'record'::regclass"""
_BOUND = "select pg_get_expr(relpartbound, oid) from pg_class where oid = %s::regclass"
_IN_DEFAULT = """select to_char(date_trunc('month', start), 'YYYY-MM') as month, count(*) from record_default
    where start >= %s and start < %s group by month order by month"""


def look(url: str) -> Condition:
    """The condition of the store at a URL. Raises StoreError when its server does not let us look."""
    name = opening.name(url)
    found = Condition()
    try:
        with opening.connect(opening.parameters(url), Connection, distributing.PLAN) as db:
            _look_at_server(db, found)
            _look_at_rights(db, found)
            version = migrating.version(db, name)
            found.facts.append(("schema", f"version {version}" if version else "none yet: made at first use"))
            if version and version != migrating.newest():
                done = "run `sessiontree store migrate`" if version < migrating.newest() else "use a newer Sessiontree"
                found.faults.append(f"the schema has version {version}, and this program {migrating.newest()}: {done}")
            elif version:
                if _ask(db, half_copies.READ):
                    found.faults.append(half_copies.refusal("the database", half_copies.EMPTY))
                for owner in _ask(db, _OWNER):
                    found.faults.append(f"the tables belong to {owner}: this user may not make partitions of them")
                _look_at_schema(db, found)
                _look_at_nodes(db, found)
                _look_at_partitions(db, found)
    except psycopg.Error as error:
        raise opening.refusal(name, error) from error
    return found


def migrate(url: str) -> tuple[int, int]:
    """Bring the schema to the present version: which it was, and is. Raises StoreError, also for a newer one."""
    name = opening.name(url)
    try:
        with opening.connect(opening.parameters(url), Connection) as db:
            before = migrating.version(db, name)
            migrating.migrate(db, name)
            migrating.prepare(db, name)
            if distributing.is_done(db):  # new tables are not yet
                distributing.distribute(url)
            return before, migrating.version(db, name)
    except psycopg.Error as error:
        raise opening.refusal(name, error) from error


def _ask(db: Connection[Any], statement: str, *values: object) -> list[Any]:
    """The first column of what a statement finds."""
    return [row[0] for row in db.execute(statement, values or None).fetchall()]


def _look_at_server(db: Connection[Any], found: Condition) -> None:
    version = db.info.server_version // 10_000
    found.facts.append(("server", f"PostgreSQL {_ask(db, 'show server_version')[0]}"))
    if version < SERVER_VERSION_MIN:
        found.faults.append(f"PostgreSQL {version} is too old: {SERVER_VERSION_MIN} or newer is needed")
    for setting in _UNSAFE:
        if _ask(db, f"show {setting}") == ["off"]:
            found.faults.append(f"{setting} is off: what has been acknowledged may be lost; set it to on")
    citus = distributing.version(db)
    found.facts.append(("Citus", citus or "not in this database"))
    if citus is not None and distributing.is_too_old(citus):
        found.faults.append(
            f"Citus {citus} is too old: {distributing.text(distributing.VERSION_MIN)} or newer is needed"
        )


def _look_at_rights(db: Connection[Any], found: Condition) -> None:
    """What has to be so before anything can be stored, and a server cannot be told by the store's own settings."""
    if (encoding := migrating.encoding(db)) != "UTF8":
        found.faults.append(f"the database has the encoding {encoding}: make one with UTF8 (createdb --encoding UTF8)")
    if _ask(db, "show transaction_read_only") == ["on"]:
        found.faults.append("it takes no writes: it is a standby, or set to be read only")
    ((schema, may_create),) = db.execute(_SCHEMA).fetchall()
    if schema is None:
        found.faults.append("no schema of this user's search_path is there: create one, or set it to `public`")
    elif not may_create:
        found.faults.append(f"this user may not create tables in the schema {schema}: `grant create on schema` lets it")


def _look_at_schema(db: Connection[Any], found: Condition) -> None:
    """Every column, index, sequence and function must be there as a new store would have it; more may be."""
    (own,) = _ask(db, "select current_schema()")
    present = set(_described(db, own))
    try:
        with db.transaction(force_rollback=True):
            db.execute(f"create schema {_TRIAL}; set local search_path to {_TRIAL}".encode())
            for script in migrating.scripts().values():
                db.execute(script.encode())
            missing = sorted(set(_described(db, _TRIAL)) - present)
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction):
        found.facts.append(("tables", "not compared: this user may not create a schema"))
        return
    found.faults += [f"{each} is missing: restore a backup, or make it again" for each in missing]
    invalid = _ask(db, _INVALID)
    found.faults += [f"the index {index} is not valid: `reindex index {index}` makes it anew" for index in invalid]
    found.facts.append(("tables", f"{len(present):,} columns, indexes and others, {len(missing)} missing"))


def _described(db: Connection[Any], schema: str) -> Iterator[str]:
    yield from _ask(db, _COLUMNS, schema)
    yield from _ask(db, _INDEXES, schema, schema)
    yield from _ask(db, _OTHERS, schema, schema)


def _look_at_nodes(db: Connection[Any], found: Condition) -> None:
    """Either all tables are distributed, or none."""
    if distributing.version(db) is None:
        return
    if not distributing.is_done(db):
        found.facts.append(("nodes", "not distributed"))
        return
    (count,) = _ask(db, _NODES)
    found.facts.append(("nodes", f"distributed over {count}"))
    left = distributing.missing(db)
    found.faults += [f"the table {table} is not distributed: run `sessiontree store distribute`" for table in left]


def _look_at_partitions(db: Connection[Any], found: Condition) -> None:
    for table in months.TABLES:
        partitions = months.made(db, table)
        ends = f"{partitions[0]} to {partitions[-1]}" if partitions else "none yet"
        found.facts.append(("partitions", f"{len(partitions)}, {ends}" if partitions else ends))
        for partition in partitions:
            if not _has_its_month(_ask(db, _BOUND, partition)[0], partition):
                found.faults.append(f"the partition {partition} is not of the month that its name says")
    found.faults += [f"the table {name} is no partition: attach it again" for name in _ask(db, _UNATTACHED)]
    bounds = (f"{months.FIRST_YEAR}-01-01", f"{months.LAST_YEAR + 1}-01-01")
    for month, count in db.execute(_IN_DEFAULT, bounds).fetchall():
        found.facts.append((f"month {month}", f"{count:,} records in the default partition, which is only slower"))


def _has_its_month(bound: str, partition: str) -> bool:
    month = months.of_partition(partition)
    return month is not None and bound.startswith(f"FOR VALUES FROM ('{month[0]}-{month[1]:02}-01 00:00:00+00')")
