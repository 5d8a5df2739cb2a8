"""POST /v2/detail_records: what is taken, what is refused, and that nothing acknowledged is lost."""

import gzip
import json
import re
import socket
import sqlite3
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import SECONDS, Server, running, until
from stores import NewStore

PATH = "/v2/detail_records"
NDJSON = "application/x-ndjson"


def record(id: str, **more: Any) -> dict[str, Any]:
    return {"record_type": "recording", "id": id, "cost": "0.5", **more}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def send(client: Any, body: bytes, kind: str = NDJSON, path: str = PATH, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, content=body, headers={"Content-Type": kind, **named})


def counts(answer: Any) -> tuple[int, ...]:
    data = answer.json()["data"]
    return tuple(data[name] for name in ("received", "created", "updated", "unchanged", "rejected"))


def stored_ids(client: Any) -> list[str]:
    answer = client.get(PATH, params={"filter[record_type]": "recording", "sort": "id", "page[size]": 50}).json()
    assert answer["meta"]["total_pages"] <= 1
    return [each["id"] for each in answer["data"]]


A, B = record("a"), record("b")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (lines(A, B), NDJSON),
        (lines(A, B), "application/x-ndjson; charset=utf-8"),
        (lines(A, B).rstrip(), "application/ndjson"),
        (b"\n\n" + lines(A) + b"  \n\r\n" + lines(B), "application/jsonl"),
        (lines(A, B).replace(b"\n", b"\r\n"), NDJSON),
        (b"\xef\xbb\xbf" + lines(A, B), NDJSON),
        (json.dumps([A, B]).encode(), "application/json"),
        (json.dumps([A, B], indent=2).encode(), "APPLICATION/JSON ; charset=UTF-8"),
        (b"\xef\xbb\xbf " + json.dumps([A, B]).encode(), "application/json"),
        (lines(A, B), "application/json"),
    ],
)
def test_all_forms_of_a_body_store_the_same(client: Any, body: bytes, kind: str):
    answer = send(client, body, kind)
    assert (answer.status_code, counts(answer)) == (200, (2, 2, 0, 0, 0))
    assert stored_ids(client) == ["a", "b"]


def test_one_record_is_a_body_too(client: Any):
    answer = client.post(PATH, json=A)
    assert (answer.status_code, counts(answer)) == (200, (1, 1, 0, 0, 0))


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_packed_body_is_unpacked(client: Any, encoding: str):
    members = gzip.compress(lines(A)[:20]) + gzip.compress(lines(A)[20:] + lines(B)) + b"\0" * 8
    answer = send(client, members, Content_Encoding=encoding)
    assert (answer.status_code, counts(answer)) == (200, (2, 2, 0, 0, 0))


def test_repeats_and_changes_are_told_apart_also_in_one_body(client: Any):
    answer = send(client, lines(A, record("a", cost="0.6"), B, B, record("a", cost="0.6")))
    assert counts(answer) == (5, 2, 1, 2, 0)
    history = client.get(PATH + "/history", params={"record_type": "recording", "id": "a"}).json()["data"]
    assert [version["record"]["cost"] for version in history] == ["0.5", "0.6"]


def test_the_type_in_the_query_is_the_type_of_all(client: Any):
    answer = send(client, lines({"id": "a"}, record("b", record_type="nonsense")), path=PATH + "?record_type=recording")
    assert (answer.status_code, counts(answer)) == (200, (2, 2, 0, 0, 0))
    assert stored_ids(client) == ["a", "b"]
    answer = send(client, lines(A), path=PATH + "?record_type=recordin")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10032")


REJECTED = [
    (b'{"id": "x"}', "10004", "record_type"),
    (b'{"record_type": "nonsense", "id": "x"}', "10032", "record_type"),
    (b'{"record_type": "recording"}', "10004", "id"),
    (b'{"record_type": "recording", "id": "a/b"}', "10006", "id"),
    (b'{"record_type": "recording", "id": "x", "cost": NaN}', "10015", "cost"),
    (b'{"record_type": "recording", "id": "x", "cost": 1e400}', "10015", "cost"),
    (b'{"record_type": "recording", "id": "x", "cost": "free"}', "10015", "cost"),
    (b'{"record_type": "recording", "id": "x", "started_at": "soon"}', "10015", "started_at"),
    (b'{"record_type": "recording", "id": "x", "currency": "dollars"}', "10015", "currency"),
    (b'"text"', "10015", None),
    (b"[1]", "10015", None),
    (b'{"record_type": "recording", "id": ', "10015", None),
]


