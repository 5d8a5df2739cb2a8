"""Bad days of a PostgreSQL server under a running one of ours: it goes while requests come, and comes back."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import SECONDS, Server, running, until
from postgres import GIVEN
from postgres_server import Server as Database
from postgres_server import binaries
from sessiontree.catalog_files import load
from sessiontree.reading import Reader
from sessiontree.settings import Settings
from sessiontree.store import open_store

PATH = "/v2/detail_records"
OUTAGE = "(?:request [0-9a-f]+|sessions wait to be refreshed): .* cannot be reached"


@pytest.fixture
def database() -> Iterator[Database]:
    """A PostgreSQL server of the test's own, whose commits are durable."""
    programs = binaries()
    if programs is None or os.environ.get(GIVEN):
        pytest.skip("needs a PostgreSQL server of its own, to kill it")
    folder = Path(tempfile.mkdtemp(prefix="sessiontree-postgres-"))
    database = Database(folder, programs, fsync="on", synchronous_commit="on", full_page_writes="on")
    try:
        database.make()
        database.start()
        yield database
    finally:
        database.stop("immediate")
        shutil.rmtree(folder)


def turn(id: str) -> dict[str, Any]:
    return {"record_type": "recording", "id": id, "telnyx_session_id": "s", "cost": "0.01"}


def holds(server: Server, count: int) -> bool:
    """Whether the session has so many records, and all sums agree."""
    tree = server.get("/v2/session_analysis/call-session/s").json()
    proof = server.get("/v2/verify").json()
    return bool(tree["meta"]["event_count"] == count + 1 and proof["data"]["holds"])


def test_the_log_of_a_healthy_database_has_no_errors(tmp_path: Path, database: Database):
    """Whatever a server is asked: of an account without a record, of months that have a partition, or have none."""
    january, june = "fb2d8000-e76d-11f0-8000-02420aef92a0", "36e86800-5d55-11f1-8000-02420aef92a0"  # of 2026
    where, sessions = database.url("postgres"), "/v2/session_analysis/call-session/"
    asked = {"s": 200, "s?date_time=2026-03-17": 404, january: 200, f"{january}?date_time=2026-01-02": 200, june: 404}
    with running(tmp_path, where) as server:
        assert server.get(f"{sessions}s").status_code == 404
        for at in range(3):
            old = turn(f"old-{at}") | {"telnyx_session_id": january, "started_at": f"2026-01-0{at + 1}T12:00:00Z"}
            assert server.post([turn("one"), turn(f"one-{at}"), old]).status_code == 200
            assert {id: server.get(f"{sessions}{id}").status_code for id in asked} == asked
        until(lambda: len(server.get("/v2/sessions").json()["data"]) == 2)
        assert holds(server, 4)
        for path in ("/v2/detail_records?record_type=recording", "/v2/spend", "/v2/unlinked", "/v2/imports", "/readyz"):
            assert server.get(path).status_code == 200, path
        command = ["store", "prune", "--store", where, "--before", "2026-02-01", "--yes"]
        subprocess.run([sys.executable, "-m", "sessiontree", *command], check=True, timeout=SECONDS)
        assert server.post([turn("two")]).status_code == 200
        assert holds(server, 5)
    told = (database.folder / "log").read_text()
    assert [line for line in told.splitlines() if " LOG: " not in line] == []


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_while_it_is_gone_requests_are_refused_and_then_served_again(tmp_path: Path, database: Database, workers: str):
    """Killed while a client sends: what was acknowledged is there when it is back, and nobody restarts anything."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def send(server: Server) -> None:
        at = 0
        while not stop.is_set():
            answer = server.post([turn(f"{at}-{each}") for each in range(10)])
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                acknowledged.append(str(at))
                at += 1

    with running(tmp_path, database.url("postgres"), "--workers", workers) as server:
        told = server.log.read_text
        sender = threading.Thread(target=send, args=[server], daemon=True)
        sender.start()
        for _ in range(2):
            so_far = len(acknowledged)
            until(lambda so_far=so_far: len(acknowledged) > so_far + 3)
            database.kill()
            asked = [server.get(path) for path in ("/v2/session_analysis/call-session/s", "/v2/sessions")]
            asked.append(server.post([turn("none")]))
            assert [answer.status_code for answer in asked] == [503] * 3
            assert all(int(answer.headers["retry-after"]) > 0 for answer in asked)
            until(lambda: server.get("/readyz").status_code == 503)
            assert server.get("/healthz").status_code == 200
            page = httpx.get(f"{server.url}/sign-in", headers={"Accept": "text/html"}, timeout=SECONDS)
            assert page.status_code == 200
            database.start_again()
            until(lambda: server.get("/readyz").status_code == 200)
            until(lambda: told().count("the store answers again") == len(re.findall(OUTAGE, told())))
        so_far = len(acknowledged)
        until(lambda: len(acknowledged) > so_far + 3)
        stop.set()
        sender.join(SECONDS)
        server.post([turn("last")])
        assert holds(server, 10 * len(acknowledged) + 1)
        until(lambda: told().count("the store answers again") == len(re.findall(OUTAGE, told())))
    # Once per outage by each process that serves, and by the one that refreshes.
    assert 2 <= len(re.findall(OUTAGE, told())) <= 2 * (int(workers) + 1)
    assert "Traceback" not in told()


def test_a_process_that_begins_while_it_is_gone_waits_for_it(database: Database):
    url = database.url("postgres")
    open_store(url, load()).close()
    database.stop("immediate")
    command = [sys.executable, "-m", "sessiontree.keeping_process"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdin.write(json.dumps(asdict(Settings(store=url))).encode() + b"\n")
        process.stdin.flush()
        assert b"sessions wait to be refreshed: " in process.stderr.readline()
        database.start()
        store = open_store(url, load())
        store.add("default", [Reader(store.catalog).read(json.dumps(turn("r")).encode())], datetime.now(UTC))
        until(lambda: store.sessions.find("default", "call-session", "s") is not None)
        store.close()
        process.stdin.close()
        assert b"the store answers again" in process.stderr.readline()
        assert (process.stderr.read(), process.wait(SECONDS)) == (b"", 0)


def test_of_a_body_in_the_middle_of_which_it_goes_the_answer_says_what_is_stored(tmp_path: Path, database: Database):
    records = [turn(f"{at}") for at in range(40_000)]
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    where = database.url("postgres")

    def body() -> Iterator[bytes]:
        yield b"".join(lines[:30_000])
        store = open_store(where, load())
        until(lambda: store.count() >= 2000)
        store.close()
        database.kill()
        yield b"".join(lines[30_000:])

    with running(tmp_path, where) as server:
        headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
        broken = httpx.post(server.url + PATH, content=body(), headers=headers, timeout=SECONDS)
        assert (broken.status_code, int(broken.headers["retry-after"]) > 0) == (503, True)
        said = broken.json()["data"]
        database.start_again()
        until(lambda: server.get("/readyz").status_code == 200)
        again = server.post(records).json()["data"]
        assert again["created"] + again["unchanged"] == 40_000
        assert 2000 <= said["created"] <= again["unchanged"] < 40_000
        assert holds(server, 40_000)
