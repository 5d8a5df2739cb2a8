"""`serve --workers N`: several processes on one socket that answer as one server."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import SECONDS, Server, running, until
from sessiontree import catalog_files
from sessiontree.http import shared_folder
from sessiontree.http.limits import RateLimit
from sessiontree.pages.sign_ins import SignIns
from sessiontree.store import open_store
from sessiontree.verifying import verify
from stores import NewStore, heard, is_closed

PREFIX = 12  # characters of a request's id that name the process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_store: NewStore) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("workers")
    with new_store(folder) as where, running(folder, where, "--workers", "2") as server:
        yield server


def by_all(server: Server, ask: Callable[[httpx.Client], httpx.Response], processes: int = 2) -> list[httpx.Response]:
    """Answers of every process to one question; each is asked by new connections until all have answered."""
    answers: dict[str, httpx.Response] = {}
    end = time.monotonic() + SECONDS

    def once(_: int) -> httpx.Response:
        with httpx.Client(base_url=server.url, timeout=SECONDS) as client:
            return ask(client)

    with ThreadPoolExecutor(8) as threads:
        while len(answers) < processes:
            assert time.monotonic() < end, "not all processes answer"
            for answer in threads.map(once, range(16)):
                answers[answer.headers["X-Request-Id"][:PREFIX]] = answer
    return list(answers.values())


def children(server: Server) -> list[int]:
    """The processes that serve."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(server.process.pid)], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 1) for line in found.stdout.splitlines()]
    return [int(pid) for pid, arguments in rows if "spawn_main" in arguments]


def test_all_processes_answer_the_same(server: Server):
    assert server.post([{"record_type": "amd", "id": "one", "cost": "1.5"}]).status_code == 200
    headers = {"Authorization": f"Bearer {server.key}"}
    answers = by_all(server, lambda client: client.get("/v2/session_analysis/amd/one", headers=headers))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["cost"]["total"] for answer in answers] == ["1.500000"] * 2


def test_a_revoked_key_stops_everywhere_at_once(server: Server):
    headers = {"Authorization": f"Bearer {server.key}"}
    made = httpx.post(
        f"{server.url}/v2/keys", json={"name": "x", "scopes": ["read"]}, headers=headers, timeout=SECONDS
    ).json()["data"]
    theirs = {"Authorization": f"Bearer {made['key']}"}

    def ask(client: httpx.Client) -> httpx.Response:
        return client.get("/v2/session_analysis/metadata", headers=theirs)

    assert {answer.status_code for answer in by_all(server, ask)} == {200}
    assert httpx.delete(f"{server.url}/v2/keys/{made['prefix']}", headers=headers, timeout=SECONDS).status_code == 200
    heard(server.where, lambda: {answer.status_code for answer in by_all(server, ask)} == {401})


def test_a_browser_that_one_process_signed_in_is_known_to_all(server: Server):
    with httpx.Client(base_url=server.url, timeout=SECONDS) as browser:
        assert browser.post("/sign-in", data={"key": server.key}).status_code == 303
        cookies = dict(browser.cookies)
        pages = by_all(server, lambda client: client.get("/sessions", headers={"Cookie": _cookie(cookies)}))
        assert {page.status_code for page in pages} == {200}
        form = pages[0].text.split('name="form_token" value="')[1].split('"')[0]
        assert all(form in page.text for page in pages), "a form of one process can be sent to another"
        assert browser.post("/sign-out", data={"form_token": form}).status_code == 303
    after = by_all(server, lambda client: client.get("/sessions", headers={"Cookie": _cookie(cookies)}))
    assert {page.status_code for page in after} == {303}


def _cookie(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def counted(server: Server) -> float:
    """How many requests for unlinked records, which nobody else makes here, have been answered, as the server tells."""
    lines = httpx.get(f"{server.url}/metrics", timeout=SECONDS).text.splitlines()
    route = 'sessiontree_http_requests_total{route="/v2/unlinked",status="200"}'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(route))


def test_each_process_tells_what_all_have_counted(server: Server):
    headers = {"Authorization": f"Bearer {server.read_key}"}
    asked: Counter[str] = Counter()

    def ask(client: httpx.Client) -> httpx.Response:
        answer = client.get("/v2/unlinked", headers=headers)
        asked[answer.headers["X-Request-Id"]] += 1
        return answer

    by_all(server, ask)
    until(lambda: counted(server) == asked.total())
    told = by_all(server, lambda client: client.get("/metrics"))
    assert all("sessiontree_store_bytes" in each.text for each in told)


def test_a_limit_is_on_all_processes_together(tmp_path: Path, where: str):
    with running(tmp_path, where, "--workers", "2", SESSIONTREE_REQUESTS_PER_SECOND="1") as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        statuses: list[int] = []

        def ask(client: httpx.Client) -> httpx.Response:
            for _ in range(10):  # by one connection, so that they come faster than they are allowed to
                answer = client.get("/v2/session_analysis/metadata", headers=headers)
                statuses.append(answer.status_code)
            return answer

        began = time.monotonic()
        by_all(server, ask)
        allowed = 2 + (time.monotonic() - began)
        assert 2 <= statuses.count(200) <= allowed
        assert set(statuses) == {200, 429}


