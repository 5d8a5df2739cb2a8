"""Amounts, moments, durations and counts as the pages write them.

This is the one place where an amount is rounded, and only for show: the exact one goes with it as a title wherever the
two differ. What is not zero never shows as zero.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zlib import crc32

from markupsafe import Markup, escape

from sessiontree import money

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
DECIMALS = 4
COLORS = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STEP = money.UNIT // 10**DECIMALS
_KNOWN_COLORS = {
    "ai-voice-assistant": 0,
    "inference": 1,
    "siptrunking-cdrs": 2,
    "call-session": 2,
    "webrtc-cdrs": 3,
    "callcontrol-cdrs": 4,
    "recording-cdrs": 5,
    "speech-to-text": 6,
    "text-to-speech": 7,
    "amd": 8,
    "conference": 9,
    "messaging": 10,
    "programmable-video": 11,
}


@lru_cache(maxsize=65536)
def amount(value: int, currency: str) -> Markup:
    """An amount in its currency, with four decimals: `$0.2128`; the exact one as a title where it was rounded."""
    text = amount_text(value, currency)
    if value % _STEP == 0:
        return escape(text)
    return Markup('<span title="{}">{}</span>').format(exact(value, currency), text)


_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


def amount_text(value: int, currency: str) -> str:
    """An amount in its currency, as plain text."""
    number = money.rounded(value, DECIMALS)
    sign = "−" if value < 0 else ""  # noqa: RUF001 (as wide as a figure)
    if value and not number.strip("-0."):
        sign, number = ("−<" if sign else "<"), money.rounded(_STEP, DECIMALS)  # noqa: RUF001
    number = _grouped(number.removeprefix("-"))
    return f"{sign}{SIGNS[currency]}{number}" if currency in SIGNS else f"{sign}{number} {currency}"


def round_amount(value: int, currency: str) -> str:
    """An amount that is round, such as one on an axis, with no more digits than it needs: `$7.5`."""
    number = _grouped(money.plain(abs(value)))
    sign = "−" if value < 0 else ""  # noqa: RUF001
    return f"{sign}{SIGNS[currency]}{number}" if currency in SIGNS else f"{sign}{number} {currency}"


def exact(value: int, currency: str) -> str:
    """An amount as the API writes it, and its currency."""
    return f"{money.text(value)} {currency}"


def quantity(value: int, unit: str) -> str:
    """So much of a unit, to the last digit: `7,085,652 tokens`."""
    sign = "−" if value < 0 else ""  # noqa: RUF001
    return f"{sign}{_grouped(money.plain(abs(value)))} {unit}{'' if value == money.UNIT else 's'}"


def _grouped(number: str) -> str:
    whole, point, fraction = number.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def percent(part: int, whole: int) -> str:
    """A share, in whole numbers down to the last step; empty where there is no whole to share in."""
    if whole <= 0 or part < 0:
        return ""
    tenths = (1000 * part + whole // 2) // whole
    return f"{tenths // 10}.{tenths % 10}%" if tenths or not part else "<0.1%"


def width(part: int, whole: int) -> float:
    """A share in percent, for the width of a bar: from 0 to 100, and above 0 for what is not nothing."""
    if whole <= 0 or part <= 0:
        return 0.0
    return min(-(-100_00 * part // whole), 100_00) / 100


def day(moment: datetime) -> str:
    """The day of a moment: `17 Mar 2026`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def clock(moment: datetime) -> str:
    """The time of day of a moment: `10:00:00 UTC`, with as many decimals as it has, three at most."""
    moment = moment.astimezone(UTC)
    millis = f".{moment.microsecond // 1000:03d}".rstrip("0") if moment.microsecond >= 1000 else ""
    return f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}{millis} UTC"


def instant(moment: datetime) -> Markup:
    """Day and time of a moment, with the machine's form of it."""
    return Markup('<time datetime="{}">{} {}</time>').format(_machine(moment), day(moment), clock(moment))


def _machine(moment: datetime) -> str:
    """A moment as HTML takes it: with three decimals of a second at most."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "auto")


def minute(moment: datetime) -> Markup:
    """Day and time of a moment to the minute, with the machine's form of it."""
    at = moment.astimezone(UTC)
    text = Markup('<time datetime="{}" title="{}">{} {:02d}:{:02d} UTC</time>')
    return text.format(_machine(moment), clock(moment), day(moment), at.hour, at.minute)


def duration(span: timedelta) -> str:
    """A duration in words: `2 min 32 s`, `1 h 4 min`, `3 d 2 h`, `1.5 s`."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    whole = int(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        parts = [(minutes, "min"), (whole % 60, "s")]
    elif hours < 24:
        parts = [(hours, "h"), (minutes % 60, "min")]
    else:
        parts = [(days, "d"), (hours % 24, "h")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def tick(span: timedelta, end: timedelta) -> str:
    """A duration on an axis, written as fits the axis' end: `38 s`, `0:38`, `0:00:38`, `3 d 2 h`."""
    seconds = span.total_seconds()
    if end < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    if end >= 48 * _HOUR:
        return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
    return f"{hours}:{minutes % 60:02d}:{whole % 60:02d}" if end >= _HOUR else f"{minutes}:{whole % 60:02d}"


def count(number: int) -> str:
    """A whole number with commas: `1,840`."""
    return f"{number:,}"


def events(number: int) -> str:
    """So many events."""
    return "1 event" if number == 1 else f"{number:,} events"


def color(product: str) -> int:
    """The number of a product's colour, the same on every page; several products share each."""
    known = _KNOWN_COLORS.get(product)
    return crc32(product.encode()) % COLORS if known is None else known


FILTERS = {"day": day, "clock": clock, "instant": instant, "duration": duration, "count": count, "events": events}
FILTERS |= {"minute": minute, "color": color}
