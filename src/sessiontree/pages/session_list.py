"""The list of sessions: what each adds up to, and what all that are selected do.

It takes the parameters of `GET /v2/sessions`, so that the address says what is shown. Its script asks `news` how many
sessions have changed since: rows move when the reader says so, not under their hand.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

import msgspec
from markupsafe import Markup
from starlette.responses import Response

from sessiontree.catalog import Catalog
from sessiontree.http import csv_lists, session_filters
from sessiontree.http.export import Sending
from sessiontree.http.refusals import UNKNOWN_VALUE, RequestError
from sessiontree.http.routes import JSON, encode
from sessiontree.http.session_answers import session_list
from sessiontree.pages import filter_form, layout, shown
from sessiontree.pages.addresses import Address, address_of, path_of
from sessiontree.pages.sending import answer, own_address
from sessiontree.pages.session_summary import Share, shares_of
from sessiontree.pages.visits import Visit
from sessiontree.session_query import SORT, Clock, SessionPage, SessionQuery, write_cursor
from sessiontree.sessions import Session

PATH = "/sessions"
NEWS_MAX = 100
_FORMATS = ("html", "json", "csv")
_CSV_LINES = 500  # in each piece that is sent
_HEADS = {"started_at": "Started", "duration": "Duration", "event_count": "Events", "total": "Total"}
_ORDERS = {
    "-started_at": "newest first",
    "started_at": "oldest first",
    "-total": "most expensive first",
    "total": "cheapest first",
    "-total_per_minute": "most per minute",
    "total_per_minute": "least per minute",
    "-duration": "longest first",
    "duration": "shortest first",
    "-event_count": "most events first",
    "event_count": "fewest events first",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A session in the list."""

    record_type: str
    id: str
    href: str
    color: int
    total: Markup
    others: tuple[Markup, ...]
    unpriced_count: int
    start: datetime | None
    duration: str
    event_count: int
    shares: list[Share]
    status: str
    problem_count: int
    unlinked: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column that the list can be sorted by: where its link leads, and how it is sorted now."""

    title: str
    href: str
    sorted: str  # "", ascending, descending


@dataclass(frozen=True, slots=True)
class Sums:
    """What all sessions that are selected add up to."""

    session_count: int
    event_count: int
    unpriced_count: int
    costs: list[Markup]
    elsewhere: list[Markup]


class News(msgspec.Struct):
    """How many sessions changed since, at most NEWS_MAX."""

    count: int
    most: int = NEWS_MAX


async def sessions(visit: Visit) -> Response:
    """The list; as JSON, or as CSV: of the page or (`rows=all`) of everything that is selected."""
    return await visit.call.service.in_thread(lambda: _answer(visit))


def _answer(visit: Visit) -> Response:
    call, parameters, now = visit.call, visit.parameters(), datetime.now(UTC)
    store, settings = call.service.store, call.service.settings
    form = parameters.choice("format", "html", _FORMATS)
    query = session_filters.read_page_query(parameters, store, call.account, settings, now)
    clock = session_filters.clock(settings, now)
    if form == "csv" and parameters.choice("rows", "page", ("page", "all")) == "all":
        return _all_rows(visit, query, clock)
    since = store.sessions.last_change(call.account)  # before the page: what happens meanwhile is news
    page = store.sessions.page(call.account, query)
    if form == "json":
        return answer(call.scope, encode(session_list(page, limit=query.limit, clock=clock)), media_type=JSON)
    if form == "csv":
        body = "".join(csv_lists.session_lines(page.sessions, clock)).encode()
        return answer(call.scope, body, media_type="text/csv", headers=_file_headers())
    return _page(visit, query, page, clock, since)


def _all_rows(visit: Visit, query: SessionQuery, clock: Clock) -> Response:
    """Everything that is selected, from the beginning, sent while it is read."""
    call = visit.call
    everything = call.service.store.sessions.walk(call.account, replace(query, cursor=None))
    pieces = _pieces(csv_lists.session_lines(everything, clock))
    headers = {**_file_headers(), "Cache-Control": "no-store"}
    return Sending(call, next(pieces), pieces, media_type="text/csv", headers=headers)


def _pieces(lines: Iterator[str]) -> Generator[bytes, None, None]:
    while piece := "".join(islice(lines, _CSV_LINES)):
        yield piece.encode()


def _file_headers() -> dict[str, str]:
    return {"Content-Disposition": 'attachment; filename="sessions.csv"'}


def _page(visit: Visit, query: SessionQuery, page: SessionPage, clock: Clock, since: int) -> Response:
    call, at = visit.call, address_of(PATH, visit.parameters())
    store = call.service.store
    form = filter_form.form_of(at, _fields(at, visit), kept=("sort", "limit"))
    return layout.page(
        visit,
        "sessions.html",
        title="Sessions",
        address=own_address(call.scope),
        form=form,
        rows=[row_of(session, page.currencies(session), clock, store.catalog) for session in page.sessions],
        heads=_heads(at, query),
        sums=sums_of(page, store.sessions.currencies(call.account)),
        fresh=page.fresh,
        first=at.but() if query.cursor is not None else "",
        next=at.here(cursor=write_cursor(page.next)) if page.next is not None else "",
        json=at.here(format="json"),
        csv=at.here(format="csv"),
        csv_all=at.but(format="csv", rows="all") if page.next is not None or query.cursor is not None else "",
        news=f"{PATH}/news?since={since}",
    )


def _fields(at: Address, visit: Visit) -> Iterator[filter_form.Field]:
    yield from filter_form.session_fields(at, visit.call.service.store, visit.call.account)
    fields = filter_form.Fields(at)
    yield fields.text(filter_form.TOTAL_MIN, "Total from", "0.00", "amount")
    yield fields.text(filter_form.TOTAL_MAX, "to", "0.00", "amount")
    yield fields.choice("sort", "Order", _ORDERS.items(), f"-{SORT}")


def _heads(at: Address, query: SessionQuery) -> dict[str, Head]:
    """The heads of the columns, by what they sort: falling first, and turned around by a second click."""
    heads = {}
    for name, title in _HEADS.items():
        here = query.sort == name
        falls = here and query.descending
        sorted = "" if not here else "descending" if falls else "ascending"
        heads[name] = Head(title, at.but(sort=name if falls else f"-{name}"), sorted)
    return heads


def row_of(session: Session, currencies: Sequence[str], clock: Clock, catalog: Catalog) -> Row:
    """A session as the list shows it, with its totals in the order of these currencies."""
    first, *others = currencies
    return Row(
        session.record_type,
        session.id,
        path_of(session.record_type, session.id),
        shown.color(catalog.types[session.record_type].product),
        shown.amount(session.totals.get(first, 0), first),
        tuple(shown.amount(session.totals[code], code) for code in others),
        session.unpriced_count,
        session.start,
        "" if session.duration is None else shown.duration(session.duration),
        session.event_count,
        shares_of(session.products, first),
        clock.status(session),
        len(session.problems),
        bool(session.unlinked),
    )


def sums_of(page: SessionPage, known: Sequence[str]) -> Sums:
    """What a selection adds up to, as it is shown: in the account's currencies, the most used one first.

    But before all others the one that the amounts are of which select or rank.
    """
    totals, known = page.totals, sorted(known, key=lambda code: code != page.ranked_in)
    costs = [shown.amount(totals.totals[code], code) for code in known if code in totals.totals]
    elsewhere = [shown.amount(totals.elsewhere[code], code) for code in known if totals.elsewhere.get(code)]
    return Sums(totals.session_count, totals.event_count, totals.unpriced_count, costs, elsewhere)


async def news(visit: Visit) -> Response:
    """How many sessions changed since a number that a page was given, for its script."""
    call, since = visit.call, visit.parameters().integer("since", 0, low=0)

    def count() -> News:
        known = call.service.store.sessions
        if known.last_change(call.account) == since:
            return News(0)
        try:
            return News(len(known.changes(call.account, since, NEWS_MAX)))
        except ValueError as error:
            raise RequestError(400, UNKNOWN_VALUE, f"since {error}", parameter="since") from None

    return answer(call.scope, encode(await call.service.in_thread(count)), media_type=JSON)
