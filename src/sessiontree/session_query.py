"""Queries over sessions: what to select, in which order, from where on; and what a list of sessions answers.

Reading a query out of parameters or options is the faces' affair; running one is the store's.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from sessiontree.money import Totals
from sessiontree.query import Condition
from sessiontree.sessions import Session, Unlinked, status

SORTS = ("total", "started_at", "duration", "event_count", "total_per_minute")
COST_SORTS = ("total", "total_per_minute")
SORT = "started_at"
LIMIT = 50
LIMIT_MAX = 500
_INTEGER = 1 << 63


@dataclass(frozen=True, slots=True)
class Clock:
    """What a session's status depends on beside the session: the present, and the two settings."""

    now: datetime
    open_for: timedelta
    settle_for: timedelta

    def status(self, session: Session) -> str:
        """in_progress, settling or completed."""
        return status(session, now=self.now, open_for=self.open_for, settle_for=self.settle_for)


class Cursor(NamedTuple):
    """The place after a session in a list: the list's order, the currency that totals are ranked in, and where it is.

    `group` names the part of the list, "" the last one, of sessions without the sorting value. `values` are that value
    (of a cost two: whole units and rest) and the session's number.
    """

    sort: str
    descending: bool
    currency: str | None
    group: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """The sessions that meet everything that is asked, in an order, from a place on.

    Starts lie in [since, until); a session without a start lies in no bounded range. Of the types, products (a session
    has an event of it) and statuses any one will do; empty means all. `currency` selects sessions with an amount in it.
    Totals are compared and ranked in it, else in the account's most used currency. `conditions` are on the record of a
    session's top and need exactly one type; a top without a record has its id only. `unlinked` selects tops that are so
    for one of these reasons, `with_problems` sessions in which something odd was met.

    Sessions without the value that sorts them come last, whichever the direction; of other currencies than the one that
    totals are ranked in come after it, by currency.
    """

    since: datetime | None = None
    until: datetime | None = None
    record_types: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    clock: Clock | None = None  # needed where there are statuses
    currency: str | None = None
    total_min: int | None = None
    total_max: int | None = None
    conditions: tuple[Condition, ...] = ()
    unlinked: tuple[Unlinked, ...] = ()
    with_problems: bool = False
    sort: str = SORT
    descending: bool = True
    limit: int = LIMIT
    cursor: Cursor | None = None

    @property
    def by_amount(self) -> bool:
        """Whether an amount selects or ranks sessions."""
        bounds = (self.currency, self.total_min, self.total_max)
        return self.sort in COST_SORTS or any(bound is not None for bound in bounds)


@dataclass(frozen=True, slots=True)
class SelectionTotals:
    """What a whole selection adds up to. `totals` leaves out what is at home in other sessions, which is `elsewhere`.

    `event_count` and `unpriced_count` count events at home only, so that none counts twice.
    """

    session_count: int = 0
    event_count: int = 0
    unpriced_count: int = 0
    totals: Totals = field(default_factory=dict)
    elsewhere: Totals = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some of the sessions that a query selects, the place after them (None: that was all), and the sums of all.

    `fresh`: no record of the account waits to be added up. `ranked_in` is the currency of the amounts that select or
    rank them, None if none do.
    """

    sessions: Sequence[Session]
    next: Cursor | None
    totals: SelectionTotals
    fresh: bool
    ranked_in: str | None = None

    def currencies(self, session: Session) -> list[str]:
        """The currencies of one of them as people are shown its totals: that of the amount which ranks it first.

        That is its own where none does. There is at least one.
        """
        totals, own = session.totals, session.currency
        first = own
        if self.ranked_in is not None:
            first = self.ranked_in if self.ranked_in in totals else min(totals, default=own)
        return [first, *sorted(totals.keys() - {first}, key=lambda code: (code != own, code))]


@dataclass(frozen=True, slots=True)
class SessionChange:
    """A session as it is since a change, at its place in the order of changes; `session` is None when it is gone."""

    sequence: int
    record_type: str
    id: str
    session: Session | None


def write_cursor(cursor: Cursor) -> str:
    """A cursor as text that fits an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str, *, sort: str, descending: bool) -> Cursor:
    """The cursor of a text, for a list in this order. Raises ValueError for what is none, or one of another order."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(data, type=Cursor)
    except (binascii.Error, ValueError):
        raise ValueError("is no cursor that a list has given") from None
    length = 1 if not cursor.group else 3 if cursor.sort in COST_SORTS else 2
    if len(cursor.values) != length or any(not -_INTEGER <= value < _INTEGER for value in cursor.values):
        raise ValueError("is no cursor that a list has given")
    if (cursor.sort, cursor.descending) != (sort, descending):
        raise ValueError("is of a list in another order; begin this one without a cursor")
    return cursor
