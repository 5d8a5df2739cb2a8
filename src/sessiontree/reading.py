"""Reading one usage record by its type's declaration.

A record is kept whole as it was received; what we compute with (id, times, cost, currency, link values) is read out of
it here, once, when it arrives. Where it is kept is the store's affair.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sessiontree import money
from sessiontree.catalog import Catalog, RecordType
from sessiontree.errors import RecordRejected
from sessiontree.own_tables import ROW_OF_AN_EXPORT, is_export_row
from sessiontree.record import Record, read_time, valid_id

LINK_CHARS_MAX = 1000
_WHOLE_MAX = 10**6


class Reader:
    """Reads records by the declarations of one catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._plans: dict[str, _Plan] = {}
        self._decode = msgspec.json.Decoder().decode

    def read(self, body: bytes, record_type: str | None = None) -> Record:
        """The record in one JSON text. `record_type` names its type where given, else the record itself does.

        Raises RecordRejected, which names the field and the reason.
        """
        try:
            fields = self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            fields = _decode_leniently(body, error)
        if type(fields) is not dict:
            raise RecordRejected(None, "10015", "the record is not a JSON object")
        if is_export_row(fields.keys()):
            raise RecordRejected(None, "10015", ROW_OF_AN_EXPORT)
        plan = self._plan(fields.get("record_type") if record_type is None else record_type, fields)
        return _apply(plan, fields, body)

    def _plan(self, name: Any, fields: dict[str, Any]) -> "_Plan":
        if type(name) is not str or not name:
            _refuse_page(fields)
            raise RecordRejected(
                "record_type",
                "10004",
                "record_type is missing: name the record's type in it, or once for all records "
                "(--record-type TYPE, over HTTP ?record_type=TYPE)",
            )
        plan = self._plans.get(name)
        if plan is None:
            declared = self._catalog.find(name)
            if declared is None:
                raise RecordRejected(
                    "record_type", "10032", f"{_shown(name)} is no record type of the catalogue; see its list of types"
                )
            plan = self._plans[name] = self._new_plan(declared)
        return plan

    def _new_plan(self, declared: RecordType) -> "_Plan":
        refs = declared.ref_fields
        types = self._catalog.types
        virtual = {via.local_field for parent in declared.parents if types[parent.parent].virtual for via in parent.via}
        id_refs = tuple(at for at, field in enumerate(refs) if field in virtual)
        return _Plan(declared.name, declared, self._catalog.key_fields(declared.name), refs, id_refs)


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    declared: RecordType
    key_fields: tuple[str, ...]
    ref_fields: tuple[str, ...]
    id_refs: tuple[int, ...]  # positions of the refs that become the id of a virtual event


class _Unreadable:
    """A JSON value that does not fit in memory as a number, such as 1e400. Harmless unless it is a declared field."""


def _apply(plan: _Plan, fields: dict[str, Any], body: bytes) -> Record:
    declared = plan.declared
    get = fields.get
    identity = get(declared.id_field)
    if type(identity) is int:
        identity = str(identity)
    if identity is None or identity == "":
        _refuse_page(fields)
        raise RecordRejected(declared.id_field, "10004", f"{declared.id_field} is missing: a record needs its id")
    if type(identity) is not str or not valid_id(identity):
        raise RecordRejected(
            declared.id_field, "10006", f"{_shown(identity)} is no id: use 1 to 255 printable characters without /"
        )
    cost = _cost(declared.cost_fields, fields, body)
    refs = tuple([_link(field, get(field)) for field in plan.ref_fields])
    for at in plan.id_refs:
        ref = refs[at]
        if ref is not None and not valid_id(ref):
            text = f"{_shown(ref)} names an event that cannot be: an id is 1 to 255 printable characters without /"
            raise RecordRejected(plan.ref_fields[at], "10006", text)
    return Record(
        plan.name,
        identity,
        _first_time(declared.start_fields, get),
        _first_time(declared.finish_fields, get),
        cost,
        _currency(declared, get(declared.currency_field)) if declared.cost_fields else None,
        tuple([_link(field, get(field)) for field in plan.key_fields]),
        refs,
        body,
        quantity=_quantity(declared.quantity.fields, get, body) if declared.quantity else None,
        names=tuple(fields),
    )


