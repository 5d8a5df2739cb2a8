"""What the program says of its own commands: that they can be called as they stand there, and that there are such."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from cli_help import call
from sessiontree import calling
from sessiontree.cli import main
from sessiontree.errors import SessionsDisputed
from sessiontree.keeping import Keeper

SOURCE = Path(calling.__file__).parent


def environment(folder: Path, monkeypatch: pytest.MonkeyPatch, *, on_path: bool, cloned: bool) -> None:
    """The program in a folder of its own, by itself or in a clone with ./run, its name known to the shell or not."""
    program = folder / ".venv" / "bin" / "sessiontree"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    if cloned:
        (folder / "run").touch()
    monkeypatch.setattr(sys, "prefix", str(folder / ".venv"))
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", str(program.parent) if on_path else str(folder))


@pytest.mark.parametrize(
    ("on_path", "cloned", "program", "name", "extra"),
    [
        (True, True, "sessiontree", "sessiontree", "{}/.venv/bin/python -m pip install -e '{}[parquet]'"),
        (True, False, "sessiontree", "sessiontree", "{}/.venv/bin/python -m pip install 'sessiontree[parquet]'"),
        (False, True, "{}/run", "./run", "{}/.venv/bin/python -m pip install -e '{}[parquet]'"),
        (False, False, "{}/.venv/bin/python -m sessiontree", "python -m sessiontree",
         "{}/.venv/bin/python -m pip install 'sessiontree[parquet]'"),
    ],
)  # fmt: skip
def test_commands_are_named_as_they_are_called(
    on_path: bool, cloned: bool, program: str, name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    environment(tmp_path, monkeypatch, on_path=on_path, cloned=cloned)
    here = str(tmp_path)
    program = program.replace("{}", here)
    assert (calling.program(), calling.name()) == (program, name)
    text = "not a sessiontree file: run `sessiontree store check`, or pip install 'sessiontree[parquet]'"
    expected = f"not a sessiontree file: run `{program} store check`, or {extra.replace('{}', here)}"
    assert calling.as_called(text) == expected
    monkeypatch.chdir(tmp_path)
    assert calling.program() == program.replace(here, ".")


def test_the_command_line_says_how_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    environment(tmp_path, monkeypatch, on_path=False, cloned=True)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a.ndjson"
    file.write_text('{"record_type": "fax", "id": "a"}\n')
    assert re.search(r"; to take it back: \./run imports undo \w{16}\n$", call("import", file).stdout)
    assert call("keys", "list").stderr == "There are no keys; make one with `./run keys create`.\n"
    assert call("keys", "revoke", "nobody").stderr.endswith("; see `./run keys list`\n")
    for command in (("tree", "nonsense", "a"), ("sessions", "--type", "nonsense")):
        refused = call(*command).stderr
        assert "'nonsense' is no record type: `./run catalog list` shows all types" in " ".join(refused.split())
    assert call("export", "-o", tmp_path / "e.csv").exit_code == 0
    assert "use `./run store copy`)" in call("import", tmp_path / "e.csv").stderr


def test_so_does_the_log_of_who_refreshes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    environment(tmp_path, monkeypatch, on_path=False, cloned=True)
    monkeypatch.chdir(tmp_path)

    def refused() -> int:
        raise SessionsDisputed("run `sessiontree catalog apply`")

    looks = iter([False, True])
    kept = SimpleNamespace(sessions=SimpleNamespace(waiting=refused))
    Keeper(kept, lambda seconds: next(looks)).run()  # type: ignore[arg-type]
    assert caplog.messages == ["sessions wait to be refreshed: run `./run catalog apply`"]


def texts(module: Path) -> Iterator[str]:
    """Every text in a module that is no docstring."""
    tree = ast.parse(module.read_text())
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def commands(group: click.Group, path: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        yield f"{path}{name}"
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


def test_hints_name_commands_that_there_are_and_in_the_form_that_is_made_fit():
    known = set(commands(main))
    hint = re.compile(rf"(.?)\bsessiontree ((?:{'|'.join(sorted(known, key=len, reverse=True))})\b)")
    found = [each for path in SOURCE.rglob("*.py") if "suite" not in path.parts for text in texts(path)
             for each in hint.findall(text)]  # fmt: skip
    assert len(found) >= 5
    assert {before for before, _ in found} == {"`"}
    backticked = [each for path in SOURCE.rglob("*.py") for text in texts(path)
                  for each in re.findall(r"`sessiontree ([a-z ]+)`", text)]  # fmt: skip
    assert set(backticked) <= known
    for template in SOURCE.rglob("*.html"):
        assert not hint.search(template.read_text()), template
