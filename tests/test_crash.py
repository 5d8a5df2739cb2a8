"""Killed at any moment (SIGKILL), a store has every record that was acknowledged, once, and the trees they make.

Each test goes on with the same file until all its records are in; what was not acknowledged is sent again, as a client
would do. When the kill comes is random: a failure prints the seed and how far it was.
"""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

import messy
from conftest import SECONDS, Server, running
from sessiontree import money
from sessiontree.catalog_files import load
from sessiontree.reading import Reader
from sessiontree.store import Asks, Store, open_store
from sessiontree.store.names import is_postgres
from sessiontree.verifying import verify
from stores import let_go
from test_laws import assert_as_modelled, catalog, modelled, tree_of
from test_sessions import assert_sessions

Batch = Sequence[dict[str, Any]]
Contents = dict[tuple[str, str], bytes]

START_SECONDS = 0.2  # about what a writer takes to start: killed before its first acknowledgement, it dies on the way

WRITER = """
    import sys, time
    from datetime import UTC, datetime
    from sessiontree.catalog_files import load
    from sessiontree.reading import Reader
    from sessiontree.store import open_store
    path, first = sys.argv[1], int(sys.argv[2])
    catalog = load()
    read = Reader(catalog).read
    store = open_store(path, catalog)
    for number, line in enumerate(sys.stdin.buffer, first):
        records = [read(body) for body in line.rstrip(b"\\n").split(b"\\t")]
        store.add("default", records, datetime.now(UTC))
        print(number, flush=True)
        store.sessions.refresh(len(records) // 2 + 1)
    time.sleep(600)
"""


@dataclass
class Lives:
    """A writer that is killed again and again, and started again where its last acknowledgement was."""

    folder: Path
    where: str
    batches: Sequence[Batch]
    rng: random.Random
    acknowledged: int = 0
    kills: int = 0

    def live(self, *, acknowledgements_max: int, delay_max: float) -> None:
        """One life: killed some random time after a random number of acknowledgements.

        It gets a few batches more than that, so that no life can run ahead to the end.
        """
        acknowledged = self.acknowledged
        share = self.batches[acknowledged : acknowledged + acknowledgements_max + 2]
        enough = acknowledged + self.rng.randint(0, min(len(share), acknowledgements_max))
        (self.folder / "share").write_bytes(b"".join(b"\t".join(lines_of(batch)) + b"\n" for batch in share))
        with (self.folder / "share").open("rb") as file:
            command = [sys.executable, "-c", dedent(WRITER), self.where, str(acknowledged)]
            process = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            while self.acknowledged < enough and (line := process.stdout.readline()):
                self.acknowledged = int(line) + 1
            starting = self.acknowledged == enough == acknowledged
            time.sleep(self.rng.random() * (START_SECONDS if starting else delay_max))
        finally:
            process.kill()
        rest = process.communicate()[0].splitlines()  # printed before it died, not read yet
        self.acknowledged = int(rest[-1]) + 1 if rest else self.acknowledged
        self.kills += 1
        assert process.returncode == -9


def lines_of(batch: Batch) -> list[bytes]:
    return messy.ndjson(batch).splitlines()


def contents(batches: Sequence[Batch]) -> Contents:
    """What is stored once these batches are."""
    reader = Reader(load())
    read = [reader.read(body) for batch in batches for body in lines_of(batch)]
    return {(record.record_type, record.id): record.body for record in read}


def stored(store: Store, identities: set[tuple[str, str]]) -> Contents:
    with store.snapshot("default") as snapshot:
        found = snapshot.find(Asks(identities, set(), set()))
    assert len(found) == len({(record.record_type, record.id) for record in found}) == store.count()
    return {(record.record_type, record.id): record.body for record in found}


def killed_until_done(
    folder: Path, where: str, batches: Sequence[Batch], seed: int, *, acknowledgements_max: int, delay_max: float
) -> None:
    """Every batch goes in at last; after each kill, the store holds all acknowledged ones and at most the next."""
    lives = Lives(folder, where, batches, random.Random(seed))
    everything = set(contents(batches))
    while lives.acknowledged < len(batches):
        lives.live(acknowledgements_max=acknowledgements_max, delay_max=delay_max)
        let_go(where)
        store = open_store(where, load())
        found = stored(store, everything)
        store.close()
        possible = [contents(batches[: lives.acknowledged + more]) for more in (0, 1)]
        assert found in possible, f"seed {seed}, after {lives.kills} kills, {lives.acknowledged} batches acknowledged"
    if is_postgres(where):
        return
    with closing(sqlite3.connect(where)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert db.execute("pragma foreign_key_check").fetchall() == []


def in_batches(records: Sequence[dict[str, Any]], rng: random.Random, size_max: int) -> list[Batch]:
    batches = []
    at = 0
    while at < len(records):
        size = rng.randint(1, size_max)
        batches.append(records[at : at + size])
        at += size
    return batches


def check_messy_records(folder: Path, where: str, seed: int, count: int) -> None:
    rng = random.Random(seed)
    records = messy.generate(rng, count, operator=False)
    killed_until_done(folder, where, in_batches(records, rng, 8), seed, acknowledgements_max=9, delay_max=0.004)
    model, _ = modelled(records, operator=False)
    store = open_store(where, catalog(operator=False))
    try:
        assert_as_modelled(store, model)
        assert_sessions(store, model, catalog(operator=False))
    finally:
        store.close()


def check_large_batches(folder: Path, where: str, seed: int, count: int) -> None:
    """Large enough that many kills come in the middle of a commit, and that dictionaries are trained on the way."""
    rng = random.Random(seed)
    records = [
        {"record_type": "inference", "id": f"turn-{at}", "conversation_id": f"talk-{at % 100}", "cost": f"0.{at:06}"}
        for at in range(count)
    ]
    killed_until_done(folder, where, in_batches(records, rng, 1500), seed, acknowledgements_max=3, delay_max=0.06)
    store = open_store(where, load())
    add_talks(store)
    total = sum(tree_of(store, "ai-voice-assistant", f"ai-{talk}").root.totals["USD"] for talk in range(100))
    assert total == sum(range(count)) * money.UNIT // 1_000_000
    assert verify(store, "default").holds
    assert store.sessions.waiting() == 0
    store.close()


def add_talks(store: Store) -> None:
    reader = Reader(store.catalog)
    bodies = [b'{"id":"ai-%d","conversation_id":"talk-%d"}' % (talk, talk) for talk in range(100)]
    store.add("default", [reader.read(body, "ai-voice-assistant") for body in bodies], datetime.now(UTC))


@pytest.mark.parametrize("seed", [1])
def test_messy_records(tmp_path: Path, where: str, seed: int) -> None:
    check_messy_records(tmp_path, where, seed, 120)


@pytest.mark.parametrize("seed", [2])
def test_large_batches(tmp_path: Path, where: str, seed: int) -> None:
    check_large_batches(tmp_path, where, seed, 9_000)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 112))
