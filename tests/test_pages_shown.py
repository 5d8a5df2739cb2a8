"""How pages write amounts, moments and durations; where bars lie on the time axis."""

from datetime import UTC, datetime, timedelta

import pytest

from sessiontree import money
from sessiontree.pages import shown
from sessiontree.pages.axis import Axis

START = datetime(2026, 3, 17, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exact", "currency", "text"),
    [
        ("0.2128", "USD", "$0.2128"),
        ("0.21285", "USD", "$0.2129"),
        ("-0.21285", "USD", "−$0.2129"),  # noqa: RUF001
        ("0.00005", "USD", "$0.0001"),
        ("0.00004999", "USD", "<$0.0001"),
        ("-0.000000000001", "EUR", "−<€0.0001"),  # noqa: RUF001
        ("0", "USD", "$0.0000"),
        ("999.99999", "GBP", "£1,000.0000"),
        ("1234567.5", "JPY", "1,234,567.5000 JPY"),
        ("123456789012.999999999999", "USD", "$123,456,789,013.0000"),
    ],
)
def test_amounts_are_rounded_for_show_and_say_so(exact: str, currency: str, text: str):
    amount = money.read(exact)
    assert shown.amount_text(amount, currency) == text
    rounded = amount % (money.UNIT // 10_000) != 0
    assert (f'title="{money.text(amount)} {currency}"' in shown.amount(amount, currency)) == rounded


@pytest.mark.parametrize(
    ("exact", "text"),
    [
        ("1", "1 token"),
        ("7085652", "7,085,652 tokens"),
        ("0.5", "0.5 tokens"),
        ("-1", "−1 tokens"),  # noqa: RUF001
    ],
)
def test_quantities_are_exact(exact: str, text: str):
    assert shown.quantity(money.read(exact), "token") == text


def test_a_currency_is_shown_as_text():
    assert shown.amount(1, "<b>") == '<span title="0.000000000001 &lt;b&gt;">&lt;0.0001 &lt;b&gt;</span>'
    assert shown.amount(money.UNIT, "<b>") == "1.0000 &lt;b&gt;"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 3, "33.3%"), (2, 3, "66.7%"), (1, 1, "100.0%"), (1, 10**6, "<0.1%"), (0, 5, "0.0%"), (1, 0, ""), (-1, 5, "")],
)
def test_shares(part: int, whole: int, text: str):
    assert shown.percent(part, whole) == text
    assert (shown.width(part, whole) > 0) == (part > 0 and whole > 0)
    assert shown.width(part, whole) <= 100


@pytest.mark.parametrize(
    ("seconds", "text", "on_an_axis"),
    [
        (0, "0 s", "0 s"),
        (1.5, "1.5 s", "1.5 s"),
        (38, "38 s", "38 s"),
        (37.5, "37.5 s", "38 s"),
        (152, "2 min 32 s", "2:32"),
        (240, "4 min", "4:00"),
        (3723, "1 h 2 min", "1:02:03"),
        (7200, "2 h", "2:00:00"),
        (266_400, "3 d 2 h", "3 d 2 h"),
        (172_800, "2 d", "2 d"),
    ],
)
def test_durations(seconds: float, text: str, on_an_axis: str):
    span = timedelta(seconds=seconds)
    assert (shown.duration(span), shown.tick(span, span)) == (text, on_an_axis)


def test_moments_are_in_utc():
    moment = datetime(2026, 1, 1, 0, 30, 5, 250_000, tzinfo=UTC).astimezone()
    assert (shown.day(moment), shown.clock(moment)) == ("1 Jan 2026", "00:30:05.25 UTC")
    assert shown.clock(START) == "10:00:00 UTC"


def test_a_products_colour_is_the_same_everywhere_and_always_one_of_them():
    assert shown.color("inference") == 1
    assert {shown.color(f"product {number}") for number in range(1000)} == set(range(shown.COLORS))


@pytest.mark.parametrize(
    ("start", "finish", "going", "expected"),
    [
        (0, 100, False, ("bar", "0", "100", "in")),
        (25, 30, False, ("bar", "25", "5", "after")),
        (90, 95, False, ("bar", "90", "5", "before")),
        (40, None, False, ("point", "40", "0", "after")),
        (40, 30, False, ("point", "40", "0", "after")),
        (60, None, True, ("going", "60", "40", "in")),
        (-50, 50, False, ("bar", "0", "50", "in")),
    ],
)
def test_bars_lie_where_their_times_are(
    start: int, finish: int | None, going: bool, expected: tuple[str, str, str, str]
):
    axis = Axis(START, timedelta(seconds=100), START + timedelta(seconds=100))
    bar = axis.bar(at(start), None if finish is None else at(finish), going=going)
    assert bar is not None
    assert (bar.kind, bar.left, bar.width, bar.side) == expected


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (2, ["0 s", "0.5 s", "1 s", "1.5 s", "2 s"]),
        (152, ["0:00", "0:38", "1:16", "1:54", "2:32"]),
        (7446, ["0:00:00", "1:02:03", "2:04:06"]),
        (457_920, ["0 d", "2 d 15 h", "5 d 7 h"]),
    ],
)
def test_what_stands_above_an_axis_has_one_notation_and_room(seconds: int, ticks: list[str]):
    assert Axis(START, timedelta(seconds=seconds), START).ticks() == ticks


def test_an_axis_without_time_has_no_ticks_and_takes_no_bar_without_a_start():
    assert Axis(None, timedelta(), START).ticks() == []
    assert Axis(None, timedelta(), START).bar(START, START, going=False) is None
    point = Axis(START, timedelta(), START)
    assert point.ticks() == []
    assert point.bar(None, START, going=False) is None
    assert point.bar(START, START, going=False).kind == "point"  # type: ignore[union-attr]
