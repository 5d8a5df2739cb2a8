"""The questions a store answers, and opening one.

A store keeps records, their links, their history and the API keys, each under an account. It knows nothing of HTTP or
of the placement rules: it answers "which records have this value", and `analysis` makes trees of the answers.
Every store passes the suite in `store/suite`.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from sessiontree.catalog import Catalog
from sessiontree.errors import SessionsDisputed, StoreError
from sessiontree.query import Query
from sessiontree.record import Record
from sessiontree.store.checks import Checks
from sessiontree.store.intakes import Intakes, Share
from sessiontree.store.names import is_postgres
from sessiontree.store.removing import Removing
from sessiontree.store.sessions import Sessions
from sessiontree.store.spend import Spend


class Asks(NamedTuple):
    """What records to find: by identity (record type and id), by a value among their keys, by one among their refs."""

    ids: set[tuple[str, str]]
    keys: set[str]
    refs: set[str]


class Outcome(StrEnum):
    """What adding a record did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Version:
    """One content that a record has had, and when it was received."""

    received: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the records that a query matches, and how many match in all."""

    records: Sequence[Record]
    total: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as the store knows it: never the key itself, only its digest (SHA-256) and visible prefix."""

    prefix: str
    digest: bytes
    account: str
    scopes: frozenset[str]
    name: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None = None
    used: datetime | None = None


class Snapshot(Protocol):
    """The records of one account at one moment."""

    def find(self, asks: Asks) -> list[Record]:
        """The records that any of the asks names and that this snapshot has not given before, in no particular order.

        Unknown values find nothing.
        """


class NotAtHand(Exception):
    """More is asked of a snapshot than was fetched: ask again, of one that goes on asking the store."""


class Store(Protocol):
    """One place where records are kept. Every question about records names the account first.

    Any question may raise StoreError (the store cannot be read or written now); nothing is half done then. `waits` says
    that a question may wait for another process or machine, so that no event loop should ask it.
    """

    waits: bool

    catalog: Catalog
    sessions: Sessions
    spend: Spend
    checks: Checks
    intakes: Intakes
    removing: Removing

    def add(
        self, account: str, records: Sequence[Record], received: datetime, shares: Sequence[Share] = ()
    ) -> list[Outcome]:
        """Keep records, in order, in one transaction that is durable when this returns; one outcome for each.

        A record whose identity (account, type, id) is new is created. With the content that is stored already it is
        unchanged; with another it replaces that, and the old content goes to the history. `shares` say which intakes
        the records belong to, in order; without any they belong to none, and nobody can take them back. Raises
        IntakeUndone when one of those is undone.
        """

    def snapshot(self, account: str) -> AbstractContextManager[Snapshot]:
        """One account's records as they are at the first question; what is added after that does not show."""

    async def at_hand(
        self, account: str, record_type: str, id: str, near: tuple[datetime, datetime] | None = None
    ) -> AbstractContextManager[Snapshot] | None:
        """A snapshot with an event and most of what its tree may ask for, fetched without keeping others waiting.

        `near` are moments between which the event probably lies: they say where to look first, and change no answer.
        It raises NotAtHand when asked for more. None if the store cannot do that now: ask a `snapshot`.
        """

    def history(self, account: str, record_type: str, id: str) -> list[Version]:
        """Every content of a record, oldest first; the last is the present one. Empty when there is no such record."""

    def page(self, account: str, query: Query) -> Page:
        """The page of records of one type that a query asks for."""

    def fields(self, account: str, record_type: str) -> dict[str, str]:
        """The fields that stored records of this type have shown, by name, each with its JSON type.

        A field that has only been null so far counts as a string.
        """

    def accounts(self) -> list[str]:
        """Every account that has a record or a key, by name."""

    def count(self) -> int:
        """How many records are stored, of all accounts."""

    def sizes(self) -> dict[str, int]:
        """How many bytes its parts have, by name. Raises StoreError."""

    def check_write(self) -> None:
        """Prove that a write reaches the disk now. Raises StoreError if not."""

    def silent(self) -> bool:
        """Whether no key has changed since `changes` was asked last, as far as this process has been told: never waits.

        A store that cannot tell says no.
        """

    def changes(self) -> int:
        """A number that differs whenever keys may have changed since the last call."""

    def add_key(self, key: ApiKey) -> None:
        """Keep a key."""

    def find_key(self, digest: bytes) -> ApiKey | None:
        """The key of this digest, also when expired or revoked; None if there is none."""

    def keys(self, account: str | None = None) -> list[ApiKey]:
        """All keys (of one account), oldest first."""

    def revoke_key(self, prefix: str, at: datetime, account: str | None = None) -> ApiKey | None:
        """Revoke the key of this prefix (of one account), None if there is none; a second time changes nothing."""

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """Note when keys, by prefix, were last used. A later use that is noted stays; of no key nothing is noted."""

    def stale(self) -> list[str]:
        """The types that a re-read has work with, by name.

        Their stored records were read by an older declaration than the present one, or the sessions are made by
        another: see `Sessions.disputed`.
        """

    def undeclared(self) -> list[str]:
        """The types that stored records have and the catalogue has not, by name. No answer holds such records."""

    def reread(self, *, batch: int = 2000) -> Iterator[tuple[int, int]]:
        """Read all records again by the present catalogue; yields (done, all). Stopped, it resumes where it was.

        From its beginning on, sessions are made by this catalogue, and nobody with another refreshes any more.
        """

    def close(self) -> None:
        """Let go of the store. Closing twice is fine."""


