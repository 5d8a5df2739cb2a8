"""The docs keep up with the program: settings, commands, routes, types, metrics; and what they show works."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from cli_help import call
from conftest import SECONDS
from node_tools import FOLDER, installed
from sessiontree import catalog_files
from sessiontree.cli import main
from sessiontree.http.server import all_routes
from sessiontree.pages.routes import page_routes
from sessiontree.settings import Settings, environment_name

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md"]
PAGES += sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")
GUIDE_TREE = (ROOT / "examples" / "ai-call.tree.txt").read_text(encoding="utf-8").split("\n\n\n")[0].rstrip()


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands(command: click.Command, path: str = "sessiontree") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, f"{path} {name}")


def test_every_setting_is_in_the_docs_with_its_name_and_default():
    rows = [line for line in text_of("docs/operating.md").splitlines() if line.startswith("| `")]
    for setting in fields(Settings):
        default = f"`{setting.default}`" if setting.default != "" else "none"
        begin = f"| `{setting.name}` | `{environment_name(setting.name)}` | {default} | "
        assert [row for row in rows if row.startswith(begin)], begin


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=each[0]) for each in commands(main)])
def test_every_command_and_option_is_in_the_docs(path: str, command: click.Command):
    text = text_of("docs/cli.md")
    assert f"`{path}" in text
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    section = text[text.index(f"`{path}") :].partition("\n## ")[0]
    everywhere = text.partition("\n## ")[0]
    assert [option for option in options if option not in section and option not in everywhere] == []


def test_every_route_is_in_the_docs():
    text = text_of("docs/api.md")
    missing = [route.path for route in all_routes() if route.path not in text]
    assert missing == []


def test_every_page_is_in_the_docs():
    text = text_of("docs/pages.md")
    assert [path for _, path, _ in page_routes() if f"`{path}`" not in text] == []


def test_every_record_type_is_in_the_docs():
    text = text_of("docs/catalogue.md")
    assert [name for name in catalog_files.load().types if f"`{name}`" not in text] == []


def test_every_metric_is_in_the_docs(client: Any):
    samples = re.findall(r"^# TYPE (sessiontree_\w+) ", client.get("/metrics").text, re.MULTILINE)
    names = [name for name in samples if not name.endswith("_created")]
    assert len(names) >= 4
    assert [name for name in names if f"`{name}`" not in text_of("docs/operating.md")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path):
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings]
            assert heading in anchors, f"{target}#{heading}"


def test_every_decision_is_listed():
    listed = text_of("docs/decisions/README.md")
    pages = [path.name for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md"]
    assert len(pages) > 5
    assert [name for name in pages if f"({name})" not in listed] == []


def test_the_architecture_stays_under_two_pages():
    assert len(text_of("ARCHITECTURE.md").splitlines()) <= 100


def test_modules_named_in_the_architecture_exist():
    named = set(re.findall(r"`([a-z_]+)`", text_of("ARCHITECTURE.md"))) - {"refs", "keys", "conversation_id"}
    source = ROOT / "src" / "sessiontree"
    found = {path.stem for path in source.rglob("*.py")} | {path.name for path in source.iterdir()}
    assert sorted(named - found) == []


def test_the_trees_shown_are_those_of_the_example():
    assert GUIDE_TREE in text_of("README.md")
    assert GUIDE_TREE.partition("\n\n")[2] in text_of("docs/guide.md")


def test_the_python_snippet_of_the_readme_works(server: Any):
    server.post([json.loads(line) for line in text_of("examples/ai-call.ndjson").splitlines()])
    (snippet,) = re.findall(r"```python\n(.*?)```", text_of("README.md"), re.DOTALL)
    script = snippet.replace("http://127.0.0.1:8000", server.url).replace("st_...", server.key)
    assert script.count(server.url) == script.count(server.key) == 1
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "0.212800 USD 11\n", done.stderr


def test_the_node_snippet_of_the_readme_works(server: Any):
    installed("telnyx")
    server.post([json.loads(line) for line in text_of("examples/ai-call.ndjson").splitlines()])
    (snippet,) = re.findall(r"```js\n(.*?)```", text_of("README.md"), re.DOTALL)
    script = snippet.replace("http://127.0.0.1:8000", server.url).replace("st_...", server.key)
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "0.212800 USD 11\n", done.stderr


def test_the_guides_way_of_fetching_records_works(server: Any, tmp_path: Path, where: str):
    """It is meant for the published API; here it fetches from ours, which answers the same way."""
    now = datetime.now(UTC).isoformat()
    records = [
        {"record_type": "verify", "id": f"v{n:03}", "verify_usage_fee": "0.03", "created_at": now} for n in range(120)
    ]
    server.post(records)
    (script,) = [
        each for each in re.findall(r"```python\n(.*?)```", text_of("docs/guide.md"), re.DOTALL) if "urllib" in each
    ]
    environment = {**os.environ, "TELNYX_BASE_URL": f"{server.url}/v2", "TELNYX_API_KEY": server.key}
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", "last_7_days"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    fetched = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(fetched, key=lambda record: record["id"]) == records
    (tmp_path / "verify.ndjson").write_text(done.stdout)
    result = call("import", "--store", where, tmp_path / "verify.ndjson")
    assert ": 120 created, 0 updated, 0 unchanged, 0 rejected\n" in result.stdout


@pytest.mark.sqlite_only("how a file is backed up")
def test_the_backup_line_works_while_the_server_writes(server: Any, tmp_path: Path):
    (line,) = [each for each in text_of("docs/operating.md").splitlines() if each.startswith("python3 -c")]
    before = [
        {"record_type": "call-control", "id": f"b{n}", "telnyx_session_id": "backup", "cost": "0.01"} for n in range(50)
    ]
    server.post(before)
    command = line.replace("python3", sys.executable, 1).replace("sessiontree.db", server.where)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    server.post([{**before[0], "id": "later"}])
    text = call("tree", "--store", tmp_path / "backup.db", "call-session", "backup").stdout
    assert "Total      0.5000 USD" in text.splitlines()
    assert server.get("/v2/session_analysis/call-session/backup").json()["cost"]["total"] == "0.510000"
