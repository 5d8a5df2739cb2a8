"""The schema's versions: numbered files of plain SQL, run in order, each in one transaction.

An empty database is made ready when it is first opened; one of an older version waits for `store migrate`.
"""

import re
from importlib.resources import files
from typing import Any

from psycopg import Connection

from sessiontree.errors import StoreError
from sessiontree.store.parts import half_copies

_LOCK = 0x53545245  # among advisory locks: one process migrates at a time
_NAME = "schema"

# This sequence and this table stand in every store, and in hardly any other database.
_OURS = {"record_row", "setting"}

# One statement reads all names: `to_regclass` answers from a cache that may not know yet what another process has
# just committed, and two statements may see two states of the database. What belongs to an extension is no program's.
_USED = """
select relname from pg_class
where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'S', 'v', 'm', 'f')
    and not exists (select from pg_depend
        where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')
"""


def scripts() -> dict[int, str]:
    """Every migration by its number, in order."""
    folder = files("sessiontree.store.postgres").joinpath("migrations")
    found = {int(each.name.removesuffix(".sql")): each for each in folder.iterdir() if each.name.endswith(".sql")}
    return {number: found[number].read_text() for number in sorted(found)}


def statements(script: str) -> list[str]:
    """The statements of a script, one by one: with several at once, Citus would send all of them to the other nodes.

    A semicolon ends one, but for those in comments and in the bodies of functions.
    """
    return re.findall(r"\S(?:\$\$.*?\$\$|[^;$])*;", re.sub("--.*", "", script), re.DOTALL)


def newest() -> int:
    """The version that this program works with."""
    return max(scripts())


def version(db: Connection[Any], name: str) -> int:
    """The version of the schema in the database, 0 for an empty one. Raises StoreError if it is something else's."""
    used = {name for (name,) in db.execute(_USED)}
    if used >= _OURS:
        found = db.execute("select value from setting where name = %s", [_NAME]).fetchone()
        if found is not None:
            return int(found[0])
    if used:
        raise StoreError(f"{name} holds something else than a Sessiontree store: name an empty database with --store")
    return 0


def encoding(db: Connection[Any]) -> str:
    """How the database keeps texts: only UTF8 can keep all of them."""
    return db.info.parameter_status("server_encoding") or "unknown"


def prepare(db: Connection[Any], name: str) -> None:
    """Make an empty database ready. Raises StoreError for one of another version, program or encoding, and for half
    a copy.
    """
    found = version(db, name)
    if found == 0:
        found = migrate(db, name)
    if found > newest():
        raise StoreError(f"{name} was made by a newer version of Sessiontree (schema {found}): use that one")
    if found < newest():
        told = f"{name} was made by an older version (schema {found})"
        raise StoreError(f"{told}: run `sessiontree store migrate` with this --store first")
    if db.execute(half_copies.READ).fetchone():
        raise StoreError(half_copies.refusal(name, half_copies.EMPTY))


def migrate(db: Connection[Any], name: str) -> int:
    """Bring the schema to the newest version; which it is then. A newer one stays as it is."""
    if (found := encoding(db)) != "UTF8":
        raise StoreError(f"{name} has the encoding {found}: make a database with UTF8 (createdb --encoding UTF8)")
    for number, script in scripts().items():
        with db.transaction():
            db.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            if version(db, name) < number:
                for statement in statements(script):
                    db.execute(statement.encode())
                db.execute(
                    "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value",
                    [_NAME, str(number)],
                )
    return version(db, name)
