"""Spend: sums over records by group, kept exact through every change, the same by the short way and the long."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sessiontree import money
from sessiontree.errors import TooManyGroups
from sessiontree.query import Condition
from sessiontree.record import Record, read_time
from sessiontree.store import Store, spend
from sessiontree.store.spend import SpendQuery, SpendRow
from sessiontree.store.suite.helpers import ACCOUNT, Opening, add, changed, later, record, shipped


def table(store: Store, query: SpendQuery, account: str = ACCOUNT) -> list[SpendRow]:
    """The answer, which is the same by both ways."""
    rows = store.spend.table(account, query)
    assert rows == store.spend.table(account, query, from_records=True)
    return rows


def shown(rows: Iterable[SpendRow]) -> list[str]:
    """Rows as text: group, amount and currency, events, unpriced events in brackets."""
    return [
        " ".join(
            [
                *(value or "-" for value in row.group),
                money.plain(row.amount) or "0",
                row.currency or "-",
                f"{row.event_count}({row.unpriced_count})",
            ]
        )
        for row in rows
    ]


def at(store: Store, start: str | None, cost: object = "1", *, id: str = "", **fields: object) -> Record:
    """A recording that starts then."""
    return record(store, "recording", id or f"at {start}", started_at=start, cost=cost, **fields)


def by(*names: str, **more: object) -> SpendQuery:
    return SpendQuery(by=names, **more)  # type: ignore[arg-type]


def moment(text: str) -> datetime:
    return read_time(text)


def fill_spend(store: Store) -> None:
    add(
        store,
        record(store, "recording", "a", started_at="2026-03-17T10:00:00Z", cost="0.1", billed_sec=60),
        record(store, "recording", "b", started_at="2026-03-17T23:59:59.999999Z", cost="0.2", billed_sec=30),
        record(store, "recording", "c", started_at="2026-03-18T00:00:00Z", cost=None, billed_sec=6),
        record(store, "recording", "d", started_at="2026-03-18T01:00:00Z", cost="5", currency="EUR"),
        record(store, "recording", "e", cost="-0.05", billed_sec="1.5"),
        record(store, "inference", "a", created_at="2026-03-17T10:00:00Z", cost="1e-12", model="m", tokens=7),
        record(store, "inference", "b", created_at="2026-03-17T10:00:00Z", cost="2", model="n", tokens=None),
        record(store, "conference", "a", started_at="2026-03-17T10:00:00Z"),
    )
    add(store, record(store, "recording", "a", started_at="2026-03-17T10:00:00Z", cost="9"), account="other")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (by(), ["5 EUR 1(0)", "2.250000000001 USD 6(1)", "0 - 1(0)"]),
        (
            by("day", "record_type"),
            [
                "2026-03-17 conference 0 - 1(0)",
                "2026-03-17 inference 2.000000000001 USD 2(0)",
                "2026-03-17 recording 0.3 USD 2(0)",
                "2026-03-18 recording 5 EUR 1(0)",
                "2026-03-18 recording 0 USD 1(1)",
                "- recording -0.05 USD 1(0)",
            ],
        ),
        (
            by("product"),
            [
                "conference 0 - 1(0)",
                "inference 2.000000000001 USD 2(0)",
                "recording-cdrs 5 EUR 1(0)",
                "recording-cdrs 0.25 USD 4(1)",
            ],
        ),
        (by("currency", record_types=frozenset({"recording"})), ["EUR 5 EUR 1(0)", "USD 0.25 USD 4(1)"]),
        (by("month", currency="EUR"), ["2026-03 5 EUR 1(0)"]),
        (by("week", currency="EUR"), ["2026-03-16 5 EUR 1(0)"]),
        (by("record_type", currency="GBP"), []),
        (by("hour", record_types=frozenset({"fax-api"})), []),
        (by("record_type", record_types=frozenset()), []),
        (
            by("day", since=moment("2026-03-17T23:30:00Z"), until=moment("2026-03-18T00:30:00Z")),
            ["2026-03-17 0.2 USD 1(0)", "2026-03-18 0 USD 1(1)"],
        ),
        (by("day", since=moment("2026-03-18T01:00:00Z")), ["2026-03-18 5 EUR 1(0)"]),
        (by(until=moment("2026-03-17T10:00:00.000001Z")), ["2.100000000001 USD 3(0)", "0 - 1(0)"]),
    ],
)
def test_spend_is_summed_by_group(store: Store, query: SpendQuery, expected: list[str]) -> None:
    fill_spend(store)
    assert shown(table(store, query)) == expected


def test_an_account_sums_its_own(store: Store) -> None:
    fill_spend(store)
    assert shown(table(store, by("day"), "other")) == ["2026-03-17 9 USD 1(0)"]
    assert table(store, by("day"), "nobody") == []


INFERENCE = frozenset({"inference"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (by("record.model", record_types=INFERENCE), ["m 0.000000000001 USD 1(0)", "n 2 USD 1(0)"]),
        (by("record.tokens", "month", record_types=INFERENCE),
         ["7 2026-03 0.000000000001 USD 1(0)", "- 2026-03 2 USD 1(0)"]),
        (by(record_types=INFERENCE, conditions=(Condition("model", "eq", "n"),)), ["2 USD 1(0)"]),
        (by(record_types=INFERENCE, conditions=(Condition("cost", "lt", "1"),)), ["0.000000000001 USD 1(0)"]),
        (by(record_types=INFERENCE, conditions=(Condition("model", "eq", "nobody"),)), []),
        (by("record.record", record_types=INFERENCE), ["- 2.000000000001 USD 2(0)"]),
    ],
)  # fmt: skip
def test_fields_of_one_type_group_and_select(store: Store, query: SpendQuery, expected: list[str]) -> None:
    fill_spend(store)
    assert shown(table(store, query)) == expected


def test_equal_numbers_are_one_group_however_they_are_written(store: Store) -> None:
    rates = ("7.0E-7", "0.0000007", 7e-7, "free", None)
    add(store, *(at(store, None, id=str(number), rate=rate) for number, rate in enumerate(rates)))
    rows = table(store, by("record.rate", record_types=frozenset({"recording"})))
    assert shown(rows) == ["0.0000007 3 USD 3(0)", "free 1 USD 1(0)", "- 1 USD 1(0)"]


@pytest.mark.parametrize(
    ("zone", "unit", "starts", "expected"),
    [
        ("Europe/Berlin", "day",
         ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"],
         ["2026-03-28 1", "2026-03-29 2", "2026-03-30 1"]),
        ("Europe/Berlin", "hour", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"],
         ["2026-10-25T02:00:00+02:00 1", "2026-10-25T02:00:00+01:00 1", "2026-10-25T03:00:00+01:00 1"]),
        ("Europe/Berlin", "month", ["2026-01-31T23:00:00Z", "2026-02-28T22:59:59.999999Z", "2025-12-31T23:00:00Z"],
         ["2026-01 1", "2026-02 2"]),
        ("Asia/Kathmandu", "day", ["2026-03-17T18:14:59.999999Z", "2026-03-17T18:15:00Z", "2026-03-17T18:59:00Z"],
         ["2026-03-17 1", "2026-03-18 2"]),
        ("Asia/Kathmandu", "week", ["2026-03-15T18:14:59Z", "2026-03-15T18:15:00Z"], ["2026-03-09 1", "2026-03-16 1"]),
        ("America/St_Johns", "hour", ["2026-03-17T10:29:59Z", "2026-03-17T10:30:00Z"],
         ["2026-03-17T07:00:00-02:30 1", "2026-03-17T08:00:00-02:30 1"]),
        ("America/St_Johns", "day", ["2006-10-29T02:30:30Z", "2006-10-29T02:31:30Z", "2006-10-29T03:30:00Z"],
         ["2006-10-28 1", "2006-10-29 2"]),
        ("Australia/Lord_Howe", "hour", ["2026-04-04T14:59:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"],
         ["2026-04-05T01:00:00+11:00 1", "2026-04-05T01:00:00+10:30 1", "2026-04-05T02:00:00+10:30 1"]),
        ("Pacific/Apia", "day", ["2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"], ["2011-12-29 1", "2011-12-31 1"]),
        ("Europe/Berlin", "day", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-17T10:00:00Z"],
         ["0001-01-01 1", "2026-03-17 1", "9999-12-31 1"]),
        ("UTC", "hour", ["2026-03-17T10:59:59.999999Z", None], ["2026-03-17T10:00:00Z 1", "- 1"]),
    ],
)  # fmt: skip
def test_days_are_those_of_the_zones_clocks(
    store: Store, zone: str, unit: str, starts: list[str | None], expected: list[str]
) -> None:
    add(store, *(at(store, start) for start in starts))
    rows = table(store, by(unit, zone=ZoneInfo(zone)))
    assert [f"{row.group[0] or '-'} {row.event_count}" for row in rows] == expected


def test_sums_follow_every_change_of_a_record(store: Store) -> None:
    query = by("hour")
    add(store, at(store, "2026-03-17T10:00:00Z", "1", id="r", billed_sec=60), at(store, None, "2", id="s"))
    assert shown(table(store, query)) == ["2026-03-17T10:00:00Z 1 USD 1(0)", "- 2 USD 1(0)"]
    add(store, at(store, "2026-03-17T10:00:00Z", "1", id="r", billed_sec=60), received=later(1))
    assert shown(table(store, query)) == ["2026-03-17T10:00:00Z 1 USD 1(0)", "- 2 USD 1(0)"]
    add(store, at(store, "2026-03-17T11:30:00Z", "0.4", id="r", currency="EUR"), received=later(2))
    assert shown(table(store, query)) == ["2026-03-17T11:00:00Z 0.4 EUR 1(0)", "- 2 USD 1(0)"]
    add(
        store,
        at(store, "2026-03-17T12:00:00Z", "7", id="r"),
        at(store, "2026-03-17T12:00:00Z", None, id="r", billed_sec=9),
        at(store, "2026-03-17T12:00:00Z", "8", id="new"),
        at(store, "2026-03-17T13:00:00Z", "9", id="new"),
        received=later(3),
    )
    assert shown(table(store, query)) == [
        "2026-03-17T12:00:00Z 0 USD 1(1)",
        "2026-03-17T13:00:00Z 9 USD 1(0)",
        "- 2 USD 1(0)",
    ]


def test_records_are_grouped_by_the_top_of_their_session(store: Store) -> None:
    add(
        store,
        at(store, "2026-03-17T10:00:00Z", "1", id="r", telnyx_session_id="s"),
        record(store, "call-control", "c", telnyx_session_id="s", cost="2", started_at="2026-03-17T10:00:00Z"),
        record(store, "verify", "v", verify_usage_fee="4", created_at="2026-03-17T10:00:00Z"),
        at(store, "2026-03-17T10:00:00Z", "8", id="alone"),
    )
    while store.sessions.refresh():
        pass
    grouped = by("session_type", "day")
    assert shown(table(store, grouped)) == [
        "call-session 2026-03-17 3 USD 2(0)",
        "recording 2026-03-17 8 USD 1(0)",
        "verify 2026-03-17 4 USD 1(0)",
    ]
    chosen = by("record_type", session_types=frozenset({"call-session", "verify"}))
    assert shown(table(store, chosen)) == ["call-control 2 USD 1(0)", "recording 1 USD 1(0)", "verify 4 USD 1(0)"]


def test_more_groups_than_allowed_are_refused_and_none_is_given(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_spend(store)
    monkeypatch.setattr(spend, "GROUPS_MAX", 6)
    assert len(table(store, by("day", "record_type"))) == 6
    for from_records in (False, True):
        with pytest.raises(TooManyGroups, match="more than 6 groups"):
            store.spend.table(ACCOUNT, by("hour", "record_type"), from_records=from_records)


def test_sums_follow_a_changed_catalogue(opening: Opening) -> None:
    store = opening()
    add(
        store, at(store, "2026-03-17T10:00:00Z", "1", id="r", rate="2", billed_sec=60, sent_sec=5, sent_at="2026-04-01")
    )
    declared = shipped().types["recording"].quantity
    assert declared is not None
    moved = changed(
        shipped(),
        "recording",
        start_fields=("sent_at",),
        cost_fields=("rate",),
        quantity=dataclasses.replace(declared, fields=("sent_sec",)),
    )
    store = opening(moved)
    assert store.stale() == ["recording"]
    list(store.reread())
    (row,) = table(store, by("month"))
    assert (row.group, row.amount, row.quantity) == (("2026-04",), 2 * money.UNIT, 5 * money.UNIT)


def test_a_type_that_is_not_declared_counts_nowhere(opening: Opening) -> None:
    store = opening()
    fill_spend(store)
    types = {name: declared for name, declared in shipped().types.items() if name != "inference"}
    store = opening(dataclasses.replace(shipped(), types=types))
    assert shown(table(store, by("product", currency="USD"))) == ["recording-cdrs 0.25 USD 4(1)"]
