"""Calling the command line from tests: in this process where that shows all, else as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from sessiontree.cli import main

STEP = """
category = "Test"
description = "A step under another."
product = "steps"
event = "step"
id = "id"
start = []
cost = ["cost"]
currency = "currency"
default_currency = "USD"
[fields]
id = "string"
under = "string"
cost = "amount"
currency = "string"
[[parents]]
record_type = "step"
description = "Under the step before."
via = [["under", "id"]]
"""


def call(*arguments: str | Path, input: bytes | None = None, **environment: str) -> Result:
    """Run a command in this process. Standard output and standard error are kept apart."""
    return CliRunner(env=environment).invoke(main, [str(each) for each in arguments], input=input)


def run(
    *arguments: str | Path, cwd: Path, input: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a process, with no settings from the environment but those given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONTREE_")}
    command = [sys.executable, "-m", "sessiontree", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, input=input, env=inherited | environment, capture_output=True, timeout=120, check=False
    )
