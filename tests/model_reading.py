"""The naive model's reading of one record: which event it is, its links, times, cost and currency, or what is wrong.

Values are read exactly as written: amounts become Decimals, times UTC datetimes, links text. Knows no other record.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from sessiontree.catalog import Catalog, RecordType

UNITS = 10**12  # the program counts 10^-12 of a currency unit
DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
CURRENCY = re.compile(r"[A-Za-z]{3}")


class Key(NamedTuple):
    """Which event: its record type's own name and its id."""

    type: str
    id: str


@dataclass(frozen=True)
class Event:
    """What the rules need to know of a record, or of a virtual event that has none (`sent` is false)."""

    key: Key
    sent: bool
    links: dict[str, str]
    start: datetime | None
    finish: datetime | None
    cost: Decimal | None
    status: str
    currency: str | None
    expects: frozenset[str] = frozenset()


class Rejected(Exception):
    """A record that is not stored, because of this field."""


def read_record(catalog: Catalog, record: dict[str, Any], record_type: str | None) -> Event:
    """The event that a record stands for. Raises Rejected with the field at fault."""
    name = record.get("record_type") or record_type
    kind = catalog.find(name) if isinstance(name, str) else None
    if kind is None:
        raise Rejected("record_type")
    event_id = read_text(record, kind.id_field)
    if event_id is None or len(event_id) > 255 or not event_id.isprintable() or "/" in event_id:
        raise Rejected(kind.id_field)
    return read_event(catalog, kind, Key(kind.name, event_id), record, sent=True)


def without_record(catalog: Catalog, key: Key) -> Event:
    """A virtual event as its children imply it: a record with nothing but its id."""
    kind = catalog.types[key.type]
    return read_event(catalog, kind, key, {kind.id_field: key.id}, sent=False)


def read_event(catalog: Catalog, kind: RecordType, key: Key, record: dict[str, Any], *, sent: bool) -> Event:
    texts = {name: read_text(record, name) for name in link_fields(catalog, kind)}
    cost = first_present(record, kind.cost_fields, read_cost)
    return Event(
        key=key,
        sent=sent,
        links={name: text for name, text in texts.items() if text is not None},
        start=first_present(record, kind.start_fields, read_time),
        finish=first_present(record, kind.finish_fields, read_time),
        cost=cost,
        status="none" if not kind.cost_fields else "unpriced" if cost is None else "rated",
        expects=frozenset(each.child for each in kind.expects if above_zero(record.get(each.field))),
        currency=(read_currency(record, kind.currency_field) or kind.default_currency) if kind.cost_fields else None,
    )


def link_fields(catalog: Catalog, kind: RecordType) -> set[str]:
    """The fields by which records of this type find their parents, or are found."""
    relationships = [relationship for child in catalog.types.values() for relationship in child.parents]
    own = {via.local_field for relationship in kind.parents for via in relationship.via}
    asked = {via.parent_field for rel in relationships if rel.parent == kind.name for via in rel.via}
    return own | asked | set(kind.second_id_fields) | {kind.id_field}


def read_text(record: dict[str, Any], name: str) -> str | None:
    """An id or link value: text, or a whole number as its decimal text."""
    value = record.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Rejected(name)


def first_present(record: dict[str, Any], names: tuple[str, ...], read: Any) -> Any:
    """What the first of these fields that has a value says; the fields after it are not looked at."""
    return next((value for name in names if (value := read(record, name)) is not None), None)


def read_cost(record: dict[str, Any], name: str) -> Decimal | None:
    value = record.get(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
    if not DECIMAL.fullmatch(text):
        raise Rejected(name)
    cost = Decimal(text)
    if abs(cost) >= 10**12 or (Fraction(cost) * UNITS).denominator != 1:
        raise Rejected(name)
    return cost


def read_time(record: dict[str, Any], name: str) -> datetime | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Rejected(name) from None


def read_currency(record: dict[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        raise Rejected(name)
    return value.upper()


def above_zero(value: Any) -> bool:
    """Whether a value is a number above zero, as JSON or as a decimal in text."""
    text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
    return bool(DECIMAL.fullmatch(text)) and Decimal(text) > 0


def as_written(value: Any) -> object:
    """A JSON value in a form that is equal exactly when it is the same value with numbers written the same way."""
    if isinstance(value, dict):
        return {name: as_written(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_written(item) for item in value]
    return type(value).__name__, str(value)
