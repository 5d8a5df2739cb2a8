"""What tests take from Node: packages that `npm ci` puts into `tests/node/node_modules`.

Where they are absent their tests are skipped, unless SESSIONTREE_REQUIRE_NODE=1 (as in CI) makes that a failure.
"""

import os
import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"


def installed(name: str) -> Path:
    """The folder of a package; without it, or without Node, the test ends here."""
    path = FOLDER / "node_modules" / name
    if shutil.which("node") is None:
        _absent("node is not installed")
    if not path.is_dir():
        _absent(f"{name} is not installed: run `npm ci` in tests/node")
    return path


def _absent(reason: str) -> None:
    if os.environ.get("SESSIONTREE_REQUIRE_NODE") == "1":
        pytest.fail(f"{reason}, and SESSIONTREE_REQUIRE_NODE=1 asks for these tests")
    pytest.skip(reason)
