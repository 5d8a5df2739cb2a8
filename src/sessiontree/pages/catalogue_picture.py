"""A picture of who belongs under whom: boxes for record types, parents left of their children, lines between."""

from collections.abc import Iterable
from dataclasses import dataclass

from sessiontree.catalog import Catalog, Relationship

BOX_WIDTH, BOX_HEIGHT = 258, 42
COLUMN, ROW = BOX_WIDTH + 50, BOX_HEIGHT + 10
_NOTE_CHARS = 35


@dataclass(frozen=True, slots=True)
class Box:
    """A record type: where it stands, and by which fields its records are linked upward."""

    name: str
    x: int
    y: int
    color: int
    note: str
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """From a parent to a child; `second`: not the parent that is looked for first."""

    path: str
    second: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Types that are related with one another, in pixels."""

    title: str
    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]


def families(catalog: Catalog) -> tuple[list[list[str]], list[str]]:
    """The types that are related with one another, the largest family first, and those that stand alone; by name."""
    left, found = dict.fromkeys(sorted(catalog.types)), []
    while left:
        family = [next(iter(left))]
        for name in family:
            left.pop(name, None)
            near = [each.parent for each in catalog.types[name].parents]
            near += [each.child for each in catalog.children[name]]
            family += [each for each in dict.fromkeys(near) if each in left and each not in family]
        found.append(sorted(family))
    found.sort(key=lambda family: (-len(family), family[0]))
    alone = sorted(name for family in found if len(family) == 1 for name in family)
    return [family for family in found if len(family) > 1], alone


def picture(catalog: Catalog, family: Iterable[str], colors: dict[str, int]) -> Picture:
    """A family drawn; `colors` are those of the categories."""
    names = list(family)
    placing = _Placing(catalog)
    tops = [name for name in names if not catalog.types[name].parents]
    for name in sorted(tops, key=lambda name: (-catalog.depth_below(name), name)) + names:  # a circle has no top
        placing.place(name, 0)
    boxes = [_box(catalog, name, at, colors) for name, at in placing.at.items()]
    lines = [
        _line(placing.at[each.parent], placing.at[name], second=number > 0)
        for name in names
        for number, each in enumerate(catalog.types[name].parents)
    ]
    width = max(box.x for box in boxes) + BOX_WIDTH + 2
    return Picture(", ".join(names), width, max(box.y for box in boxes) + BOX_HEIGHT + 2, boxes, lines)


class _Placing:
    """Gives every type a column, by how deep it stands, and a row: that of its first child, or the next one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._rows = 0
        self.at: dict[str, tuple[int, int]] = {}

    def place(self, name: str, column: int) -> None:
        if name in self.at:
            return
        self.at[name] = (column, self._rows)
        before = self._rows
        for child in self._children(name):
            self.place(child, column + 1)
        if self._rows == before:
            self._rows += 1

    def _children(self, name: str) -> list[str]:
        """The types that look here for a parent first; those with another parent too come last, near to that one."""
        types = self._catalog.types
        found = [each.child for each in self._catalog.children[name] if types[each.child].parents[0].parent == name]
        return sorted(found, key=lambda child: (len(types[child].parents), -self._catalog.depth_below(child), child))


def _box(catalog: Catalog, name: str, at: tuple[int, int], colors: dict[str, int]) -> Box:
    declared = catalog.types[name]
    note = _note(declared.parents[0]) if declared.parents else ("needs no record" if declared.virtual else "")
    words = "; ".join(f"belongs under {each.parent} by {pairs(each)}" for each in declared.parents)
    x, y = at[0] * COLUMN + 1, at[1] * ROW + 1
    return Box(name, x, y, colors[declared.category], note, f"{name}: {words}" if words else f"{name}: a top")


def _note(relationship: Relationship) -> str:
    via = relationship.via[0]
    same = via.local_field == via.parent_field
    text = f"by {via.local_field}" if same else f"{via.local_field} = {via.parent_field}"
    return text if len(text) <= _NOTE_CHARS else text[: _NOTE_CHARS - 1] + "…"


def pairs(relationship: Relationship) -> str:
    """All field pairs of a relationship, in their order, as text."""
    return ", else ".join(f"{via.local_field} = {via.parent_field}" for via in relationship.via)


def _line(parent: tuple[int, int], child: tuple[int, int], *, second: bool) -> Line:
    from_x, from_y = parent[0] * COLUMN + 1 + BOX_WIDTH, parent[1] * ROW + 1 + BOX_HEIGHT // 2
    to_x, to_y = child[0] * COLUMN + 1, child[1] * ROW + 1 + BOX_HEIGHT // 2
    bend = to_x - (15 if second else 25)
    return Line(f"M{from_x} {from_y}H{bend}V{to_y}H{to_x}", second)
