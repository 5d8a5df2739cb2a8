"""`sessiontree demo`, `serve` and the whole program: what it prints works when pasted, what it refuses is one line."""

import dataclasses
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cli_help import call, run
from conftest import SECONDS
from conftest import running as serving
from sessiontree import catalog_files, demo_data
from sessiontree import demo as demos
from sessiontree.catalog import Catalog
from sessiontree.cli import _COMMANDS
from sessiontree.reading import Reader
from sessiontree.store import open_store

SESSION = demo_data.GUIDE_SESSION
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
OLD = dataclasses.replace(catalog_files.load().types["forking"], name="old")
"""A type that is declared no more."""


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[str]:
    """A running demo; what it printed when it was ready."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONTREE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "sessiontree", "demo", "--port", "0", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        text = ""
        assert process.stdout is not None
        for line in process.stdout:
            text += line
            if "Ctrl+C" in line:
                break
        address = re.search(r"Address  (\S+)", text)
        assert address, text
        assert httpx.get(f"{address[1]}/healthz", timeout=SECONDS).status_code == 200
        yield text
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=SECONDS)[0]
    assert (process.returncode, rest) == (0, ""), text + rest


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("demo")
    with demo(folder) as text:
        yield folder, text


def pasted(folder: Path, command: str) -> str:
    """What a command of the demo's invitation prints in a shell in the same folder."""
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_is_kept_in_the_present_folder(running: tuple[Path, str]):
    folder, text = running
    assert "example sessions in sessiontree-demo.db" in text
    assert (folder / "sessiontree-demo.db").exists()


def test_the_link_opens_on_the_sessions_and_signs_in_once(running: tuple[Path, str]):
    _, text = running
    link = re.search(r"Open     (\S+)", text)
    assert link
    with httpx.Client(follow_redirects=True, timeout=SECONDS) as browser:
        page = browser.get(link[1], headers={"Accept": "text/html"})
        assert (page.status_code, page.url.path) == (200, "/sessions")
        page = browser.get(f"{page.url}/call-session/{SESSION}", headers={"Accept": "text/html"})
        assert "0.212800 USD" in page.text
    assert httpx.get(link[1], timeout=SECONDS).status_code == 410


def test_the_curl_command_works_when_pasted(running: tuple[Path, str]):
    folder, text = running
    command = next(line for line in text.splitlines() if "curl" in line)
    answer = json.loads(pasted(folder, command))
    assert (answer["cost"]["total"], answer["meta"]["event_count"]) == ("0.212800", 11)
    assert answer["meta"]["returned_event_count"] == 11


def test_the_python_command_works_when_pasted(running: tuple[Path, str]):
    folder, text = running
    found = re.search(r"^  \S+ -c 'import telnyx\n.*?'$", text, re.MULTILINE | re.DOTALL)
    assert found, text
    assert pasted(folder, found[0]) == "0.212800 USD 11\n"