def test_messy_records_many_times(tmp_path: Path, where: str, seed: int) -> None:
    check_messy_records(tmp_path, where, seed, 250)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200, 206))
def test_large_batches_many_times(tmp_path: Path, where: str, seed: int) -> None:
    check_large_batches(tmp_path, where, seed, 30_000)


# Over HTTP


@dataclass
class Client:
    """Posts batches one after the other; knows which were answered."""

    name: int
    batches: Sequence[Batch]
    answered: int = 0
    trouble: list[str] = field(default_factory=list)

    def post(self, server: Server) -> None:
        """Until all are answered, or the server is gone."""
        headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
        with httpx.Client(headers=headers, timeout=SECONDS) as http:
            while self.answered < len(self.batches):
                try:
                    body = messy.ndjson(self.batches[self.answered])
                    answer = http.post(f"{server.url}/v2/detail_records", content=body)
                except httpx.TransportError:
                    return
                if answer.status_code != 200 or answer.json()["data"]["rejected"]:
                    self.trouble.append(answer.text)
                    return
                self.answered += 1


def turns(client: int, count: int) -> list[dict[str, Any]]:
    return [
        {"record_type": "inference", "id": f"{client}-{at}", "conversation_id": f"talk-{client}", "cost": f"0.{at:06}"}
        for at in range(count)
    ]


def check_over_http(folder: Path, where: str, seed: int, count: int) -> None:
    rng = random.Random(seed)
    clients = [Client(name, in_batches(turns(name, count), rng, 60)) for name in range(3)]
    everything = {("inference", record["id"]) for client in clients for batch in client.batches for record in batch}
    kills = 0
    while any(client.answered < len(client.batches) for client in clients):
        with running(folder, where) as server:
            kills += post_and_kill(server, clients, rng)
        assert [client.trouble for client in clients] == [[], [], []]
        when = f"seed {seed}, after {kills} kills"
        let_go(where)
        store = open_store(where, load())
        found = stored(store, everything)
        store.close()
        for client in clients:
            for identity, body in contents(client.batches[: client.answered]).items():
                assert found.get(identity) == body, when
            unasked = contents(client.batches[client.answered + 1 :])  # at most one more may have been stored
            assert not found.keys() & unasked.keys(), when
    assert kills > 0
    check_totals(folder, where, count)


def post_and_kill(server: Server, clients: Sequence[Client], rng: random.Random) -> bool:
    threads = [threading.Thread(target=client.post, args=[server]) for client in clients]
    for thread in threads:
        thread.start()
    enough = sum(client.answered for client in clients) + rng.randint(3, 30)
    while sum(client.answered for client in clients) < enough and any(thread.is_alive() for thread in threads):
        time.sleep(rng.random() * 0.01)
    server.process.kill()
    for thread in threads:
        thread.join(SECONDS)
    return server.process.wait(SECONDS) == -9


def check_totals(folder: Path, where: str, count: int) -> None:
    with running(folder, where) as server:
        for client in range(3):
            talk = {"record_type": "ai-voice-assistant", "id": f"ai-{client}", "conversation_id": f"talk-{client}"}
            assert server.post([talk]).json()["data"]["created"] == 1
            tree = server.get(f"/v2/session_analysis/ai-voice-assistant/ai-{client}").json()
            assert tree["meta"]["event_count"] == count + 1
            assert money.read(tree["cost"]["total"]) == sum(range(count)) * money.UNIT // 1_000_000
        assert server.get("/v2/verify").json()["data"]["holds"]


def test_a_server(tmp_path: Path, where: str) -> None:
    check_over_http(tmp_path, where, 3, 700)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(300, 306))
def test_a_server_many_times(tmp_path: Path, where: str, seed: int) -> None:
    check_over_http(tmp_path, where, seed, 6_000)
