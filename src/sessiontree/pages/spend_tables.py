"""The tables and charts of spend: what stands in each, and where each cell leads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from sessiontree import money
from sessiontree.http.spend import Asked
from sessiontree.pages import shown
from sessiontree.pages.spend_chart import Chart, Series, amount_in, chart_of, period_name, series_of
from sessiontree.pages.spend_links import Links
from sessiontree.pages.spend_periods import Bounds, chart_periods
from sessiontree.periods import UNITS
from sessiontree.store.spend import SpendRow

ROWS_MAX = 1000
NO_TIME = "without a time"
NO_VALUE = "–"  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Cell:
    """An amount, and the sessions behind it."""

    amount: Markup
    href: str


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A period in the table."""

    name: str
    href: str
    cells: list[Cell | None]
    total: Markup


@dataclass(frozen=True, slots=True)
class Legend:
    """A colour, what it stands for, and what that comes to."""

    name: str
    color: str
    total: Markup
    percent: str


@dataclass(frozen=True, slots=True)
class InCurrency:
    """What was spent in one currency, by period: the chart (None: too many bars for one), and the table."""

    currency: str
    chart: Chart | None
    legend: list[Legend]
    rows: list[PeriodRow]
    total: Markup


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A row of the API's answer."""

    names: list[str]
    href: str
    total: Markup
    share: float
    event_count: int
    unpriced_count: int
    quantity: str
    rate: str


@dataclass(slots=True)
class _Sorted:
    """The amounts of one currency, by period and series, by each of them, and in all."""

    sums: dict[tuple[str | None, str | None], int] = field(default_factory=dict)
    periods: dict[str | None, int] = field(default_factory=dict)
    series: dict[str | None, int] = field(default_factory=dict)
    total: int = 0

    def add(self, period: str | None, series: str | None, amount: int) -> None:
        """Add an amount."""
        self.sums[period, series] = self.sums.get((period, series), 0) + amount
        self.periods[period] = self.periods.get(period, 0) + amount
        self.series[series] = self.series.get(series, 0) + amount
        self.total += amount


class Spent:
    """The rows of an answer, as a page shows them, with the links behind its amounts."""

    def __init__(self, asked: Asked, rows: Sequence[SpendRow], links: Links) -> None:
        self._asked = asked
        self._rows = rows
        self._links = links
        self._known = links.known
        self.unit, self.by = links.unit, links.by
        self.is_by_time = self.unit is not None and len(asked.grouping.by) <= 2
        self._bounds = self._periods()

    def _periods(self) -> dict[str, Bounds] | None:
        """The periods of the answer by label; None if there are too many to show."""
        if self.unit is None:
            return {}
        place, query = self._asked.grouping.by.index(self.unit), self._asked.query
        labels = list(dict.fromkeys(label for row in self._rows if (label := row.group[place]) is not None))
        found = chart_periods(self.unit, query.zone, labels, query.since, query.until)
        return None if found is None else {bounds.label: bounds for bounds in found}

    def money(self) -> list[InCurrency]:
        """By time: a chart and a table for each currency."""
        found: dict[str, _Sorted] = {}
        place = self._asked.grouping.by.index(self.unit or "")
        for row in self._rows:
            if row.currency is not None:
                others = [value for at, value in enumerate(row.group) if at != place]
                found.setdefault(row.currency, _Sorted()).add(row.group[place], others[0] if others else "", row.amount)
        order = [*(code for code in self._known if code in found), *(code for code in found if code not in self._known)]
        return [self._money(code, found[code]) for code in order]

    def _money(self, currency: str, found: _Sorted) -> InCurrency:
        kind = self._asked.grouping.by[-1]
        color = (lambda name, at: shown.color(name)) if kind == "product" else (lambda name, at: at)
        series = series_of(found.series, color, none=f"no {self.by}") if self.by else [Series("all", ("",), "c0")]
        chart = None
        if self._bounds is not None:
            periods = list(self._bounds.values())

            def href(bounds: Bounds, each: Series) -> str:
                return self._href(bounds.label, each, currency=currency)

            chart = chart_of(periods, series, found.sums, currency, href)
        credited = any(amount < 0 for amount in found.sums.values())
        legend = []
        for each in series if self.by else ():
            amount = sum(found.series[value] for value in each.values)
            percent = "" if credited else shown.percent(amount, found.total)
            legend.append(Legend(each.name, each.color, shown.amount(amount, currency), percent))
        rows = [self._row(label, series, found, currency) for label in found.periods]
        return InCurrency(currency, chart, legend, rows, shown.amount(found.total, currency))

    def _row(self, label: str | None, series: Sequence[Series], found: _Sorted, currency: str) -> PeriodRow:
        cells: list[Cell | None] = []
        for each in series if self.by else ():
            is_there = any((label, value) in found.sums for value in each.values)
            amount = shown.amount(amount_in(found.sums, label, each), currency)
            cells.append(Cell(amount, self._href(label, each, currency=currency)) if is_there else None)
        name = NO_TIME if label is None else period_name(label)
        return PeriodRow(
            name, self._href(label, None, currency=currency), cells, shown.amount(found.periods[label], currency)
        )

    def _href(self, label: str | None, series: Series | None, *, currency: str) -> str:
        """The sessions that began in a period, with an event of the series where sessions can be selected by it."""
        if label is None or not self._bounds or label not in self._bounds:
            return ""
        value = series.values[0] if series is not None and len(series.values) == 1 else None
        return self._links.short(label, value, currency)

    def groups(self) -> list[GroupRow]:
        """By anything else: the rows of the answer, as many as a page holds."""
        largest: dict[str | None, int] = {}
        for row in self._rows:
            largest[row.currency] = max(row.amount, largest.get(row.currency, 0))
        return [self._group(row, largest[row.currency]) for row in self._rows[:ROWS_MAX]]

    @property
    def groups_left(self) -> int:
        """How many rows beyond those are only in the files."""
        return max(0, len(self._rows) - ROWS_MAX)

    @property
    def names(self) -> Sequence[str]:
        """What the rows are grouped by."""
        return self._asked.grouping.names

    def _group(self, row: SpendRow, largest: int) -> GroupRow:
        values = dict(zip(self._asked.grouping.by, row.group, strict=True))
        label = values.get(self.unit) if self.unit else None
        bounds = self._bounds.get(label) if self._bounds and label is not None else None
        since, until = (bounds.since, bounds.until) if bounds else (self._asked.query.since, self._asked.query.until)
        names = [_name(unit, value) for unit, value in values.items()]
        rate = "" if row.average_rate is None else f"{money.text(row.average_rate)} per {row.unit}"
        return GroupRow(
            names,
            self._links.sessions(values, since, until, row.currency),
            Markup(NO_VALUE) if row.currency is None else shown.amount(row.amount, row.currency),
            shown.width(row.amount, largest),
            row.event_count,
            row.unpriced_count,
            "" if row.quantity is None or row.unit is None else shown.quantity(row.quantity, row.unit),
            rate,
        )


def _name(grouping: str, value: str | None) -> str:
    if value is None:
        return NO_VALUE
    return period_name(value) if grouping in UNITS else value
