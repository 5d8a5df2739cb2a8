"""Exports over HTTP: one session and many, in every format; and what a reader sees when one breaks off."""

import asyncio
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from conftest import SECONDS, Inside, Server, running
from sessiontree.analysis import Analysis
from sessiontree.errors import StoreError
from sessiontree.export import parquet
from test_export import CALL, CONFERENCE, csv_rows

MESSAGE = {"record_type": "message", "uuid": "m1", "cost": "0.004", "sent_at": "2026-03-01T00:00:00Z"}


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    assert server.post([*CALL, *CONFERENCE, MESSAGE]).json()["data"]["created"] == 9
    return server


def trailer(text: str) -> dict[str, Any]:
    return json.loads(text.splitlines()[-1])["trailer"]


def test_everything_as_csv(filled: Server):
    answer = filled.get("/v2/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="sessiontree.csv"'
    assert answer.headers["transfer-encoding"] == "chunked"
    rows = csv_rows(answer.text)
    assert [row["id"] for row in rows[:-1]] == ["m1", "s1", "c1", "a1", "i1", "i2", "i3", "p1", "k1", "p2"]
    assert rows[-1]["path"] == "rows=10 sessions=3 sum=EUR -2.000000 + USD 0.9393421"


def test_the_sum_is_that_of_the_session_list(filled: Server):
    cost = filled.get("/v2/sessions").json()["meta"]["total"]["cost"]
    sums = {each["currency"]: each["total"] for each in trailer(filled.get("/v2/export?format=ndjson").text)["sum"]}
    assert {each["currency"]: each["total"] for each in cost} == sums


def test_filters_are_those_of_the_session_list(filled: Server):
    def ids(query: str) -> list[str]:
        rows = filled.get(f"/v2/export?format=ndjson&{query}").text.splitlines()
        return [json.loads(row)["id"] for row in rows[:-1]]

    assert ids("filter[record_type]=conference") == ["k1", "p2"]
    assert ids("filter[started_at][lt]=2026-03-17") == ["m1"]
    assert ids("filter[product]=messaging") == ["m1"]
    assert ids("filter[total][gte]=0.25&filter[total][lte]=0.8&filter[currency]=USD") == ids(
        "filter[product]=conference"
    )
    assert ids("filter[record_type]=message&filter[cost]=9") == []


def test_as_parquet(filled: Server):
    answer = filled.get("/v2/export?format=parquet&fields=model")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(answer.content))
    assert (table.num_rows, table.column_names[-1]) == (10, "model")
    assert sum(table["event_cost"].to_pylist()) == Decimal("-1.0606579")


def test_in_focus(filled: Server):
    answer = filled.get("/v2/export?format=focus")
    assert answer.headers["content-disposition"] == 'attachment; filename="sessiontree.focus.csv"'
    rows = csv_rows(answer.text)
    assert [row["x_EventId"] for row in rows] == ["m1", "c1", "a1", "i1", "i2", "p1", "p2"]
    assert {(row["BillingAccountId"], row["ProviderName"]) for row in rows} == {("default", "Telnyx")}


