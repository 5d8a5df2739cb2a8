"""Distributing the tables over the nodes of a Citus cluster, by account; small tables are copied to all of them.

Citus is an extension of PostgreSQL that its operator installs. Nothing here depends on it, and nothing of it is here.
"""

from typing import Any

import psycopg
from psycopg import Connection

from sessiontree.errors import StoreError
from sessiontree.store.postgres import migrating, opening

LOCAL = ("life",)
"""Of the coordinator alone: it numbers the transactions."""
REFERENCE = ("account", "shape", "dictionary", "api_key", "setting")
FIRST = "record"
DISTRIBUTED = (
    FIRST, "link", "identity", "history", "kind", "field", "counter", "session", "session_cost", "session_sum", "home",
    "visit", "session_gone", "dirty", "intake", "intake_rows",
    "intake_unfinished", "spend",
)  # fmt: skip
VERSION_MIN = (11, 2)
"""Older ones let a transaction on a worker see what others commit meanwhile, whatever it asked for."""
PLAN = "plan_cache_mode=auto"
"""How connections to such a store plan: Citus has to see the account, so that few statements can be planned for all."""
_MISSING = (
    "has no Citus: install it on every node, name it in shared_preload_libraries, run `create extension citus` in this "
    "database and add the nodes (select citus_add_node(...)); then call this again"
)
_DONE = "select logicalrelid::regclass::text from pg_dist_partition"


def distribute(url: str) -> list[str]:
    """Distribute all tables that are not yet; their names. Raises StoreError, when Citus is not there too."""
    name = opening.name(url)
    try:
        with opening.connect(opening.parameters(url), Connection) as db:
            migrating.prepare(db, name)
            found = version(db)
            if found is None:
                raise StoreError(f"{name} {_MISSING}")
            if is_too_old(found):
                raise StoreError(f"{name} has Citus {found}, which is too old: {text(VERSION_MIN)} or newer is needed")
            return [table for table in missing(db) if _distribute(db, table)]
    except psycopg.Error as error:
        raise opening.refusal(name, error) from error


def version(db: Connection[Any]) -> str | None:
    """The version of the Citus in this database, None if there is none."""
    found = db.execute("select extversion from pg_extension where extname = 'citus'").fetchone()
    return None if found is None else str(found[0])


def is_too_old(version: str) -> bool:
    """Whether a Citus of this version does not do."""
    major, minor = version.partition("-")[0].split(".")[:2]
    return (int(major), int(minor)) < VERSION_MIN


def text(version: tuple[int, int]) -> str:
    """A version for people."""
    return f"{version[0]}.{version[1]}"


def is_done(db: Connection[Any]) -> bool:
    """Whether the tables of this store are distributed; one of a later version may not be yet."""
    return version(db) is not None and FIRST not in missing(db)


def missing(db: Connection[Any]) -> list[str]:
    """The tables that are not distributed, in a database with Citus."""
    done = {table for (table,) in db.execute(_DONE).fetchall()}
    return [table for table in (*REFERENCE, *DISTRIBUTED) if table not in done]


def _distribute(db: Connection[Any], table: str) -> bool:
    if table in REFERENCE:
        db.execute("select create_reference_table(%s)", [table])
    else:
        together = "none" if table == FIRST else FIRST
        db.execute("select create_distributed_table(%s, 'account', colocate_with => %s)", [table, together])
    db.execute("select truncate_local_data_after_distributing_table(%s)", [table])  # its rows are on the nodes now
    return True
