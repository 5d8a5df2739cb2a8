"""Amounts: what is read, what is refused, what is written; `decimal` is the judge."""

from decimal import Context, Decimal, Inexact, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontree import money

EXACT = Context(prec=10_000, traps=[Inexact], Emax=99_999, Emin=-99_999)
ONE = money.UNIT


def scaled(text: str) -> Decimal:
    """The amount as `decimal` reads it."""
    return EXACT.multiply(EXACT.create_decimal(text), Decimal(ONE))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("-0", 0),
        ("0.000", 0),
        ("0e9999", 0),
        ("0E-9999", 0),
        ("1", ONE),
        ("+1", ONE),
        ("-1", -ONE),
        ("00001", ONE),
        ("0.0052", 5_200_000_000),
        ("1.666E-4", 166_600_000),
        ("7.0E-7", 700_000),
        ("1e2", 100 * ONE),
        ("1E+2", 100 * ONE),
        (".5", ONE // 2),
        ("5.", 5 * ONE),
        ("1E-12", 1),
        ("-1E-12", -1),
        ("0.000000000001", 1),
        ("0.0000000000010", 1),
        ("0.00000000000100000000", 1),
        ("10E-13", 1),
        ("1000000000000E-24", 1),
        ("0.001e-9", 1),
        ("999999999999", 999_999_999_999 * ONE),
        ("999999999999.999999999999", 10**24 - 1),
        ("-999999999999.999999999999", 1 - 10**24),
        ("0.0000000000001e13", ONE),
        ("0" * 99 + "7", 7 * ONE),
    ],
)
def test_decimals_are_read(text: str, amount: int):
    assert money.read(text) == amount == scaled(text)


SHAPE, DIGITS, SIZE = "is not a decimal", "more than 12 digits", "10^12 or more"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, SHAPE)
            for text in ("", ".", "-", "+", "e5", ".e5", "-.", "1e", "1e+", "1.2.3", "1e1.5", "--1", "+-1")
        ),
        *((text, SHAPE) for text in (" 1", "1 ", "1 000", "1_000", "1,5", "1,000.00", "$1", "1 USD", "0x10", "1\n")),
        *(
            (text, SHAPE)
            for text in ("NaN", "nan", "sNaN", "Infinity", "-inf", "true", "null", "None", "\u0661", "\uff11", "½")
        ),
        *((text, SHAPE) for text in ("1e99999", "1e-99999", "0" * 101, "1" + "0" * 5000)),
        *((text, DIGITS) for text in ("1E-13", "0.0000000000001", "0.1234567890123", "1e-9999", "123456789E-21")),
        ("1.0000000000001", DIGITS),
        *((text, SIZE) for text in ("1000000000000", "-1000000000000", "1e12", "1e400", "-1E9999", "0.1e13", "9" * 99)),
        ("999999999999.9999999999991e1", SIZE),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, reason: str):
    with pytest.raises(ValueError) as error:
        money.read(text)
    assert reason in str(error.value)


SIGNS, DIGIT = st.sampled_from(["", "+", "-"]), st.sampled_from("0123456789")
DECIMALS = st.builds(
    lambda sign, whole, point, fraction, exponent: f"{sign}{whole}{point and point + fraction}{exponent}",
    SIGNS,
    st.text(DIGIT, min_size=1, max_size=14),
    st.sampled_from(["", "."]),
    st.text(st.sampled_from("00001239"), max_size=15),
    st.one_of(st.just(""), st.integers(-30, 30).map("e{}".format), st.integers(0, 20).map("E+{}".format)),
)


@given(DECIMALS)
def test_what_is_read_and_refused_is_what_decimal_says(text: str):
    value = scaled(text)
    with localcontext(EXACT):
        fits = value == value.to_integral_value() and abs(value) < money.LIMIT
    if fits:
        assert money.read(text) == int(value)
    else:
        with pytest.raises(ValueError, match=r"digits after the point|10\^12 or more"):
            money.read(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.000000"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
        (ONE, "1.000000"),
        (-ONE // 2, "-0.500000"),
        (5_200_000_000, "0.005200"),
        (212_800_000_000, "0.212800"),
        (166_600_000, "0.0001666"),
        (700_000, "0.0000007"),
        (1_000_000, "0.000001"),
        (1_000_010, "0.00000100001"),
        (10**24 - 1, "999999999999.999999999999"),
        (10**30, "1000000000000000000.000000"),
        (-(10**40) - 1, "-10000000000000000000000000000.000000000001"),
    ],
)
def test_six_decimals_and_as_many_more_as_it_takes(amount: int, text: str):
    assert money.text(amount) == text


@given(st.integers(-(10**40), 10**40))
def test_written_amounts_are_plain_and_exact(amount: int):
    text = money.text(amount)
    assert scaled(text) == amount
    whole, _, fraction = text.partition(".")
    assert whole.lstrip("-").isdigit()
    assert len(fraction) == 6 or (6 < len(fraction) <= 12 and fraction[-1] != "0")


@given(st.integers(1 - 10**24, 10**24 - 1))
def test_what_is_written_is_read_again(amount: int):
    assert money.read(money.text(amount)) == amount


@pytest.mark.parametrize("units", [0, 1, -1, 999_999_999_999, -999_999_999_999])
def test_whole_units(units: int):
    assert money.from_int(units) == money.read(str(units)) == units * ONE


@pytest.mark.parametrize("units", [10**12, -(10**12), 10**30, 10**4000])
def test_too_many_whole_units(units: int):
    with pytest.raises(ValueError, match=r"is 10\^12 or more"):
        money.from_int(units)


@given(st.lists(st.dictionaries(st.sampled_from(["USD", "EUR", "GBP"]), st.integers(-(10**24), 10**24))))
def test_totals_add_up_by_currency(parts: list[money.Totals]):
    totals: money.Totals = {}
    for part in parts:
        money.add(totals, part)
    named = {currency for part in parts for currency in part}
    assert totals == {currency: sum(part.get(currency, 0) for part in parts) for currency in named}


def test_a_total_may_grow_beyond_the_limit_of_one_amount():
    totals = {"USD": money.LIMIT - 1}
    for _ in range(3):
        money.add(totals, {"USD": money.LIMIT - 1, "EUR": 0})
    assert totals == {"USD": 4 * money.LIMIT - 4, "EUR": 0}
    assert money.text(totals["USD"]) == "3999999999999.999999999996"


@pytest.mark.parametrize(
    ("exact", "decimals", "text"),
    [
        ("0.00005", 4, "0.0001"),
        ("-0.00005", 4, "-0.0001"),
        ("0.000049999999", 4, "0.0000"),
        ("-0.000049999999", 4, "0.0000"),
        ("9.99995", 4, "10.0000"),
        ("1.25", 1, "1.3"),
        ("0.123456789012", 12, "0.123456789012"),
    ],
)
def test_rounding_for_show(exact: str, decimals: int, text: str):
    assert money.rounded(money.read(exact), decimals) == text