def test_of_another_account_nothing_is_seen(filled: Server):
    said = trailer(filled.get("/v2/export?format=ndjson", key=filled.other_key).text)
    assert (said["rows"], said["sum"]) == (0, [])


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("format=xml", "format"),
        ("format=CSV", "format"),
        ("format=", "format"),
        ("format=csv&format=csv", "format"),
        ("fields=cost,nonsense", "fields"),
        ("fields=", "fields"),
        ("format=parquet&filter[total][gte]=cheap", "filter[total][gte]"),
        ("filter[nothing]=1", "filter[nothing]"),
        ("filter[started_at][gte]=2026-03-02&filter[started_at][lt]=2026-03-01", "filter[started_at][lt]"),
    ],
)
def test_what_is_wrong_is_told_before_the_first_byte(filled: Server, query: str, parameter: str):
    answer = filled.get(f"/v2/export?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"parameter": parameter}


def test_head_says_what_it_would_be(filled: Server):
    headers = {"Authorization": f"Bearer {filled.key}"}
    answer = httpx.head(f"{filled.url}/v2/export?format=parquet", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert httpx.head(f"{filled.url}/v2/export?format=xml", headers=headers).status_code == 400
    assert httpx.head(f"{filled.url}/v2/export").status_code == 401


TREE = "/v2/session_analysis/conference/k1"


def test_one_session_as_csv(filled: Server):
    answer = filled.get(f"{TREE}?format=csv&fields=call_leg_id&max_depth=1")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = csv_rows(answer.text)
    assert [(row["id"], row["elsewhere"], row["also_in"], row["call_leg_id"]) for row in rows[:-1]] == [
        ("k1", "false", "", ""),
        ("p1", "true", "call-session/s1", "l1"),
        ("p2", "false", "", ""),
    ]
    assert rows[-1]["path"] == "rows=3 sessions=1 sum=USD 0.750000"


def test_depth_cuts_no_export(filled: Server):
    whole = filled.get("/v2/session_analysis/call-session/s1?format=ndjson")
    assert whole.headers["content-type"] == "application/x-ndjson"
    assert trailer(whole.text)["rows"] == 7
    for cut in ("max_depth=1", "include_children=false"):
        assert filled.get(f"/v2/session_analysis/call-session/s1?format=ndjson&{cut}").text == whole.text


def test_json_is_the_usual_answer(filled: Server):
    assert filled.get(f"{TREE}?format=json").json() == filled.get(TREE).json()


@pytest.mark.parametrize(
    ("path", "status", "parameter"),
    [
        (f"{TREE}?format=parquet", 400, "format"),
        (f"{TREE}?format=csv&fields=nonsense", 400, "fields"),
        (f"{TREE}?format=csv&max_depth=9", 400, "max_depth"),
        (f"{TREE}?format=csv&date_time=2020-01-01", 404, None),
        ("/v2/session_analysis/conference/none?format=csv", 404, None),
    ],
)
def test_one_session_refuses_as_usual(filled: Server, path: str, status: int, parameter: str | None):
    answer = filled.get(path)
    assert answer.status_code == status
    assert answer.json()["errors"][0].get("source", {}).get("parameter") == parameter


def calls(count: int) -> list[dict[str, Any]]:
    return [{"record_type": "call-control", "id": f"c{at}", "cost": "0.01"} for at in range(count)]


class Caller:
    """Speaks ASGI with the application: takes `taken` pieces (None: all), then goes away."""

    def __init__(self, inside: Inside, path: str, *, taken: int | None = None) -> None:
        self._app = inside.app
        path, _, query = path.partition("?")
        headers = [(b"authorization", f"Bearer {inside.key}".encode())]
        self._scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
        self._scope |= {"query_string": query.encode(), "headers": headers}
        self._taken = taken
        self._gone = asyncio.Event()
        self.pieces: list[bytes] = []
        self.ended = False

    def call(self) -> None:
        """Until the application is done."""
        asyncio.run(asyncio.wait_for(self._app(self._scope, self._receive, self._send), 60))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        if not self._gone.is_set():
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] != "http.response.body":
            return
        self.pieces.append(message["body"])
        self.ended = not message.get("more_body", False)
        if len(self.pieces) == self._taken:
            self._gone.set()
            await asyncio.sleep(0)


def fill(inside: Inside, client: Any, records: list[dict[str, Any]]) -> None:
    body = "".join(json.dumps(record) + "\n" for record in records)
    headers = {"content-type": "application/x-ndjson"}
    assert client.post("/v2/detail_records", content=body, headers=headers).status_code == 200
    while inside.service.store.sessions.refresh():
        pass


def test_it_comes_in_pieces(inside: Inside, client: Any):
    fill(inside, client, calls(3000))
    caller = Caller(inside, "/v2/export?format=ndjson")
    caller.call()
    assert len(caller.pieces) > 5
    assert caller.ended
    assert trailer(b"".join(caller.pieces).decode())["rows"] == 3000


def test_nobody_works_for_a_client_that_has_gone(inside: Inside, client: Any, monkeypatch: pytest.MonkeyPatch):
    fill(inside, client, calls(3000))
    built = count_trees(monkeypatch)
    caller = Caller(inside, "/v2/export?format=ndjson", taken=2)
    caller.call()
    assert len(caller.pieces) == 2
    assert not caller.ended
    assert 100 < len(built) < 1000


def count_trees(monkeypatch: pytest.MonkeyPatch, *, fails_at: int | None = None) -> list[str]:
    """The ids of the trees that are built from now on."""
    built: list[str] = []
    tree = Analysis.tree

    def counting(self: Analysis, account: str, declared: Any, id: str) -> Any:
        built.append(id)
        if len(built) == fails_at:
            raise StoreError("the disk is gone")
        return tree(self, account, declared, id)

    monkeypatch.setattr(Analysis, "tree", counting)
    return built


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet", "focus"])
def test_what_goes_wrong_on_the_way_breaks_it_off(
    inside: Inside, client: Any, monkeypatch: pytest.MonkeyPatch, form: str, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 20)
    fill(inside, client, calls(1500))
    count_trees(monkeypatch, fails_at=1400)
    caller = Caller(inside, f"/v2/export?format={form}")
    caller.call()
    assert caller.pieces
    assert not caller.ended
    assert not any(b"trailer" in piece or b"#end" in piece for piece in caller.pieces)
    assert "the export breaks off" in caplog.text


def test_what_goes_wrong_at_once_is_an_ordinary_error(inside: Inside, client: Any, monkeypatch: pytest.MonkeyPatch):
    fill(inside, client, calls(3))
    count_trees(monkeypatch, fails_at=1)
    assert client.get("/v2/export").status_code == 503


def test_without_pyarrow_parquet_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    answer = client.get("/v2/export?format=parquet")
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert error["source"] == {"parameter": "format"}
    assert "sessiontree[parquet]" in error["message"]


def test_a_server_that_dies_leaves_an_error_not_an_end(tmp_path: Path, where: str):
    with running(tmp_path, where) as server:
        assert server.post(calls(12_000)).status_code == 200
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx.stream("GET", f"{server.url}/v2/export", headers=headers, timeout=SECONDS) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_bytes()
            next(pieces)
            server.process.kill()
            with pytest.raises(httpx.RemoteProtocolError):
                list(pieces)
