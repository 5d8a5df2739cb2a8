"""What the tests of the suite share: a store to ask, records to put in, and short forms of the questions."""

import dataclasses
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest

from sessiontree import catalog_files
from sessiontree.catalog import Catalog
from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store import Asks, Snapshot, Store

Opening = Callable[..., Store]
"""Opens the test's store, with a catalogue if one is given."""

ACCOUNT = "default"
RECEIVED = datetime(2026, 3, 20, 8, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(opening: Opening) -> Store:
    return opening()


@cache
def shipped() -> Catalog:
    """The catalogue of the package."""
    return catalog_files.load()


def changed(catalog: Catalog, name: str, **values: Any) -> Catalog:
    """A catalogue in which one type is declared otherwise."""
    declared = dataclasses.replace(catalog.types[name], **values)
    return Catalog({**catalog.types, name: declared}, catalog.updated)


def later(seconds: float) -> datetime:
    """A time of receipt so long after the first."""
    return RECEIVED + timedelta(seconds=seconds)


def read(store: Store, record_type: str, body: str) -> Record:
    """A record of this JSON text."""
    return Reader(store.catalog).read(body.encode(), record_type)


def record(store: Store, record_type: str, id: str, **fields: Any) -> Record:
    """A record with these fields."""
    body = {store.catalog.types[record_type].id_field: id, **fields}
    return Reader(store.catalog).read(msgspec.json.encode(body), record_type)


def add(store: Store, *records: Record, account: str = ACCOUNT, received: datetime = RECEIVED) -> list[str]:
    """Add records in one go; the outcomes as text."""
    return [str(outcome) for outcome in store.add(account, records, received)]


def found(
    store: Store,
    *,
    ids: Iterable[tuple[str, str]] = (),
    keys: Iterable[str] = (),
    refs: Iterable[str] = (),
    account: str = ACCOUNT,
) -> list[tuple[str, str]]:
    """The identities of the records that the asks name, sorted."""
    with store.snapshot(account) as snapshot:
        return sorted((record.record_type, record.id) for record in snapshot.find(Asks(set(ids), set(keys), set(refs))))


def get(store: Store, record_type: str, id: str, *, account: str = ACCOUNT) -> Record:
    """The one record of this identity."""
    with store.snapshot(account) as snapshot:
        (found,) = find(snapshot, Asks({(record_type, id)}, set(), set()))
    return found


def find(snapshot: Snapshot, asks: Asks) -> list[Record]:
    """What a snapshot finds, without the store's own mark."""
    return [msgspec.structs.replace(record, shape=0) for record in snapshot.find(asks)]


def history(store: Store, record_type: str, id: str, *, account: str = ACCOUNT) -> list[tuple[datetime, bytes]]:
    """The versions of a record, as pairs."""
    return [(version.received, version.body) for version in store.history(account, record_type, id)]


def as_stored(record: Record, received: datetime = RECEIVED) -> Record:
    """A record as the store should give it back."""
    return msgspec.structs.replace(record, received=received, names=())
