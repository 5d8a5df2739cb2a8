"""The server as a process: where it listens, how it stops, what it tells about itself."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import SECONDS, Server, running, until
from sessiontree.catalog_files import load
from sessiontree.store import open_store
from stores import is_closed

RECORD = {"record_type": "recording", "id": "rec-1", "telnyx_session_id": "session-secret", "cost": "1"}


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sessiontree", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_a_taken_port_is_one_sentence(where: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = serve("--port", port, "--store", where)
    assert run.returncode == 1
    assert port in run.stderr
    assert "--port" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not Path(where).exists()


@pytest.mark.parametrize("host", ["256.1.1.1", "no such host"])
def test_an_address_that_is_none_is_one_sentence(where: str, host: str):
    run = serve("--host", host, "--port", "0", "--store", where)
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1


def test_a_file_that_is_no_store_is_one_sentence(tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database " * 100)
    run = serve("--port", "0", "--store", str(file))
    assert run.returncode == 1
    assert "not a Sessiontree file" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(tmp_path: Path, where: str, number: signal.Signals):
    with running(tmp_path, where) as server:
        assert server.post([RECORD]).status_code == 200
        server.process.send_signal(number)
        assert server.process.wait(SECONDS) == 0
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log
    until(lambda: is_closed(where))


def test_it_says_what_it_waits_for_and_a_second_interrupt_ends_it(tmp_path: Path, where: str):
    with running(tmp_path, where) as server:
        assert server.post([RECORD]).status_code == 200
        with begun(server):
            server.process.send_signal(signal.SIGINT)
            until(lambda: "waiting for 1 request, 30 s at most; Ctrl-C again" in server.log.read_text())
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(SECONDS) == 1
    assert "Traceback" not in server.log.read_text()
    with closing(open_store(where, load())) as store:
        assert store.count() == 1


def test_what_it_waits_for_is_answered(tmp_path: Path, where: str):
    with running(tmp_path, where) as server:
        with begun(server) as rest:
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "waiting for 1 request" in server.log.read_text())
            assert b" 200 OK" in rest()
        assert server.process.wait(SECONDS) == 0


@contextmanager
def begun(server: Server) -> Iterator[Callable[[], bytes]]:
    """A request whose body the server waits for; gives what sends that and reads the answer."""
    body = json.dumps(RECORD).encode()
    address = urlsplit(server.url)
    lines = ["POST /v2/detail_records HTTP/1.1", f"Host: {address.netloc}", f"Authorization: Bearer {server.key}"]
    lines += ["Content-Type: application/x-ndjson", f"Content-Length: {len(body)}"]
    lines += ["Expect: 100-continue", "", ""]
    with socket.create_connection((address.hostname, address.port), timeout=SECONDS) as line:
        line.sendall("\r\n".join(lines).encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        yield lambda: [line.sendall(body), line.recv(1000)][1]


def test_metrics_count_requests_and_records_and_name_nobody(server: Server):
    server.post([RECORD, {"id": "no type"}])
    server.post([RECORD])
    server.get("/v2/session_analysis/call-session/session-secret")
    server.get("/v2/session_analysis/call-session/other-secret")
    server.get("/no/such/secret")
    text = server.get("/metrics").text

    def value(name: str) -> float:
        (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found)

    tree = 'route="/v2/session_analysis/{record_type}/{event_id}"'
    assert value(f'sessiontree_http_requests_total{{{tree},status="200"}}') == 1
    assert value(f'sessiontree_http_requests_total{{{tree},status="404"}}') == 1
    assert value('sessiontree_http_requests_total{route="unknown",status="404"}') == 1
    assert value(f"sessiontree_http_request_seconds_count{{{tree}}}") == 2
    for outcome in ("created", "unchanged", "rejected"):
        assert value(f'sessiontree_records_total{{outcome="{outcome}"}}') == 1
    assert value("sessiontree_commit_records_sum") == 2
    assert max(map(int, re.findall(r'^sessiontree_store_bytes\{file="\w+"\} (\d+)', text, re.MULTILINE))) > 0
    assert "secret" not in text
    assert server.key[:11] not in text


def test_ready_means_that_a_write_reached_the_disk(inside: Any, client: Any, monkeypatch: pytest.MonkeyPatch):
    from sessiontree.errors import StoreError
    from sessiontree.http import routes

    monkeypatch.setattr(routes, "READY_FOR_SECONDS", -1.0)
    assert client.get("/readyz").json() == {"status": "ready"}

    def fails() -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(inside.service.store, "check_write", fails)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").json() == {"status": "alive"}