def warning_of_undeclared(store: Store) -> str:
    """A sentence about stored records that no tree will hold, because their type is not declared; empty if none."""
    names = store.undeclared()
    if not names:
        return ""
    they, them = ("has no such type", "its folder") if len(names) == 1 else ("has no such types", "their folder")
    return f"records of {', '.join(names)} are stored, but the catalogue {they}: name {them} with --catalog"


def refuse_disputed(store: Store) -> None:
    """Raise SessionsDisputed where the sessions are made by other declarations than those of this store's catalogue.

    To ask before work that ends with a refresh, or compares sessions with their records.
    """
    if names := store.sessions.disputed():
        raise refusal(names, store.catalog.types, store.sessions.agreed)


def refusal(disputed: Sequence[str], declared: Container[str], agreed: Container[str]) -> SessionsDisputed:
    """Why a refresh leaves sessions alone, and what to do about it. `agreed`: see `Sessions.agreed`."""
    if all(name in agreed for name in disputed):
        they = "was" if len(disputed) == 1 else "were"
        since = (
            f"{', '.join(disputed)} {they} declared otherwise since this process began (`sessiontree catalog apply`)"
        )
        return SessionsDisputed(f"{since}: restart it with that catalogue", outdated=True)
    lacking = [name for name in disputed if name not in declared]
    if lacking:
        they, them = ("has no such type", "its folder") if len(lacking) == 1 else ("has no such types", "their folder")
        return SessionsDisputed(
            f"records of {', '.join(lacking)} are stored, but the catalogue {they}: name {them} with --catalog, "
            "or let them go with `sessiontree catalog apply`"
        )
    they = "is" if len(disputed) == 1 else "are"
    return SessionsDisputed(
        f"{', '.join(disputed)} {they} declared otherwise than where the sessions were made: if this catalogue is the "
        "newer one, run `sessiontree catalog apply` with it; if not, start this again with the newer one, named with "
        "--catalog"
    )


def warning_of_stale(store: Store) -> str:
    """A sentence about types declared otherwise than where records were read or sessions are made; empty if none."""
    declared = store.catalog.types
    disputed = [name for name in store.sessions.disputed() if name in declared]
    if disputed:
        return str(refusal(disputed, declared, store.sessions.agreed))
    names = ", ".join(name for name in store.stale() if name in declared)
    return f"{names} changed in the catalogue; run `sessiontree catalog apply` to re-read them" if names else ""


def open_store(where: str, catalog: Catalog, *, create: bool = True, sparing: bool = False) -> Store:
    """Open the store at a path (a SQLite file) or URL. Raises StoreError, in one sentence, when that cannot be done.

    `sparing`: with little memory, for a process beside the one that answers.
    """
    if is_postgres(where):
        with needs_psycopg():
            from sessiontree.store.postgres.store import PostgresStore
        return PostgresStore(where, catalog)
    from sessiontree.store.sqlite import SqliteStore

    path = where.removeprefix("sqlite:///") if where.startswith("sqlite:///") else where
    return SqliteStore(Path(path), catalog, create=create, sparing=sparing)


@contextmanager
def needs_psycopg() -> Iterator[None]:
    """Says in one sentence that psycopg is not installed, where that is what an import misses."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "psycopg":
            raise
        text = "a PostgreSQL store needs psycopg, which is not installed: pip install 'sessiontree[postgres]'"
        raise StoreError(text) from None
