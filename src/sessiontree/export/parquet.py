"""Exports as Parquet, by way of pyarrow (the extra `[parquet]`). Amounts are decimals of 12 places, exactly.

Rows are kept back until they fill a row group. The footer, without which no reader opens the file, carries what the
last line of the other formats says, as JSON under `sessiontree.trailer`.
"""

import io
from collections.abc import Sequence
from typing import Any

import msgspec

from sessiontree.errors import SessiontreeError
from sessiontree.export.columns import Column, Layout, Place, Value
from sessiontree.export.lines import trailer
from sessiontree.export.tally import Tally
from sessiontree.money import DECIMALS
from sessiontree.query import value_text

GROUP_ROWS = 10_000
TRAILER = b"sessiontree.trailer"


class ParquetMissing(SessiontreeError):
    """What writes Parquet is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Parquet needs pyarrow, which is not installed here: pip install 'sessiontree[parquet]', "
            "or choose another format"
        )


class Parquet:
    """A Parquet file; see `Form` for what its methods give."""

    media_type = "application/vnd.apache.parquet"
    suffix = "parquet"

    def __init__(self, layout: Layout) -> None:
        try:
            import pyarrow.parquet  # type: ignore[import-untyped]
        except ImportError:
            raise ParquetMissing from None
        self.layout = layout
        self._arrow = pyarrow
        self._columns = layout.columns
        self._rows: list[tuple[Value, ...]] = []
        self._sink = _Sink()
        fields = [(column.name, self._type(column)) for column in self._columns]
        self._writer = pyarrow.parquet.ParquetWriter(self._sink, pyarrow.schema(fields), compression="zstd")

    def begin(self) -> bytes:
        """The mark by which a Parquet file is known."""
        return self._sink.take()

    def row(self, place: Place) -> bytes:
        """A whole row group now and then."""
        self._rows.append(self.layout.values(place))
        return self._flushed() if len(self._rows) >= GROUP_ROWS else b""

    def end(self, tally: Tally) -> bytes:
        """The last row group, and the footer."""
        last = self._flushed() if self._rows else b""
        self._writer.add_key_value_metadata({TRAILER: msgspec.json.encode(trailer(tally))})
        self._writer.close()
        return last + self._sink.take()

    def _flushed(self) -> bytes:
        values = zip(*self._rows, strict=True)
        arrays = [self._array(column, each) for column, each in zip(self._columns, values, strict=True)]
        self._rows = []
        self._writer.write_table(self._arrow.table(arrays, schema=self._writer.schema), row_group_size=GROUP_ROWS)
        return self._sink.take()

    def _type(self, column: Column) -> Any:
        arrow = self._arrow
        types = {
            "integer": arrow.int32(),
            "flag": arrow.bool_(),
            "time": arrow.timestamp("us", tz="UTC"),
            "amount": arrow.decimal128(38, DECIMALS),
        }
        return types.get(column.kind, arrow.string())

    def _array(self, column: Column, values: Sequence[Any]) -> Any:
        type = self._type(column)
        if column.kind == "amount":  # what Parquet calls the unscaled value is our own int
            packed = b"".join([amount.to_bytes(16, "little", signed=True) for amount in values])
            return self._arrow.Array.from_buffers(type, len(values), [None, self._arrow.py_buffer(packed)])
        if column.kind == "json":
            values = [value_text(value) for value in values]
        return self._arrow.array(values, type=type)


class _Sink(io.RawIOBase):
    """Takes what pyarrow writes until it is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def take(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
