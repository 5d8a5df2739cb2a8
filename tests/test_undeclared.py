"""A process whose catalogue lacks types of stored records: it spoils no session, and says what it lacks."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cli_help import call
from conftest import SECONDS, running, until
from sessiontree import catalog_files
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.store.suite.helpers import ACCOUNT, RECEIVED

OWN_LLM = """
category = "Own"
description = "Calls of our own model."
product = "own-llm"
event = "call"
id = "id"
start = []
cost = ["cost"]
currency = "currency"
default_currency = "USD"
[fields]
id = "string"
telnyx_session_id = "string"
cost = "amount"
currency = "string"
[[parents]]
record_type = "call-session"
description = "The call."
via = [["telnyx_session_id", "telnyx_session_id"]]
"""
LEG: dict[str, Any] = {"record_type": "call-control", "id": "leg", "telnyx_session_id": "s", "cost": "0.01"}
ANSWER: dict[str, Any] = {"record_type": "own-llm", "id": "llm", "telnyx_session_id": "s", "cost": "0.50"}
LATER: dict[str, Any] = {"record_type": "call-control", "id": "late", "telnyx_session_id": "s", "cost": "0.01"}
REFUSED = (
    "records of own-llm are stored, but the catalogue has no such type: "
    "name its folder with --catalog, or let them go with `sessiontree catalog apply`"
)


@pytest.fixture
def types(tmp_path: Path) -> Path:
    folder = tmp_path / "types"
    folder.mkdir()
    (folder / "own-llm.toml").write_text(OWN_LLM)
    return folder


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def cost(where: str, *options: object) -> str:
    """What the only session costs."""
    listed = json.loads(call("sessions", "--store", where, "--json", *options).stdout)
    return str(listed["data"][0]["cost"]["total"])


def test_an_import_without_the_folder_stores_nothing_until_the_types_are_let_go(
    tmp_path: Path, where: str, types: Path
):
    own, store = ("--store", where, "--catalog", types), ("--store", where)
    call("import", *own, written(tmp_path / "a.ndjson", LEG, ANSWER))
    late = written(tmp_path / "b.ndjson", LATER)
    refused = call("import", *store, late)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"Error: {REFUSED}\n")
    assert cost(where, "--catalog", types) == "0.510000"
    assert call("import", *own, late).exit_code == 0
    assert cost(where, "--catalog", types) == "0.520000"
    assert call("sessions", *store).exit_code == 0  # nothing waits: to read is no harm
    assert call("catalog", "apply", "--yes", *store).exit_code == 0
    assert call("import", *store, late).exit_code == 0
    assert cost(where) == "0.020000"
    assert call("catalog", "apply", *own).exit_code == 0
    assert cost(where, "--catalog", types) == "0.520000"


def test_types_are_let_go_after_asking_once(tmp_path: Path, where: str, types: Path, monkeypatch: pytest.MonkeyPatch):
    own, apply = ("--store", where, "--catalog", types), ("catalog", "apply", "--store", where)
    call("import", *own, written(tmp_path / "a.ndjson", LEG, ANSWER))
    note = "Note: records of own-llm are stored, but the catalogue has no such type: name its folder with --catalog.\n"
    asked = "Take the records of own-llm out of all sessions? They stay stored. [y/N]: "
    refused = call(*apply)  # nobody is there to answer
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"{note}{asked}Stopped: nothing is changed.\n"
    assert "nothing to do" in call("catalog", "apply", *own).stdout
    assert call("verify", *own).exit_code == 0

    def interrupted(store: Store) -> None:
        next(iter(store.reread(batch=1)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sessiontree.cli.catalog._reread", interrupted)
        stopped = call(*apply, "--yes")
    said = "Stopped: not all records may have been read again. To go on, run it again.\n"
    assert (stopped.exit_code, stopped.stderr) == (1, f"{note}{said}")
    went_on = call(*apply)
    assert (went_on.exit_code, went_on.stderr) == (0, note)
    assert cost(where) == "0.010000"


@pytest.mark.parametrize(
    "command",
    [
        ("sessions",),
        ("unlinked",),
        ("problems",),
        ("export", "-o", "-"),
        ("verify",),
        ("sessions", "delete", "call-session", "s", "--yes"),
        ("store", "prune", "--before", "2027-01-01", "--yes"),
    ],
    ids=" ".join,
)
def test_what_would_refresh_refuses_and_what_only_reads_goes_on(
    tmp_path: Path, where: str, types: Path, command: Sequence[str]
):
    call("import", "--store", where, "--catalog", types, written(tmp_path / "a.ndjson", LEG, ANSWER))
    store = open_store(where, catalog_files.load(types))
    store.add(ACCOUNT, [Reader(store.catalog).read(json.dumps(LATER).encode())], RECEIVED)
    store.close()
    refused = call(*command, "--store", where)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.endswith(f"Error: {REFUSED}\n")
    assert call("tree", "--store", where, "call-session", "s").exit_code == 0
    assert cost(where, "--catalog", types) == "0.520000"


@pytest.mark.parametrize(
    "command",
    [
        ("imports", "undo", "ID"),
        ("sessions", "delete", "call-session", "s"),
        ("store", "prune", "--before", "2027-01-01"),
    ],
    ids=lambda command: command[0],
)
def test_what_takes_away_refuses_before_it_asks(tmp_path: Path, where: str, types: Path, command: Sequence[str]):
    """Though nothing waits for a refresh, and also where it is only to say what it would do."""
    own = ("--store", where, "--catalog", types)
    said = call("import", *own, written(tmp_path / "a.ndjson", LEG, ANSWER)).stdout
    id = said.splitlines()[-1].split()[1].rstrip(";")
    for dry_run in ((), ("--dry-run",)):
        refused = call(*(id if each == "ID" else each for each in command), *dry_run, "--store", where)
        assert (refused.exit_code, refused.output) == (1, f"Error: {REFUSED}\n")
    assert cost(where, "--catalog", types) == "0.510000"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_without_the_folder_does_not_start(tmp_path: Path, where: str, types: Path, workers: str):
    call("import", "--store", where, "--catalog", types, written(tmp_path / "a.ndjson", LEG, ANSWER))
    command = [sys.executable, "-m", "sessiontree", "serve", "--store", where, "--port", "0", "--workers", workers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1
    assert done.stderr.endswith(f"Error: {REFUSED}\n")
    assert cost(where, "--catalog", types) == "0.510000"


def test_a_server_that_runs_leaves_sessions_to_who_knows_the_types(tmp_path: Path, where: str, types: Path):
    with running(tmp_path, where) as server:
        own = ("--store", server.where, "--catalog", types)
        assert call("import", *own, written(tmp_path / "a.ndjson", LEG, ANSWER)).exit_code == 0
        assert server.post([LATER]).status_code == 200
        until(lambda: REFUSED in (tmp_path / "server.log").read_text())
        assert cost(server.where, "--catalog", types) == "0.520000"
