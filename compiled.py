"""Makes a compiled copy of the package. `./run` calls this, and uses the copy while its sources are the present ones.

The source is plain Python and runs as such. mypyc turns the modules below into C, by the types that they declare
anyway: docs/decisions/compiled.md says why, and what was measured. The copy has everything that the package has, the
compiled modules beside their sources.

    python compiled.py why-not       one line that says why nothing can be compiled here; nothing if it can
    python compiled.py make FOLDER   the copy in a new folder, which is good for PYTHONPATH afterwards
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent
# Modules in which records and events pass through loops of ours. The others wait for the disk, the network or libraries
# written in C, or run once. What msgspec reads and writes (`record`, `wire`, `http/answers`) has to stay as it is.
HOT = (
    "analysis",
    "catalog",
    "elements",
    "expecting",
    "gathering",
    "money",
    "placement",
    "reading",
    "refreshing",
    "rendering",
    "store/parts/batch",
    "store/parts/micros",
    "store/parts/packing",
    "store/parts/places",
    "store/parts/refresh",
    "store/parts/session_changes",
    "store/parts/session_rows",
    "store/parts/spend_sums",
    "store/postgres/binary",
    "store/postgres/copying",
    "store/postgres/identities",
    "store/postgres/neighbourhood",
    "store/postgres/refresh_reading",
    "store/postgres/session_rows",
    "store/postgres/session_writing",
    "store/postgres/snapshot",
    "store/postgres/write",
    "store/sqlite/kinds",
    "store/sqlite/refresh_reading",
    "store/sqlite/session_writing",
    "store/sqlite/snapshot",
    "store/sqlite/write",
    "summary",
    "tree",
)
LEVEL = "1"  # of the C compiler's optimisation: 2 and 3 take twice as long for code that is as fast
JOBS = 2


def why_not() -> str:
    """What is missing for compiling, in one line; empty if nothing is."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "the header files of Python are missing"
    return ""


def make(folder: Path) -> None:
    """Fill a new folder with the compiled copy. Raises whatever goes wrong; the folder is of no use then."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "sessiontree", folder / "sessiontree", ignore=ignored)
    shutil.copytree(ROOT / "examples", folder / "sessiontree" / "examples")  # where a wheel has them
    os.chdir(folder)  # so that no path of this machine gets into the code
    _compile()
    shutil.rmtree("build")
    check = "import sessiontree; assert sessiontree.is_compiled()"
    subprocess.run([sys.executable, "-c", check], env={**os.environ, "PYTHONPATH": str(folder)}, check=True)


def _compile() -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution

    options = ["--strict", "--follow-imports=silent", "--cache-dir=build/types"]  # `./run check` looks at the others
    extensions = mypycify([*options, *[f"sessiontree/{name}.py" for name in HOT]], opt_level=LEVEL)
    command = Distribution({"name": "sessiontree", "ext_modules": extensions}).get_command_obj("build_ext")
    command.inplace, command.parallel = True, JOBS
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    if sys.argv[1] == "why-not":
        print(why_not(), end="")
    else:
        make(Path(sys.argv[2]).resolve())
