"""The API's answers about many sessions: a page of rows, and the changes. Names and shapes are a promise to callers."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from sessiontree import money
from sessiontree.rendering import links
from sessiontree.session_query import Clock, SelectionTotals, SessionChange, SessionPage, write_cursor
from sessiontree.sessions import Session
from sessiontree.wire import Amount, Currency, Money, NodeLinks, ProblemReport, ProductCost, TotalCost

_TICK = timedelta.resolution
_encode = msgspec.json.Encoder().encode


class SessionRow(msgspec.Struct, gc=False):
    """What the tree of a session adds up to: the same numbers as the answer about the tree itself."""

    record_type: str
    id: str
    status: Annotated[str, Meta(description="in_progress, settling (its records still arrive or change) or completed.")]
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: Annotated[str, Meta(description="A decimal in plain notation.", examples=["152.25"])] | None
    cost: TotalCost
    event_count: int
    elsewhere_count: Annotated[int, Meta(description="Events of it that are at home in other sessions.")]
    unpriced_count: int
    cost_by_product: list[ProductCost]
    problems: list[ProblemReport]
    unlinked: Annotated[bool, Meta(description="Its type declares a parent, and it has none.")]
    as_of: Annotated[datetime, Meta(description="When this was computed.")]
    revision: Annotated[int, Meta(description="Grows by one with every change of the numbers.")]
    links: NodeLinks


class SelectionCost(msgspec.Struct, omit_defaults=True, gc=False):
    """What a selection cost in one currency, each record counted once.

    `elsewhere` is what the totals of the rows have beyond that: records shown in them whose home is another session.
    """

    total: Amount
    currency: Currency
    elsewhere: Amount | UnsetType = UNSET


class SelectionTotal(msgspec.Struct, gc=False):
    """What a whole selection adds up to, whatever part of it was sent. Events count in their home session only."""

    session_count: int
    event_count: int
    unpriced_count: int
    cost: list[SelectionCost]


class SessionListMeta(msgspec.Struct, gc=False):
    """Where the list goes on (null at its end), and what all of it adds up to.

    `fresh` is false while records that have arrived wait to be added up.
    """

    next_cursor: str | None
    limit: int
    total: SelectionTotal
    fresh: bool


class SessionList(msgspec.Struct, gc=False):
    """Some of the sessions that were asked for."""

    data: list[SessionRow]
    meta: SessionListMeta


class GoneSession(msgspec.Struct, gc=False):
    """A session that is no more: it became part of another, or was taken back."""

    record_type: str
    id: str
    gone: bool = True


_GONE = {
    "type": "object",
    "properties": {"record_type": {"type": "string"}, "id": {"type": "string"}, "gone": {"const": True}},
    "required": ["record_type", "id", "gone"],
}
_CHANGE = {"oneOf": [{"$ref": "#/components/schemas/SessionRow"}, _GONE]}


class ChangesMeta(msgspec.Struct, gc=False):
    """What to send as `since` to go on after these changes."""

    next_since: Annotated[str, Meta(examples=["4711"])]


class SessionChanges(msgspec.Struct, gc=False):
    """Sessions whose numbers changed, and those that are gone, in order; empty when there are no more for now."""

    data: list[Annotated[Raw, Meta(extra_json_schema=_CHANGE)]]
    meta: ChangesMeta


def session_list(page: SessionPage, *, limit: int, clock: Clock) -> SessionList:
    """A page as it is answered."""
    return SessionList([session_row(session, clock) for session in page.sessions], list_meta(page, limit))


def list_meta(page: SessionPage, limit: int) -> SessionListMeta:
    """What is answered beside the sessions of a page."""
    following = None if page.next is None else write_cursor(page.next)
    return SessionListMeta(following, limit, _selection_total(page.totals), page.fresh)


def session_changes(changes: list[SessionChange], *, since: int, clock: Clock) -> SessionChanges:
    """Changes as they are answered, after the one numbered `since`."""
    rows = [
        GoneSession(change.record_type, change.id) if change.session is None else session_row(change.session, clock)
        for change in changes
    ]
    meta = ChangesMeta(str(changes[-1].sequence if changes else since))
    return SessionChanges([Raw(_encode(row)) for row in rows], meta)


def session_row(session: Session, clock: Clock) -> SessionRow:
    """A session as it is answered."""
    return SessionRow(
        record_type=session.record_type,
        id=session.id,
        status=clock.status(session),
        started_at=session.start,
        finished_at=session.finish,
        duration_seconds=None if session.duration is None else seconds(session.duration),
        cost=_cost(session),
        event_count=session.event_count,
        elsewhere_count=session.elsewhere_count,
        unpriced_count=session.unpriced_count,
        cost_by_product=[
            ProductCost(product, Money(money.text(amount), currency), count)
            for product, currency, amount, count in session.products
        ],
        problems=[ProblemReport(*problem) for problem in session.problems],
        unlinked=bool(session.unlinked),
        as_of=session.as_of,
        revision=session.revision,
        links=links(session.record_type, session.id),
    )


def seconds(duration: timedelta) -> str:
    """A duration in seconds, exactly, in plain notation."""
    micros = duration // _TICK
    whole, rest = divmod(abs(micros), 1_000_000)
    text = f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if micros < 0 else text


def _cost(session: Session) -> TotalCost:
    """The session's totals, in the form that the answer about its tree has."""
    totals, elsewhere, own = session.totals, session.elsewhere, session.currency
    others = [
        Money(money.text(totals[currency]), currency, _amount(elsewhere.get(currency)))
        for currency in sorted(totals)
        if currency != own
    ]
    return TotalCost(
        total=money.text(totals.get(own, 0)),
        currency=own,
        other_currencies=others or UNSET,
        elsewhere=_amount(elsewhere.get(own)),
        elsewhere_count=session.elsewhere_count or UNSET,
    )


def _amount(amount: int | None) -> str | UnsetType:
    return money.text(amount) if amount else UNSET


def _selection_total(totals: SelectionTotals) -> SelectionTotal:
    cost = [
        SelectionCost(money.text(amount), currency, _amount(totals.elsewhere.get(currency)))
        for currency, amount in sorted(totals.totals.items())
    ]
    return SelectionTotal(totals.session_count, totals.event_count, totals.unpriced_count, cost)
