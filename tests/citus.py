"""A Citus cluster for tests, if there is one: databases on all its nodes, the tables of their stores distributed.

SESSIONTREE_TEST_CITUS names a database on the coordinator in which the nodes are known to each other. The tests over
PostgreSQL run in databases made like it then.
"""

import os
from collections.abc import Sequence

import psycopg
from psycopg.conninfo import make_conninfo

from sessiontree.store.postgres import distributing

GIVEN = "SESSIONTREE_TEST_CITUS"
_NODES = "select nodename, nodeport from pg_dist_node where groupid > 0 order by nodeid"
_COORDINATOR = "select nodename, nodeport from pg_dist_node where groupid = 0"

Node = tuple[str, int]


def given() -> str | None:
    """The database of the coordinator that is given, None if there is no cluster."""
    return os.environ.get(GIVEN)


def everywhere(statement: str) -> None:
    """Run a statement on every node, beside any database of a store."""
    url = given() or ""
    for where in (url, *_at(url, _nodes(url))):
        with psycopg.connect(where, autocommit=True) as db:
            db.execute("set citus.enable_create_database_propagation to off")
            db.execute(statement.encode())


def join(url: str) -> None:
    """Make one cluster of the databases of this name on all nodes."""
    own, others = _own(given() or ""), _nodes(given() or "")
    for where in (url, *_at(url, others)):
        with psycopg.connect(where, autocommit=True) as db:
            db.execute("create extension citus")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("select citus_set_coordinator_host(%s, %s)", own)
        for each in others:
            db.execute("select citus_add_node(%s, %s)", each)


def distribute(url: str) -> None:
    """Distribute the tables of a store, few shards of each."""
    distributing.distribute(f"{url}&options=-c%20citus.shard_count%3D4")


def _nodes(url: str) -> list[Node]:
    with psycopg.connect(url) as db:
        return db.execute(_NODES).fetchall()


def _own(url: str) -> Node:
    with psycopg.connect(url) as db:
        found = db.execute(_COORDINATOR).fetchone()
    assert found is not None, f"{GIVEN} names a database in which nodes have been added"
    return found


def _at(url: str, nodes: Sequence[Node]) -> list[str]:
    """The same database on other nodes."""
    return [make_conninfo(url, host=host, port=port) for host, port in nodes]
