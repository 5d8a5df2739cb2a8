"""The compiled copy of the package (`compiled.py`): it can be made of the present sources, and answers as they do."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import compiled
import pytest

from cli_help import run
from conftest import running
from sessiontree import __version__, is_compiled

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "sessiontree"
RECORDS = sorted((ROOT / "examples").glob("*.ndjson"))
ASKED = [
    (path.name, *match.groups())
    for path in sorted((ROOT / "examples").glob("*.tree.txt"))
    for match in re.finditer(r"^\$ sessiontree tree (\S+) (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
]
LARGE = {
    "record_type": "call-control",
    "id": "large",
    "telnyx_session_id": "large",
    "cost": "999999999999.999999999999",
}


def test_the_version_says_whether_it_is_compiled(tmp_path: Path):
    said = run("--version", cwd=tmp_path).stdout.decode()
    assert said == f"sessiontree, version {__version__}{' (compiled)' if is_compiled() else ''}\n"


@pytest.mark.parametrize("module", compiled.HOT)
def test_what_is_compiled_has_no_class_of_msgspec(module: str):
    """Compiled, such a class loses its options without a word."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [each.name for each in classes if any("Struct" in ast.unparse(base) for base in each.bases)] == []


def test_without_a_compiler_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    assert compiled.why_not() == "there is no C compiler (no-such-compiler)"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled copy."""
    if reason := compiled.why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("compiled") / "copy"
    made = subprocess.run([sys.executable, ROOT / "compiled.py", "make", folder], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.mark.long
def test_the_copy_has_all_files_of_the_package_and_the_examples(copy: Path):
    held = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    files = {path.relative_to(ROOT / "src") for path in PACKAGE.rglob("*") if path.is_file()}
    wanted = {str(path) for path in files if "__pycache__" not in path.parts}
    wanted |= {f"sessiontree/examples/{path.name}" for path in (ROOT / "examples").iterdir()}
    more = {name for name in held - wanted if "__pycache__" not in name}
    assert wanted <= held
    assert {Path(name).suffix for name in more} == {".so"}
    assert {Path(name).name.partition(".")[0] for name in more} >= {name.rpartition("/")[2] for name in compiled.HOT}


@pytest.mark.long
def test_the_command_line_gives_the_trees_of_the_examples(copy: Path, tmp_path: Path):
    path = {"PYTHONPATH": str(copy)}
    assert run("--version", cwd=tmp_path, **path).stdout.endswith(b" (compiled)\n")
    (tmp_path / "large.ndjson").write_text(json.dumps(LARGE))
    loaded = run("import", *RECORDS, "large.ndjson", cwd=tmp_path, **path)
    assert loaded.returncode == 0, loaded.stderr
    assert len(ASKED) > 10
    for file, record_type, id in ASKED:
        shown = run("tree", record_type, id, cwd=tmp_path, **path)
        assert shown.stdout.decode().strip() in (ROOT / "examples" / file).read_text(encoding="utf-8"), (file, id)
    assert b"999999999999.999999999999" in run("tree", "call-session", "large", cwd=tmp_path, **path).stdout


@pytest.mark.long
def test_the_server_answers_with_the_same_bytes(copy: Path, tmp_path: Path):
    answers = []
    for name, path in (("plain", PACKAGE.parent), ("compiled", copy)):
        (tmp_path / name).mkdir()
        with running(tmp_path / name, str(tmp_path / name / "store.db"), PYTHONPATH=str(path)) as server:
            sent = [json.loads(line) for file in RECORDS for line in file.read_bytes().splitlines()]
            counted = [server.post(records).json()["data"] for records in ([*sent, LARGE, {}], [LARGE])]
            assert [counts.pop("import_id") for counts in counted]
            asked = [(record_type, id) for _, record_type, id in ASKED] + [("recording", "none"), ("nothing", "x")]
            trees = [server.get(f"/v2/session_analysis/{record_type}/{id}") for record_type, id in asked]
            cut = server.get(f"/v2/session_analysis/{asked[0][0]}/{asked[0][1]}?max_depth=1&expand=none")
            assert [tree.status_code for tree in trees[-3:]] == [200, 404, 400]
            texts = [re.sub('"request_id":"[0-9a-f]+"', "", answer.text) for answer in [*trees, cut]]
            answers.append((counted, texts))
    assert answers[0] == answers[1]
