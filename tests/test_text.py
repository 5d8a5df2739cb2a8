"""The text form of a tree: what each line says, also about odd sessions. Whole trees are compared in test_examples."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli_help import STEP
from sessiontree import catalog_files, money
from sessiontree.analysis import Analysis
from sessiontree.reading import Reader
from sessiontree.store import open_store
from sessiontree.text import exact, tree_lines

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


def text_of(
    where: str, asked: tuple[str, str], records: Sequence[dict[str, Any]], depth_max: int | None = None
) -> list[str]:
    """The lines of the tree that these records give, from a new store."""
    store = open_store(where, catalog_files.load())
    reader = Reader(store.catalog)
    store.add("default", [reader.read(msgspec.json.encode(record)) for record in records], NOW)
    tree = Analysis(store).tree("default", store.catalog.resolve(asked[0]), asked[1])
    lines = list(tree_lines(tree, now=NOW, depth_max=depth_max))
    store.close()
    return lines


def leg(id: str, **fields: Any) -> dict[str, Any]:
    return {"record_type": "call-control", "id": id, "telnyx_leg_id": id, "telnyx_session_id": "s", **fields}


def assistant(id: str, on: str, **fields: Any) -> dict[str, Any]:
    return {"record_type": "ai-voice-assistant", "id": id, "telnyx_leg_id": on, **fields}


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.0000"),
        ("1", "1.0000"),
        ("0.2128", "0.2128"),
        ("0.0942421", "0.0942421"),
        ("-0.05", "-0.0500"),
        ("1E-12", "0.000000000001"),
        ("999999999999.999999999999", "999999999999.999999999999"),
    ],
)
def test_amounts_are_exact_with_four_decimals_at_least(amount: str, text: str):
    assert exact(money.read(amount)) == text


def test_points_are_below_each_other_and_words_to_the_right(where: str):
    records = [leg("a", cost="12.5"), leg("b", cost="1E-9"), leg("c", cost=None), assistant("d", "c", cost="-0.25")]
    assert text_of(where, ("call-session", "s"), records)[:6] == [
        "                                       own    cumulative",
        "call-session s                 0.0000       12.250000001 USD  (unpriced below: 1 event)",
        "├── call-control a            12.5000       12.5000      USD",
        "├── call-control b             0.000000001   0.000000001 USD",
        "└── call-control c                unpriced  -0.2500      USD",
        "    └── ai-voice-assistant d  -0.2500       -0.2500      USD",
    ]


def test_a_cut_says_what_it_hides_and_changes_no_amount(where: str):
    records = [leg("a", cost="0.01"), assistant("b", "a", cost="0.02"), assistant("c", "a", cost="3", currency="EUR")]
    lines = text_of(where, ("call-session", "s"), records, depth_max=1)
    assert lines[:4] == [
        "                                   own  cumulative",
        "call-session s                  0.0000      0.0300 USD + 3.0000 EUR",
        "└── call-control a              0.0100      0.0300 USD + 3.0000 EUR",
        "    └── ... 2 events not shown              0.0200 USD + 3.0000 EUR",
    ]
    assert "Total      0.0300 USD + 3.0000 EUR" in lines
    assert "Events     4" in lines


def test_a_cut_at_the_root_shows_the_root(where: str):
    lines = text_of(where, ("call-session", "s"), [leg("a", cost="0.01")], depth_max=0)
    assert [line.split("  ")[0] for line in lines[1:3]] == ["call-session s", "└── ... 1 event not shown"]


def test_what_is_not_over_is_in_progress(where: str):
    start = (NOW - timedelta(hours=1)).isoformat()
    lines = text_of(where, ("call-control", "a"), [leg("a", started_at=start, cost="0.01")])
    assert "Started    2026-04-01 11:00:00 UTC, in progress" in lines
    assert not any(line.startswith("Duration") for line in lines)


def test_fractions_of_seconds_show(where: str):
    times = {"started_at": "2026-03-01T08:00:00.25+01:00", "finished_at": "2026-03-01T07:00:01.5Z"}
    lines = text_of(where, ("call-control", "a"), [leg("a", cost="0.01", **times)])
    assert "Started    2026-03-01 07:00:00.25 UTC" in lines
    assert "Duration   1.25 s" in lines


def test_a_start_that_nobody_knows_is_not_made_up(where: str):
    unknown = text_of(where, ("call-session", "s"), [leg("a", cost="1")])
    assert "Started    unknown (received 2026-04-01 12:00:00 UTC)" in unknown
    assert [line for line in unknown if line.startswith("Duration")] == []
    known_below = [leg("a"), assistant("b", "a", created_at="2026-03-01T10:00:00Z")]
    assert "Started    2026-03-01 10:00:00 UTC" in text_of(where, ("call-control", "a"), known_below)


def test_a_deep_chain_is_shown_whole(tmp_path: Path, where: str):
    folder = tmp_path / "types"
    folder.mkdir()
    (folder / "step.toml").write_text(STEP)
    store = open_store(where, catalog_files.load(folder))
    reader = Reader(store.catalog)
    bodies = [
        {"record_type": "step", "id": str(n), "under": str(n - 1) if n else None, "cost": "0.1"} for n in range(500)
    ]
    store.add("default", [reader.read(msgspec.json.encode(body)) for body in bodies], NOW)
    tree = Analysis(store).tree("default", store.catalog.resolve("step"), "0")
    lines = list(tree_lines(tree, now=NOW))
    store.close()
    assert len(lines[1 : lines.index("")]) == 500
    assert "Total      50.0000 USD" in lines
    assert lines[500].split("step ")[1].split() == ["499", "0.1000", "0.1000", "USD"]
