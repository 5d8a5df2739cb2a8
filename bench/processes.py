"""Processes under measurement: starting them, what CPU and memory they use (as Linux counts it), stopping them."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sessiontree import catalog_files
from sessiontree.keys import make_key
from sessiontree.store import open_store

ROOT = Path(__file__).parent.parent
START_SECONDS = 120
STOP_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Server:
    """A server process on this machine; `key` is one that it knows."""

    port: int
    key: str
    process: "subprocess.Popen[bytes]"

    def cpu_seconds(self) -> float:
        """The CPU time that its threads have used so far, theirs and the system's for them."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """The most memory that it has held at once, with the process that refreshes its sessions."""
        return peak_bytes(self.process.pid)


def peak_bytes(pid: int) -> int:
    """The most memory that a process has held at once, and those that it started; 0 when it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return (int(found[1]) * 1024 if found else 0) + sum(peak_bytes(int(child)) for child in children)


@contextmanager
def serving(store: Path | str, *options: str, **environment: str) -> Iterator[Server]:
    """A server over this store, made if need be, with further options of `serve`; gone at the end."""
    opened = open_store(str(store), catalog_files.load())
    text, key = make_key()
    opened.add_key(key)
    opened.close()
    port = _free_port()
    command = ["-m", "sessiontree", "--store", str(store), "serve", "--port", str(port), *options]
    with _running(command, port, environment) as process:
        yield Server(port, text, process)


@contextmanager
def constant_reply(length: int) -> Iterator[Server]:
    """A server that answers everything with the same bytes; gone at the end."""
    port = _free_port()
    with _running(["-m", "bench.constant", str(port), str(length)], port, {}) as process:
        yield Server(port, "", process)


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, "SESSIONTREE_LOG_LEVEL": "warning", **environment}
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(process, port)
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Until the port takes connections; a request sent then waits until it can be answered."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.02)
