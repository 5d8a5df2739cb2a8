"""A connection that remembers which walks (see `neighbourhood`) it has been made ready for."""

from typing import Any

from psycopg import Connection
from psycopg.abc import PQGen


class Walker(Connection[Any]):
    """A connection, and the names of the walks that the server holds prepared for it.

    To ask for one that it does not hold would be an error, which the server notes in its log.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ready: set[str] = set()

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        """As psycopg has it: after a rollback, or when a table has gone, it has all statements forgotten, ours too."""
        if name is None:
            self.ready.clear()
        return super()._deallocate(name)


def ready(db: Connection[Any]) -> set[str]:
    """The names of the walks that a connection of a pool is ready for."""
    assert isinstance(db, Walker)
    return db.ready
