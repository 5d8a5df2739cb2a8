"""Copying a store into an empty one of either kind: everything that it holds, and the proof that nothing is missing.

A store gives its tables in one form, from one moment, and takes them in the same form: packed records as they are,
amounts as whole numbers of 10^-12, times in microseconds since 1970. Rows, accounts and imports keep their numbers, and
whoever follows the changes of sessions goes on where they were.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from sessiontree.errors import StoreError
from sessiontree.store import Store
from sessiontree.store.checks import Sums

ROWS_AT_ONCE = 2000
COUNTED = ("account", "api_key", "record", "history", "intake", "session", "session_gone", "spend")
"""The tables whose rows are counted in the end."""
LAST_ROW, LAST_SESSION, LAST_CHANGE = "row", "session", "change"
"""Numbers that only grow: of the store (account 0) the first, of each account the others."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Piece(NamedTuple):
    """Some rows of one table, each with its columns in this order:

    account: id, name · shape: id, record_type, reading, key_fields, ref_fields · dictionary: number, content
    kind: account, id, record_type · field: account, kind, name, type · setting: name, value
    api_key: prefix, digest, account, scopes, name, created, expires, revoked, used
    record: account, row, kind, start, intake, packed · history: account, row, version, received, intake, packed
    intake: account, number, received, files, key, created, updated, unchanged, rejected, first, last, undo_began,
    undone · intake_rows: account, intake, first, last · intake_unfinished: account, number
    session: `session_rows.COLUMNS` · counter: account, name, value
    session_gone: account, sequence, record_type, id · dirty: account, what, first, last
    spend: account, kind, hour, currency, priced, measured, amount, events, quantity
    """

    table: str
    rows: Sequence[tuple[Any, ...]]


class Source(Protocol):
    """A store at one moment."""

    def pieces(self) -> Iterator[Piece]:
        """All there is; what others lean on comes before them."""

    def counts(self) -> dict[str, int]:
        """How many rows the tables of COUNTED have."""

    def sums(self, account: str, advance: Callable[[int], None]) -> Sums:
        """What an account comes to."""


class Target(Protocol):
    """An empty store that is being filled."""

    def begin(self) -> None:
        """Mark it as half a copy, which nobody opens. Raises StoreError where another copy has done so."""

    def put(self, piece: Piece) -> None:
        """Keep these rows."""

    def end(self) -> None:
        """That was all."""

    def release(self) -> None:
        """It is the same as the other: anybody may open it."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy has come to: counts and, by account, sums, each of the one store and of the other."""

    counts: dict[str, tuple[int, int]]
    sums: dict[str, tuple[Sums, Sums]]

    @property
    def differences(self) -> list[str]:
        """What is not the same in both."""
        tables = [table for table, (before, after) in self.counts.items() if before != after]
        return tables + [f"the sums of {account}" for account, (before, after) in self.sums.items() if before != after]


def copy(origin: Store, empty: Store, progress: Progress) -> Copied:
    """Copy everything, and compare. Raises StoreError when the other store is not empty.

    What is added to the first one meanwhile is not copied. Stopped on the way, or with differences in the end, it
    leaves a store that nobody opens.
    """
    if empty.accounts() or empty.count():
        raise StoreError("the store to copy to is not empty: name a new one")
    with _source(origin) as source:
        counts = source.counts()
        target = _target(empty)
        target.begin()
        with progress("copying records", counts["record"]) as advance:
            for piece in source.pieces():
                target.put(piece)
                advance(len(piece.rows) if piece.table == "record" else 0)
            target.end()
        with _source(empty) as copied, progress("comparing", 2 * (counts["record"] + counts["session"])) as advance:
            after = copied.counts()
            both = Copied(
                {table: (counts[table], after[table]) for table in COUNTED},
                {account: (_sums(source, account, advance), _sums(copied, account, advance))
                 for account in origin.accounts()},
            )  # fmt: skip
        if not both.differences:
            target.release()
        return both


def _sums(source: Source, account: str, advance: Callable[[int], None]) -> Sums:
    """Without the differences within a store: `verify` tells those."""
    return replace(source.sums(account, advance), differences=())


def _source(store: Store) -> AbstractContextManager[Source]:
    from sessiontree.store.sqlite import SqliteStore, dumping

    if isinstance(store, SqliteStore):
        return dumping.source(store)
    from sessiontree.store.postgres import dumping as postgres_dumping
    from sessiontree.store.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore)
    return postgres_dumping.source(store)


def _target(store: Store) -> Target:
    from sessiontree.store.sqlite import SqliteStore
    from sessiontree.store.sqlite.loading import SqliteTarget

    if isinstance(store, SqliteStore):
        return SqliteTarget(store)
    from sessiontree.store.postgres.loading import PostgresTarget
    from sessiontree.store.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore)
    return PostgresTarget(store)
