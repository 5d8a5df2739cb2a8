"""Placement: which parents a record gets, by the declarations of the catalogue and the records at hand.

A `Node` is an event with the links to the parents it has, in declared order: the first is its home. Fetching the
records that decide this is the affair of `analysis`; what follows from the links, of `tree`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple

from sessiontree.catalog import Catalog, RecordType, Relationship, Via
from sessiontree.money import Totals
from sessiontree.record import Record

_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ViaPlan:
    """A field pair as positions: of the local value in the child's refs, of the parent's value in its keys."""

    ref: int
    key: int
    via: Via


@dataclass(frozen=True, slots=True)
class ParentPlan:
    """One declared parent type of a type."""

    relationship: Relationship
    name: str
    virtual: bool
    vias: tuple[ViaPlan, ...]


@dataclass(frozen=True, slots=True)
class TypePlan:
    """What placement needs to know of one record type, worked out once from the catalogue.

    `child_keys` are the positions, among its `key_fields`, of those that children refer to; `first_keys` of those that
    a child refers to by its first field pair (of a virtual type none: its children need no look at others). `id_key` is
    the position of its id if that is a key. `circular`: following parents upward can come back to the type.
    """

    declared: RecordType
    parents: tuple[ParentPlan, ...]
    key_fields: tuple[str, ...]
    child_keys: tuple[int, ...]
    first_keys: frozenset[int]
    id_key: int | None
    circular: bool


class Link:
    """A relationship that holds between two events; the child is the one that has the link.

    It is made for every event of every answer, and a dataclass would start by plain Python also when compiled.
    """

    __slots__ = ("parent", "relationship", "via")

    def __init__(self, parent: "Node", relationship: Relationship, via: Via) -> None:
        self.parent = parent
        self.relationship = relationship
        self.via = via


PROBLEM_CODES = ("circle", "fallback_link", "missing_children", "several_parents", "unlinked")


class Problem(NamedTuple):
    """Something odd in the data that was worked round."""

    code: str
    message: str
    record_type: str
    id: str


class Node:
    """An event, the parents it has, and (filled in by `tree`) its place and totals in one session tree."""

    __slots__ = (
        "away",
        "away_count",
        "away_totals",
        "away_unpriced_count",
        "children",
        "currency",
        "event_count",
        "finish",
        "id",
        "keys",
        "link",
        "parents",
        "plan",
        "problems",
        "record",
        "start",
        "totals",
        "unpriced_count",
    )
    plan: TypePlan
    id: str
    record: Record | None
    start: datetime | None
    finish: datetime | None
    keys: tuple[str | None, ...]
    parents: list[Link] | None  # None: not worked out yet
    problems: tuple[Problem, ...]

    link: Link | None
    children: list["Node"]
    away: bool
    currency: str
    totals: Totals
    event_count: int
    unpriced_count: int
    away_totals: Totals
    away_count: int
    away_unpriced_count: int

    def __init__(self, plan: TypePlan, id: str, record: Record | None) -> None:
        self.plan = plan
        self.id = id
        self.record = record
        self.parents = None
        self.problems = ()
        self.children = []
        if record is not None:
            self.start, self.finish, self.keys = record.start, record.finish, record.keys
        else:
            self.start = self.finish = None
            self.keys = tuple([id if at == plan.id_key else None for at in range(len(plan.key_fields))])

    def learn(self, record: Record) -> None:
        """Take up the record that was sent for a virtual event."""
        self.record, self.parents = record, None
        self.start, self.finish, self.keys = record.start, record.finish, record.keys

    @property
    def name(self) -> str:
        """The record type's name."""
        return self.plan.declared.name

    @property
    def identity(self) -> tuple[str, str]:
        """Record type and id."""
        return self.plan.declared.name, self.id

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Sorts events: earliest start first (none last), then type, then id by code point."""
        return self.start or _LATEST, self.plan.declared.name, self.id

    @property
    def home(self) -> Link | None:
        """The link to its parent of the first declared type that it has one of; None for a top."""
        return self.parents[0] if self.parents else None

    @property
    def cost_status(self) -> str:
        """See `Record.cost_status`; `none` where nobody sent a record."""
        return "none" if self.record is None else self.record.cost_status

    def problem(self, code: str, message: str) -> None:
        """Report a problem here."""
        self.problems += (Problem(code, message, self.name, self.id),)


by_order = attrgetter("order")
"""The key to sort events by."""


def plans(catalog: Catalog) -> dict[str, TypePlan]:
    """The plan of every type of a catalogue."""
    return {name: _plan(catalog, declared) for name, declared in catalog.types.items()}


def _plan(catalog: Catalog, declared: RecordType) -> TypePlan:
    parents = []
    for relationship in declared.parents:
        keys = catalog.key_fields(relationship.parent)
        vias = tuple(
            ViaPlan(declared.ref_fields.index(via.local_field), keys.index(via.parent_field), via)
            for via in relationship.via
        )
        virtual = catalog.types[relationship.parent].virtual
        parents.append(ParentPlan(relationship, relationship.parent, virtual, vias))
    keys = catalog.key_fields(declared.name)
    children = catalog.children[declared.name]
    used = {via.parent_field for child in children for via in child.via}
    first = set() if declared.virtual else {child.via[0].parent_field for child in children}
    return TypePlan(
        declared,
        tuple(parents),
        keys,
        child_keys=tuple(at for at, field in enumerate(keys) if field in used),
        first_keys=frozenset(keys.index(field) for field in first),
        id_key=keys.index(declared.id_field) if declared.id_field in keys else None,
        circular=_circular(catalog, declared.name),
    )


def _circular(catalog: Catalog, name: str) -> bool:
    seen: set[str] = set()
    ahead = {relationship.parent for relationship in catalog.types[name].parents}
    while ahead - seen:
        seen |= ahead
        ahead = {r.parent for each in ahead for r in catalog.types[each].parents}
    return name in seen
