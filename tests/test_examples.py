"""Every example session gives the same trees, in whatever order its records arrive (versions of one id keep theirs)."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from sessiontree import catalog_files, rendering
from sessiontree.analysis import Analysis
from sessiontree.catalog import Catalog
from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store import Store, open_store
from sessiontree.text import tree_lines
from stores import NewStore

FOLDER = Path(__file__).parent.parent / "examples"
GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ndjson"))
NOW = datetime(2026, 9, 1, tzinfo=UTC)
COMMAND = "$ sessiontree tree "


@cache
def catalog() -> Catalog:
    return catalog_files.load()


def records_of(name: str) -> list[Record]:
    reader = Reader(catalog())
    return [reader.read(line) for line in (FOLDER / f"{name}.ndjson").read_bytes().splitlines()]


def orders(records: list[Record]) -> Iterator[list[Record]]:
    """As they stand, the other way round, and shuffled; records of one id stay in order among themselves."""
    yield records
    yield in_order_of_versions(records[::-1], records)
    dice = random.Random(len(records))
    for _ in range(6):
        yield in_order_of_versions(dice.sample(records, len(records)), records)


def in_order_of_versions(shuffled: list[Record], records: list[Record]) -> list[Record]:
    """The shuffled records, those of one id put into the order in which they stand in `records`."""
    versions: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        versions.setdefault((record.record_type, record.id), []).append(record)
    return [versions[record.record_type, record.id].pop(0) for record in shuffled]


@contextmanager
def opened(new_store: NewStore) -> Iterator[Store]:
    with new_store() as where:
        store = open_store(where, catalog())
        yield store
        store.close()


def trees_of(store: Store, asked: list[tuple[str, str]]) -> str:
    """The text of each tree under the command that prints it: what an example's .tree.txt says."""
    analysis = Analysis(store)
    parts = []
    for record_type, id in asked:
        tree = analysis.tree("default", catalog().resolve(record_type), id)
        parts.append("\n".join([f"{COMMAND}{record_type} {id}", "", *tree_lines(tree, now=NOW)]) + "\n")
    return "\n\n".join(parts)


def asked_in(name: str) -> list[tuple[str, str]]:
    """The commands in an example's tree file."""
    lines = (FOLDER / f"{name}.tree.txt").read_text(encoding="utf-8").splitlines()
    asked = [line.removeprefix(COMMAND).split(" ", 1) for line in lines if line.startswith(COMMAND)]
    assert asked, f"{name}.tree.txt names no tree: begin it with a line such as {COMMAND}TYPE ID"
    return [(record_type, id) for record_type, id in asked]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_its_trees_in_any_order(name: str, new_store: NewStore, golden: Callable[[Path, str], None]):
    asked = asked_in(name)
    for order in orders(records_of(name)):
        with opened(new_store) as store:
            for record in order:
                store.add("default", [record], NOW)
            golden(FOLDER / f"{name}.tree.txt", trees_of(store, asked))


def test_all_examples_together_give_the_same_trees(new_store: NewStore):
    with opened(new_store) as store:
        for name in NAMES:
            store.add("default", records_of(name), NOW)
        for name in NAMES:
            assert trees_of(store, asked_in(name)) == (FOLDER / f"{name}.tree.txt").read_text(encoding="utf-8")


def test_the_api_answer_about_the_guides_call(new_store: NewStore, golden: Callable[[Path, str], None]):
    with opened(new_store) as store:
        store.add("default", records_of("ai-call"), NOW)
        tree = Analysis(store).tree("default", catalog().resolve("call-session"), asked_in("ai-call")[0][1])
        answer = json.loads(rendering.session_json(tree, depth_max=None, records=True, now=NOW))
        golden(GOLDEN / "ai-call.json", json.dumps(answer, indent=2) + "\n")


def test_examples_hold_the_published_figures():
    texts = {name: (FOLDER / f"{name}.tree.txt").read_text(encoding="utf-8") for name in ("ai-call", "two-legs")}
    for line in ("Total      0.2128 USD", "Events     11", "Duration   152 s"):
        assert f"\n{line}\n" in texts["ai-call"]
    assert "\nTotal      0.0942421 USD\n" in texts["two-legs"]


def test_every_example_is_explained():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []
