"""Session trees: who stands where, and what it all costs. Lists in, tree out.

`analysis` has gathered the events and worked out their parents; from here on nothing is fetched. The rules:

- The tree of a top holds everything from which the top is reached by going up through links, each event once: under
  the first parent in declared order that is in the tree.
- A circle of homes is opened at its earliest member, which loses its links and is a top.
- An event away from its home, and all below it, counts in the totals here and again in `away_totals`, so that sums over
  many sessions can leave it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sessiontree import money
from sessiontree.expecting import missing_children
from sessiontree.placement import Link, Node, Problem, by_order

DEFAULT_CURRENCY = "USD"
NOTHING: money.Totals = {}
OPEN_FOR = timedelta(hours=24)
"""How long an event without a finish counts as unfinished rather than as one whose finish nobody wrote."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A session tree (or the part of one below the event asked for), placed and added up.

    `nodes` are in an order in which parents come before their children. `ancestors` leads from the root up to the
    session's top, nearest first.
    """

    root: Node
    nodes: list[Node]
    ancestors: list[Link]
    problems: list[Problem]
    open_for: timedelta

    def release(self) -> None:
        """Let go of the events, which refer to each other: without this they would wait for the garbage collector."""
        for node in self.nodes:
            node.parents = node.link = None
            node.children = []

    def is_open(self, now: datetime) -> bool:
        """Whether an event that should finish has not, and started less than `open_for` before now."""
        since = now - self.open_for
        for node in self.nodes:
            start = node.start
            if node.finish is None and start is not None and start > since and node.plan.declared.finish_fields:
                return True
        return False

    def created_at(self) -> datetime:
        """The root's start, else the earliest below, else the earliest time of receipt."""
        if self.root.start is not None:
            return self.root.start
        starts = [node.start for node in self.nodes if node.start is not None]
        received = [node.record.received for node in self.nodes if node.record is not None and node.record.received]
        return min(starts or received)

    def completed_at(self) -> datetime:
        """The root's finish, else the latest moment known of any event."""
        if self.root.finish is not None:
            return self.root.finish
        moments = [moment for node in self.nodes for moment in (node.start, node.finish) if moment is not None]
        return max(moments, default=self.created_at())

    def by_product(self) -> list[tuple[str, str, int, int]]:
        """Product, currency, amount and events of each product in each currency; the most expensive first."""
        found: dict[str, dict[str, _Sum]] = {}
        sums: dict[str, _Sum] = {}
        currency = ""
        for node in self.nodes:
            if node.currency != currency:
                currency = node.currency
                sums = found.setdefault(currency, {})
            product = node.plan.declared.product
            sum = sums.get(product)
            if sum is None:
                sum = sums[product] = _Sum(product, currency)
            if node.record is not None and node.record.cost is not None:
                sum.amount += node.record.cost
            sum.events += 1
        every = [sum for sums in found.values() for sum in sums.values()]
        rows = sorted([(-sum.amount, sum.product, sum.currency, sum.events) for sum in every])
        return [(product, currency, -less, events) for less, product, currency, events in rows]

    def costs_by_product(self) -> list[tuple[str, str, int, int]]:
        """As `by_product`, without lines that are of containers alone of which nobody sent a record."""
        with_record = {(node.plan.declared.product, node.currency) for node in self.nodes if node.record is not None}
        return [row for row in self.by_product() if row[:2] in with_record]


class _Sum:
    """What the events of a product cost in one currency."""

    __slots__ = ("amount", "currency", "events", "product")

    def __init__(self, product: str, currency: str) -> None:
        self.product = product
        self.currency = currency
        self.amount = 0
        self.events = 0


def grow(root: Node, events: Sequence[Node], ancestors: list[Link], *, settled: bool, open_for: timedelta) -> Tree:
    """The tree of `root` from the events gathered for it (or for its session's top, the first of them).

    `settled` says that every event stands under its home already.
    """
    if not settled:
        place(events[0], events)
    nodes = subtree(root)
    assert len(nodes) == len(events) or root is not events[0], "every event stands in its tree exactly once"
    roll_up(nodes)
    return Tree(root, nodes, ancestors, problems(nodes, events), open_for)


def open_circle(members: list[Node]) -> Node:
    """Open a circle of homes at its earliest member, which becomes a top; the same one whoever asks."""
    top = min(members, key=by_order)
    top.parents = []
    others = ", ".join(f"{node.name} {node.id}" for node in sorted(members, key=by_order)[1:5])
    top.problem("circle", f"its parents lead back to it (by {others or 'itself'}); the link to its parent is left out")
    return top


def members(top: Node, below: dict[Node, list[Node]]) -> list[Node]:
    """The top and everything below it, by any link; `below` lists the events that have a link to each event."""
    found = {top}
    queue = [top]
    for node in queue:
        for child in below.get(node, ()):
            if child not in found and child.parents:  # a circle's top has lost its links
                found.add(child)
                queue.append(child)
    return queue


