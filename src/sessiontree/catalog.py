"""The catalogue: all record types and their relationships, checked and frozen.

Each type declares its parents; the other direction is derived here. Reading it from files is in `catalog_files`.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sessiontree.errors import UnknownRecordType


@dataclass(frozen=True, slots=True)
class Via:
    """A field pair: the child's local field holds the value of the parent's field."""

    local_field: str
    parent_field: str


@dataclass(frozen=True, slots=True)
class Relationship:
    """Records of type `child` belong under records of type `parent`, by the first field pair that finds one."""

    child: str
    parent: str
    via: tuple[Via, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """Finished records whose `field` is above zero have a record of type `child` below them, or one is missing."""

    child: str
    field: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the cost of a record was charged for: how much of it stands in the first of `fields` that the record has.

    `rate_fields` hold the price of `rate_per` units, or of as many as `rate_units` says for the text in
    `rate_unit_field`; a text that is not there leaves open what the price is for. No `rate_fields`: no price is known.
    """

    fields: tuple[str, ...]
    unit: str
    rate_fields: tuple[str, ...]
    rate_per: int
    rate_unit_field: str | None
    rate_units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RecordType:
    """One kind of record: its names, and where in a record its id, times, cost and links stand.

    Field lists are in order of preference: the first that a record has counts. A `virtual` type needs no record: its
    events exist by the id that their children carry. `provider` is who bills them, None if that is said elsewhere.
    """

    name: str
    category: str
    description: str
    product: str
    event: str
    aliases: tuple[str, ...]
    virtual: bool
    id_field: str
    second_id_fields: tuple[str, ...]
    start_fields: tuple[str, ...]
    finish_fields: tuple[str, ...]
    cost_fields: tuple[str, ...]
    currency_field: str
    default_currency: str
    fields: Mapping[str, str]
    parents: tuple[Relationship, ...]
    expects: tuple[Expectation, ...] = ()
    quantity: Quantity | None = None
    provider: str | None = None

    @property
    def ref_fields(self) -> tuple[str, ...]:
        """The fields by which a record names its parents, each once, in declared order."""
        return _distinct(via.local_field for parent in self.parents for via in parent.via)


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """All record types by name. `updated` is when any of them last changed. Each one loaded is a key of its own."""

    types: Mapping[str, RecordType]
    updated: datetime
    children: Mapping[str, tuple[Relationship, ...]] = field(init=False)
    _names: Mapping[str, str] = field(init=False, repr=False)
    _keys: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        types = MappingProxyType(dict(self.types))
        below: dict[str, list[Relationship]] = {name: [] for name in types}
        for declared in types.values():
            for relationship in declared.parents:
                below[relationship.parent].append(relationship)
        keys = {
            name: _distinct([via.parent_field for child in below[name] for via in child.via] + [*t.second_id_fields])
            for name, t in types.items()
        }
        derived = {
            "types": types,
            "children": MappingProxyType({name: tuple(found) for name, found in below.items()}),
            "_names": MappingProxyType(_names(types.values())),
            "_keys": MappingProxyType(keys),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def key_fields(self, name: str) -> tuple[str, ...]:
        """The fields by which records of a type are found: those that its children refer to, then its second ids."""
        return self._keys[name]

    def link_fields(self, name: str) -> tuple[str, ...]:
        """Every field of a type that links records, sorted."""
        return tuple(sorted({*self.types[name].ref_fields, *self.key_fields(name)}))

    def find(self, name: str) -> RecordType | None:
        """The type of this name, alias, or product that only one type has; None otherwise."""
        resolved = self._names.get(name)
        return None if resolved is None else self.types[resolved]

    def resolve(self, name: str) -> RecordType:
        """As `find`. Raises UnknownRecordType, which lists what could be meant."""
        found = self.find(name)
        if found is None:
            raise UnknownRecordType(self._could_be_meant(name))
        return found

    def _could_be_meant(self, name: str) -> str:
        of_product = sorted(t.name for t in self.types.values() if t.product == name)
        if of_product:
            return f"{name!r} is a product of several record types: name one of {', '.join(of_product)}"
        shown = name[:80]
        near = difflib.get_close_matches(shown, self._names, n=4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        listed = "GET /v2/session_analysis/metadata or `sessiontree catalog list` shows all types"
        return f"{shown!r} is no record type: {hint}{listed}"

    def siblings(self, name: str) -> tuple[str, ...]:
        """The other types that share a parent type, sorted."""
        parents = self.types[name].parents
        found = {child.child for parent in parents for child in self.children[parent.parent]}
        return tuple(sorted(found - {name}))

    def depth_below(self, name: str) -> int:
        """Levels of the longest chain of types below a type; each type counts once on a chain."""
        return self._depth(name, frozenset())

    def _depth(self, name: str, passed: frozenset[str]) -> int:
        passed |= {name}
        return max((1 + self._depth(r.child, passed) for r in self.children[name] if r.child not in passed), default=0)


def _names(types: Iterable[RecordType]) -> dict[str, str]:
    """Every name that means one type: products (of one type only) give way to aliases, those to type names."""
    by_product: dict[str, set[str]] = {}
    aliases: dict[str, str] = {}
    names: dict[str, str] = {}
    for declared in types:
        by_product.setdefault(declared.product, set()).add(declared.name)
        aliases.update(dict.fromkeys(declared.aliases, declared.name))
        names[declared.name] = declared.name
    products = {product: next(iter(found)) for product, found in by_product.items() if len(found) == 1}
    return products | aliases | names


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
