"""Reading the catalogue: one TOML file per record type, shipped in `record_types/`, and those of an operator's folder.

A file of the folder adds a type or takes the place of the shipped one of the same name. What a file may say is judged
in `catalog_checks`; nothing is read on import, and nothing unchecked leaves this module.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from sessiontree import catalog_checks
from sessiontree.catalog import Catalog, Expectation, Quantity, RecordType, Relationship, Via
from sessiontree.catalog_checks import Declared, Problem
from sessiontree.errors import CatalogError

SHIPPED_UPDATED = datetime(2026, 11, 21, tzinfo=UTC)
"""When the shipped types last changed: installing a package does not keep the times of its files."""
_KEYS = {key.name: key for key in msgspec.structs.fields(Declared)}
_PLACE = re.compile(r"(?P<reason>.*?)(?: - at `\$\.?(?P<key>.*)`)?", re.DOTALL)
_WRONG_KEY = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_LINE = re.compile(r"line (\d+)")


def load(folder: Path | None = None) -> Catalog:
    """The shipped catalogue with the folder's types added. Raises the first CatalogError."""
    found = _read_all(folder)
    if found.errors:
        raise found.errors[0]
    types = {name: _record_type(name, declared) for name, declared in sorted(found.declared.items())}
    return Catalog(types, found.updated)


def check(folder: Path) -> list[CatalogError]:
    """Everything that keeps a folder from being used, by file; empty if it can be.

    What a file says is judged once it is TOML and its keys are known and hold the right types of values.
    """
    return _read_all(folder).errors


class _Readable(Protocol):
    @property
    def name(self) -> str: ...
    def read_bytes(self) -> bytes: ...


@dataclass(slots=True)
class _Found:
    """What has been read so far. `own` are the types that the folder declares, readable or not."""

    declared: dict[str, Declared] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    errors: list[CatalogError] = field(default_factory=list)
    updated: datetime = SHIPPED_UPDATED


def _read_all(folder: Path | None) -> _Found:
    found = _Found()
    for entry in files("sessiontree").joinpath("record_types").iterdir():
        if entry.name.endswith(".toml"):
            _read_into(found, entry)
    if folder is not None:
        _read_folder(found, folder)
    between = catalog_checks.between(found.declared, own=found.own, broken=found.broken)
    found.errors += [CatalogError(f"{name}.toml", key, reason) for name, key, reason in between]
    found.errors.sort(key=lambda error: error.file)
    return found


def _read_folder(found: _Found, folder: Path) -> None:
    """Read the folder's visible `*.toml` files, in the order of their names."""
    try:
        entries = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and path.name[0] != ".")
        changed = max((path.stat().st_mtime for path in entries), default=0)
    except OSError as error:
        found.errors.append(CatalogError(str(folder), "", f"cannot be read: {error.strerror or error}"))
        return
    found.updated = max(SHIPPED_UPDATED, datetime.fromtimestamp(int(changed), UTC))
    for path in entries:
        found.own.add(path.stem)
        _read_into(found, path)


def _read_into(found: _Found, file: _Readable) -> None:
    name = file.name.removesuffix(".toml")
    declared, problems = _read(name, file)
    found.errors += [CatalogError(file.name, key, reason) for key, reason in problems]
    found.declared.pop(name, None)
    if declared is None:
        found.broken.add(name)
    else:
        found.declared[name] = declared


def _read(name: str, file: _Readable) -> tuple[Declared | None, list[Problem]]:
    """The declaration in a file and what is wrong with it; None if it cannot be made out."""
    try:
        text = file.read_bytes().decode()
        data = tomllib.loads(text)
    except OSError as error:
        return None, [("file", f"cannot be read: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        return None, [(f"line {_lines(error.object[: error.start])}", "is not UTF-8 text")]
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        return None, [(f"line {line[1] if line else _lines(text.encode())}", f"is not TOML: {error}")]
    problems = list(_shape_problems(data))
    if problems:
        return None, problems
    declared = msgspec.convert(data, Declared)
    return declared, list(catalog_checks.within(name, declared))


def _lines(data: bytes) -> int:
    return data.count(b"\n") + 1


def _shape_problems(data: dict[str, Any]) -> Iterator[Problem]:
    """Unknown and missing keys, and values of the wrong type; every key is looked at."""
    for key, value in data.items():
        if key not in _KEYS:
            yield key, f"is not a key of a record type; the keys are {', '.join(_KEYS)}"
            continue
        try:
            msgspec.convert(value, _KEYS[key].type)
        except msgspec.ValidationError as error:
            yield _placed(key, str(error))
    yield from ((key, "is missing") for key, known in _KEYS.items() if known.required and key not in data)


def _placed(key: str, message: str) -> Problem:
    """The key and the reason in a message about the value of `key`: "Expected `str`, got `int` - at `$[0].via`"."""
    match = _PLACE.fullmatch(message)
    inner, reason = (match["key"] or "", match["reason"]) if match else ("", message)
    item = re.match(r"\[(\d+)\]", inner)
    if item and key == "parents":  # people count tables from 1
        inner = f" {int(item[1]) + 1}{inner[item.end() :]}"
    wrong = _WRONG_KEY.fullmatch(reason)
    if wrong:
        return f"{key}{inner}.{wrong[2]}", "is missing" if wrong[
            1
        ] == "missing required" else "is not a key of a parent"
    return f"{key}{inner}", reason[:1].lower() + reason[1:]


def _record_type(name: str, declared: Declared) -> RecordType:
    return RecordType(
        name=name,
        category=declared.category,
        description=declared.description,
        product=declared.product,
        event=declared.event,
        provider=declared.provider,
        aliases=declared.aliases,
        virtual=declared.virtual,
        id_field=declared.id,
        second_id_fields=declared.second_ids,
        start_fields=declared.start,
        finish_fields=declared.finish,
        cost_fields=declared.cost,
        currency_field=declared.currency or "currency",
        default_currency=declared.default_currency,
        fields=MappingProxyType({field: str(kind) for field, kind in declared.fields.items()}),
        parents=tuple(
            Relationship(name, parent.record_type, tuple(Via(*pair) for pair in parent.via), parent.description)
            for parent in declared.parents
        ),
        expects=tuple(Expectation(child, field) for child, field in declared.expects.items()),
        quantity=_quantity(declared) if declared.quantity else None,
    )


def _quantity(declared: Declared) -> Quantity:
    return Quantity(
        fields=declared.quantity,
        unit=declared.quantity_unit,
        rate_fields=declared.rate,
        rate_per=declared.rate_per,
        rate_unit_field=declared.rate_unit or None,
        rate_units=MappingProxyType(dict(declared.rate_units)),
    )
