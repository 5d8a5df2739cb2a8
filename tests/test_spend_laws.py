"""The laws of spend on messy random data: sums by both ways are what a naive walk over the records gives, in any zone.

The walk shares nothing with the program but the catalogue: amounts are Decimals, groups are read off a clock each time.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import messy
from model_reading import DECIMAL, Event, read_record
from sessiontree import money
from sessiontree.store import Store
from sessiontree.store.spend import SpendQuery, SpendRow
from stores import NewStore
from test_laws import add, catalog, stored

ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata")
UNITS = ("hour", "day", "week", "month")
MOMENTS = (
    *("2026-03-28T23:00:00Z", "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00Z", "2026-03-29T21:30:00Z"),
    *("2026-10-25T00:30:00Z", "2026-10-25T01:30:00+00:00", "2026-10-24T22:00:00Z", "2025-12-31T23:59:59Z"),
    *("2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-03-08T05:31:00Z", "2026-01-31T18:14:59Z"),
    *("2026-01-31T18:15:00Z", "2006-10-29T02:31:30Z", "1890-06-01T12:00:00Z", "2026-03-01", None),
)
QUANTITIES = (60, "180", Decimal("0.5"), 0, -6, "1e-12", "none", "", None, True, 999_999_999_999)
STARTS = {
    "recording": "started_at",
    "call-control": "started_at",
    "inference": "created_at",
    "conference": "started_at",
}
BILLED = {"recording": "billed_sec", "call-control": "billed_sec", "inference": "tokens"}


@st.composite
def records(draw: st.DrawFn) -> list[messy.Record]:
    """Records of a few types over a few ids, so that many are changes of others; some arrive again as they were."""
    chosen = st.sampled_from
    made = []
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(chosen(list(STARTS)))
        record = {"record_type": kind, "id": draw(chosen("abcdef")), STARTS[kind]: draw(chosen(MOMENTS))}
        if kind in BILLED:
            record[BILLED[kind]] = draw(chosen(QUANTITIES))
            record |= {"cost": draw(chosen(messy.COSTS[:-1])), "currency": draw(chosen(("USD", "EUR", None)))}
        made.append(record)
    return made + draw(st.lists(chosen(made), max_size=3))


def label(unit: str, start: datetime | None, zone: ZoneInfo) -> str | None:
    """The unit of the zone's clock in which a moment lies."""
    if start is None:
        return None
    local = start.astimezone(zone)
    if unit == "hour":
        offset = local.utcoffset() or timedelta()
        return local.replace(minute=0, second=0, microsecond=0, tzinfo=timezone(offset)).isoformat()
    year, week, _ = local.isocalendar()
    monday = datetime.fromisocalendar(year, week, 1)
    forms = {"day": local, "week": monday, "month": local}
    return forms[unit].date().isoformat()[: 7 if unit == "month" else 10]


Sum = tuple[Decimal, int, int, Decimal, int]


def walked(events: Sequence[tuple[Event, Decimal | None]], unit: str, zone: ZoneInfo) -> dict[object, Sum]:
    """Amount, events, unpriced ones, quantity and its events, by group, type and currency."""
    sums: dict[object, Sum] = defaultdict(lambda: (Decimal(0), 0, 0, Decimal(0), 0))
    for event, quantity in events:
        key = (label(unit, event.start, zone), event.key.type, event.currency)
        amount, count, unpriced, total, carried = sums[key]
        sums[key] = (
            amount + (event.cost or 0),
            count + 1,
            unpriced + (event.status == "unpriced"),
            total + (quantity or 0),
            carried + (quantity is not None),
        )
    return dict(sums)


def of_rows(rows: Sequence[SpendRow]) -> dict[object, Sum]:
    found: dict[object, Sum] = {}
    for row in rows:
        first = None if row.group[0] is None else row.group[0].replace("Z", "+00:00")
        counts = (row.event_count, row.unpriced_count)
        quantity = Decimal(row.quantity or 0) / money.UNIT
        assert (first, row.group[1], row.currency) not in found
        found[first, row.group[1], row.currency] = (
            Decimal(row.amount) / money.UNIT,
            *counts,
            quantity,
            row.quantity_count,
        )
    return found


