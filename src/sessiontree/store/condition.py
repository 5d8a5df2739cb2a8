"""The condition of a store, also of one that cannot be opened: what it is, what is wrong with it, and mending it."""

from dataclasses import dataclass, field
from pathlib import Path

from sessiontree.errors import StoreError
from sessiontree.store import needs_psycopg
from sessiontree.store.names import is_postgres


@dataclass(slots=True)
class Condition:
    """`facts` are names and texts, `faults` are sentences that say what to do."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def look(where: str) -> Condition:
    """The condition of the store at a path or URL. Raises StoreError when it cannot be looked at."""
    if is_postgres(where):
        with needs_psycopg():
            from sessiontree.store.postgres import condition as postgres

        return postgres.look(where)
    from sessiontree.store.sqlite import condition as sqlite

    return sqlite.look(Path(where.removeprefix("sqlite:///")))


def migrate(where: str) -> tuple[int, int]:
    """Bring the schema of a store to the present version: which it was, and is. Raises StoreError for a newer one."""
    if is_postgres(where):
        with needs_psycopg():
            from sessiontree.store.postgres import condition as postgres

        return postgres.migrate(where)
    raise StoreError("a SQLite file is brought to the present version when opened: `store check` says which it has")


def distribute(where: str) -> list[str]:
    """Distribute the tables of a store over a Citus cluster; which ones. Raises StoreError if that cannot be."""
    if is_postgres(where):
        with needs_psycopg():
            from sessiontree.store.postgres import distributing

        return distributing.distribute(where)
    raise StoreError("only a PostgreSQL store can be distributed: name it with --store postgresql://...")
