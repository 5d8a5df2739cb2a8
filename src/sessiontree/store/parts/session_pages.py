"""Pages of sessions: a list is made of groups, one after another, each in an order of its own; see `session_list`."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from sessiontree.session_query import LIMIT_MAX, Cursor, SessionQuery
from sessiontree.sessions import Session
from sessiontree.store.parts.session_rows import COLUMNS

WITH_VALUE, WITHOUT = "value", ""
"""The groups of the sessions that have the sorting value, and of those that have none; others are of currencies."""
NOT_ALWAYS = ("started_at", "duration")
"""Sorting values that not every session has."""

SHOWN = ", ".join(f"session.{name.strip()}" for name in COLUMNS.removesuffix("rows").split(",")[:-1]) + ", null"
"""The columns of a session without the rows of its records, as `read_session` takes them."""
SEQUENCE = 17
"""The place of `sequence` among them."""

Placed = tuple[tuple[int, ...], Session]
"""A session with its place in its group, as a cursor has it."""


class Group(Protocol):
    """A group of a list."""

    @property
    def name(self) -> str:
        """A currency, `WITH_VALUE` or `WITHOUT`."""


G = TypeVar("G", bound=Group)


def page(
    query: SessionQuery,
    ranked_in: str | None,
    groups: Iterable[G],
    sessions: Callable[[G, int], Iterable[Placed]],
) -> tuple[list[Session], Cursor | None]:
    """The sessions from the query's cursor on, up to its limit, and the place after them (None: that was all).

    `sessions` gives those of a group from the cursor on, up to a number. Totals are ranked in the currency `ranked_in`.
    """
    found: list[tuple[str, Placed]] = []
    for group in groups:
        if query.cursor is not None and not _reached(group.name, query.cursor, ranked_in):
            continue
        found += [(group.name, placed) for placed in sessions(group, query.limit + 1 - len(found))]
        if len(found) > query.limit:
            name, (place, _) = found[query.limit - 1]
            following = Cursor(query.sort, query.descending, ranked_in, name, place)
            return [session for _, (_, session) in found[: query.limit]], following
    return [session for _, (_, session) in found], None


def walk(
    query: SessionQuery, ask: Callable[[SessionQuery], tuple[Sequence[Session], Cursor | None]]
) -> Iterator[Session]:
    """All sessions of a query, from page to page; `ask` gives one, and the place after it. Its limit is the first's."""
    while True:
        sessions, following = ask(query)
        yield from sessions
        if following is None:
            return
        query = dataclasses.replace(query, cursor=following, limit=LIMIT_MAX)


def ranked(known: Iterable[str], ranked_in: str | None) -> list[str]:
    """The currencies in the order of their groups: first the one that totals are ranked in; none without that one."""
    return [] if ranked_in is None else sorted({ranked_in, *known}, key=lambda name: _rank(name, ranked_in))


def _reached(name: str, cursor: Cursor, ranked_in: str | None) -> bool:
    """Whether a cursor stands in a group or before it; groups come and go with the currencies."""
    return _rank(name, ranked_in) >= _rank(cursor.group, ranked_in)


def _rank(name: str, ranked_in: str | None) -> tuple[bool, bool, str]:
    return name == WITHOUT, name != ranked_in, name
