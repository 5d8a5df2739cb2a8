"""A measured figure and how it is shown. What is measured, and against what, is said by the modules of the groups."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value, beside what nothing could beat (`bound`, same unit) and what is asked of it.

    `required` is what the value must reach, `goal` what it should; None where nothing is asked. With `more_is_better`
    they are the least that will do, else the most.
    """

    group: str
    name: str
    value: float
    unit: str
    bound: float | None = None
    bound_name: str = ""
    required: float | None = None
    goal: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times worse than the bound; None without one."""
        if not self.bound or not self.value:
            return None
        return self.bound / self.value if self.more_is_better else self.value / self.bound

    def reaches(self, wanted: float) -> bool:
        """Whether the value is at least as good as what is wanted."""
        return self.value >= wanted if self.more_is_better else self.value <= wanted

    @property
    def verdict(self) -> str:
        """`ok`, `below goal` or `MISSED`; empty where nothing is asked."""
        if self.required is not None and not self.reaches(self.required):
            return "MISSED"
        if self.goal is not None and not self.reaches(self.goal):
            return "below goal"
        return "ok" if self.required is not None or self.goal is not None else ""


def lines(figure: Figure) -> Iterator[str]:
    """A figure as a person reads it: the value and its verdict, then the bound."""
    sign = "at least" if figure.more_is_better else "at most"
    asked = []
    if figure.required is not None:
        asked.append(f"required {sign} {number(figure.required)}")
    if figure.goal is not None:
        asked.append(f"goal {number(figure.goal)}")
    value = f"{number(figure.value):>9} {figure.unit:<11}"
    yield f"  {figure.name:<58}{value} {figure.verdict:<10} {', '.join(asked)}".rstrip()
    if figure.bound is not None and figure.ratio is not None:
        bound = f"{number(figure.bound):>9} {figure.unit:<11}"
        yield f"    bound: {figure.bound_name:<49}{bound} {figure.ratio:.2f} times worse than that"


def number(value: float) -> str:
    """A value with three significant digits or more, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part (0 to 1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def median(values: Sequence[float]) -> float:
    """The middle of repeated measurements."""
    return statistics.median(values)