def last_events(records: Sequence[messy.Record]) -> list[tuple[Event, Decimal | None]]:
    """What is left of the records in the end, each with its quantity."""
    last = {messy.identity(record): record for record in records}.values()
    return [(read_record(catalog(operator=False), record, None), quantity(record)) for record in last]


def quantity(record: messy.Record) -> Decimal | None:
    value = record.get(BILLED.get(record["record_type"], ""))
    if value is None or value == "" or isinstance(value, bool) or not DECIMAL.fullmatch(str(value)):
        return None
    return Decimal(value)


def assert_as_walked(store: Store, records: Sequence[messy.Record], zone: ZoneInfo) -> None:
    events = last_events(records)
    for unit in UNITS:
        query = SpendQuery(by=(unit, "record_type"), zone=zone)
        rows = store.spend.table("default", query)
        assert of_rows(rows) == walked(events, unit, zone), unit
        assert rows == store.spend.table("default", query, from_records=True), unit


@given(records(), st.sampled_from((1, 4, 1000)), st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sums_are_those_of_the_records_after_any_changes(
    new_store: NewStore, records: list[messy.Record], batch: int, zone: str
) -> None:
    with stored(new_store, [], operator=False) as store:
        add(store, records, batch=batch)
        assert_as_walked(store, records, ZoneInfo(zone))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_also_with_many_records_of_all_types(new_store: NewStore, seed: int) -> None:
    records = messy.generate(random.Random(seed), 400, operator=False)
    with stored(new_store, records, operator=False, batch=50) as store:
        events = [(event, None) for event, _ in last_events(records)]
        for name in ZONES:
            query = SpendQuery(by=("day", "record_type"), zone=ZoneInfo(name))
            rows = store.spend.table("default", query)
            assert rows == store.spend.table("default", query, from_records=True)
            assert without_quantities(of_rows(rows)) == without_quantities(walked(events, "day", ZoneInfo(name)))


def without_quantities(sums: dict[object, Sum]) -> dict[object, tuple[Decimal, int, int]]:
    return {key: sums[:3] for key, sums in sums.items()}


@given(records(), st.sampled_from(ZONES), st.sampled_from(MOMENTS[:-1]), st.sampled_from(MOMENTS[:-1]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_bounds_cut_at_the_moment(
    new_store: NewStore, records: list[messy.Record], zone: str, since: str, until: str
) -> None:
    first, end = sorted(read for read in map(_moment, (since, until)))
    with stored(new_store, records, operator=False) as store:
        query = SpendQuery(by=("day", "record_type"), zone=ZoneInfo(zone), since=first, until=end)
        rows = store.spend.table("default", query)
        assert rows == store.spend.table("default", query, from_records=True)
        events = [each for each in last_events(records) if each[0].start is not None and first <= each[0].start < end]
        assert of_rows(rows) == walked(events, "day", ZoneInfo(zone))


def _moment(text: str) -> datetime:
    event = read_record(catalog(operator=False), {"record_type": "recording", "id": "r", "started_at": text}, None)
    assert event.start is not None
    return event.start


def test_fields_group_as_the_bodies_say(new_store: NewStore) -> None:
    records = messy.generate(random.Random(5), 300, operator=False)
    with stored(new_store, records, operator=False) as store:
        chosen = frozenset({"ai-voice-assistant"})
        rows = store.spend.table("default", SpendQuery(by=("record.conversation_id",), record_types=chosen))
        sums: dict[object, list[Decimal]] = defaultdict(list)
        for record in {messy.identity(record): record for record in records}.values():
            if record["record_type"] == "ai-voice-assistant":
                event = read_record(store.catalog, record, None)
                value = record.get("conversation_id")
                sums[None if value is None else str(value), event.currency].append(event.cost or Decimal(0))
        assert {(row.group[0], row.currency): row.amount for row in rows} == {
            key: int(sum(amounts) * money.UNIT) for key, amounts in sums.items()
        }
        assert {(row.group[0], row.currency): row.event_count for row in rows} == {
            key: len(amounts) for key, amounts in sums.items()
        }
