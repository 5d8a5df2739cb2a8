"""Spend as it is asked for and answered: groupings, time zones and moments out of text, and rows as the API's JSON.

What is wrong with a text is a ValueError whose message follows the text; the faces say which parameter it was.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from sessiontree import money
from sessiontree.money import Totals
from sessiontree.store.spend import FIELD, NAMED, SpendRow
from sessiontree.wire import Money, SpendCost, SpendGroup, SpendMeta

GROUP_BY = "day,product"
TIME_ZONE = "UTC"
STARTED_AT = "started_at"
"""In filters, the start of a record of any type."""
_GROUPINGS_MAX = 8
_COLUMNS = tuple(each.name for each in msgspec.structs.fields(SpendGroup))


@dataclass(frozen=True, slots=True)
class Grouping:
    """What to group by, as a `SpendQuery` has it, and the names that were asked for: those of the answer's columns."""

    by: tuple[str, ...]
    names: tuple[str, ...]


def read_grouping(text: str, fields: Mapping[str, str] | None, id_field: str = "id") -> Grouping:
    """The groupings in a text with commas between them.

    `fields` are those of the one record type that is asked for, None if none is. A field whose name means something
    else here is written with FIELD in front, as any field may be. `id` is the type's id field.
    """
    names = tuple(text.split(","))
    if not all(names) or len(names) > _GROUPINGS_MAX:
        raise ValueError(f"is not 1 to {_GROUPINGS_MAX} names with commas between them, such as {GROUP_BY}")
    hidden = next((name for name in names if name in _COLUMNS), None)
    if hidden is not None:
        raise ValueError(f"names {hidden}, which every row has already; write {FIELD}{hidden} for the records' field")
    by = tuple([name if name in NAMED else FIELD + _field(name, fields, id_field) for name in names])
    repeated = next((name for name in by if by.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"names {repeated.removeprefix(FIELD)} twice")
    return Grouping(by, names)


def _field(name: str, fields: Mapping[str, str] | None, id_field: str) -> str:
    if fields is None:
        named = ", ".join(NAMED)
        raise ValueError(f"names {name[:80]!r}, which is none of {named}: fields of records need one record type")
    field = name.removeprefix(FIELD)
    field = id_field if field == "id" else field
    if field not in fields:
        known = ", ".join((*NAMED, *sorted(fields)))
        raise ValueError(f"names {name[:80]!r}, which is none of {known}")
    return field


def read_zone(name: str) -> tzinfo:
    """The time zone of this name in the IANA database."""
    if name == TIME_ZONE:
        return UTC
    if name not in _zones():
        near = difflib.get_close_matches(name[:80], _zones(), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else " such as Europe/Berlin"
        raise ValueError(f"is no time zone of the IANA database{hint}")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})


def read_moment(text: str, zone: tzinfo) -> datetime:
    """The moment that an ISO 8601 date or time names; what has no zone of its own is read in this one."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not an ISO 8601 date or time such as 2026-03-17 or 2026-03-17T10:00:00Z") from None


def row_json(row: SpendRow, names: Sequence[str]) -> dict[str, Any]:
    """A row with a key for each grouping; of the quantity nothing where there is none."""
    found: dict[str, Any] = dict(zip(names, row.group, strict=True))
    found["cost"] = SpendCost(money.text(row.amount), row.currency)
    found["event_count"] = row.event_count
    found["unpriced_count"] = row.unpriced_count
    if row.quantity is not None:
        found["quantity"] = money.plain(row.quantity)
        found["unit"] = row.unit
        found["quantity_count"] = row.quantity_count
        if row.average_rate is not None:
            found["average_rate"] = money.text(row.average_rate)
    return found


def totals_of(rows: Sequence[SpendRow]) -> Totals:
    """What all rows add up to."""
    totals: Totals = {}
    for row in rows:
        if row.currency is not None:
            money.add(totals, {row.currency: row.amount})
    return totals


def answer_json(rows: Sequence[SpendRow], grouping: Grouping, zone_name: str) -> dict[str, Any]:
    """The whole answer."""
    meta = SpendMeta(
        group_by=list(grouping.names),
        time_zone=zone_name,
        cost=[Money(money.text(amount), currency) for currency, amount in sorted(totals_of(rows).items())],
        event_count=sum(row.event_count for row in rows),
        unpriced_count=sum(row.unpriced_count for row in rows),
    )
    return {"data": [row_json(row, grouping.names) for row in rows], "meta": meta}
