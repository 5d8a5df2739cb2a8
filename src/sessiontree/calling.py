"""How this program is called where it runs: by its name, by the repository's `./run`, or through Python.

Sentences name its commands as `sessiontree ...` in backticks, and what is to be installed as `pip install
'sessiontree[EXTRA]'`, whoever reads them; to the one who started the program they are shown `as_called`.
"""

import re
import shlex
import sys
from pathlib import Path

_EXTRA = re.compile(r"pip install 'sessiontree\[(\w+)\]'")
_REQUEST = re.compile(r"GET /\S+ or (?=`sessiontree )")


def program() -> str:
    """The program as a word or words of a command line in the present folder."""
    if _is_on_path():
        return "sessiontree"
    run = _run()
    return f"{_quoted(Path(sys.executable))} -m sessiontree" if run is None else _quoted(run)


def name() -> str:
    """The same as everybody may read it: without the folder that it is in."""
    return "sessiontree" if _is_on_path() else "./run" if _run() else "python -m sessiontree"


def as_called(text: str) -> str:
    """A sentence whose commands can be called here as they stand in it, without the requests that would do as well."""
    if "sessiontree" not in text:
        return text
    text = _EXTRA.sub(lambda found: _installing(found[1]), text)
    return _REQUEST.sub("", text).replace("`sessiontree ", f"`{program()} ")


def short(path: Path) -> str:
    """A path from the present folder if it lies in it."""
    here = Path.cwd()
    return f"./{path.relative_to(here)}" if path.is_relative_to(here) else str(path)


def _installing(extra: str) -> str:
    """The command that installs an extra into the environment that this runs in."""
    run, python = _run(), _quoted(Path(sys.executable))
    if run is None:
        return f"{python} -m pip install 'sessiontree[{extra}]'"
    return f"{python} -m pip install -e {shlex.quote(f'{run.parent}[{extra}]')}"


def _is_on_path() -> bool:
    from shutil import which  # takes a while, and hardly any command needs it

    found = which("sessiontree")
    return found is not None and Path(found).resolve() == Path(sys.prefix, "bin", "sessiontree").resolve()


def _run() -> Path | None:
    """The repository's command, where its environment is the one that this runs in."""
    run = Path(sys.prefix).parent / "run"
    return run if run.is_file() and Path(sys.prefix).name == ".venv" else None


def _quoted(path: Path) -> str:
    return shlex.quote(short(path))
