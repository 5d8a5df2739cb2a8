"""A session tree as text: one line an event with its own and cumulative cost, and what it comes to underneath.

This is the form that the command line prints and that the examples are kept in. Amounts are exact: four decimals, and
as many more as the value needs. Where the text goes, and whether it may have colours, is up to the caller.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sessiontree import money
from sessiontree.money import Totals
from sessiontree.placement import Node
from sessiontree.tree import Tree

LABEL_CHARS_MAX = 100
"""Labels up to this length share one column; longer ones (of very deep events) push their amounts to the right."""
_OWN, _CUMULATIVE = "own", "cumulative"

Paint = Callable[[str, str], str]
"""Gives a part of the text its colour; called with its role (type, id, amount, note, problem, title) and the text."""


def plain(role: str, text: str) -> str:
    """No colours."""
    return text


@dataclass(frozen=True, slots=True)
class _Line:
    prefix: str
    record_type: str
    id: str
    own: str
    cumulative: str
    notes: str

    @property
    def label_width(self) -> int:
        return len(self.prefix) + len(self.record_type) + 1 + len(self.id)


def tree_lines(tree: Tree, *, now: datetime, depth_max: int | None = None, paint: Paint = plain) -> Iterator[str]:
    """The lines of the whole text, cut `depth_max` levels below the root; `now` decides whether it is in progress."""
    lines = list(_event_lines(tree.root, depth_max))
    width = max(min(line.label_width, LABEL_CHARS_MAX) for line in lines)
    own = Column([_OWN, *(line.own for line in lines)])
    cumulative = Column([_CUMULATIVE, *(line.cumulative for line in lines)])
    yield paint("title", f"{'':{width}}  {own.fit(_OWN)}  {cumulative.fit(_CUMULATIVE)}".rstrip())
    for line in lines:
        label = f"{line.prefix}{paint('type', line.record_type)} {paint('id', line.id)}"
        gap = " " * max(0, width - line.label_width)
        amounts = f"{paint('amount', own.fit(line.own))}  {paint('amount', cumulative.fit(line.cumulative))}"
        yield f"{label}{gap}  {amounts}{paint('note', line.notes)}".rstrip()
    yield ""
    yield from _summary(tree, now, paint)


class Column:
    """Amounts below each other: their points in line, words to the right."""

    def __init__(self, texts: list[str]) -> None:
        numbers = [text.partition(".") for text in texts if "." in text]
        self._whole = max((len(whole) for whole, _, _ in numbers), default=0)
        self._fraction = max((len(fraction) for _, _, fraction in numbers), default=0)
        words = max((len(text) for text in texts if "." not in text), default=0)
        self._whole = max(self._whole, words - self._fraction - 1)
        self._width = self._whole + 1 + self._fraction

    def fit(self, text: str) -> str:
        """One of the texts as wide as the column."""
        whole, point, fraction = text.partition(".")
        return f"{whole:>{self._whole}}.{fraction:<{self._fraction}}" if point else f"{text:>{self._width}}"


def _event_lines(root: Node, depth_max: int | None) -> Iterator[_Line]:
    waiting = [(root, "", "", 0)]
    while waiting:
        node, branch, below, depth = waiting.pop()
        yield _event_line(node, branch, is_root=node is root)
        if depth_max is not None and depth >= depth_max:
            if node.children:
                yield _hidden_line(node, below)
            continue
        last = len(node.children) - 1
        for at in range(last, -1, -1):
            ends = at == last
            waiting.append(
                (
                    node.children[at],
                    below + ("└── " if ends else "├── "),
                    below + ("    " if ends else "│   "),
                    depth + 1,
                )
            )


def _event_line(node: Node, branch: str, *, is_root: bool) -> _Line:
    own = node.record.cost if node.record is not None else None
    known = node.cost_status != "unpriced"
    total = node.totals.get(node.currency, 0)
    notes = [f" {node.currency}"]
    notes += [f" + {exact(amount)} {code}" for code, amount in _others(node)]
    unpriced_below = node.unpriced_count if known else node.unpriced_count - 1
    if unpriced_below:
        notes.append(f"  (unpriced below: {_events(unpriced_below)})")
    if not is_root and node.home is not None and node.link is not node.home:
        notes.append(f"  (at home in {node.home.parent.name} {node.home.parent.id})")
    return _Line(branch, node.name, node.id, exact(own or 0) if known else "unpriced", exact(total), "".join(notes))


def _hidden_line(node: Node, below: str) -> _Line:
    hidden = dict(node.totals)
    if node.record is not None and node.record.cost is not None and node.record.currency is not None:
        hidden[node.record.currency] -= node.record.cost
    main = hidden.pop(node.currency, 0)
    others = "".join(f" + {exact(amount)} {code}" for code, amount in sorted(hidden.items()) if amount)
    return _Line(
        f"{below}└── ",
        "...",
        f"{_events(node.event_count - 1)} not shown",
        "",
        exact(main),
        f" {node.currency}{others}",
    )


def _others(node: Node) -> list[tuple[str, int]]:
    return [(code, node.totals[code]) for code in sorted(node.totals) if code != node.currency]


def _summary(tree: Tree, now: datetime, paint: Paint) -> Iterator[str]:
    root = tree.root
    rows: list[tuple[str, str]] = [("Total", _sums(root.totals, root.currency))]
    if root.away_count:
        part = _sums(root.away_totals or {}, root.currency)
        rows.append(("Elsewhere", f"{part} of it, in {_events(root.away_count)}, belongs to other sessions"))
    rows.append(("Events", f"{root.event_count:,}"))
    if root.unpriced_count:
        rows.append(("Unpriced", f"{_events(root.unpriced_count)} without a cost so far; the total is without them"))
    rows += _times(tree, now)
    rows += [("Products" if not at else "", text) for at, text in enumerate(_products(tree))]
    for link in tree.ancestors:
        rows.append(("Part of", f"{link.parent.name} {link.parent.id} (by {link.via.local_field})"))
    for title, text in rows:
        yield paint("title", f"{title:<11}") + text
    for problem in tree.problems:
        text = f"{problem.record_type} {problem.id}: {problem.message} ({problem.code})"
        yield paint("problem", f"{'Problem':<11}") + text


def _times(tree: Tree, now: datetime) -> Iterator[tuple[str, str]]:
    start = tree.created_at()
    if all(node.start is None for node in tree.nodes):
        yield "Started", f"unknown (received {_moment(start)})"
        return
    if tree.is_open(now):
        yield "Started", f"{_moment(start)}, in progress"
        return
    seconds = (tree.completed_at() - start).total_seconds()
    yield "Started", _moment(start)
    yield "Duration", f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"


def _products(tree: Tree) -> list[str]:
    rows = [(product, exact(amount), code, count) for product, code, amount, count in tree.costs_by_product()]
    width = max(len(product) for product, *_ in rows)
    amounts = Column([amount for _, amount, _, _ in rows])
    return [
        f"{product:<{width}}  {amounts.fit(amount)} {code}  {_events(count)}" for product, amount, code, count in rows
    ]


def _sums(totals: Totals, main: str) -> str:
    others = [(code, totals[code]) for code in sorted(totals) if code != main]
    return " + ".join(f"{exact(amount)} {code}" for code, amount in [(main, totals.get(main, 0)), *others])


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _moment(moment: datetime) -> str:
    text = moment.replace(tzinfo=None).isoformat(" ")
    return (text.rstrip("0") if moment.microsecond else text) + " UTC"


def exact(amount: int) -> str:
    """An amount with four decimals, or as many more as the value needs."""
    whole, _, fraction = money.text(amount).partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<4}"
