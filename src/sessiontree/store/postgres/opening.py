"""Opening a PostgreSQL database: its connections, and what is wrong with one that cannot be used, in a sentence.

No sentence holds the password: a store is named by user, host and database.
"""

from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg import Connection, conninfo, errors
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryLoader

from sessiontree.errors import StoreError, StoreGone
from sessiontree.store.postgres.binary import ARRAYS, Array

CONNECT_SECONDS = 10
APPLICATION = "sessiontree"
# Told to the server by a statement: poolers such as PgBouncer let no options through. It may be set to something else,
# and what we write and read must have one form, and transactions see what has been committed meanwhile. A statement is
# planned once: planning anew for every value would take longer than the statement (three times).
_SETTINGS = (
    "standard_conforming_strings = on",
    "array_nulls = on",
    "timezone = 'UTC'",
    "datestyle = 'ISO'",
    "bytea_output = 'hex'",
    "default_transaction_isolation = 'read committed'",
    "plan_cache_mode = force_generic_plan",
    "jit = off",
    "random_page_cost = 1.1",
)

Db = TypeVar("Db", bound=Connection[Any])


class _Int(Dumper):
    """An int as bare text, so that its type is that of where it goes, and statements do not differ by its size."""

    def dump(self, obj: Any) -> Buffer:
        return str(obj).encode()

    def quote(self, obj: Any) -> Buffer:
        """As psycopg writes it into statements of its own."""
        return self.dump(obj)


def _ready(number: int) -> type[Dumper]:
    """Sends arrays of this type as they are."""

    class Ready(Dumper):
        format = Format.BINARY
        oid = number

        def dump(self, obj: Array) -> Buffer:
            return obj.data

    return Ready


def parameters(url: str) -> dict[str, Any]:
    """What to connect with. Raises StoreError for a URL that is none."""
    try:
        given, parts = conninfo.conninfo_to_dict(url), urlsplit(url)
    except (psycopg.Error, ValueError):
        raise StoreError("the store's URL is not one of PostgreSQL: postgresql://user@host:5432/database") from None
    # What stands before it is taken for host, port and database then, and would be shown.
    if "@" in parts.path or parts.netloc.count("@") > 1:
        raise StoreError("the store's URL has a / or @ in its user or password: write it as %2F or %40 there")
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(int, _Int)
    for kind, number in ARRAYS.items():
        adapters.register_dumper(kind, _ready(number))
    adapters.register_loader("timestamptz", Int8BinaryLoader)  # in binary form it is one: `binary.micros`
    defaults = {"connect_timeout": CONNECT_SECONDS, "application_name": APPLICATION}
    own = {"client_encoding": "UTF8", "autocommit": True, "prepare_threshold": 2, "context": _Context(adapters)}
    return defaults | given | own


def connect(given: dict[str, Any], kind: type[Db], *also: str) -> Db:
    """A new connection by these parameters, with our settings, and perhaps others."""
    db = kind.connect(**given)
    try:
        db.execute("; ".join(f"set {setting}" for setting in (*_SETTINGS, *also)).encode(), prepare=False)
    except BaseException:
        db.close()
        raise
    return db


@dataclass(frozen=True, slots=True)
class _Context:
    """What a connection takes its adapters from."""

    adapters: AdaptersMap
    connection: None = None


def name(url: str) -> str:
    """The database of a URL for messages: without its password. Raises StoreError for a URL that is none."""
    given = parameters(url)
    user, host = given.get("user"), given.get("host") or given.get("hostaddr") or "localhost"
    port = f":{given['port']}" if given.get("port") and not str(host).startswith("/") else ""
    at = f"{user}@" if user else ""
    return f"postgresql://{at}{host}{port}/{given.get('dbname') or ''}"


def refusal(name: str, error: Exception) -> StoreError:
    """An error of PostgreSQL's or of the pool's as ours: one sentence that tells what to do."""
    return (StoreGone if lost(error) and not full(error) else StoreError)(_sentence(name, error))


def _sentence(name: str, error: Exception) -> str:
    if isinstance(error, errors.DiskFull):
        return f"the disk that holds {name} is full: free some space and send the records again"
    # A standby refuses unlogged tables, which every connection of ours asks for, in other words than writes.
    if isinstance(error, errors.ReadOnlySqlTransaction) or "during recovery" in str(error):
        return f"{name} takes no writes: it is a standby, or set to be read only"
    if isinstance(error, errors.InvalidPassword | errors.InvalidAuthorizationSpecification):
        return f"{name} refuses this user or password"
    if isinstance(error, errors.InvalidCatalogName):
        return f"{name} does not exist: create the database first"
    if isinstance(error, errors.InsufficientPrivilege):
        return f"{name} does not let this user do what a store needs: {_first_line(error)}"
    if isinstance(error, errors.QueryCanceled) and "statement timeout" in str(error):
        return f"{name} stops statements that take as long as this one: raise the statement_timeout of this user"
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable | errors.DeadlockDetected):
        return f"{name} is busy: {_first_line(error)}; try again in a moment"
    if full(error):
        return f"{name} is busy: the server has no connection left; try again in a moment"
    if lost(error):
        return f"{name} cannot be reached: {_connecting(error)}"
    return f"{name} cannot be used: {_first_line(error)}"


def lost(error: Exception) -> bool:
    """Whether the connection is gone, or was never there."""
    gone = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.ConnectionException)
    if isinstance(error, gone):
        return True
    return (
        isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and getattr(error, "sqlstate", 1) is None
    )


def full(error: Exception) -> bool:
    """Whether there is no new connection because there are as many as the server lets there be."""
    return isinstance(error, psycopg.OperationalError) and any(told in str(error) for told in _FULL)


def passing(error: Exception) -> bool:
    """Whether the same transaction may well succeed when it is tried again: two were in each other's way."""
    return isinstance(error, errors.DeadlockDetected | errors.SerializationFailure)


def _first_line(error: Exception) -> str:
    told = getattr(getattr(error, "diag", None), "message_primary", None)
    return told or (str(error).strip().splitlines() or ["unknown error"])[0]


def _connecting(error: Exception) -> str:
    """Why there is no connection: what the server answered, if it did."""
    for told, advice in _REFUSED.items():
        if told in str(error):
            return advice
    return "check that the server runs and takes connections, and try again"


_FULL = (
    "too many clients",
    "remaining connection slots",
    "too many connections",  # of a user or a database that may have only so many
    "no more connections allowed",  # PgBouncer's
)
_REFUSED = {
    "password authentication failed": "the server refuses this user or password",
    "no password supplied": "the server wants a password",
    "no pg_hba.conf entry": "the server does not let this user in from here",
    "does not exist": "there is no such user or database on the server: create it first",
}
