"""The time axis of a session: where each event lies between its beginning and its end, in percent of the width."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sessiontree.pages.shown import clock, day, duration, tick
from sessiontree.tree import Tree

_STEPS = 4
_LONG, _STEPS_LONG = timedelta(hours=1), 2  # what stands above it takes more room then
_ROOM = 22.0  # percent of the width that a label needs


@dataclass(frozen=True, slots=True)
class Bar:
    """An event on the axis: a bar, open to the right where it goes on, or a point where only its start is known."""

    kind: str  # bar, going, point
    left: str
    width: str
    label: str
    at: str
    side: str  # in, after, before
    title: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The time from the first start to the last moment known; None where no event has a start."""

    start: datetime | None
    span: timedelta
    now: datetime

    def ticks(self) -> list[str]:
        """What stands above the axis, from its beginning to its end in equal steps."""
        if self.start is None or not self.span:
            return []
        steps = _STEPS if self.span < _LONG else _STEPS_LONG
        return [tick(self.span * step / steps, self.span) for step in range(steps + 1)]

    def bar(self, start: datetime | None, finish: datetime | None, *, going: bool) -> Bar | None:
        """Where an event lies; None if its start is not known. `going`: it has not finished."""
        if self.start is None or start is None:
            return None
        end = finish if finish is not None and finish >= start else self.now if going else start
        left = self._percent(start - self.start)
        width = max(0.0, min(100.0, self._percent(end - self.start)) - left)
        kind = "going" if going else "bar" if end > start else "point"
        label = "in progress" if going else _length(end - start) if end > start else ""
        side = "in" if width >= _ROOM else "after" if left + width <= 100 - _ROOM else "before"
        at = {"in": left, "after": left + width, "before": left}[side]
        since = f"{day(start)} {clock(start)}"
        title = f"{since}, {label or 'no duration'}" if finish is None or going else f"{since}, {duration(end - start)}"
        return Bar(kind, _text(left), _text(width), label, _text(at), side, title)

    def _percent(self, moment: timedelta) -> float:
        if not self.span:
            return 0.0
        return max(0.0, min(100.0, 100 * (moment / self.span)))


def axis_of(tree: Tree, now: datetime, *, going: bool) -> Axis:
    """The axis of a session; of one in progress it reaches until now."""
    starts = [node.start for node in tree.nodes if node.start is not None]
    if not starts:
        return Axis(None, timedelta(), now)
    ends = [node.finish for node in tree.nodes if node.finish is not None]
    first, last = min(starts), max([*starts, *ends, *([now] if going else [])])
    return Axis(first, last - first, now)


def _length(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.3g} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 600 else duration(span)


def _text(percent: float) -> str:
    return f"{percent:.2f}".rstrip("0").rstrip(".")
