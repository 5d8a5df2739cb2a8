"""Exports as lines: CSV and NDJSON. The last line says that nothing is missing, and what the rows add up to."""

from datetime import datetime

import msgspec

from sessiontree import csv_text, money
from sessiontree.export.columns import Kind, Layout, Place, Value, sums_text, time_text
from sessiontree.export.tally import Tally
from sessiontree.query import value_text

END = "#end"
"""Begins the last line of a CSV export, in the column of the session id."""
_encode = msgspec.json.Encoder().encode


class Csv:
    """A line of column names, a line for each event, and the line `#end`."""

    media_type = "text/csv; charset=utf-8"
    suffix = "csv"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._kinds = [column.kind for column in layout.columns]

    def begin(self) -> bytes:
        """The names of the columns."""
        return csv_text.line([column.name for column in self.layout.columns]).encode()

    def row(self, place: Place) -> bytes:
        """The line of an event."""
        values = self.layout.values(place)
        return csv_text.line(map(csv_cell, values, self._kinds)).encode()

    def end(self, tally: Tally) -> bytes:
        """The last line. Its words are in columns of text, so that adding up a column of amounts is not led astray."""
        said = f"rows={tally.rows} sessions={tally.sessions} sum={sums_text(tally.sums) or 0}"
        cells = [END, "complete", said + " changed" * tally.changed]
        return csv_text.line([*cells, *[None] * (len(self._kinds) - len(cells))]).encode()


class Ndjson:
    """A JSON object for each event, and one that holds the `trailer`. Amounts are strings, as in the API."""

    media_type = "application/x-ndjson"
    suffix = "ndjson"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._columns = [(column.name, column.kind) for column in layout.columns]

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def row(self, place: Place) -> bytes:
        """The line of an event."""
        values = self.layout.values(place)
        named = {name: _json(value, kind) for (name, kind), value in zip(self._columns, values, strict=True)}
        return _encode(named) + b"\n"

    def end(self, tally: Tally) -> bytes:
        """The last line."""
        return _encode({"trailer": trailer(tally)}) + b"\n"


def trailer(tally: Tally) -> dict[str, object]:
    """What the end of an export says."""
    sums = [{"total": money.text(tally.sums[code]), "currency": code} for code in sorted(tally.sums)]
    counts = {"rows": tally.rows, "sessions": tally.sessions, "changed": tally.changed}
    return {"complete": True, **counts, "sum": sums}


def csv_cell(value: Value, kind: Kind) -> str | None:
    """A value as the text of a cell."""
    if kind == "amount" and isinstance(value, int):
        return money.text(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, bytes):
        return value_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _json(value: Value, kind: Kind) -> object:
    if kind == "amount" and isinstance(value, int):
        return money.text(value)
    if isinstance(value, bytes):
        return msgspec.Raw(msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value)
    return value
