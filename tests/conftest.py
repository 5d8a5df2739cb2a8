"""What several tests share: a real server process on a free port with a fresh store, and clients for it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest

from sessiontree import catalog_files
from sessiontree.http.server import App
from sessiontree.http.service import Service
from sessiontree.keys import make_key
from sessiontree.settings import Settings
from sessiontree.store import open_store

if TYPE_CHECKING:
    from stores import NewStore

pytest_plugins = ("browser", "golden", "postgres", "stores")
pytest.register_assert_rewrite("sessiontree.store.suite")

T = TypeVar("T")
SECONDS = 120
"""The most that anything may take: what is right is waited for only as long as it takes, on a slow machine too."""
_SERVING = re.compile(r"serving .* on (http://\S+)")
# The program is called by its name in what it says, wherever the tests are started from; see test_calling.py.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ.get("PATH", os.defpath)])

# A shell has what it starts in the background ignore this, and whatever that starts in turn.
signal.signal(signal.SIGINT, signal.default_int_handler)


def until(true: Callable[[], T]) -> T:
    """Wait for something to become true."""
    end = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < end, f"{found!r} is not what is waited for"
        time.sleep(0.01)
    return found


@dataclass
class Server:
    """A running server process and keys for it."""

    url: str
    key: str
    read_key: str
    other_key: str
    where: str
    log: Path
    process: subprocess.Popen[bytes]

    def post(self, records: Sequence[dict[str, Any]], key: str | None = None) -> httpx.Response:
        """Send records as NDJSON."""
        body = "".join(json.dumps(record) + "\n" for record in records)
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/x-ndjson"}
        return httpx.post(f"{self.url}/v2/detail_records", content=body, headers=headers, timeout=SECONDS)

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        """Ask for a path."""
        return httpx.get(self.url + path, headers={"Authorization": f"Bearer {key or self.key}"}, timeout=SECONDS)

    def add_up(self) -> None:
        """Wait until the sessions have all that was sent."""
        until(lambda: self.get("/v2/sessions?limit=1").json()["meta"]["fresh"])


def add_keys(where: str) -> list[str]:
    """Three new keys: all scopes, only read, and of another account."""
    everything = frozenset({"read", "write", "admin"})
    wanted = [("default", everything), ("default", frozenset({"read"})), ("other", frozenset({"read", "write"}))]
    texts = []
    store = open_store(where, catalog_files.load())
    for account, scopes in wanted:
        text, key = make_key(account=account, scopes=scopes)
        store.add_key(key)
        texts.append(text)
    store.close()
    return texts


@contextmanager
def running(
    folder: Path, where: str, *arguments: str, file_bytes_max: int | None = None, **environment: str
) -> Iterator[Server]:
    """A server process on a store, which leaves its log in a folder; stopped in the end.

    `file_bytes_max` stands for a full disk.
    """
    texts, log_path = add_keys(where), folder / "server.log"
    command = [sys.executable, "-m", "sessiontree", "serve", "--store", where, "--port", "0"]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*_limited(file_bytes_max), *command, *arguments],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
    try:
        yield Server(_address(process, log_path), *texts, where, log_path, process)
    finally:
        process.terminate()
        process.wait(SECONDS)


def _limited(file_bytes_max: int | None) -> list[str]:
    """A command that runs another with a limit on the size of every file it writes."""
    if file_bytes_max is None:
        return []
    script = (
        "import os, resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({file_bytes_max}, {file_bytes_max}));"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", script]


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where a server answers, which it has chosen itself: a port that was free a moment ago may be another's now."""

    def told() -> str:
        running = process.poll() is None
        found = _SERVING.search(log.read_text())
        assert found or running, log.read_text()
        return found[1] if found else ""

    url = until(told)
    assert httpx.get(f"{url}/healthz", timeout=SECONDS).status_code == 200
    return url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_store: "NewStore") -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with new_store(folder) as where, running(folder, where) as server:
        yield server


@dataclass
class Inside:
    """A service in this process, and a key with every scope."""

    service: Service
    app: App
    key: str
    read_key: str
    other_key: str


@pytest.fixture
def inside(where: str) -> Iterator[Inside]:
    texts = add_keys(where)
    service = Service(Settings(store=where))
    yield Inside(service, App(service), *texts)
    service.close()


@pytest.fixture
def client(inside: Inside) -> Iterator[Any]:
    """A client that calls the application in this process, with a key of every scope."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it would rather have another client
        from starlette.testclient import TestClient
    with TestClient(inside.app, headers={"Authorization": f"Bearer {inside.key}"}) as client:  # type: ignore[arg-type]
        yield client


@pytest.fixture
def pages(inside: Inside) -> Iterator[Any]:
    """A client that calls the application in this process, as a browser that is not signed in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    headers = {"Accept": "text/html"}
    with TestClient(inside.app, headers=headers, follow_redirects=False) as client:  # type: ignore[arg-type]
        yield client


@pytest.fixture
def signed_in(inside: Inside, pages: Any) -> Any:
    """The same, signed in with a key of every scope."""
    assert pages.post("/sign-in", data={"key": inside.key}).status_code == 303
    return pages
