"""One page with every element that the pages use, to see them all together, light and dark."""

from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from sessiontree import money
from sessiontree.pages import filter_form, layout, shown
from sessiontree.pages.addresses import Address
from sessiontree.pages.axis import Axis
from sessiontree.pages.session_summary import Share
from sessiontree.pages.spend_chart import Chart, Series, Sums, chart_of
from sessiontree.pages.spend_periods import Bounds
from sessiontree.pages.visits import Visit
from sessiontree.sessions import STATUSES

_START = datetime(2026, 3, 17, 10, tzinfo=UTC)
_AMOUNTS = ("0.2128", "0.0001666", "0.00000007", "-0.0015", "0", "1234567.5")


async def elements(visit: Visit) -> Response:
    """The page; what it shows is made up."""
    axis = Axis(_START, timedelta(seconds=152), _START + timedelta(seconds=152))
    spans = ((0, 152, False), (3, 150, False), (40, 60, False), (90, None, False), (140, 148, False), (100, None, True))
    bars = [
        axis.bar(_at(start), None if finish is None else _at(finish), going=going) for start, finish, going in spans
    ]
    shares = [
        Share(f"product {at}", at, shown.amount(money.UNIT // 100, "USD"), "8.3%", 1, at * 100 / 12, 8.3)
        for at in range(shown.COLORS)
    ]
    amounts = [shown.amount(money.read(text), code) for text in _AMOUNTS for code in ("USD", "EUR", "JPY")]
    return layout.page(
        visit,
        "elements.html",
        title="Elements",
        bars=bars,
        shares=shares,
        amounts=amounts,
        ticks=axis.ticks(),
        statuses=STATUSES,
        form=_form(),
        spend=_chart(),
    )


def _form() -> filter_form.FilterForm:
    at = Address("/elements", {"filter[status]": STATUSES[0], "filter[direction]": "inbound"})
    fields = filter_form.Fields(at)
    status = fields.one_of("filter[status]", "Status", STATUSES)
    return filter_form.form_of(at, [status, fields.day(filter_form.SINCE, "From"), fields.text("text", "Text")])


def _chart() -> Chart:
    days = [Bounds(f"2026-03-{at + 1:02}", _START, _START) for at in range(14)]
    series = [Series(f"product {at}", (str(at),), f"c{at}") for at in range(shown.COLORS)]
    sums: Sums = {
        (day.label, name): (at * number - 20) * money.UNIT
        for at, day in enumerate(days)
        for number, name in enumerate(map(str, range(shown.COLORS)))
    }
    return chart_of(days, series, sums, currency="USD", href=lambda day, series: "#main")


def _at(seconds: int) -> datetime:
    return _START + timedelta(seconds=seconds)
