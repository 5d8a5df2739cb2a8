"""What conditions, orders and named ranges mean."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontree.query import SAME, Condition, Matcher, Query, check, date_range

NOW = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("yesterday", "2026-03-17", "2026-03-18"),
        ("today", "2026-03-18", "2026-03-19"),
        ("tomorrow", "2026-03-19", "2026-03-20"),
        ("last_week", "2026-03-09", "2026-03-16"),
        ("this_week", "2026-03-16", "2026-03-23"),
        ("next_week", "2026-03-23", "2026-03-30"),
        ("last_month", "2026-02-01", "2026-03-01"),
        ("this_month", "2026-03-01", "2026-04-01"),
        ("next_month", "2026-04-01", "2026-05-01"),
        ("last_1_days", "2026-03-17", "2026-03-19"),
        ("last_30_days", "2026-02-16", "2026-03-19"),
    ],
)
def test_named_ranges(name: str, first: str, after: str):
    days = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, after)]
    assert list(date_range(name, NOW)) == days


def test_months_turn_with_the_year():
    december, january = datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert date_range("next_month", december) == (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
    assert date_range("last_month", january) == (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", ["", "week", "last_year", "last_0_days", "last_07_days", "last_x_days", "TODAY"])
def test_other_names_are_no_ranges(name: str):
    with pytest.raises(ValueError, match="is not one of"):
        date_range(name, NOW)


def matches(condition: Condition, field_type: str, body: bytes) -> bool:
    return Matcher(Query("any", (condition,)), {"f": field_type}).matches(body)


@pytest.mark.parametrize(
    ("field_type", "op", "value", "json", "expected"),
    [
        ("string", "eq", "a", b'"a"', True),
        ("string", "eq", "a", b'"\\u0061"', True),
        ("string", "eq", "5", b"5", True),
        ("string", "eq", "5.0", b"5", False),
        ("string", "eq", "null", b"null", False),
        ("string", "gt", "a", b'"b"', True),
        ("string", "contains", "", b"null", False),
        ("amount", "eq", "0.1", b'"1E-1"', True),
        ("amount", "eq", "0.1", b"0.1000", True),
        ("amount", "eq", "0.1", b"0.1000000000000000055511151231257827", False),
        ("amount", "lt", "10", b'"9"', True),
        ("amount", "lt", "10", b'"free"', False),
        ("amount", "contains", "6E", b'"1.6E-4"', True),
        ("time", "eq", "2026-03-17T10:00:00Z", b'"2026-03-17T12:00:00+02:00"', True),
        ("time", "lt", "2026-03-17", b'""', False),
        ("integer", "lt", "8", b'"j1"', False),
        ("integer", SAME, "j1", b'"j1"', True),
        ("integer", SAME, "7", b"7", True),
        ("integer", SAME, "7", b'"07"', False),
        ("boolean", "eq", "true", b"true", True),
        ("boolean", "eq", "true", b"false", False),
    ],
)
def test_conditions(field_type: str, op: str, value: str, json: bytes, expected: bool):
    assert matches(Condition("f", op, value), field_type, b'{"f": ' + json + b', "g": 1e999}') is expected


@pytest.mark.parametrize("op", ["eq", "gte", "gt", "lte", "lt", "contains", "starts_with", "ends_with"])
def test_a_record_without_the_field_meets_no_condition(op: str):
    assert not matches(Condition("f", op, "1"), "amount", b'{"g": "1"}')


@pytest.mark.parametrize(
    ("field_type", "value"), [("amount", "NaN"), ("number", "1_0"), ("integer", ""), ("time", "soon"), ("amount", " 1")]
)
def test_values_that_cannot_be_compared_are_told(field_type: str, value: str):
    with pytest.raises(ValueError, match="is not"):
        check(Condition("f", "eq", value), field_type)
    check(Condition("f", "contains", value), field_type)


@given(st.lists(st.tuples(st.sampled_from(["1", "2.0", "2", "-1E3", None, "odd"]), st.text(max_size=2)), max_size=8))
def test_an_order_turned_around_keeps_what_is_missing_last(rows: list[tuple[str | None, str]]):
    import json
    from decimal import Decimal

    bodies = [json.dumps({"f": number, "g": text}).encode() for number, text in rows]
    for falling in (False, True):
        matcher = Matcher(Query("any", sort=(("f", falling), ("g", False))), {"f": "amount"})
        got = [rows[bodies.index(body)] for body in sorted(bodies, key=matcher.sort_key)]
        numbers = [Decimal(number) for number, _ in got if number not in (None, "odd")]
        assert numbers == sorted(numbers, reverse=falling)
        assert all(number in (None, "odd") for number, _ in got[len(numbers) :])
