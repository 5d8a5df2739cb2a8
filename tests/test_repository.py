"""The shape of the repository: who may import whom, how long a module may be, and what no file may say."""

import ast
import json
import re
import subprocess
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
TESTS = ROOT / "tests"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "__pycache__" not in path.parts)
LINES_MAX = 300

HTTP = {"http", "httptools", "httpx", "socket", "starlette", "urllib.request", "uvicorn", "prometheus_client"}
HTTP |= {"sessiontree.http", "sessiontree.wire"}
SQL = {"sqlite3", "sessiontree.store"}
SETTINGS = {"sessiontree.settings"}
FACES = {"click", "rich", "jinja2", "sessiontree.cli", "sessiontree.demo"}

MAY_NOT_REACH = {
    "sessiontree.money": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.record": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.reading": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.catalog": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.catalog_files": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.catalog_checks": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.placement": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.tree": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.text": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.query": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.errors": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.elements": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.sources": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.trial": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.expecting": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.rating": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.unfit": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.audit": HTTP | SETTINGS | FACES,
    "sessiontree.afresh": HTTP | SETTINGS | FACES,
    "sessiontree.verifying": HTTP | SETTINGS | FACES,
    "sessiontree.analysis": HTTP | SETTINGS | FACES,
    "sessiontree.importing": HTTP | SETTINGS | FACES,
    "sessiontree.taking_back": HTTP | SETTINGS | FACES,
    "sessiontree.gathering": HTTP | SETTINGS | FACES,
    "sessiontree.http.writer": (HTTP | SETTINGS | FACES) - {"sessiontree.http"} | {"sessiontree.http.server"},
    "sessiontree.keys": HTTP | SETTINGS | FACES,
    "sessiontree.wire": SQL | SETTINGS | FACES,
    "sessiontree.rendering": SQL | SETTINGS | FACES,
    "sessiontree.csv_text": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.export": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.export.lines": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.export.parquet": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.export.focus": HTTP | SQL | SETTINGS | FACES,
    "sessiontree.export.sessions": HTTP | SETTINGS | FACES,
    "sessiontree.export.forms": HTTP | SETTINGS | FACES,
}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in MODULES}


def imports_in(source: str) -> set[str]:
    """Every dotted name that the source imports, wherever in it: `from a import b` gives both a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full here"
            names.update({node.module or ""}, (f"{node.module}.{alias.name}" for alias in node.names))
    return names


@cache
def imports_of(module: str) -> frozenset[str]:
    return frozenset(imports_in(PATHS[module].read_text(encoding="utf-8")))


def reached_from(module: str) -> dict[str, str]:
    """Every name that a module imports itself or through our other modules, and by which of them."""
    reached: dict[str, str] = {}
    waiting = [module]
    while waiting:
        importer = waiting.pop()
        for name in imports_of(importer) - reached.keys():
            reached[name] = importer
            if name in PATHS:
                waiting.append(name)
    return reached


def within(name: str, names: set[str]) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in names)


def test_imports_are_found_wherever_they_stand():
    source = """
import sqlite3
from sessiontree import tree as trees
def later():
    import http.client
    from sessiontree.store import Store
"""
    assert imports_in(source) == {
        "sqlite3",
        "sessiontree",
        "sessiontree.tree",
        "http.client",
        "sessiontree.store",
        "sessiontree.store.Store",
    }
    assert within("http.client", HTTP)
    assert not within("httpsomething", HTTP)


@pytest.mark.parametrize("module", MAY_NOT_REACH)
def test_the_centre_does_not_know_its_surroundings(module: str):
    forbidden = MAY_NOT_REACH[module]
    assert {name: by for name, by in reached_from(module).items() if within(name, forbidden)} == {}


@pytest.mark.parametrize("module", [name for name in PATHS if within(name, {"sessiontree.store"})])
def test_a_store_knows_nothing_of_http(module: str):
    forbidden = HTTP | SETTINGS | FACES
    assert {name: by for name, by in reached_from(module).items() if within(name, forbidden)} == {}


def test_no_module_is_longer_than_a_few_screens():
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in PATHS.items()}
    assert lengths["sessiontree"] > 0
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return tuple(path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file())


# Written in two halves, so that this file does not name what it looks for.
REGISTRIES = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry.np" + "mjs",
    "deb.deb" + "ian.org",
    "files.py" + "thon",
)


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_the_host_of_a_package_registry(host: str):
    files = project_files()
    assert ROOT / "pyproject.toml" in files
    assert [str(path.relative_to(ROOT)) for path in files if host.encode() in path.read_bytes()] == []


def test_the_lock_file_of_the_node_tests_holds_no_addresses():
    lock = json.loads((ROOT / "tests/node/package-lock.json").read_text(encoding="utf-8"))
    locked = {name: package for name, package in lock["packages"].items() if name}
    assert "node_modules/telnyx" in locked
    assert [name for name, package in locked.items() if "resolved" in package or "integrity" not in package] == []


def test_every_dependency_is_pinned_once_and_exactly():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if pin.count("==") != 1 or set(pin) & set(" ;@,<>~*")] == []
    names = [pin.split("==")[0].lower().replace("_", "-") for pin in pins]
    assert len(names) == len(set(names))

    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = asked["build-system"]["requires"] + asked["project"]["dependencies"]
    wanted += chain.from_iterable(asked["project"]["optional-dependencies"].values())
    bare = {re.split(r"[^a-z0-9_-]", requirement.lower())[0].replace("_", "-") for requirement in wanted}
    assert "starlette" in bare
    assert bare - set(names) == set()


ABOUT_FILES = {"test_claim.py", "test_compiled.py", "test_session_list.py", "test_store.py", "test_store_copy.py"}
ABOUT_FILES |= {"test_store_commands.py"}


def test_tests_have_their_stores_from_the_fixtures():
    """So that they run over PostgreSQL too. Those that name a file themselves are about files, or about one kind."""
    by_hand = re.compile(r"(?:open_store|SqliteStore)\((?:str\()?(?:tmp_path|folder|Path)|/ .store\.db")
    found = {path.name: by_hand.findall(path.read_text(encoding="utf-8")) for path in TESTS.glob("test_*.py")}
    assert {name for name, places in found.items() if places} - {Path(__file__).name} <= ABOUT_FILES
    assert found["test_store.py"]
