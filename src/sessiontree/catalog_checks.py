"""What a catalogue file may say: its keys, and what would contradict itself or another file.

Problems are told as (key, reason) within one declaration and as (type, key, reason) between several. Finding and
reading the files, and turning problems into errors, is left to `catalog_files`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set

import msgspec

FIELD_KINDS = ("string", "integer", "number", "boolean", "time", "amount", "list", "object")
RESERVED_NAMES = frozenset({"metadata"})
"""Would hide behind the path /v2/session_analysis/metadata."""
LINK_KINDS = ("string", "integer")
NUMBER_KINDS = ("integer", "number", "amount")
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")

Problem = tuple[str, str]


class DeclaredParent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One [[parents]] table. The last two keys are promises that only `true` keeps."""

    record_type: str
    description: str
    via: tuple[tuple[str, str], ...]
    cost_rollup: bool = True
    traversal_enabled: bool = True


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One catalogue file as it is written."""

    category: str
    description: str
    product: str
    event: str
    id: str
    fields: dict[str, object]
    provider: str | None = None
    aliases: tuple[str, ...] = ()
    virtual: bool = False
    second_ids: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    cost: tuple[str, ...] = ()
    currency: str = ""
    default_currency: str = "USD"
    expects: dict[str, str] = {}
    quantity: tuple[str, ...] = ()
    quantity_unit: str = ""
    rate: tuple[str, ...] = ()
    rate_per: int = 1
    rate_unit: str = ""
    rate_units: dict[str, int] = {}
    parents: tuple[DeclaredParent, ...] = ()


def within(name: str, declared: Declared) -> Iterator[Problem]:
    """Everything wrong with one declaration, whatever the others say."""
    yield from _name_problems(name)
    for key in ("category", "description", "product", "event"):
        if not getattr(declared, key).strip():
            yield key, "is empty"
    if declared.provider is not None and not declared.provider.strip():
        yield "provider", "is empty"
    yield from _alias_problems(declared)
    for field, kind in declared.fields.items():
        if kind not in FIELD_KINDS:
            yield f"fields.{field}", f"{kind!r} is no kind of field; use {_one_of(FIELD_KINDS)}"
    yield from _field_problems(declared)
    if not _CURRENCY.fullmatch(declared.default_currency):
        yield "default_currency", f"{declared.default_currency!r} is no currency code of three capital letters"
    if declared.expects and not declared.finish:
        yield "expects", "needs the key finish: before a record has finished, nothing is missing below it"
    yield from _quantity_problems(declared)
    parent_types = [parent.record_type for parent in declared.parents]
    for number, parent in enumerate(declared.parents, 1):
        yield from ((f"parents {number}{key}", reason) for key, reason in _parent_problems(declared, parent))
        if parent.record_type in parent_types[: number - 1]:
            yield f"parents {number}.record_type", f"{parent.record_type} is named twice; list its pairs in one via"


def _name_problems(name: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield "file name", f"{name!r} is no name for a record type; use 1 to 64 of a-z, 0-9, _ and -"
    if name in RESERVED_NAMES:
        yield "file name", f"{name!r} is reserved"


def _alias_problems(declared: Declared) -> Iterator[Problem]:
    for alias in declared.aliases:
        if not (0 < len(alias) <= 64 and alias.isprintable() and "/" not in alias):
            yield "aliases", f"{alias!r} is no alias; use 1 to 64 printable characters without /"
        if alias in RESERVED_NAMES:
            yield "aliases", f"{alias!r} is reserved"
    yield from _repeats("aliases", declared.aliases)


def _field_problems(declared: Declared) -> Iterator[Problem]:
    """The fields that a declaration computes with: each declared, of a fitting kind, and named once."""
    currency = (declared.currency or "currency",) if declared.currency or declared.cost else ()
    uses = (
        ("id", (declared.id,), LINK_KINDS),
        ("second_ids", declared.second_ids, LINK_KINDS),
        ("start", declared.start, ("time",)),
        ("finish", declared.finish, ("time",)),
        ("cost", declared.cost, ("amount",)),
        ("currency", currency, ("string",)),
        *((f"expects.{child}", (field,), NUMBER_KINDS) for child, field in declared.expects.items()),
        ("quantity", declared.quantity, NUMBER_KINDS),
        ("rate", declared.rate, ("amount",)),
        ("rate_unit", (declared.rate_unit,) if declared.rate_unit else (), ("string",)),
    )
    for key, names, kinds in uses:
        yield from _repeats(key, names)
        for name in names:
            hint = "; a type with a cost declares its currency's field" if key == "currency" and declared.cost else ""
            yield from _field_problem(key, name, declared.fields, kinds, hint)


def _quantity_problems(declared: Declared) -> Iterator[Problem]:
    """Keys about the billed quantity that say nothing without another, and numbers of units that cannot be."""
    needed = (
        ("quantity", "quantity_unit"),
        ("quantity_unit", "quantity"),
        ("rate", "quantity"),
        ("rate_unit", "rate"),
        ("rate_unit", "rate_units"),
        ("rate_units", "rate_unit"),
    )
    for key, other in needed:
        if getattr(declared, key) and not getattr(declared, other):
            yield key, f"says nothing without the key {other}"
    if declared.rate_per != 1 and not declared.rate:
        yield "rate_per", "says nothing without the key rate"
    counts = {"rate_per": declared.rate_per} | {f"rate_units.{name}": n for name, n in declared.rate_units.items()}
    yield from ((key, f"{count} is no number of units: use 1 or more") for key, count in counts.items() if count < 1)


def _parent_problems(declared: Declared, parent: DeclaredParent) -> Iterator[Problem]:
    if not parent.description.strip():
        yield ".description", "is empty"
    if not parent.via:
        yield ".via", "is empty; give at least one pair of fields"
    for key in ("cost_rollup", "traversal_enabled"):
        if not getattr(parent, key):
            yield f".{key}", "must be true: every child counts into its parent and is shown under it"
    yield from _repeats(".via", [f"{local} = {other}" for local, other in parent.via])
    for local, _ in parent.via:
        yield from _field_problem(".via", local, declared.fields, LINK_KINDS)


def _field_problem(
    key: str, field: str, fields: Mapping[str, object], kinds: tuple[str, ...], hint: str = ""
) -> Iterator[Problem]:
    kind = fields.get(field)
    if kind is None:
        yield key, f"{field!r} does not stand in [fields]{hint}"
    elif kind in FIELD_KINDS and kind not in kinds:
        yield key, f"{field!r} is declared as {kind}; here it must be {_one_of(kinds)}"


def between(all_declared: Mapping[str, Declared], *, own: Set[str], broken: Set[str]) -> Iterator[tuple[str, str, str]]:
    """Everything in which declarations contradict each other.

    `own` are the types of the operator's folder, and the ones to blame where a shipped type is the other side.
    `broken` are the types whose file could not be read; what refers to them is not judged.
    """
    yield from _clashing_names(all_declared, own)
    for child, declared in all_declared.items():
        for number, parent in enumerate(declared.parents, 1):
            target = all_declared.get(parent.record_type)
            if target is not None:
                yield from _link_problems(child, number, parent, target, own)
            elif parent.record_type not in broken:
                reason = f"{parent.record_type!r} is no record type of the catalogue; name a type, not an alias"
                yield child, f"parents {number}.record_type", reason
        yield from _expectation_problems(child, declared, all_declared, own, broken)


def _expectation_problems(
    name: str, declared: Declared, all_declared: Mapping[str, Declared], own: Set[str], broken: Set[str]
) -> Iterator[tuple[str, str, str]]:
    for child in declared.expects:
        expected = all_declared.get(child)
        if expected is None and child not in broken:
            yield name, f"expects.{child}", f"{child!r} is no record type of the catalogue; name a type, not an alias"
        elif expected is not None and name not in [parent.record_type for parent in expected.parents]:
            if child in own and name not in own:
                yield (
                    child,
                    "parents",
                    f"{name} expects these records below it: name it as a parent, or override it too",
                )
            else:
                yield name, f"expects.{child}", f"{child} does not belong under {name}: it does not name it as a parent"


def _link_problems(
    child: str, number: int, parent: DeclaredParent, target: Declared, own: Set[str]
) -> Iterator[tuple[str, str, str]]:
    to_blame = parent.record_type if parent.record_type in own and child not in own else child
    for _, field in parent.via:
        where = "fields" if to_blame != child else f"parents {number}.via"
        of_child = f", to which {child} links" if to_blame != child else ""
        for _, reason in _field_problem("", field, target.fields, LINK_KINDS):
            yield to_blame, where, f"{parent.record_type}: {reason}{of_child}"
        if target.virtual and field != target.id:
            reason = f"{parent.record_type} is virtual: it is found by its id, {target.id!r}, and not by {field!r}"
            yield to_blame, where, reason + of_child


def _clashing_names(all_declared: Mapping[str, Declared], own: Set[str]) -> Iterator[tuple[str, str, str]]:
    """Names that would mean two types. Of a shipped and an own type, the own one is told."""
    meant = {name: name for name in all_declared}
    for name in sorted(all_declared, key=lambda name: (name in own, name)):
        for alias in dict.fromkeys(all_declared[name].aliases):
            other = meant.setdefault(alias, name)
            if alias == name:
                yield name, "aliases", f"{alias!r} is the type's own name"
            elif other != name and other in own and name not in own:
                yield other, "file name", f"{alias!r} is already an alias of {name}"
            elif other != name:
                yield name, "aliases", f"{alias!r} already means {other}"


def _repeats(key: str, names: tuple[str, ...] | list[str]) -> Iterator[Problem]:
    yield from ((key, f"{name!r} stands there twice") for name, count in Counter(names).items() if count > 1)


def _one_of(words: tuple[str, ...]) -> str:
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
