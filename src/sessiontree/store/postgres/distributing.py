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
_MISSING = (
    "has no Citus: install it on every node, name it in shared_preload_libraries, run `create extension citus` in this "
    "database and add the nodes (select citus_add_node(...)); then call this again"
)
_DONE = "select logicalrelid::regclass::text from pg_dist_partition"


def distribute(url: str) -> list[str]:
    """Distribute all tables that are not yet; their names. Raises StoreError, when Citus is not there too."""
    name = opening.name(url)
    try:
        with psycopg.connect(**opening.parameters(url)) as db:
            migrating.prepare(db, name)
            if db.execute("select 1 from pg_extension where extname = 'citus'").fetchone() is None:
                raise StoreError(f"{name} {_MISSING}")
            done = {table for (table,) in db.execute(_DONE).fetchall()}
            return [table for table in (*REFERENCE, *DISTRIBUTED) if table not in done and _distribute(db, table)]
    except psycopg.Error as error:
        raise opening.refusal(name, error) from error


def _distribute(db: Connection[Any], table: str) -> bool:
    if table in REFERENCE:
        db.execute("select create_reference_table(%s)", [table])
    else:
        together = "none" if table == FIRST else FIRST
        db.execute("select create_distributed_table(%s, 'account', colocate_with => %s)", [table, together])
    return True
