"""The official Node client, unchanged, against a running server: starts the tests in `node/` and reports on each file.

They need Node 18 or newer and what `npm ci` installs: see `node_tools`.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node_tools import FOLDER, installed

GUIDE_CALL = Path(__file__).parent.parent / "examples" / "ai-call.ndjson"
FILES = sorted(path.name for path in FOLDER.glob("*.test.js"))


@pytest.fixture(scope="module")
def environment(server: Any) -> dict[str, str]:
    """The environment of the Node tests; the server has the guide's call."""
    installed("telnyx")
    lines = GUIDE_CALL.read_text(encoding="utf-8").splitlines()
    assert server.post([json.loads(line) for line in lines if line.strip()]).json()["data"]["rejected"] == 0
    named = {"SESSIONTREE_URL": server.url, "SESSIONTREE_KEY": server.key, "SESSIONTREE_READ_KEY": server.read_key}
    return os.environ | named


def test_there_are_node_tests():
    assert FILES == ["errors.test.js", "records.test.js", "tree.test.js"]


@pytest.mark.parametrize("file", FILES)
def test_with_the_node_client(environment: dict[str, str], file: str):
    command = ["node", "--test", "--test-reporter=tap", file]
    ran = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    declared = len(re.findall(r"^test\(", (FOLDER / file).read_text(encoding="utf-8"), re.MULTILINE))
    assert declared > 0
    assert f"\n# pass {declared}\n" in ran.stdout, ran.stdout