def place(top: Node, events: Sequence[Node]) -> list[Node]:
    """Give each of the events (`members` of the top) its one place in the tree of `top`; in the order of `subtree`."""
    inside = set(events)
    for node in events:
        node.children = []
    top.link = None
    for node in events:
        if node is not top:
            for link in node.parents or ():
                if link.parent in inside:
                    node.link = link
                    link.parent.children.append(node)
                    break
    nodes = subtree(top)
    if len(nodes) < len(inside):
        _attach_rest(inside, nodes)
        nodes = subtree(top)
    assert len(nodes) == len(inside), "every event stands in its tree exactly once"
    return nodes


def _descendants(top: Node) -> list[Node]:
    queue = [top]
    for node in queue:
        queue += node.children
    return queue


def _attach_rest(inside: set[Node], attached: list[Node]) -> None:
    """Some events stand under each other in a ring through later links: move the earliest that has a way out."""
    reached = set(attached)
    while len(reached) < len(inside):
        waiting = [node for node in inside if node not in reached]
        ways = [(node, link) for node in waiting for link in node.parents or () if link.parent in reached]
        moved = min((node for node, _ in ways), key=by_order)
        assert moved.link is not None
        moved.link.parent.children.remove(moved)
        moved.link = next(link for node, link in ways if node is moved)
        moved.link.parent.children.append(moved)
        more = _descendants(moved)
        reached.update(more)
        attached += more


def subtree(root: Node) -> list[Node]:
    """The root and all below it, parents before children and siblings in order.

    Marks the events that count for another session too.
    """
    root.away = False
    nodes = [root]
    for node in nodes:
        children = node.children
        if children:
            if len(children) > 1:
                children.sort(key=by_order)
            for child in children:
                child.away = node.away or not child.parents or child.link is not child.parents[0]
            nodes += children
    return nodes


def roll_up(nodes: list[Node]) -> None:
    """Add up costs and counts from the leaves to the root, fill in the times of virtual events, pick currencies."""
    for node in reversed(nodes):  # children before their parents
        record = node.record
        currency = record.currency if record is not None else None
        node.unpriced_count = 0
        node.totals = {}
        if record is not None and currency is not None:
            if record.cost is None:
                node.unpriced_count = 1
            else:
                node.totals[currency] = record.cost
        if node.away:
            node.away_count, node.away_totals, node.away_unpriced_count = 1, node.totals.copy(), node.unpriced_count
        else:
            node.away_count, node.away_totals, node.away_unpriced_count = 0, NOTHING, 0
        if node.children:
            _add_children(node)
        else:
            node.event_count = 1
        if node.plan.declared.virtual:
            _fill_times(node)
        node.currency = currency or _main_currency(node)


def _add_children(node: Node) -> None:
    totals, count = node.totals, 1
    for child in node.children:
        count += child.event_count
        node.unpriced_count += child.unpriced_count
        for currency, amount in child.totals.items():
            totals[currency] = totals.get(currency, 0) + amount
        if child.away_count:
            node.away_count += child.away_count
            node.away_unpriced_count += child.away_unpriced_count
            if node.away_totals is NOTHING:
                node.away_totals = {}
            money.add(node.away_totals, child.away_totals)
    node.event_count = count


def _main_currency(container: Node) -> str:
    """The currency of most priced events at and below a container; a tie goes to the first by alphabet."""
    if len(container.totals) <= 1:
        return next(iter(container.totals), DEFAULT_CURRENCY)
    counts = dict.fromkeys(sorted(container.totals), 0)
    for node in _descendants(container):
        if node.record is not None and node.record.cost is not None and node.record.currency is not None:
            counts[node.record.currency] += 1
    return max(counts, key=lambda currency: counts[currency])


def _fill_times(virtual: Node) -> None:
    if virtual.start is not None and virtual.finish is not None:
        return
    starts, finishes = virtual.start is None, virtual.finish is None  # what it lacks
    for node in _descendants(virtual)[1:]:
        if starts and node.start is not None and (virtual.start is None or node.start < virtual.start):
            virtual.start = node.start
        if finishes and node.finish is not None and (virtual.finish is None or node.finish > virtual.finish):
            virtual.finish = node.finish
    if virtual.link is not None:
        virtual.link.parent.children.sort(key=by_order)


def problems(nodes: list[Node], events: Sequence[Node]) -> list[Problem]:
    """The problems met in a tree, from the root down; a root that ought to have a parent and has none is one.

    `events` are all that were gathered for it: they show which expected children there are.
    """
    root = nodes[0]
    found = [problem for node in nodes for problem in node.problems]
    found += missing_children(nodes, events)
    if root.plan.parents and not root.parents and not any(problem.code == "circle" for problem in root.problems):
        fields = ", ".join(root.plan.declared.ref_fields)
        found.insert(0, Problem("unlinked", f"no parent found by {fields}", root.name, root.id))
    return found
