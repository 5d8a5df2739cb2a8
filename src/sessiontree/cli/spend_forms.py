"""Spend as the command line shows it: a table with bars for people, JSON and CSV for programs.

Texts end with their line.
"""

from collections.abc import Iterator, Sequence

import msgspec

from sessiontree import money
from sessiontree.cli.common import paint
from sessiontree.spending import Grouping, answer_json, totals_of
from sessiontree.store.spend import SpendRow
from sessiontree.text import Column, exact, plain

BAR_CELLS = 20
_VALUE_CHARS_MAX = 60
_EIGHTHS = " ▏▎▍▌▋▊▉"


def json_lines(rows: Sequence[SpendRow], grouping: Grouping, zone_name: str) -> Iterator[bytes]:
    """The answer of the API."""
    yield msgspec.json.encode(answer_json(rows, grouping, zone_name)) + b"\n"


def table_lines(rows: Sequence[SpendRow], grouping: Grouping, *, colours: bool) -> Iterator[str]:
    """A line for each row below the titles, then what all of them add up to."""
    painter = paint if colours else plain
    if rows:
        largest: dict[str | None, int] = {}
        for row in rows:
            largest[row.currency] = max(row.amount, largest.get(row.currency, 0))
        titles = (*grouping.names, "total", "", "", "records", "quantity", "", "average rate", "")
        cells = [titles, *(_cells(row, largest[row.currency]) for row in rows)]
        roles = ("",) * len(grouping.names) + ("amount", "note", "type", "", "", "note", "note", "problem")
        totals = Column([each[len(grouping.names)] for each in cells])
        widths = [max(len(each[at]) for each in cells) for at in range(len(titles))]
        for each in cells:
            fitted = [
                totals.fit(cell) if at == len(grouping.names) else f"{cell:{_side(titles[at])}{widths[at]}}"
                for at, cell in enumerate(each)
            ]
            yield "  ".join(painter(r, c) if r else c for r, c in zip(roles, fitted, strict=True)).rstrip() + "\n"
    yield ("\n" if rows else "") + painter("title", _summary(rows)) + "\n"


def _side(title: str) -> str:
    return ">" if title in ("records", "quantity") else "<"


def _cells(row: SpendRow, largest: int) -> tuple[str, ...]:
    rate = "" if row.average_rate is None else f"{exact(row.average_rate)} per {row.unit}"
    return (
        *("-" if value is None else _printable(value) for value in row.group),
        exact(row.amount),
        row.currency or "",
        bar(row.amount, largest),
        f"{row.event_count:,}",
        "" if row.quantity is None else money.plain(row.quantity),
        row.unit or "",
        rate,
        f"! {row.unpriced_count:,} unpriced" if row.unpriced_count else "",
    )


def _printable(text: str) -> str:
    """A field's value for a terminal: on one line, without anything that it would obey, and not too long."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= _VALUE_CHARS_MAX else shown[: _VALUE_CHARS_MAX - 3] + "..."


def bar(amount: int, largest: int) -> str:
    """A bar whose length is the amount's part of the largest one; none for zero and for credits."""
    if amount <= 0:
        return ""
    full, eighths = divmod(max(1, amount * BAR_CELLS * 8 // largest), 8)
    return "█" * full + _EIGHTHS[eighths].strip()


def _summary(rows: Sequence[SpendRow]) -> str:
    if not rows:
        return "No records."
    totals = sorted(totals_of(rows).items())
    sums = " + ".join(f"{exact(amount)} {currency}" for currency, amount in totals) or "no costs"
    records, unpriced = sum(row.event_count for row in rows), sum(row.unpriced_count for row in rows)
    counted = "1 record" if records == 1 else f"{records:,} records"
    return f"{counted} together, {sums}" + (f"; {unpriced:,} unpriced" if unpriced else "")
