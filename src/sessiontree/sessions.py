"""Sessions: what the tree of a top adds up to, as one row of a list.

A top is an event (or virtual event) without a home; its tree is its session. The row has the tree's own numbers: its
total, and beside that the part that is at home elsewhere, so that sums over many sessions count nothing twice.
`summary` makes the row of a tree; what a change of records concerns is the affair of `refreshing`, keeping rows that
of a store.
"""

from datetime import datetime, timedelta
from enum import IntEnum

import msgspec

from sessiontree.money import Totals
from sessiontree.placement import Problem

IN_PROGRESS = "in_progress"
SETTLING = "settling"
COMPLETED = "completed"
STATUSES = (IN_PROGRESS, SETTLING, COMPLETED)
SETTLE_FOR = timedelta(minutes=10)
"""How long after the last record of it arrived a session counts as settling."""

Product = tuple[str, str, int, int]
"""Product, currency, amount, and events: what a session's events of one product cost in one currency."""


class Unlinked(IntEnum):
    """Whether a top lacks a parent although its type declares one, and why; false if it does not."""

    NO = 0
    NO_SUCH_PARENT = 1
    """It names parents, and none of them is there."""
    NULL_LINK = 2
    """It names none: its link fields are empty."""


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session as its tree was at `as_of`.

    `totals` and counts are of the whole tree, `elsewhere` the part of them whose home is in another session (without
    zeros).
    `open_start` is the latest start of an event that should finish and has not, `changed` when the last record in the
    tree was received. `revision` grows by one with every change of what stands here before `changed`.
    """

    record_type: str
    id: str
    start: datetime | None
    finish: datetime | None
    currency: str
    totals: Totals
    elsewhere: Totals
    event_count: int
    elsewhere_count: int
    unpriced_count: int
    elsewhere_unpriced_count: int
    products: tuple[Product, ...]
    problems: tuple[Problem, ...]
    unlinked: Unlinked
    open_start: datetime | None
    changed: datetime
    as_of: datetime
    revision: int = 0

    @property
    def duration(self) -> timedelta | None:
        """From start to finish; None when one of them is not known."""
        return None if self.start is None or self.finish is None else self.finish - self.start


def status(session: Session, *, now: datetime, open_for: timedelta, settle_for: timedelta) -> str:
    """How far a session is: in progress while an event of it is (see `Tree.is_open`), settling while records arrive."""
    if session.open_start is not None and session.open_start > now - open_for:
        return IN_PROGRESS
    return SETTLING if session.changed > now - settle_for else COMPLETED
