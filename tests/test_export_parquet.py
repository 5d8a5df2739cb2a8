"""Exports as Parquet: types, values, the trailer in the footer, and what happens without pyarrow."""

import io
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sessiontree.export import Export
from sessiontree.export import parquet as parquet_form
from sessiontree.export.columns import Layout
from sessiontree.export.parquet import TRAILER, Parquet, ParquetMissing
from stores import NewStore
from test_export import CALL, CONFERENCE, stored, tree_of

LARGEST = "999999999999.999999999999"


def read(new_store: NewStore, records, *tops: tuple[str, str], layout: Layout) -> pq.ParquetFile:
    with stored(new_store, records) as store:
        pieces = list(Export(Parquet(layout)).chunks(tree_of(store, *top) for top in tops))
    return pq.ParquetFile(io.BytesIO(b"".join(pieces)))


def test_rows_are_those_of_the_other_formats(new_store: NewStore):
    rows = read(new_store, CALL, ("call-session", "s1"), layout=Layout(("model", "tokens"))).read().to_pylist()
    assert [row["id"] for row in rows] == ["s1", "c1", "a1", "i1", "i2", "i3"]
    assert rows[3] == {
        "session_id": "s1", "session_type": "call-session", "path": "s1/c1/a1/i1", "depth": 3, "parent_id": "a1",
        "parent_type": "ai-voice-assistant", "relationship": "conversation_id=conversation_id",
        "record_type": "inference", "id": "i1", "product": "inference", "event": "inference-event", "started_at": None,
        "finished_at": None, "event_cost": Decimal("0.000142100000"), "cumulative_cost": Decimal("0.000142100000"),
        "currency": "USD", "cost_status": "rated", "other_currencies": None, "model": "=HYPERLINK(1)", "tokens": "12",
    }  # fmt: skip
    assert rows[1]["finished_at"] == datetime(2026, 3, 17, 10, 2, 32, 500_000, UTC)
    assert rows[4]["event_cost"] == -2


def test_columns_have_exact_types(new_store: NewStore):
    schema = read(new_store, [], layout=Layout(("model",), visitors=True)).schema_arrow
    types = {str(field.type) for field in schema}
    assert types == {"string", "int32", "bool", "timestamp[us, tz=UTC]", "decimal128(38, 12)"}
    assert schema.field("event_cost").type == pa.decimal128(38, 12)
    assert (schema.names[-3:], str(schema.field("elsewhere").type)) == (["elsewhere", "also_in", "model"], "bool")


def test_the_largest_amounts_add_up(new_store: NewStore):
    costs = [LARGEST, LARGEST, "-" + LARGEST, "0.000000000001"]
    turns = [{"record_type": "inference", "id": f"i{at}", "conversation_id": "t1", "cost": cost}
             for at, cost in enumerate(costs)]  # fmt: skip
    top = {"record_type": "ai-voice-assistant", "id": "a1", "conversation_id": "t1", "cost": LARGEST}
    table = read(new_store, [top, *turns], ("ai-voice-assistant", "a1"), layout=Layout()).read()
    assert sum(table["event_cost"].to_pylist()) == table["cumulative_cost"][0].as_py() == 2 * 10**12 - Decimal("1e-12")


def test_the_footer_says_what_it_adds_up_to(new_store: NewStore):
    file = read(new_store, CALL + CONFERENCE, ("call-session", "s1"), ("conference", "k1"), layout=Layout())
    assert json.loads(file.metadata.metadata[TRAILER]) == {
        "complete": True, "rows": 9, "sessions": 2, "changed": False,
        "sum": [{"total": "-2.000000", "currency": "EUR"}, {"total": "0.9353421", "currency": "USD"}],
    }  # fmt: skip


def test_rows_are_written_in_groups(new_store: NewStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet_form, "GROUP_ROWS", 4)
    file = read(new_store, CALL + CONFERENCE, ("call-session", "s1"), ("conference", "k1"), layout=Layout())
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [4, 4, 1]
    assert file.read()["id"].to_pylist() == ["s1", "c1", "a1", "i1", "i2", "i3", "p1", "k1", "p2"]


def test_a_part_of_a_file_is_no_file(new_store: NewStore):
    with stored(new_store, CALL) as store:
        pieces = b"".join(Export(Parquet(Layout())).chunks([tree_of(store, "call-session", "s1")]))
    with pytest.raises(pa.ArrowInvalid):
        pq.ParquetFile(io.BytesIO(pieces[:-100]))


def test_without_pyarrow_a_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ParquetMissing, match=r"pip install 'sessiontree\[parquet\]'"):
        Parquet(Layout())
