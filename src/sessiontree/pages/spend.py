"""What was spent: a chart and a table for each currency. It takes the parameters of `GET /v2/spend`.

By a time and one thing more, the table has a row for each period and a column for each thing; by anything else, it has
the rows of the API. Bars and cells lead to the sessions of their time and product. Without any parameter it shows the
last 30 days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from markupsafe import Markup
from starlette.responses import Response

from sessiontree import spending
from sessiontree.http import csv_lists
from sessiontree.http.filters import DATE_RANGE, RECORD_TYPE
from sessiontree.http.parameters import Parameters
from sessiontree.http.routes import JSON, encode
from sessiontree.http.session_filters import CURRENCY, PRODUCT
from sessiontree.http.spend import GROUP_BY, SESSION_TYPE, TIME_ZONE, found_rows, read_spend
from sessiontree.money import Totals
from sessiontree.pages import filter_form, layout, shown
from sessiontree.pages.addresses import Address, address_of
from sessiontree.pages.filter_form import Field, Fields
from sessiontree.pages.sending import answer, own_address, redirect
from sessiontree.pages.spend_links import BEHIND, Links
from sessiontree.pages.spend_tables import Spent
from sessiontree.pages.visits import Visit
from sessiontree.periods import UNITS
from sessiontree.store import Store
from sessiontree.store.spend import SpendQuery, SpendRow

PATH = "/spend"
_DEFAULT = Parameters(f"{DATE_RANGE}=last_30_days".encode())
_FORMATS = ("html", "json", "csv")
_GROUPINGS = {
    **{f"{unit},product": f"{unit} and product" for unit in UNITS},
    **{f"{unit},record_type": f"{unit} and record type" for unit in UNITS[1:]},
    "day,session_type": "day and session type",
    "month,session_type": "month and session type",
    "day": "day",
    "month": "month",
    "product": "product",
    "record_type": "record type",
    "session_type": "session type",
}


@dataclass(frozen=True, slots=True)
class Sums:
    """What all rows add up to."""

    costs: list[Markup]
    event_count: int
    unpriced_count: int


async def spend(visit: Visit) -> Response:
    """The page, or the same rows as JSON or CSV."""
    return await visit.call.service.in_thread(lambda: _answer(visit))


def _answer(visit: Visit) -> Response:
    call, given = visit.call, visit.parameters().without(BEHIND)
    parameters = given if given.names() else _DEFAULT
    store = call.service.store
    kind = parameters.choice("format", "html", _FORMATS)
    asked = read_spend(parameters, store, call.account, datetime.now(UTC))
    at = address_of(PATH, parameters)
    links = Links(asked, at, address_of(PATH, given), store.sessions.currencies(call.account))
    if behind := visit.parameters().text(BEHIND):
        return redirect(links.behind(behind))
    rows = found_rows(store, call.account, asked.query)
    if kind == "json":
        body = encode(spending.answer_json(rows, asked.grouping, asked.zone_name))
        return answer(call.scope, body, media_type=JSON)
    if kind == "csv":
        body = "".join(csv_lists.spend_lines(rows, asked.grouping)).encode()
        headers = {"Content-Disposition": 'attachment; filename="spend.csv"'}
        return answer(call.scope, body, media_type="text/csv", headers=headers)
    form = filter_form.form_of(at, _fields(at, store), kept=(GROUP_BY, TIME_ZONE))
    return layout.page(
        visit,
        "spend.html",
        title="Spend",
        address=own_address(call.scope),
        form=form if given.names() else replace(form, active=False),
        spent=Spent(asked, rows, links),
        sums=sums_of(rows, links.known),
        empty=not rows and not store.spend.table(call.account, SpendQuery(by=())),
        any_time=at.but({DATE_RANGE: None, filter_form.SINCE: None, filter_form.UNTIL: None, GROUP_BY: _grouping(at)}),
        json=at.here(format="json"),
        csv=at.here(format="csv"),
    )


def _grouping(at: Address) -> str:
    return at.given.get(GROUP_BY, spending.GROUP_BY)


def _fields(at: Address, store: Store) -> Iterator[Field]:
    fields = Fields(at)
    yield fields.choice(GROUP_BY, "By", _GROUPINGS.items(), spending.GROUP_BY)
    yield from filter_form.time_fields(at)
    yield fields.text(TIME_ZONE, "Time zone", spending.TIME_ZONE)
    yield fields.one_of(RECORD_TYPE, "Record type", sorted(store.catalog.types))
    yield fields.one_of(PRODUCT, "Product", filter_form.products(store.catalog))
    yield fields.text(CURRENCY, "Currency", "any", "amount")
    yield fields.one_of(SESSION_TYPE, "Session type", sorted(store.catalog.types))


def sums_of(rows: Sequence[SpendRow], known: Sequence[str]) -> Sums:
    """What all rows add up to, the most used currency first."""
    totals: Totals = spending.totals_of(rows)
    order = [*(code for code in known if code in totals), *(code for code in sorted(totals) if code not in known)]
    costs = [shown.amount(totals[code], code) for code in order]
    return Sums(costs, sum(row.event_count for row in rows), sum(row.unpriced_count for row in rows))
