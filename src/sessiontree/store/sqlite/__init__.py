"""The SQLite store: one file, one process that writes at a time, any number of readers.

`store` opens it and holds the rest together; `write` is adding, `snapshot` finding, `list` pages of records.
"""

from sessiontree.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
