"""Which rows the tree of a session page shows, in which order, and which of them are loaded only when opened.

A page that holds every event of a large session is slow. So at most some hundreds of rows are sent at first; long runs
of like siblings stand together as one row, and are sent in pieces when it is opened. What is counted never depends on
what is shown. What stands in a row is the affair of `session_cells`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sessiontree import money
from sessiontree.placement import Node
from sessiontree.tree import Tree

ROWS_MAX = 300
"""About how many rows are sent before any is opened; of a filter, the most that are shown."""
GROUP_FROM = 30
"""From so many children of one type on, they stand together."""
PIECE = 200
"""How many members of a group are sent at a time."""
EXPANDED_MAX = 2000
"""About how many rows are sent to whoever wants all of them open."""
SORTS = ("time", "cost")


@dataclass(slots=True, eq=False)
class Group:
    """The children of one type that an event has, where they are many."""

    parent: Node
    record_type: str
    members: list[Node] = field(default_factory=list)
    totals: money.Totals = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """That of its first member."""
        return self.members[0].currency

    @property
    def event_count(self) -> int:
        """The members and all below them."""
        return sum(node.event_count for node in self.members)


@dataclass(frozen=True, slots=True)
class More:
    """The members of a group before or after those that are shown."""

    group: Group
    first: int
    count: int
    before: bool


Entry = Node | Group | More
Openings = dict[tuple[Node, str], range]
"""Which groups are open, by parent and type, and which members are shown of each."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry at its level (from 1), at its place (from 1) among so many; `lines` draws what leads to it.

    `state` is open, closed (to be loaded when opened), or empty for what has nothing below it.
    """

    entry: Entry
    level: int
    place: int
    size: int
    lines: str
    state: str


class Outline:
    """The rows of one tree, as the reader wants to see it; `visible` are the events a filter leaves (None: all).

    `expanded`: also what is closed at first is open, groups too, as far as there is room.
    """

    def __init__(self, tree: Tree, *, sort: str, visible: set[Node] | None = None, expanded: bool = False) -> None:
        self._tree = tree
        self._by_cost = sort == "cost"
        self._openings: Openings = {}
        self._expanded = expanded
        self._room = EXPANDED_MAX if expanded else ROWS_MAX
        self._visible = visible
        self._entries: dict[Node, list[Entry]] = {}

    def whole(self, shown: Node, openings: Openings) -> list[Row]:
        """The rows from the root down; those that lead to the event `shown`, and it, are open."""
        root, self._openings = self._tree.root, dict(openings)
        rows = self._rows([root], 1, "", self._opened(root, shown))
        return list(rows) if self._visible is None else [row for row, _ in zip(rows, range(self._room), strict=False)]

    def under(self, node: Node) -> list[Row]:
        """The rows below an event."""
        level, lines = self._place(node)
        return list(self._rows(self.entries(node), level + 1, lines, self._opened(node, None)))

    def within(self, group: Group, first: int) -> list[Row]:
        """A piece of the members of a group, and a row for those after it."""
        level, lines = self._place(group.parent)
        lines += "s" if self.entries(group.parent)[-1] is group else "g"
        entries = [
            entry for entry in _piece(group, piece_from(first)) if not isinstance(entry, More) or not entry.before
        ]
        return list(self._rows(entries, level + 2, lines, set()))

    def group(self, parent: Node, record_type: str) -> Group | None:
        """The group of an event's children of this type, if they are many."""
        groups = [entry for entry in self.entries(parent) if isinstance(entry, Group)]
        return next((group for group in groups if group.record_type == record_type), None)

    def entries(self, node: Node) -> list[Entry]:
        """What stands below an event, in order."""
        known = self._entries.get(node)
        if known is None:
            known = self._entries[node] = self._arranged(node)
        return known

    def _arranged(self, node: Node) -> list[Entry]:
        visible = self._visible
        entries: list[Entry] = []
        entries += _grouped(node) if visible is None else [child for child in node.children if child in visible]
        if self._by_cost:
            entries.sort(key=self._cost)
            for entry in entries:
                if isinstance(entry, Group):
                    entry.members.sort(key=self._cost)
        return entries

    def _cost(self, entry: Entry) -> tuple[bool, str, int]:
        """Sorts by cost, the most expensive first; amounts in other currencies than the root's have no common order."""
        assert not isinstance(entry, More)
        currency = entry.currency
        return currency != self._tree.root.currency, currency, -entry.totals.get(currency, 0)

    def _opened(self, top: Node, shown: Node | None) -> set[Entry]:
        """What is open: the way to an event, and from the top down what there is room for."""
        opened: set[Entry] = {top}
        size = len(self.entries(top))
        opened.update(self._path(shown) if shown is not None else ())
        waiting: deque[Entry] = deque([top])
        while waiting:
            entry = waiting.popleft()
            room = self._room - size
            if isinstance(entry, Group) and self._expanded and room > min(len(entry.members), PIECE):
                self._openings.setdefault((entry.parent, entry.record_type), range(room - 1))
            entries = self._shown_below(entry)
            if entry not in opened:
                if len(entries) > room and self._visible is None:
                    continue
                opened.add(entry)
            size += len(entries)
            waiting.extend(entries)
        return opened

    def _rows(self, entries: Sequence[Entry], level: int, lines: str, opened: set[Entry]) -> Iterator[Row]:
        waiting = _stacked(entries, level, lines)
        while waiting:
            entry, level, lines, place, size = waiting.pop()
            turn = "" if level == 1 else "l" if place == size else "t"
            below = lines if level == 1 else lines + ("s" if place == size else "g")
            state = self._state(entry, opened)
            yield Row(entry, level, place, size, lines + turn, state)
            if state == "open":
                waiting += _stacked(self._shown_below(entry), level + 1, below)

    def _state(self, entry: Entry, opened: set[Entry]) -> str:
        if isinstance(entry, Group):
            return "open" if (entry.parent, entry.record_type) in self._openings else "closed"
        if isinstance(entry, More) or not entry.children:
            return ""
        return "open" if entry in opened and self.entries(entry) else "closed"

    def _shown_below(self, entry: Entry) -> list[Entry]:
        if isinstance(entry, Group):
            members = self._openings.get((entry.parent, entry.record_type))
            return [] if members is None else _piece(entry, members)
        return self.entries(entry) if isinstance(entry, Node) else []

    def _path(self, node: Node) -> list[Node]:
        """The events from the root to this one."""
        path = [node]
        while path[-1] is not self._tree.root:
            link = path[-1].link
            assert link is not None, "every event of the tree hangs on its root"
            path.append(link.parent)
        return path[::-1]

    def openings_to(self, node: Node) -> Openings:
        """The groups that must be open for an event to show."""
        path = self._path(node)
        openings: Openings = {}
        for parent, child in pairwise(path):
            group = self.group(parent, child.name)
            if group is not None:
                openings[parent, child.name] = piece_from(group.members.index(child) // PIECE * PIECE)
        return openings

    def _place(self, node: Node) -> tuple[int, str]:
        """The level of an event, and the lines that lead to what is below it."""
        level, lines = 1, ""
        path = self._path(node)
        for parent, child in pairwise(path):
            entries = self.entries(parent)
            group = self.group(parent, child.name)
            lines += "s" if entries[-1] in (child, group) else "g"
            level += 1
            if group is not None:
                lines += "s" if group.members[-1] is child else "g"
                level += 1
        return level, lines


def _grouped(node: Node) -> list[Entry]:
    """The children of an event; many of one type as a group, where the first of them stands."""
    by_type: dict[str, list[Node]] = {}
    for child in node.children:
        by_type.setdefault(child.plan.declared.name, []).append(child)
    groups = [Group(node, name, members) for name, members in by_type.items() if len(members) >= GROUP_FROM]
    if not groups:
        return list(node.children)
    first = {}
    for group in groups:
        first[group.members[0]] = group
        for member in group.members:
            money.add(group.totals, member.totals)
    many = {group.record_type for group in groups}
    return [first.get(child, child) for child in node.children if child in first or child.name not in many]


def piece_from(first: int) -> range:
    """The members of a group that are sent at a time."""
    return range(first, first + PIECE)


def _piece(group: Group, members: range) -> list[Entry]:
    """Some members of a group, and entries for those before and after."""
    first, last = members.start, min(members.stop, len(group.members))
    entries: list[Entry] = list(group.members[first:last])
    if first > 0:
        entries.insert(0, More(group, max(0, first - PIECE), first, before=True))
    if last < len(group.members):
        entries.append(More(group, last, len(group.members) - last, before=False))
    return entries


def _stacked(entries: Sequence[Entry], level: int, lines: str) -> list[tuple[Entry, int, str, int, int]]:
    size = len(entries)
    return [(entries[at], level, lines, at + 1, size) for at in range(size - 1, -1, -1)]
