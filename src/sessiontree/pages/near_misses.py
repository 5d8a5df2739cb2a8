"""What an unlinked record may belong to: sessions that began about when it did, of a type that can hold it.

Nothing says that it does. But a parent whose id was written differently, or cut off, began at about the same time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sessiontree.catalog import Catalog
from sessiontree.pages import shown
from sessiontree.pages.addresses import path_of
from sessiontree.session_query import SessionQuery
from sessiontree.sessions import Session
from sessiontree.store import Store

NEAR = timedelta(minutes=5)
NEAR_MAX = 3
_TICK = timedelta.resolution


@dataclass(frozen=True, slots=True)
class Near:
    """A session that a record may belong to, and why: it began so long before or after it."""

    record_type: str
    id: str
    href: str
    apart: str


def near_misses(store: Store, account: str, record_type: str, start: datetime | None) -> list[Near]:
    """The sessions that began nearest to a record, at most NEAR_MAX; none where its start is not known."""
    types = holders(store.catalog, record_type)
    if start is None or not types:
        return []
    found = sorted(_around(store, account, types, start), key=lambda session: abs(_start(session) - start))
    return [_near(session, _start(session) - start) for session in found[:NEAR_MAX]]


def holders(catalog: Catalog, record_type: str) -> tuple[str, ...]:
    """The types in whose sessions a record of this type can stand: its parents, theirs, and so on."""
    found: dict[str, None] = {}
    waiting = [record_type]
    while waiting:
        for relationship in catalog.types[waiting.pop()].parents:
            if relationship.parent not in found:
                found[relationship.parent] = None
                waiting.append(relationship.parent)
    return tuple(found)


def _around(store: Store, account: str, types: tuple[str, ...], start: datetime) -> Iterator[Session]:
    """The nearest sessions before a moment, and after it."""
    ends = ((start - NEAR, start, True), (start, start + NEAR, False))
    for since, until, descending in ends:
        query = SessionQuery(
            since=since,
            until=until if descending else until + _TICK,
            record_types=types,
            descending=descending,
            limit=NEAR_MAX,
        )
        yield from islice(store.sessions.walk(account, query), NEAR_MAX)  # a page would be added up as well


def _start(session: Session) -> datetime:
    assert session.start is not None, "the query is for a range of starts"
    return session.start


def _near(session: Session, apart: timedelta) -> Near:
    when = "at the same time"
    if apart:
        when = f"{shown.duration(abs(apart))} {'before' if apart < timedelta() else 'after'} it"
    return Near(session.record_type, session.id, path_of(session.record_type, session.id), when)