def test_a_process_that_is_killed_is_replaced(tmp_path: Path, where: str):
    with running(tmp_path, where, "--workers", "2") as server:
        until(lambda: len(children(server)) == 2)
        assert server.post([{"record_type": "amd", "id": "one"}]).status_code == 200
        before = children(server)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(children(server)) == 2 and before[0] not in children(server))
        assert before[1] in children(server)
        assert {answer.status_code for answer in by_all(server, lambda client: client.get("/readyz"))} == {200}
    assert "another takes its place" in (tmp_path / "server.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_in_order(tmp_path: Path, where: str, number: signal.Signals):
    with running(tmp_path, where, "--workers", "2") as server:
        until(lambda: len(children(server)) == 2)
        pids = children(server)
        assert server.post([{"record_type": "amd", "id": "one"}]).status_code == 200
        server.process.send_signal(number)
        assert server.process.wait(SECONDS) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log
    assert "takes its place" not in log
    until(lambda: is_closed(where))


def test_without_the_first_process_the_others_end(tmp_path: Path, where: str):
    with running(tmp_path, where, "--workers", "2") as server:
        until(lambda: len(children(server)) == 2)
        pids = children(server)
        server.process.kill()
        until(lambda: not any(_lives(pid) for pid in pids))


def test_what_a_server_that_was_killed_left_behind_is_gone_after_the_next_start(tmp_path: Path, where: str):
    folder = tmp_path / "temporary"
    folder.mkdir()
    with running(tmp_path, where, "--workers", "2", TMPDIR=str(folder)) as server:
        until(lambda: len(children(server)) == 2)
        with running(tmp_path, where, "--workers", "2", TMPDIR=str(folder)) as second:
            until(lambda: len(children(second)) == 2)
            living = set(folder.iterdir())
            assert len(living) == 2, "a start leaves the folder of a living server alone"
            pids = children(second)
            for pid in pids:  # or one of them might still take the folder away
                os.kill(pid, signal.SIGSTOP)
            second.process.kill()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        assert set(folder.iterdir()) == living
        with running(tmp_path, where, "--workers", "2", TMPDIR=str(folder)):
            assert len(living & set(folder.iterdir())) == 1
        assert len(living & set(folder.iterdir())) == 1
    assert list(folder.iterdir()) == []


def test_a_start_that_another_takes_for_left_over_waits_for_its_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looked_at: list[int] = []

    def made(prefix: str) -> str:
        folder = tmp_path / prefix
        folder.mkdir()
        looked_at.append(os.open(folder, os.O_RDONLY))
        fcntl.flock(looked_at[0], fcntl.LOCK_EX)
        threading.Timer(0.05, os.close, looked_at).start()
        return str(folder)

    monkeypatch.setattr(shared_folder, "mkdtemp", made)
    monkeypatch.setattr(shared_folder, "gettempdir", lambda: str(tmp_path))
    with shared_folder.shared_folder() as shared:
        assert shared.is_dir()
    assert list(tmp_path.iterdir()) == []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_keeps_it_from_starting_is_one_sentence(tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database " * 100)
    command = [sys.executable, "-m", "sessiontree", "serve", "--workers", "2", "--port", "0", "--store", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 1
    assert "not a Sessiontree file" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_two_processes_that_are_sent_the_same_records_store_them_once(tmp_path: Path, where: str):
    with running(tmp_path, where, "--workers", "2") as server:
        outcomes: Counter[str] = Counter()
        lock = threading.Lock()

        def send(turn: int) -> None:
            records = [
                {"record_type": "call-control", "id": f"leg{at}", "telnyx_session_id": f"s{at % 7}", "cost": "0.000001"}
                for at in range(200)
            ]
            answer = server.post(records)
            while answer.status_code == 503:
                answer = server.post(records)
            assert answer.status_code == 200, answer.text
            with lock:
                outcomes.update({name: answer.json()["data"][name] for name in ("created", "updated", "unchanged")})

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(send, range(12)))
        assert outcomes == {"created": 200, "updated": 0, "unchanged": 11 * 200}
        until(lambda: _total(server) == "0.000200")
    store = open_store(where, catalog_files.load())
    try:
        found = verify(store, "default")
        assert (found.differences, found.sums and found.sums.record_count) == ([], 200)
        assert len({intake.id for intake in store.intakes.page("default", limit=50)}) >= 12
    finally:
        store.close()


def _total(server: Server) -> str | None:
    costs = server.get("/v2/sessions").json()["meta"]["total"]["cost"]
    return costs[0]["total"] if costs else None


# What the processes share


def test_buckets_in_a_file_are_those_of_all_who_have_it(tmp_path: Path):
    one, other = RateLimit(2, tmp_path / "limits"), RateLimit(2, tmp_path / "limits")
    assert [limit.wait("a", now=10.0) for limit in (one, other, one, other, one, other)] == [0, 0, 0, 0, 0.5, 0.5]
    assert other.wait("b", now=10.0) == 0, "each key has its own"
    assert one.wait("a", now=10.5) == 0
    assert other.wait("a", now=10.5) == 0.5


def test_more_keys_than_there_is_room_for_are_not_refused(tmp_path: Path):
    limit = RateLimit(1, tmp_path / "limits")
    assert {limit.wait(f"key{at}", now=float(at)) for at in range(10_000)} == {0}
    assert limit.wait("key9999", now=9999.0) == 0
    assert limit.wait("key9999", now=9999.0) == 1


def test_sign_ins_in_a_file_are_those_of_all_who_have_it(tmp_path: Path):
    one, other = SignIns(file=tmp_path / "a.db"), SignIns(file=tmp_path / "a.db")
    token, once = one.begin(b"key"), one.invite(b"key", leads_to="/x")
    found: Any = other.find(token)
    assert (found, found.key) == (one.find(token), b"key")
    accepted: Any = other.accept(once)
    assert (accepted.leads_to, one.accept(once)) == ("/x", None)
    other.end(token)
    assert one.find(token) is None
    one.close()
    other.close()
