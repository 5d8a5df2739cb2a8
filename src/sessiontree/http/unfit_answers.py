"""The API's answers about what does not fit: unlinked records, problems. Names and shapes are a promise to callers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from sessiontree import money
from sessiontree.catalog import Catalog
from sessiontree.http.session_answers import SelectionTotal, session_list
from sessiontree.record import Record
from sessiontree.rendering import links
from sessiontree.session_query import Clock, SessionPage
from sessiontree.sessions import Session
from sessiontree.unfit import REASONS, FoundProblem, ProblemPage, UnlinkedGroup, reason, tried, write_place
from sessiontree.wire import Money, NodeLinks, TotalCost

Reason = Annotated[
    str, Meta(description="no_such_parent (none of the parents it names is there) or null_link (it names none).")
]


class TriedLink(msgspec.Struct, gc=False):
    """A field pair by which a parent was looked for; without a value there was nothing to look for."""

    local_field: str
    value: str | None
    parent_field: str
    parent_record_type: str


class UnlinkedRow(msgspec.Struct, gc=False):
    """An unlinked record, with what it comes to together with everything below it."""

    record_type: str
    id: str
    reason: Reason
    tried: list[TriedLink]
    started_at: datetime | None
    received_at: datetime
    age_seconds: Annotated[int, Meta(description="Since it started; since it was received where it has no start.")]
    cost: TotalCost
    event_count: int
    unpriced_count: Annotated[int, Meta(description="Events that are billable and have no cost yet: zero in `cost`.")]
    links: NodeLinks

    @property
    def unpriced(self) -> bool:
        """Whether there is no cost at all: the zero in `cost` stands for nothing then."""
        return 0 < self.unpriced_count == self.event_count


class UnlinkedGroupRow(msgspec.Struct, gc=False):
    """The unlinked records of one type for one reason; `cost` leaves out what is at home in other sessions."""

    record_type: str
    reason: Reason
    count: int
    cost: list[Money]


class UnlinkedMeta(msgspec.Struct, gc=False):
    """Where the list goes on (null at its end), what all of it adds up to, and its groups, the largest first.

    `fresh` is false while records that have arrived wait to be added up.
    """

    next_cursor: str | None
    limit: int
    total: SelectionTotal
    fresh: bool
    groups: list[UnlinkedGroupRow]


class UnlinkedList(msgspec.Struct, gc=False):
    """Some of the unlinked records that were asked for."""

    data: list[UnlinkedRow]
    meta: UnlinkedMeta


class SessionName(msgspec.Struct, gc=False):
    """A session, by its top."""

    record_type: str
    id: str
    started_at: datetime | None
    links: NodeLinks


class ProblemRow(msgspec.Struct, gc=False):
    """A problem of an event, and the session in whose tree it was met."""

    code: str
    message: str
    record_type: str
    id: str
    links: NodeLinks
    session: SessionName


class ProblemCount(msgspec.Struct, gc=False):
    """How many problems of a code there are."""

    code: str
    count: int


class ProblemMeta(msgspec.Struct, gc=False):
    """Where the list goes on (null at its end), and the counts of all of it."""

    next_cursor: str | None
    limit: int
    counts: list[ProblemCount]


class ProblemList(msgspec.Struct, gc=False):
    """Some of the problems that were asked for."""

    data: list[ProblemRow]
    meta: ProblemMeta


def unlinked_list(
    page: SessionPage,
    groups: Sequence[UnlinkedGroup],
    records: Mapping[tuple[str, str], Record],
    catalog: Catalog,
    *,
    limit: int,
    clock: Clock,
) -> UnlinkedList:
    """A page of unlinked records as it is answered; `records` are theirs, by type and id."""
    listed = session_list(page, limit=limit, clock=clock)
    rows = [
        _unlinked_row(session, row.cost, records.get((session.record_type, session.id)), catalog, clock.now)
        for session, row in zip(page.sessions, listed.data, strict=True)
    ]
    meta = listed.meta
    return UnlinkedList(
        rows, UnlinkedMeta(meta.next_cursor, limit, meta.total, meta.fresh, [_group(each) for each in groups])
    )


def _unlinked_row(
    session: Session, cost: TotalCost, record: Record | None, catalog: Catalog, now: datetime
) -> UnlinkedRow:
    received = (record.received if record is not None else None) or session.changed
    return UnlinkedRow(
        record_type=session.record_type,
        id=session.id,
        reason=reason(session),
        tried=[TriedLink(*each) for each in tried(catalog, session.record_type, record)],
        started_at=session.start,
        received_at=received,
        age_seconds=int((now - (session.start or received)).total_seconds()),
        cost=cost,
        event_count=session.event_count,
        unpriced_count=session.unpriced_count,
        links=links(session.record_type, session.id),
    )


def _group(group: UnlinkedGroup) -> UnlinkedGroupRow:
    name = next(name for name, each in REASONS.items() if each is group.reason)
    cost = [Money(money.text(amount), currency) for currency, amount in sorted(group.totals.items())]
    return UnlinkedGroupRow(group.record_type, name, group.count, cost)


def problem_list(page: ProblemPage, *, limit: int) -> ProblemList:
    """A page of problems as it is answered."""
    following = None if page.next is None else write_place(page.next)
    counts = [ProblemCount(*each) for each in sorted(page.counts.items())]
    return ProblemList([_problem_row(each) for each in page.problems], ProblemMeta(following, limit, counts))


def _problem_row(found: FoundProblem) -> ProblemRow:
    problem = found.problem
    session = SessionName(found.record_type, found.id, found.start, links(found.record_type, found.id))
    return ProblemRow(*problem, links(problem.record_type, problem.id), session)
