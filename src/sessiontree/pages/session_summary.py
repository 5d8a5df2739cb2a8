"""What stands above the tree of a session: its total, its times, and what each product cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from sessiontree import sessions
from sessiontree.pages import shown
from sessiontree.pages.session_cells import other_amounts
from sessiontree.summary import summary as row_of
from sessiontree.tree import Tree


@dataclass(frozen=True, slots=True)
class Share:
    """What the events of a product cost in one currency; `left` and `width` place it on the bar of all (in percent)."""

    product: str
    color: int
    cost: Markup
    percent: str
    events: int
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A session in a few figures. `started` is None when no record says so; `received` is known all the same."""

    total: Markup
    exact: list[str]
    currency: str
    others: tuple[Markup, ...]
    elsewhere: list[Markup]
    elsewhere_count: int
    event_count: int
    unpriced_count: int
    timeless_count: int
    status: str
    started: datetime | None
    received: datetime
    going: bool
    duration: str
    shares: list[Share]


def summary(tree: Tree, now: datetime, *, settle_for: timedelta) -> Summary:
    """The figures of a session as it is at `now`."""
    root = tree.root
    row = row_of(tree, now)
    status = sessions.status(row, now=now, open_for=tree.open_for, settle_for=settle_for)
    going = status == sessions.IN_PROGRESS
    timeless = sum(node.start is None for node in tree.nodes)
    began = tree.created_at()
    started = None if timeless == len(tree.nodes) else began
    return Summary(
        total=shown.amount(root.totals.get(root.currency, 0), root.currency),
        exact=[shown.exact(root.totals.get(code, 0), code) for code in _currencies(tree)],
        currency=root.currency,
        others=other_amounts(root.totals, root.currency),
        elsewhere=[shown.amount(root.away_totals[code], code) for code in sorted(root.away_totals)],
        elsewhere_count=root.away_count,
        event_count=root.event_count,
        unpriced_count=root.unpriced_count,
        timeless_count=timeless,
        status=status,
        going=going,
        started=started,
        received=began,
        duration=shown.duration((now if going else tree.completed_at()) - began) if started else "",
        shares=shares_of(tree.costs_by_product(), root.currency),
    )


def _currencies(tree: Tree) -> list[str]:
    """The root's own first."""
    return [tree.root.currency, *(code for code in sorted(tree.root.totals) if code != tree.root.currency)]


def shares_of(products: Sequence[sessions.Product], main: str) -> list[Share]:
    """The products, in the main currency first; only what costs something in that has a place on the bar."""
    rows = sorted(products, key=lambda row: (row[1] != main, row[1]))
    positive: dict[str, int] = {}
    credited = {currency for _, currency, amount, _ in rows if amount < 0}
    for _, currency, amount, _ in rows:
        positive[currency] = positive.get(currency, 0) + max(amount, 0)
    shares, left = [], 0.0
    for product, currency, amount, events in rows:
        width = shown.width(amount, positive[main]) if currency == main else 0.0
        percent = shown.percent(amount, positive[main]) if currency == main and main not in credited else ""
        cost = shown.amount(amount, currency)
        shares.append(Share(product, shown.color(product), cost, percent, events, left, width))
        left += width
    return shares
