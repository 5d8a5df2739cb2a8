"""Commands that may take long: on a terminal they say at once that they are at work, and Ctrl-C ends in a sentence."""

import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cli_help import call
from conftest import SECONDS
from sessiontree import catalog_files
from sessiontree.cli import imports as imports_cli
from sessiontree.cli import store as store_cli
from sessiontree.cli.common import opened_store
from sessiontree.store import Store, open_store
from sessiontree.store.removing import Removal

RECORDS = 1200  # of more than one step
UNDO = ("imports", "undo", "--yes", "ID")
DELETE = ("sessions", "delete", "--yes", "call-session", "s0")
PRUNE = ("store", "prune", "--yes", "--before", "2026-04-01")
COMMANDS = [UNDO, DELETE, PRUNE, ("verify",)]


@pytest.fixture
def id(tmp_path: Path, where: str) -> str:
    """The import of the records that the store holds: sessions of two, each of 1 USD."""
    span = {"started_at": "2026-03-01T10:00:00Z", "finished_at": "2026-03-01T10:05:00Z", "cost": "0.5"}
    file = tmp_path / "a.ndjson"
    with file.open("w") as lines:
        for at in range(RECORDS):
            record = {"record_type": "recording", "id": f"r{at}", "telnyx_session_id": f"s{at // 2}", **span}
            lines.write(json.dumps(record) + "\n")
    assert call("import", "--store", where, file).exit_code == 0
    with closing(open_store(where, catalog_files.load(None))) as store:
        (intake,) = store.intakes.page("default", limit=2)
        return intake.id


def stored_in(where: str) -> int:
    with closing(open_store(where, catalog_files.load(None))) as store:
        return store.count()


