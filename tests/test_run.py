"""`./run`: sets the environment up when that is needed, says in one line why it cannot, and becomes the program.

A stand-in for Python notes what it is asked for, so that this is quick and needs no network; the tests marked `long`
do it in earnest.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
STAND_IN = """#!/bin/sh
echo "$*" >>LOG
case "$*" in
*'print('*) echo VERSION ;;
*version_info*) exit TOO_OLD ;;
*ensurepip*) exit NO_VENV ;;
'-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && : >"$3/pyvenv.cfg" ;;
'-m pip '*)
    [ ! -e BROKEN ] || { echo 'the disk is full'; exit 1; }
    printf '#!/bin/sh\\necho "$$|$PWD|$*"\\necho "$PYTHONPATH" >USED\\n' >"${0%/*}/sessiontree"
    chmod +x "${0%/*}/sessiontree" ;;
*'compiled.py why-not') [ ! -e MISSING ] || cat MISSING ;;
*'compiled.py make '*)
    for folder; do :; done
    mkdir "$folder"
    [ ! -e UNCOMPILABLE ] || { echo 'no such type'; exit 1; } ;;
'-m pytest '*) echo "$PWD|$*" ;;
esac
"""
COMPILING = "Compiling (once for these sources, about half a minute; COMPILED=no goes without) ...\n"


@dataclass(frozen=True)
class Project:
    """A copy of the files that `run` reads, and a stand-in for Python beside it."""

    folder: Path

    @property
    def broken(self) -> Path:
        return self.folder.with_name("broken")

    @property
    def log(self) -> Path:
        return self.folder.with_name("log")

    @property
    def missing(self) -> Path:
        """Says what is missing for compiling, where this file is."""
        return self.folder.with_name("missing")

    @property
    def uncompilable(self) -> Path:
        return self.folder.with_name("uncompilable")

    @property
    def used(self) -> Path:
        """Says with which PYTHONPATH the program was called last."""
        return self.folder.with_name("used")

    def copies(self) -> list[str]:
        """What there is of compiled copies."""
        return sorted(path.name for path in (self.folder / ".venv" / "compiled").glob("*"))

    def python(self, *, version: str = "3.11.2", too_old: bool = False, no_venv: bool = False) -> Path:
        text = STAND_IN.replace("LOG", f"'{self.log}'").replace("BROKEN", f"'{self.broken}'")
        text = text.replace("MISSING", f"'{self.missing}'").replace("UNCOMPILABLE", f"'{self.uncompilable}'")
        text = text.replace("USED", str(self.used))
        text = text.replace("VERSION", version).replace("TOO_OLD", str(int(too_old)))
        path = self.folder.with_name("python")
        path.write_text(text.replace("NO_VENV", str(int(no_venv))))
        path.chmod(0o755)
        return path

    def run(self, *arguments: str, python: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "PYTHON": str(python or self.python()), **options.pop("env", {})}
        command = [self.folder / "run", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, **options)

    def asked(self, word: str) -> list[str]:
        """The calls of the stand-in with that word in them, and forget all calls."""
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [call for call in calls if word in call]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("run", "pyproject.toml", "constraints.txt", "compiled.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "examples").mkdir()
    (folder / "src").mkdir()
    (folder / "src" / "money.py").touch()
    return Project(folder)


def test_the_first_run_sets_up_and_the_second_only_runs(project: Project):
    first = project.run("tree", "call-session", "an id")
    assert first.stderr == "Setting up (first run, about half a minute) ...\n"
    assert first.stdout.endswith("|tree call-session an id\n")
    assert len(project.asked("-m pip install")) == 1
    second = project.run("demo")
    assert (second.stderr, second.returncode) == ("", 0)
    assert second.stdout.endswith("|demo\n")
    assert project.asked("") == []


def test_setup_only_installs(project: Project):
    assert project.run("setup").stdout == ""
    assert [call.split()[-1] for call in project.asked("--editable")] == [".[postgres]", ".[postgres,compile]"]
    assert project.run("setup").stderr == ""
    assert project.run("setup", "dev").stdout == ""
    assert len(project.asked("--editable .[postgres,dev]")) == 1
    assert project.run("setup", "dev").stderr == ""


def test_it_becomes_the_program_in_the_folder_of_the_caller(project: Project, tmp_path: Path):
    caller = tmp_path / "elsewhere"
    caller.mkdir()
    (caller / "link").symlink_to(project.folder / "run")
    project.run("setup")
    for command in (project.folder / "run", caller / "link"):
        with subprocess.Popen(
            [command, "import", "file.ndjson"], cwd=caller, stdout=subprocess.PIPE, text=True
        ) as started:
            said, _ = started.communicate()
        assert said == f"{started.pid}|{caller}|import file.ndjson\n"


def test_tests_run_in_the_project_with_the_tools_for_them(project: Project, tmp_path: Path):
    ran = project.run("test", "-k", "money", cwd=tmp_path)
    assert len(project.asked("--editable .[postgres,dev]")) == 1
    assert ran.stdout == f"{project.folder}|-m pytest -k money\n"
    for everything in ([], ["--postgres"], ["-m", "long"], ["--postgres", "-m", "long"]):
        ran = project.run("test", *everything, cwd=tmp_path)
        assert ran.stdout == f"{project.folder}|{' '.join(['-m pytest -n auto', *everything])}\n"
    ran = project.run("golden", "-k", "text", cwd=tmp_path)
    assert ran.stdout == f"{project.folder}|-m pytest -k text --update-golden\n"


def test_other_dependencies_are_installed_into_the_same_environment(project: Project):
    project.run("setup")
    project.asked("")
    with (project.folder / "constraints.txt").open("a") as constraints:
        constraints.write("another==1.0\n")
    again = project.run("setup")
    assert again.stderr == "Setting up (the dependencies of this version) ...\n" + COMPILING
    calls = project.asked("-m ")
    assert [call.split()[1] for call in calls] == ["pip", "pip"]
    assert project.run("setup").stderr == ""


def test_a_failed_update_leaves_what_was_there(project: Project):
    project.run("setup")
    (project.folder / "constraints.txt").write_text("another==1.0\n")
    project.broken.touch()
    failed = project.run("setup")
    assert failed.returncode == 1
    assert "the disk is full" in failed.stderr
    project.broken.unlink()
    project.asked("")
    assert project.run("setup").returncode == 0
    assert project.asked("-m venv") == []


@pytest.mark.parametrize("left_behind", ["unfinished", "nothing"])
def test_a_set_up_that_was_interrupted_is_made_anew(project: Project, left_behind: str):
    project.broken.touch()
    failed = project.run("demo")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-2] == "the disk is full"
    project.broken.unlink()
    project.asked("")
    venv = project.folder / ".venv"
    assert (venv / "unfinished").exists()
    if left_behind == "nothing":
        shutil.rmtree(venv)
        venv.mkdir()
    assert project.run("demo").stdout.endswith("|demo\n")
    assert len(project.asked("-m venv")) == 1
    assert not (venv / "unfinished").exists()


def test_a_project_that_was_moved_is_set_up_again(project: Project, tmp_path: Path):
    project.run("setup")
    moved = Project(project.folder.rename(tmp_path / "moved"))
    assert moved.run("setup").stderr.startswith("Setting up")
    assert moved.run("setup").stderr == ""


def uses_copy(project: Project, *arguments: str, **env: str) -> bool:
    """Whether the program runs from the one compiled copy that there is."""
    project.run(*arguments, env=env)
    used = project.used.read_text().strip()
    assert used in ["", *(f"{project.folder}/.venv/compiled/{name}" for name in project.copies())]
    return used != ""


def test_setup_compiles_and_every_command_runs_from_the_copy(project: Project):
    assert project.run("setup").stderr.endswith(COMPILING)
    assert len(project.copies()) == 1
    assert uses_copy(project, "tree", "call-session", "an id")
    assert uses_copy(project, "demo")
    assert not uses_copy(project, "demo", COMPILED="no")
    assert len(project.asked("compiled.py make")) == 1


def test_what_is_there_already_on_the_path_stays_on_it(project: Project):
    project.run("setup")
    project.run("demo", env={"PYTHONPATH": "/elsewhere"})
    assert project.used.read_text().strip().endswith(f"/{project.copies()[0]}:/elsewhere")


@pytest.mark.parametrize("command", ["serve", "import", "demo", "tree"])
def test_no_command_waits_for_a_copy(project: Project, command: str):
    assert COMPILING not in project.run(command).stderr
    assert not uses_copy(project, command)
    assert project.run("setup").stderr == COMPILING
    assert uses_copy(project, command)
    assert not uses_copy(project, command, COMPILED="no")


@pytest.mark.parametrize("changed", ["src/money.py", "src/new.toml", "compiled.py", ".venv/pyvenv.cfg"])
def test_a_copy_of_other_sources_is_not_used(project: Project, changed: str):
    project.run("setup")
    before = project.copies()
    (project.folder / changed).write_text("other")
    assert not uses_copy(project, "demo")
    assert project.run("setup").stderr == COMPILING
    assert uses_copy(project, "demo")
    assert set(before) < set(project.copies()), "a server may have been started with the copy before"
    (project.folder / changed).write_text("another")
    project.run("setup")
    assert len(project.copies()) == 2
    assert not set(before) & set(project.copies())


def test_where_nothing_can_be_compiled_setup_says_what_is_missing(project: Project):
    project.missing.write_text("there is no C compiler (cc)")
    setup = project.run("setup")
    assert setup.returncode == 0
    assert setup.stderr.splitlines()[-1] == (
        "Sessiontree runs uncompiled: there is no C compiler (cc). "
        "Install gcc and python3-dev to make it about 1.5 times as fast."
    )
    assert len(project.asked("--editable")) == 1, "what compiling takes is installed only where it is of use"
    assert not uses_copy(project, "serve")
    project.missing.unlink()
    assert project.run("setup").stderr == COMPILING


def test_compiling_that_fails_is_said_once_and_harms_nothing(project: Project):
    project.uncompilable.touch()
    failed = project.run("setup")
    assert failed.returncode == 0
    log = project.folder / ".venv" / "compiled.log"
    assert failed.stderr.splitlines()[-1] == f"Sessiontree runs uncompiled: compiling failed, and {log} says how."
    assert log.read_text() == "no such type\n"
    assert project.run("serve").stderr == ""
    assert not uses_copy(project, "serve")
    project.uncompilable.unlink()
    assert project.run("setup").stderr == COMPILING
    assert uses_copy(project, "serve")


def test_a_compilation_that_was_killed_leaves_nothing_in_use(project: Project):
    project.run("setup")
    (copy,) = project.copies()
    folder = project.folder / ".venv" / "compiled"
    (folder / copy).rename(folder / f"{copy}.part")
    assert not uses_copy(project, "demo")
    assert project.run("setup").stderr == COMPILING
    assert project.copies() == [copy]
    assert uses_copy(project, "demo")


def test_sources_that_change_while_they_are_compiled_give_no_copy(project: Project):
    project.run("setup")
    (project.folder / "src" / "money.py").write_text("other")
    python = project.folder / ".venv" / "bin" / "python"
    python.write_text(python.read_text().replace("mkdir", "echo more >>src/money.py; mkdir"))
    ran = project.run("setup", cwd=project.folder)
    assert (ran.returncode, ran.stderr.count("\n")) == (0, 2)
    assert not uses_copy(project, "demo")


def test_the_tests_run_over_the_copy_when_asked(project: Project):
    ran = project.run("test", "--compiled", "-k", "money")
    assert ran.stdout == f"{project.folder}|-m pytest -k money\n"
    assert len(project.asked("compiled.py make")) == 1
    project.uncompilable.touch()
    (project.folder / "src" / "money.py").write_text("other")
    failed = project.run("test", "--compiled")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.endswith("run: there is no compiled copy to test.\n")


def refusal(project: Project, python: Path, **options: object) -> str:
    """The one line that is said, with nothing left behind."""
    ran = project.run("demo", python=python, **options)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert not (project.folder / ".venv").exists()
    (line,) = ran.stderr.splitlines()
    return line


def test_a_python_that_is_too_old(project: Project):
    line = refusal(project, project.python(version="3.9.18", too_old=True))
    assert "3.9.18" in line
    assert "3.11 or newer" in line


def test_no_python(project: Project):
    line = refusal(project, project.folder / "nowhere")
    assert f"PYTHON={project.folder}/nowhere is not found" in line


def test_a_python_that_cannot_make_environments(project: Project):
    assert "apt install python3-venv" in refusal(project, project.python(no_venv=True))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user of the system can enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_cannot_be_written(open_folder: Path):
    folder = open_folder / "project"
    folder.mkdir()
    for name in ("run", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    project = Project(folder)
    python = project.python()
    project.log.touch()
    project.log.chmod(0o666)
    folder.chmod(0o555)
    # Root may write anywhere, so root tries it as somebody else.
    line = refusal(project, python, **({"user": 65534} if os.geteuid() == 0 else {}))
    folder.chmod(0o755)
    assert f"cannot write to {folder}" in line


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a fresh clone would have it."""
    target = tmp_path_factory.mktemp("copy") / "sessiontree"
    ignored = shutil.ignore_patterns(".venv", ".git", "node_modules", "__pycache__", ".*_cache", "*.db*")
    return Path(shutil.copytree(ROOT, target, ignore=ignored))


@pytest.mark.long
def test_a_fresh_copy_sets_itself_up_and_runs(copy: Path, tmp_path: Path):
    env = {**os.environ, "PYTHON": sys.executable}
    first = subprocess.run([copy / "run", "--version"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (first.returncode, first.stderr.count("\n")) == (0, 1), first.stderr
    second = subprocess.run([copy / "run", "--version"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (second.stdout, second.stderr) == (first.stdout, "")


@pytest.mark.long
def test_the_wheel_holds_every_file_of_the_package(copy: Path, tmp_path: Path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, copy]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("sessiontree-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("sessiontree/")}
    package = copy / "src" / "sessiontree"
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.suffix for path in files} >= {".py", ".sql", ".toml"}
    wanted = {f"sessiontree/{path.relative_to(package)}" for path in files}
    assert held == wanted | {f"sessiontree/examples/{path.name}" for path in (copy / "examples").iterdir()}