@pytest.mark.parametrize(("bad", "code", "field"), REJECTED)
def test_a_bad_record_is_rejected_with_its_field_and_the_others_are_stored(
    client: Any, bad: bytes, code: str, field: str | None
):
    answer = send(client, lines(A) + b"\n" + bad + b"\n" + lines(B))
    assert (answer.status_code, counts(answer)) == (200, (3, 2, 0, 0, 1))
    (error,) = answer.json()["data"]["errors"]
    assert (error["index"], error["code"], error["field"]) == (1, code, field)
    assert error["message"]
    assert stored_ids(client) == ["a", "b"]


def test_when_all_are_rejected_each_is_an_error(client: Any):
    answer = send(client, lines(record("x", cost="free"), {"id": "y"}) + b"7\n")
    body = answer.json()
    assert (answer.status_code, counts(answer)) == (400, (3, 0, 0, 0, 3))
    pointers = [(error["code"], error["source"]["pointer"]) for error in body["errors"]]
    assert pointers == [("10015", "/0/cost"), ("10004", "/1/record_type"), ("10015", "/2")]
    assert {error["meta"]["request_id"] for error in body["errors"]} == {answer.headers["x-request-id"]}


def test_a_thousand_errors_are_listed_and_all_are_counted(client: Any):
    answer = send(client, b"7\n" * 1500 + lines(A))
    assert counts(answer) == (1501, 1, 0, 0, 1500)
    assert [error["index"] for error in answer.json()["data"]["errors"]] == list(range(1000))


@pytest.mark.parametrize("body", [b"", b" \r\n\n", b"[]", b"[ ]"])
@pytest.mark.parametrize("kind", [NDJSON, "application/json"])
def test_a_body_without_a_record_is_refused(client: Any, body: bytes, kind: str):
    answer = send(client, body, kind)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10015")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "json"])
def test_other_kinds_of_body_are_refused(client: Any, kind: str):
    answer = send(client, lines(A), kind)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (415, "10015")
    assert send(client, lines(A), Content_Encoding="br").status_code == 415
    assert stored_ids(client) == []


def test_of_a_body_that_breaks_off_the_whole_records_are_stored(client: Any):
    packed = gzip.compress(lines(*[record(f"{n:02}", note=str(hash((n, "x")))) for n in range(40)]), 0)
    for broken in (packed[:2000], packed[:2000] + b"\xff" * 100, packed[:-4]):
        answer = send(client, broken, Content_Encoding="gzip")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10015")
        received, created, _, unchanged, rejected = counts(answer)
        assert received == created + unchanged
        assert rejected == 0
        assert received == len(stored_ids(client)) > 5
    assert received == 40
    answer = send(client, b"not gzip", Content_Encoding="gzip")
    assert (answer.status_code, counts(answer)) == (400, (0, 0, 0, 0, 0))


def test_of_truncated_lines_the_broken_one_is_rejected(client: Any):
    answer = send(client, lines(A, B)[:-20])
    assert (answer.status_code, counts(answer)) == (200, (2, 1, 0, 0, 1))
    answer = send(client, json.dumps([A, B]).encode()[:-20], "application/json")
    assert (answer.status_code, counts(answer)) == (200, (2, 0, 0, 1, 1))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, new_store: NewStore) -> Iterator[Server]:
    """A server with small limits."""
    limits = {"BODY_BYTES_MAX": "20000", "UNPACKED_BYTES_MAX": "50000", "RECORD_BYTES_MAX": "1000"}
    environment, folder = {f"SESSIONTREE_{n}": v for n, v in limits.items()}, tmp_path_factory.mktemp("small")
    with new_store(folder) as where, running(folder, where, **environment) as server:
        yield server


def small_client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=SECONDS)


def test_a_body_beyond_the_limit_is_refused(small: Server):
    with small_client(small) as client:
        answer = send(client, lines(*[record(f"n{n}") for n in range(1000)]))
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "10015")
        assert stored_ids(client) == []


def test_of_a_streamed_body_beyond_the_limit_the_first_records_are_stored(small: Server):
    def pieces() -> Iterator[bytes]:
        for n in range(40):
            yield lines(record(f"s{n:02}", note="x" * 900))

    with small_client(small) as client:
        answer = client.post(PATH, content=pieces(), headers={"Content-Type": NDJSON})
        assert answer.status_code == 413
        assert [each for each in stored_ids(client) if each.startswith("s")] == [
            f"s{n:02}" for n in range(counts(answer)[1])
        ]


@pytest.mark.parametrize("kind", [NDJSON, "application/json"])
def test_a_gzip_bomb_does_not_go_off(small: Server, kind: str):
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(b" " * 1_000_000) for _ in range(15)) + bomb.flush()
    assert len(packed) < 20_000
    with small_client(small) as client:
        assert send(client, packed, kind, Content_Encoding="gzip").status_code == 413


