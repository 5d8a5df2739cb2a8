"""One page with every element that the pages use, to see them all together, light and dark."""

from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from sessiontree import money
from sessiontree.pages import layout, shown
from sessiontree.pages.axis import Axis
from sessiontree.pages.session_summary import Share
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
    )


def _at(seconds: int) -> datetime:
    return _START + timedelta(seconds=seconds)