def _refuse_page(fields: dict[str, Any]) -> None:
    """A saved answer of the API is no record, but holds some."""
    if type(fields.get("data")) is list and fields.keys() <= {"data", "meta"}:
        raise RecordRejected(None, "10015", "this looks like a page of an answer: send the records in its data")


def _first_time(names: tuple[str, ...], get: Callable[[str], Any]) -> datetime | None:
    for name in names:
        value = get(name)
        if value is None or value == "":
            continue
        try:
            if type(value) is str:
                return read_time(value)
        except ValueError:
            pass
        raise RecordRejected(name, "10015", f"{_shown(value)} is not an ISO 8601 time such as 2026-03-17T10:00:00Z")
    return None


def _cost(names: tuple[str, ...], fields: dict[str, Any], body: bytes) -> int | None:
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        try:
            return money.read(value) if type(value) is str else _decimal(value, name, body)
        except ValueError as error:
            shown = _cut(_as_written(body, name)) if type(value) is float else _shown(value)
            raise RecordRejected(name, "10015", f"{shown} {error}") from None
    return None


def _quantity(names: tuple[str, ...], get: Callable[[str], Any], body: bytes) -> int | None:
    """The billed quantity. One that is no decimal counts as none: no sum of money depends on it."""
    for name in names:
        value = get(name)
        if type(value) is int and 0 <= value < _WHOLE_MAX:  # as nearly all are
            return value * money.UNIT
        if value is None or value == "":
            continue
        try:
            return money.read(value) if type(value) is str else _decimal(value, name, body)
        except ValueError:
            return None
    return None


def _decimal(value: Any, name: str, body: bytes) -> int:
    """A JSON number, in 10^-12. Raises ValueError for anything else."""
    if type(value) is int:
        return money.from_int(value)
    if type(value) is float or type(value) is _Unreadable:
        return money.read(_as_written(body, name))
    raise ValueError("is not a decimal such as 0.0052 or 1.666E-4")


def _as_written(body: bytes, name: str) -> str:
    """A number's own text: a cost never passes through a binary float."""
    return bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])[name]).decode()


def _currency(declared: RecordType, value: Any) -> str:
    if value is None or value == "":
        return declared.default_currency
    if type(value) is str and len(value) == 3 and value.isascii() and value.isalpha():
        return value.upper()
    raise RecordRejected(
        declared.currency_field, "10015", f"{_shown(value)} is not a three-letter currency code (ISO 4217) such as USD"
    )


def _link(field: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is int:
        return str(value)
    if type(value) is str and len(value) <= LINK_CHARS_MAX:
        return value
    raise RecordRejected(
        field, "10015", f"{_shown(value)} cannot link records: use text of at most {LINK_CHARS_MAX} characters"
    )


def _decode_leniently(body: bytes, error: Exception) -> Any:
    """Read a body that the strict decoder refused only for a number out of range; else say what is wrong, and where."""
    try:
        body.decode()
        raws = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return {name: _number_or_value(raw) for name, raw in raws.items()}
    except UnicodeDecodeError as broken:
        raise RecordRejected(None, "10015", f"the record is not UTF-8 text (byte {broken.start})") from None
    except (msgspec.MsgspecError, RecursionError):
        field = _field_with_nan(body)
        if field is not None:
            raise RecordRejected(field, "10015", "NaN and Infinity are not JSON; send a decimal or null") from None
        raise RecordRejected(None, "10015", f"the record cannot be read: {_plain(error)}") from None


def _number_or_value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return _Unreadable()


def _field_with_nan(body: bytes) -> str | None:
    marker = object()
    try:
        fields = json.loads(body, parse_constant=lambda _: marker)
    except (ValueError, RecursionError):
        return None
    return next((name for name, value in fields.items() if value is marker), None) if type(fields) is dict else None


def _plain(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _shown(value: Any) -> str:
    """A value for an error message: short, on one line, and not more than the sender already knows."""
    return _cut("a number out of range" if type(value) is _Unreadable else repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