def given(command: Sequence[str], id: str) -> list[str]:
    return [id if each == "ID" else each for each in command]


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def interrupted_at_its_end(*arguments: Any, **named: Any) -> Iterator[Store]:
    with opened_store(*arguments, **named) as store:
        yield store
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("command", "during", "said"),
    [
        (UNDO, "imports.refresh", "nothing is taken back."),
        (DELETE, "session_delete.when_fresh", "nothing is removed."),
        (PRUNE, "store.prune_all", "nothing is removed."),
        (
            ("verify",),
            "verify.verify",
            "nothing is proved, and nothing was changed. --sample N looks at some sessions only.",
        ),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_an_interrupt_while_it_looks_says_that_nothing_is_done(
    command: Sequence[str], during: str, said: str, where: str, id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(f"sessiontree.cli.{during}", interrupted)
    result = call(*given(command, id), "--store", where)
    assert (result.exit_code, result.stderr, stored_in(where)) == (1, f"Stopped: {said}\n", RECORDS)


@pytest.mark.parametrize(
    ("command", "during", "said"),
    [
        (("export", "-o", "x.csv"), "export.session_trees", "x.csv is not written."),
        (("export", "-o", "-"), "export.session_trees", "what has been written is not whole."),
        (("export", "-o", "x.csv"), "export.opened_store", "x.csv is not written."),
        (("audit",), "audit.progress", "nothing is audited, and nothing was changed."),
        (("import", "a.ndjson"), "importing.opened_store", "nothing is stored."),
        (
            ("store", "prune", "--before", "2001-01-01"),
            "store._drop_months",
            "empty months may be left. To drop them, run it again.",
        ),
    ],
)
def test_an_interrupt_of_what_removes_no_record_is_a_sentence(
    command: Sequence[str],
    during: str,
    said: str,
    where: str,
    id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"sessiontree.cli.{during}", interrupted)
    result = call(*command, "--store", where)
    assert (result.exit_code, result.stderr) == (1, f"Stopped: {said}\n")
    assert not list(tmp_path.glob("x.csv*"))


@pytest.mark.parametrize(
    "command",
    [("sessions",), ("spend",), ("unlinked",), ("problems",), ("tree", "recording", "r0")],
    ids=lambda each: each[0],
)
def test_an_interrupt_of_what_only_reads_needs_no_word(command: Sequence[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sessiontree.cli.common.open_store", interrupted)
    result = call(*command)
    assert (result.exit_code, result.output) == (130, "")


def test_an_interrupt_after_a_session_is_removed_says_so(where: str, id: str, monkeypatch: pytest.MonkeyPatch):
    def refresh(store: Store) -> None:
        if store.count() < RECORDS:
            raise KeyboardInterrupt

    monkeypatch.setattr("sessiontree.cli.session_delete.refresh", refresh)
    result = call(*DELETE, "--store", where)
    said = "Stopped: the session is removed, and others are brought up to date when they are asked for.\n"
    assert (result.exit_code, result.stderr, stored_in(where)) == (1, said, RECORDS - 2)


def test_an_interrupt_while_a_key_is_made_says_which(where: str, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("sessiontree.cli.keys.opened_store", interrupted_at_its_end)
        result = call("keys", "create", "--store", where)
    with closing(open_store(where, catalog_files.load(None))) as store:
        (key,) = store.keys()
    said = f"a key {key.prefix}... may have been made, and its text is lost: see `sessiontree keys list`"
    assert (result.exit_code, result.stderr) == (1, f"Stopped: {said}\n")


@pytest.mark.parametrize("command", ["migrate", "distribute"])
def test_an_interrupt_of_what_changes_tables_says_how_to_go_on(command: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(f"sessiontree.store.condition.{command}", interrupted)
    result = call("store", command)
    assert (result.exit_code, result.output) == (1, "Stopped: some of it may be done. To go on, run it again.\n")


@pytest.mark.parametrize("command", [UNDO, DELETE, PRUNE], ids=lambda each: each[0])
def test_a_no_is_answered_as_an_interrupt_is(command: Sequence[str], where: str, id: str):
    asked = [each for each in given(command, id) if each != "--yes"]
    result = call(*asked, "--store", where, input=b"n\n")
    said = result.stderr.splitlines()[-1]
    assert (result.exit_code, said.split(" is ")[0], stored_in(where)) == (1, "Stopped: nothing", RECORDS)


def test_an_undo_that_is_interrupted_says_how_to_go_on(where: str, id: str, monkeypatch: pytest.MonkeyPatch):
    def undo(store: Store, account: str, id: str, at: datetime, done: object) -> Removal:
        assert store.intakes.undo(account, id, at) is not None
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sessiontree.cli.imports.undo_all", undo)
        result = call(*given(UNDO, id), "--store", where)
    go_on = f"sessiontree imports undo {id} --store {shlex.quote(where)}"
    assert (result.exit_code, result.stderr) == (1, f"Stopped: {id} is taken back in part. To go on: {go_on}\n")
    assert 0 < stored_in(where) < RECORDS
    assert call(*shlex.split(go_on)[1:], "--yes").exit_code == 0
    assert stored_in(where) == 0


def test_an_undo_that_is_interrupted_at_its_end_says_so(where: str, id: str, monkeypatch: pytest.MonkeyPatch):
    times = []
    real = imports_cli.refresh

    def second(store: Store) -> None:
        times.append(store)
        interrupted() if len(times) == 2 else real(store)

    monkeypatch.setattr("sessiontree.cli.imports.refresh", second)
    result = call(*given(UNDO, id), "--store", where)
    said = f"Stopped: {id} is undone; its sessions are brought up to date when somebody asks for them.\n"
    assert (result.exit_code, result.stderr, stored_in(where)) == (1, said, 0)


def test_pruning_that_is_interrupted_says_how_to_go_on(where: str, id: str, monkeypatch: pytest.MonkeyPatch):
    def prune(store: Store, account: str, before: datetime, *, dry_run: bool = False, **rest: Any) -> object:
        if dry_run:
            return real(store, account, before, dry_run=True, **rest)
        store.removing.prune(account, before, open_since=rest["open_since"], limit=10)
        raise KeyboardInterrupt

    real = store_cli.prune_all
    with monkeypatch.context() as patch:
        patch.setattr("sessiontree.cli.store.prune_all", prune)
        result = call(*PRUNE, "--store", where)
    said = "Stopped: some of the sessions are removed, each whole. To go on, run it again.\n"
    assert (result.exit_code, result.stderr, stored_in(where)) == (1, said, RECORDS - 10)
    assert call(*PRUNE, "--store", where).exit_code == 0
    assert stored_in(where) == 0


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_on_a_terminal_it_says_that_it_looks(command: Sequence[str], where: str, id: str):
    ours, its = pty.openpty()
    line = [sys.executable, "-m", "sessiontree", *given(command, id), "--store", where]
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=its, env=environment) as process:
        os.close(its)
        shown = b"".join(iter(lambda: _more(ours), b""))
        assert process.wait(SECONDS) == 0, shown
    os.close(ours)
    assert b"looking" in shown


def _more(terminal: int) -> bytes:
    """What is shown next; nothing when the process has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