@pytest.mark.parametrize("kind", [NDJSON, "application/json"])
def test_a_record_beyond_the_limit_ends_the_body(small: Server, kind: str):
    with small_client(small) as client:
        body = lines(record(f"before-{len(kind)}"), record("huge", note="x" * 1000), record("after"))
        answer = send(client, body, kind)
        assert (answer.status_code, counts(answer)[:2]) == (413, (1, 1))
        assert not {"huge", "after"} & set(stored_ids(client))


def raw(server: Server, request: bytes) -> bytes:
    """The answer of the server to these bytes: its head, and as much of a body as that announces."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            head = b"".join(takewhile(lambda line: line.strip(), iter(answer.readline, None)))
            length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
            assert length, head
            return head + b"\r\n" + answer.read(int(length[1]))


@pytest.mark.parametrize("connection", ["Upgrade, HTTP2-Settings", "keep-alive"])
def test_a_body_that_would_be_lost_is_never_answered_200(server: Server, connection: str):
    body = lines(record("upgraded"))
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\nContent-Type: {NDJSON}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {connection}\r\nUpgrade: h2c\r\n\r\n"
    )
    answer = raw(server, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Upgrade" in answer
    with small_client(server) as client:
        assert "upgraded" not in stored_ids(client)


def test_of_a_client_that_goes_away_the_whole_lines_are_stored(server: Server):
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\nContent-Type: {NDJSON}\r\n"
        "Content-Length: 1000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(head.encode() + lines(record("left-1"), record("left-2")) + b'{"id": "left-3"')
    with small_client(server) as client:
        found = until(lambda: [each for each in stored_ids(client) if each.startswith("left")])
        assert found == ["left-1", "left-2"]


def test_fifty_clients_at_once_lose_nothing(server: Server):
    def post(client_number: int) -> int:
        with small_client(server) as client:
            sent = [send(client, lines(record(f"c{client_number}-{n}")), "application/json") for n in range(10)]
            return sum(counts(answer)[1] for answer in sent if answer.status_code == 200)

    with ThreadPoolExecutor(50) as threads:
        assert sum(threads.map(post, range(50))) == 500
    with small_client(server) as client:
        query = {"filter[record_type]": "recording", "filter[id][starts_with]": "c"}
        assert client.get(PATH, params=query).json()["meta"]["total_results"] == 500


@pytest.mark.sqlite_only("a lock on the file")
def test_a_store_that_is_locked_is_503_and_heals(tmp_path: Path, where: str):
    with running(tmp_path, where) as server, small_client(server) as client:
        assert send(client, lines(record("before"))).status_code == 200
        lock = sqlite3.connect(server.where, isolation_level=None)
        lock.execute("begin immediate")
        answer = send(client, lines(record("during")))
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "10007")
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/readyz").status_code == 503
        assert client.get("/v2/session_analysis/recording/before").status_code == 200
        assert str(tmp_path) not in answer.text
        lock.execute("rollback")
        lock.close()
        assert send(client, lines(record("after"))).status_code == 200
        assert stored_ids(client) == ["after", "before"]
        assert "locked" in (tmp_path / "server.log").read_text()


@pytest.mark.sqlite_only("a limit on its size")
def test_a_full_disk_is_503_and_loses_nothing_acknowledged(tmp_path: Path, where: str):
    """A limit on the size of files stands for the disk; past it, writes fail."""
    with running(tmp_path, where, file_bytes_max=2_000_000) as server, small_client(server) as client:
        acknowledged = 0
        for batch in range(200):
            body = lines(
                *[record(f"{batch}-{n}", note=str(zlib.crc32(f"{batch}{n}".encode())) * 30) for n in range(100)]
            )
            answer = send(client, body)
            if answer.status_code != 200:
                break
            acknowledged += counts(answer)[1]
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "10007")
        assert "retry-after" in answer.headers
        assert acknowledged > 0
        found = client.get(PATH, params={"filter[record_type]": "recording"}).json()["meta"]["total_results"]
        assert found == acknowledged
        assert "request " in (tmp_path / "server.log").read_text()


def test_stopping_the_server_commits_what_it_took(tmp_path: Path, where: str):
    with running(tmp_path, where) as server, small_client(server) as client:
        acknowledged = counts(send(client, lines(*[record(f"{n}") for n in range(3000)])))[1]
    assert acknowledged == 3000
    with running(tmp_path, where) as server, small_client(server) as client:
        assert client.get(PATH, params={"filter[record_type]": "recording"}).json()["meta"]["total_results"] == 3000
