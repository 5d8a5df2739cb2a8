"""A chart of spend in one currency: a bar for each period, stacked by what is beside time in the grouping.

Credits hang below the line of zero. Sizes are in pixels downwards and in percent across, for an SVG as wide as a page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sessiontree import money
from sessiontree.pages import shown
from sessiontree.pages.spend_periods import Bounds

HEIGHT = 230
SERIES_MAX = shown.COLORS
OTHERS = "others"
_TOP, _STEPS, _LABELS = 8, 4, 8

Sums = Mapping[tuple[str | None, str | None], int]
"""Amounts by period and series."""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the chart: the values that it stands for, and the class of its colour."""

    name: str
    values: tuple[str | None, ...]
    color: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar, and the page behind it."""

    y: float
    height: float
    color: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a period; `label` stands below some of them."""

    left: float
    width: float
    middle: float
    label: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, and the amount that it stands for."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, ready to be drawn; `zero` is where its bars begin."""

    bars: list[Bar]
    ticks: list[Tick]
    zero: float
    height: int = HEIGHT

    @property
    def is_empty(self) -> bool:
        """Whether no bar has anything in it."""
        return not any(bar.pieces for bar in self.bars)


class Scale:
    """From amounts to pixels, with lines at round amounts."""

    def __init__(self, low: int, high: int) -> None:
        step = _step(high - low)
        first, last = low // step, max(-(-high // step), low // step + 1)
        self.lines = range(first * step, last * step + 1, step)
        self._low, self._high = self.lines[0], self.lines[-1]

    def y(self, amount: int) -> float:
        """How far down an amount lies."""
        return round(_TOP + (self._high - amount) * (HEIGHT - 2 * _TOP) / (self._high - self._low), 2)


def _step(span: int) -> int:
    """The least round amount of which a few make the span."""
    power = 10
    while True:
        for tenths in (10, 20, 25, 50):
            step = power * tenths // 10
            if span <= _STEPS * step and (span or step >= money.UNIT):
                return step
        power *= 10


def series_of(totals: Mapping[str | None, int], color: Callable[[str, int], int], *, none: str) -> list[Series]:
    """The series of a chart, the largest first; what is beyond SERIES_MAX is one. `none` names what has no value.

    Each has a colour of its own: that of its value, or the next that is free.
    """
    ranked = sorted(totals, key=lambda value: (-abs(totals[value]), value is None, value or ""))
    shown_values = ranked if len(ranked) <= SERIES_MAX else ranked[: SERIES_MAX - 1]
    found, taken = [], set[int]()
    for at, value in enumerate(shown_values):
        if value is None:
            found.append(Series(none, (None,), "rest"))
            continue
        number = color(value, at)
        number = next(free for step in range(shown.COLORS) if (free := (number + step) % shown.COLORS) not in taken)
        taken.add(number)
        found.append(Series(value, (value,), f"c{number}"))
    if len(shown_values) < len(ranked):
        found.append(Series(OTHERS, tuple(ranked[len(shown_values) :]), "rest"))
    return found


def amount_in(sums: Sums, period: str | None, series: Series) -> int:
    """What a series comes to in a period."""
    return sum(sums.get((period, value), 0) for value in series.values)


def chart_of(
    periods: Sequence[Bounds],
    series: Sequence[Series],
    sums: Sums,
    currency: str,
    href: Callable[[Bounds, Series], str],
) -> Chart:
    """The chart of these periods."""
    stacks = [[(each, amount_in(sums, period.label, each)) for each in series] for period in periods]
    lows = [sum(min(amount, 0) for _, amount in stack) for stack in stacks]
    highs = [sum(max(amount, 0) for _, amount in stack) for stack in stacks]
    scale = Scale(min([0, *lows]), max([0, *highs]))
    slot, every = 100 / max(len(periods), 1), -(-len(periods) // _LABELS)
    bars = []
    for at, (period, stack) in enumerate(zip(periods, stacks, strict=True)):
        pieces, ends = [], {True: 0, False: 0}
        for each, amount in stack:
            if not amount:
                continue
            begin = ends[amount > 0]
            ends[amount > 0] = begin + amount
            top, bottom = scale.y(max(begin, begin + amount)), scale.y(min(begin, begin + amount))
            title = f"{period_name(period.label)}, {each.name}: {shown.amount_text(amount, currency)}"
            pieces.append(Piece(top, round(bottom - top, 2), each.color, title, href(period, each)))
        left, width = round(at * slot + slot * 0.12, 3), round(slot * 0.76, 3)
        label = short_name(period.label) if at % every == 0 else ""
        bars.append(Bar(left, width, round((at + 0.5) * slot, 3), label, pieces))
    ticks = [Tick(scale.y(amount), shown.round_amount(amount, currency)) for amount in scale.lines]
    return Chart(bars, ticks, scale.y(0))


def period_name(label: str) -> str:
    """A period's label as people write it."""
    return label[:16].replace("T", " ") + label[19:].replace("Z", "") if "T" in label else label


def short_name(label: str) -> str:
    """What stands below a bar."""
    return label[5:16].replace("T", " ") if len(label) > len("2026-03") else label