def test_the_tree_command_works_when_pasted(running: tuple[Path, str]):
    folder, text = running
    command = next(line for line in text.splitlines() if " tree " in line)
    arguments = command.split(" tree ")[1].split()  # the program before it is checked below, without setting it up here
    done = run("tree", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Total      0.2128 USD" in done.stdout.decode().splitlines()
    program = command.split(" tree ")[0].split()[0]
    assert program == "sessiontree" or (folder / program).exists()


def test_the_key_reads_every_type_of_the_demo(running: tuple[Path, str]):
    _, text = running
    address, key = re.search(r"Address  (\S+)", text), re.search(r"Key      (\S+)", text)
    assert address and key
    wanted = [
        "verify",
        "wireless",
        "fax",
        "messaging",
        "conference",
        "conference-participant",
        "room-session-event",
        "webrtc",
    ]
    headers = {"Authorization": f"Bearer {key[1]}"}
    with httpx.Client(base_url=address[1], headers=headers, timeout=SECONDS) as client:
        for record_type in wanted:
            answer = client.get("/v2/detail_records", params={"filter[record_type]": record_type})
            assert answer.json()["meta"]["total_results"] > 0, record_type
        params = {"filter[record_type]": "call-control", "sort": "-started_at", "page[size]": "1"}
        (newest,) = client.get("/v2/detail_records", params=params).json()["data"]
        answer = client.get(f"/v2/session_analysis/call-session/{newest['telnyx_session_id']}").json()
        assert (answer["status"], answer["completed_at"]) == ("in_progress", None)


def test_a_second_start_adds_nothing(tmp_path: Path):
    keys = []
    for _ in range(2):
        with demo(tmp_path) as text:
            keys += re.findall(r"Key      (\S+)", text)
        store = tmp_path / "sessiontree-demo.db"
        keys.append(len(call("tree", "--store", store, "call-session", SESSION).stdout))
    assert keys[1] == keys[3]
    assert keys[0] != keys[2]


def test_a_named_store_is_used(tmp_path: Path, where: str):
    with demo(tmp_path, "--store", where) as text:
        assert f"example sessions in {where}\n" in text
    (command,) = [line.partition(" tree ")[2] for line in text.splitlines() if " tree " in line]
    assert "Total      0.2128 USD" in call("tree", *shlex.split(command)).stdout.splitlines()
    assert not (tmp_path / "sessiontree-demo.db").exists()


def test_a_store_with_other_records_is_left_alone(tmp_path: Path, where: str):
    (tmp_path / "own.json").write_text('{"record_type": "fax", "id": "mine"}')
    assert call("import", "--account", "acme", "--store", where, tmp_path / "own.json").exit_code == 0
    done = run("demo", "--port", "0", cwd=tmp_path, SESSIONTREE_STORE=where)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Error: the store holds records of your own: name a new file for the demo with --store\n" in done.stderr
    assert done.stderr.count(b"\n") == 1
    store = open_store(where, catalog_files.load())
    assert (store.count(), store.keys()) == (1, [])
    store.close()


def test_a_key_of_the_demo_expires(where: str):
    store = open_store(where, catalog_files.load())
    demos.new_key(store)
    (key,) = store.keys()
    assert key.expires == key.created + timedelta(days=7)
    store.close()


def test_a_server_warns_of_types_that_the_catalogue_lacks(tmp_path: Path, where: str):
    catalog = catalog_files.load()
    store = open_store(where, Catalog({**catalog.types, "old": OLD}, catalog.updated))
    store.add("default", [Reader(store.catalog).read(b'{"record_type": "old", "id": "1"}')], NOW)
    store.close()
    assert call("catalog", "apply", "--yes", "--store", where).exit_code == 0  # lets it go: otherwise no server starts
    with serving(tmp_path, where):
        log = (tmp_path / "server.log").read_text()
    assert "WARNING records of old are stored, but the catalogue has no such type" in log


def test_a_server_warns_of_records_that_want_a_re_read(tmp_path: Path, where: str):
    catalog = catalog_files.load()
    other = replace(catalog.types["amd"], cost_fields=("rate",))
    store = open_store(where, Catalog({**catalog.types, "amd": other}, catalog.updated))
    store.add("default", [Reader(store.catalog).read(b'{"record_type": "amd", "id": "1"}')], NOW)
    store.close()
    with serving(tmp_path, where):
        log = (tmp_path / "server.log").read_text()
    assert "WARNING amd changed in the catalogue; run `sessiontree catalog apply` to re-read them" in log


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_port_that_is_taken_is_one_line(command: str, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(command, "--port", str(port), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"Error: 127.0.0.1:{port} ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "command", [["demo", "--port", "0"], ["serve", "--port", "0"], ["import", "-"], ["keys", "create"]]
)
def test_a_place_that_cannot_be_written_is_one_line(command: list[str], tmp_path: Path):
    done = run(*command, "--store", "/proc/sessiontree.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Error: /proc/sessiontree.db cannot be opened")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["frobnicate"], 2),
        (["serve", "--port", "x"], 2),
        (["serve", "--port", "70000"], 2),
        (["tree", "--nonsense", "x", "y"], 2),
        *([[name, "--help"], 0] for name in _COMMANDS),
    ],
)
def test_exit_statuses(arguments: list[str], status: int):
    result = call(*arguments)
    assert result.exit_code == status
    assert (result.stdout != "") == (status == 0)
    assert (result.stderr != "") == (status == 2)


def test_a_setting_that_cannot_be_is_one_line(tmp_path: Path):
    done = run("serve", cwd=tmp_path, SESSIONTREE_PORT="many")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"port" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_starting_loads_no_more_than_is_needed(tmp_path: Path):
    script = (
        "import sys; from sessiontree.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    heavy = {"uvicorn", "starlette", "rich", "jinja2", "sqlite3", "zstandard", "prometheus_client"}
    assert heavy & set(done.stdout.splitlines()[-1].split()) == set()


def test_generated_records_are_the_same_for_the_same_day_and_all_readable():
    records = list(demo_data.generated_records(NOW))
    assert records == list(demo_data.generated_records(NOW))
    reader = Reader(catalog_files.load())
    read = [reader.read(json.dumps(record).encode()) for record in records]
    assert len({(record.record_type, record.id) for record in read}) == len(read)
    starts = [record.start for record in read if record.start is not None]
    assert NOW - timedelta(days=demo_data.DAYS, hours=1) < min(starts)
    assert max(starts) < NOW
    sessions = {record["telnyx_session_id"] for record in records if "telnyx_session_id" in record}
    assert 200 < len(sessions) < 400
