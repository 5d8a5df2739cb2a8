"""The official Python client, unchanged, against a running server: only its base URL and key are set.

Where it can, the client checks every answer against its own model of the API (`_strict_response_validation`).
"""

import asyncio
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import telnyx

EXAMPLES = Path(__file__).parent.parent / "examples"
SESSION = "a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"

# The guide's call: record type, own cost, cost with everything below it; level by level.
GUIDE = {
    ("call-session", "0.000000", "0.212800"),
    ("recording", "0.005100", "0.005100"),
    ("webrtc", "0.005200", "0.005200"),
    ("sip-trunking", "0.005200", "0.005200"),
    ("call-control", "0.005200", "0.197300"),
    ("ai-voice-assistant", "0.180000", "0.192100"),
    ("inference", "0.001000", "0.001000"),
    ("inference", "0.001500", "0.001500"),
    ("inference", "0.002900", "0.002900"),
    ("inference", "0.003300", "0.003300"),
    ("inference", "0.003400", "0.003400"),
}
PRODUCTS = {
    "siptrunking-cdrs",
    "recording-cdrs",
    "webrtc-cdrs",
    "callcontrol-cdrs",
    "ai-voice-assistant",
    "inference",
}


@pytest.fixture(scope="module")
def sent(server: Any) -> list[dict[str, Any]]:
    """The guide's call, in the server; the records as they were sent."""
    lines = (EXAMPLES / "ai-call.ndjson").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines if line.strip()]
    assert server.post(records).json()["data"]["rejected"] == 0
    return records


@pytest.fixture(scope="module")
def client(server: Any, sent: list[dict[str, Any]]) -> Iterator[telnyx.Telnyx]:
    with client_of(server) as client:
        yield client


def client_of(server: Any, **options: Any) -> telnyx.Telnyx:
    settings = {"api_key": server.key, "base_url": f"{server.url}/v2", "_strict_response_validation": True}
    return telnyx.Telnyx(**settings | options)


def nodes_of(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children:
        yield from nodes_of(child)


def node_of(answer: Any, record_type: str) -> Any:
    return next(node for node in nodes_of(answer.root) if node.record_type == record_type)


def figures_of(answer: Any) -> list[tuple[str, str, str]]:
    return [(node.record_type, node.cost.event_cost, node.cost.cumulative_cost) for node in nodes_of(answer.root)]


def test_the_guides_call_has_its_published_figures(client: telnyx.Telnyx):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5)
    figures = figures_of(answer)
    assert len(figures) == len(GUIDE) == 11
    assert set(figures) == GUIDE
    assert answer.session_id == answer.root.id == SESSION
    assert (answer.cost.total, answer.cost.currency) == ("0.212800", "USD")
    assert answer.meta.event_count == 11
    assert len(answer.meta.products) == len(PRODUCTS)
    assert set(answer.meta.products) == PRODUCTS
    assert answer.root.relationship is None


def test_each_event_says_how_it_belongs_to_its_parent(client: telnyx.Telnyx):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5)
    for parent in nodes_of(answer.root):
        for child in parent.children:
            via = child.relationship.via
            assert child.relationship.type == "child_of"
            assert child.relationship.parent_id == parent.id
            assert child.record[via.local_field] == parent.record[via.parent_field]
    inference = node_of(answer, "inference").relationship.via
    assert (inference.local_field, inference.parent_field) == ("conversation_id", "conversation_id")


def test_fields_of_the_older_published_version_are_there_too(client: telnyx.Telnyx):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session").to_dict()
    assert answer["status"] == "completed"
    assert datetime.fromisoformat(str(answer["created_at"])).date() == date(2026, 3, 17)
    assert str(answer["completed_at"]) > str(answer["created_at"])


def test_depth_cuts_what_is_shown_and_never_what_is_counted(client: telnyx.Telnyx):
    shown = {}
    for depth in (1, 2, 3, 4, 5):
        answer = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=depth)
        figures = figures_of(answer)
        assert set(figures) <= GUIDE
        assert (answer.cost.total, answer.meta.event_count) == ("0.212800", 11)
        shown[depth] = len(figures)
    assert shown == {1: 5, 2: 6, 3: 11, 4: 11, 5: 11}


def test_without_depth_two_levels_are_shown(client: telnyx.Telnyx):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session")
    assert len(figures_of(answer)) == 6
    assert node_of(answer, "ai-voice-assistant").cost.cumulative_cost == "0.192100"
    assert node_of(answer, "ai-voice-assistant").children == []


def test_without_children_the_root_alone_is_shown(client: telnyx.Telnyx):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session", include_children=False)
    assert figures_of(answer) == [("call-session", "0.000000", "0.212800")]
    assert (answer.cost.total, answer.meta.event_count) == ("0.212800", 11)
    same = client.session_analysis.retrieve(SESSION, record_type="call-session", include_children=True)
    assert len(figures_of(same)) == 6


def test_records_come_as_they_were_sent_or_not_at_all(client: telnyx.Telnyx, sent: list[dict[str, Any]]):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5, expand="record")
    records = [node.record for node in nodes_of(answer.root)]
    assert [record for record in sent if record not in records] == []
    bare = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5, expand="none")
    assert [node.record for node in nodes_of(bare.root)] == [{}] * 11
    assert figures_of(bare) == figures_of(answer)


@pytest.mark.parametrize(
    "near",
    [
        "2026-03-17",
        "2026-03-17T10:00:00Z",
        "2026-03-17T10:00:00",
        "2026-03-17T12:00:00+02:00",
        datetime(2026, 3, 17, 10, tzinfo=UTC),
        datetime(2026, 3, 17, 10),  # sent without a zone
    ],
    ids=str,
)
def test_every_form_of_the_time_hint_finds_the_session(client: telnyx.Telnyx, near: str | datetime):
    answer = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5, date_time=near)
    assert set(figures_of(answer)) == GUIDE


@pytest.mark.parametrize("near", ["2026-03-20", datetime(2026, 3, 14, 10, tzinfo=UTC)], ids=str)
def test_a_time_hint_days_away_finds_nothing(client: telnyx.Telnyx, near: str | datetime):
    with pytest.raises(telnyx.NotFoundError):
        client.session_analysis.retrieve(SESSION, record_type="call-session", date_time=near)


@pytest.mark.parametrize(
    ("record_type", "asked_as", "total"),
    [
        ("call-control", "call-control", "0.197300"),
        ("call-control", "callcontrol-cdrs", "0.197300"),
        ("ai-voice-assistant", "ai-voice-assistant", "0.192100"),
        ("webrtc", "webrtc", "0.005200"),
    ],
)
def test_any_event_can_be_asked_for(client: telnyx.Telnyx, record_type: str, asked_as: str, total: str):
    whole = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5)
    event = node_of(whole, record_type)
    answer = client.session_analysis.retrieve(event.id, record_type=asked_as, max_depth=5)
    assert (answer.session_id, answer.root.id) == (event.id, event.id)
    assert answer.cost.total == answer.root.cost.cumulative_cost == total
    assert figures_of(answer) == [
        (node.record_type, node.cost.event_cost, node.cost.cumulative_cost) for node in nodes_of(event)
    ]


def test_an_assistant_can_be_asked_for_by_its_conversation(client: telnyx.Telnyx):
    whole = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5)
    event = node_of(whole, "ai-voice-assistant")
    answer = client.session_analysis.retrieve(event.record["conversation_id"], record_type="ai-voice-assistant")
    assert (answer.root.id, answer.cost.total) == (event.id, "0.192100")


def test_the_links_of_every_event_can_be_followed(client: telnyx.Telnyx, server: Any):
    whole = client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5)
    for event in nodes_of(whole.root):
        analysis: Any = client.get(server.url + event.links.self, cast_to=object)
        assert (analysis["root"]["id"], analysis["cost"]["total"]) == (event.id, event.cost.cumulative_cost)
        records: Any = client.get(server.url + event.links.records, cast_to=object)
        if event.record_type != "call-session":  # a container need not have a record of its own
            assert records["data"] == [event.record]


def test_the_metadata_describes_every_record_type(client: telnyx.Telnyx):
    answer = client.session_analysis.metadata.retrieve()
    types = {described.record_type: described for described in answer.record_types}
    assert len(types) == len(answer.record_types) == answer.meta.total_record_types == 32
    assert answer.meta.last_updated.tzinfo is not None
    assert set(answer.query_parameters) >= {"include_children", "max_depth", "expand", "date_time"}
    depth = answer.query_parameters["max_depth"]
    assert (depth.type, depth.default, depth.min, depth.max) == ("integer", "2", 1, 5)
    assert set(answer.query_parameters["expand"].enum_values or ()) == {"record", "none"}

    children = {link.child_record_type for link in types["call-session"].child_relationships}
    assert {"call-control", "sip-trunking", "recording", "webrtc", "fax-api", "conference-participant"} <= children
    up = {link.parent_record_type for link in types["ai-voice-assistant"].parent_relationships}
    assert up == {"call-control"}
    for described in answer.record_types:
        for down in described.child_relationships:
            back = types[down.child_record_type].parent_relationships
            assert (described.record_type, down.via) in [(link.parent_record_type, link.via) for link in back]


def test_the_metadata_of_one_type_has_examples_that_work(client: telnyx.Telnyx):
    answer = client.session_analysis.metadata.retrieve_record_type("ai-voice-assistant")
    assert (answer.record_type, answer.product) == ("ai-voice-assistant", "ai-voice-assistant")
    down = answer.child_relationships[0]
    assert (down.child_record_type, down.relationship_type) == ("inference", "child_of")
    assert (down.via.local_field, down.via.parent_field) == ("conversation_id", "conversation_id")
    assert (down.cost_rollup, down.traversal_enabled) == (True, True)
    assert {up.relationship_type for up in answer.parent_relationships} == {"parent_of"}
    assert answer.meta.total_children == len({link.child_record_type for link in answer.child_relationships})
    assert answer.meta.total_parents == 1
    assert answer.meta.max_recommended_depth == 1
    assert answer.examples


MESSAGES = 45


@pytest.fixture(scope="module")
def messages(server: Any) -> list[str]:
    """Ids of many messages of the last days, latest first."""
    now = datetime.now(UTC)
    sent = [
        {
            "record_type": "message_detail_record",
            "uuid": f"message-{number:03}",
            "created_at": (now - timedelta(days=2, minutes=number)).isoformat(),
            "direction": "outbound" if number % 3 else "inbound",
            "cost": "0.0040",
            "carrier_fee": "0.0030",
            "currency": "USD",
        }
        for number in range(MESSAGES)
    ]
    assert server.post(sent).json()["data"]["created"] == MESSAGES
    return [str(message["uuid"]) for message in sent]


def listed(client: telnyx.Telnyx, *, page_size: int = 20, sort: list[str], **filters: Any) -> list[str]:
    page = client.detail_records.list(filter={"record_type": "messaging", **filters}, sort=sort, page_size=page_size)
    return [record.uuid for record in page]  # the page goes on to the last one by itself


@pytest.mark.parametrize("page_size", [7, 20, 45, 50])
def test_detail_records_are_paged_to_the_end(client: telnyx.Telnyx, messages: list[str], page_size: int):
    assert listed(client, sort=["-created_at"], page_size=page_size) == messages


def test_a_page_says_where_it_stands(client: telnyx.Telnyx, messages: list[str]):
    pages = list(
        client.detail_records.list(filter={"record_type": "messaging"}, sort=["created_at"], page_size=20).iter_pages()
    )
    assert [len(page.data) for page in pages] == [20, 20, 5]
    assert [(page.meta.page_number, page.meta.total_pages) for page in pages if page.meta] == [(1, 3), (2, 3), (3, 3)]
    assert [record.uuid for page in pages for record in page.data] == messages[::-1]


def test_detail_records_are_filtered_and_sorted(client: telnyx.Telnyx, messages: list[str]):
    inbound = messages[::3]
    assert listed(client, sort=["-created_at"], direction="inbound") == inbound
    assert listed(client, sort=["direction", "-created_at"])[: len(inbound)] == inbound
    assert listed(client, uuid={"gte": "message-010", "lt": "message-013"}, sort=["uuid"]) == messages[10:13]
    assert listed(client, uuid={"starts_with": "message-04"}, sort=["uuid"]) == messages[40:]
    assert listed(client, id="message-007", sort=["uuid"]) == ["message-007"]
    assert listed(client, date_range="last_7_days", sort=["uuid"]) == messages
    assert listed(client, date_range="tomorrow", sort=["uuid"]) == []


def refused(call: Any, *arguments: Any, **options: Any) -> telnyx.APIStatusError:
    with pytest.raises(telnyx.APIStatusError) as caught:
        call(*arguments, **options)
    return caught.value


def assert_error(
    error: telnyx.APIStatusError, kind: type, status: int, code: str | None, parameter: str | None = None
) -> None:
    assert (type(error), error.status_code) == (kind, status)
    body: Any = error.body
    first = body["errors"][0]
    assert first["title"]
    assert first["message"]
    assert first["detail"]
    assert first["meta"]["request_id"]
    assert code is None or first["code"] == code
    if parameter is not None:
        assert first["source"] == {"parameter": parameter}


@pytest.mark.parametrize(
    ("parameter", "value", "code"),
    [
        ("max_depth", 0, "10033"),
        ("max_depth", 6, "10033"),
        ("max_depth", "x", "10015"),
        ("expand", "all", "10032"),
        ("include_children", "perhaps", "10015"),
        ("date_time", "yesterday", "10015"),
    ],
)
def test_a_wrong_parameter_is_a_bad_request_that_names_it(client: telnyx.Telnyx, parameter: str, value: Any, code: str):
    error = refused(
        client.session_analysis.retrieve, SESSION, record_type="call-session", extra_query={parameter: value}
    )
    assert_error(error, telnyx.BadRequestError, 400, code, parameter)


def test_a_misspelt_record_type_is_a_bad_request_and_unknown_to_the_metadata(client: telnyx.Telnyx):
    error = refused(client.session_analysis.retrieve, SESSION, record_type="call-sesion")
    assert_error(error, telnyx.BadRequestError, 400, None)
    assert "call-session" in str(error.body)
    error = refused(client.session_analysis.metadata.retrieve_record_type, "call-sesion")
    assert_error(error, telnyx.NotFoundError, 404, "10005")


@pytest.mark.parametrize("event_id", ["x" * 256, "tab\there", "a/b"])
def test_a_malformed_id_is_a_bad_request(client: telnyx.Telnyx, event_id: str):
    error = refused(client.session_analysis.retrieve, event_id, record_type="call-session")
    assert_error(error, telnyx.BadRequestError, 400, "10006")


def test_a_filter_on_a_field_the_type_does_not_have_lists_those_it_has(client: telnyx.Telnyx, messages: list[str]):
    error = refused(client.detail_records.list, filter={"record_type": "messaging", "started_at": "2026-03-17"})
    assert_error(error, telnyx.BadRequestError, 400, "10031", "filter[started_at]")
    assert "created_at" in str(error.body)


def test_detail_records_of_no_type_are_a_bad_request(client: telnyx.Telnyx):
    assert_error(refused(client.detail_records.list), telnyx.BadRequestError, 400, "10004", "filter[record_type]")


@pytest.mark.parametrize(
    "options",
    [{"api_key": "no-such-key"}, {"default_headers": {"Authorization": telnyx.omit}}],
    ids=["unknown key", "no key"],
)
def test_without_a_known_key_nobody_is_authenticated(server: Any, sent: list[dict[str, Any]], options: dict[str, Any]):
    with client_of(server, **options) as stranger:
        error = refused(stranger.session_analysis.retrieve, SESSION, record_type="call-session")
    assert_error(error, telnyx.AuthenticationError, 401, "10009")


def test_a_reading_key_may_not_write(server: Any, sent: list[dict[str, Any]]):
    record = {"record_type": "recording", "id": "written-by-a-reader", "cost": "1"}
    with client_of(server, api_key=server.read_key) as reader:
        error = refused(reader.post, "/detail_records", body=record, cast_to=object)
        assert_error(error, telnyx.PermissionDeniedError, 403, "10010")
        assert reader.session_analysis.retrieve(SESSION, record_type="call-session").cost.total == "0.212800"
        error = refused(reader.session_analysis.retrieve, "written-by-a-reader", record_type="recording")
        assert_error(error, telnyx.NotFoundError, 404, "10005")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"record_type": "recording", "id": "large", "note": "x" * 1_100_000}, {}, 413),
        ({"record_type": "recording", "id": "odd"}, {"Content-Type": "application/xml"}, 415),
    ],
    ids=["too large", "of another kind"],
)
def test_a_body_that_is_not_taken(client: telnyx.Telnyx, body: Any, headers: dict[str, str], status: int):
    error = refused(client.post, "/detail_records", body=body, cast_to=object, options={"headers": headers})
    assert_error(error, telnyx.APIStatusError, status, None)


def test_a_method_that_a_path_does_not_have(client: telnyx.Telnyx):
    error = refused(client.delete, "/detail_records", cast_to=object)
    assert_error(error, telnyx.APIStatusError, 405, None)


def test_no_server_is_a_connection_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there meanwhile
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v2"
        client = telnyx.Telnyx(api_key="any", base_url=url, max_retries=0)
        with client, pytest.raises(telnyx.APIConnectionError):
            client.session_analysis.metadata.retrieve()


class Unavailable(BaseHTTPRequestHandler):
    """Answers as the server does while its store cannot be read."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        error = {"code": "10007", "title": "t", "message": "m", "detail": "d", "meta": {"request_id": "r"}}
        body = json.dumps({"errors": [error]}).encode()
        self.send_response(503)
        for name, value in {
            "Retry-After": "3",
            "Content-Type": "application/json",
            "Content-Length": len(body),
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def test_while_the_server_is_unavailable_the_client_tries_twice_more(monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with HTTPServer(("127.0.0.1", 0), Unavailable) as unavailable:
        thread = threading.Thread(target=unavailable.serve_forever)
        thread.start()
        try:
            with telnyx.Telnyx(api_key="any", base_url=f"http://127.0.0.1:{unavailable.server_port}/v2") as client:
                error = refused(client.session_analysis.metadata.retrieve)
        finally:
            unavailable.shutdown()
            thread.join()
    assert_error(error, telnyx.InternalServerError, 503, "10007")
    assert (Unavailable.asked, waits) == (3, [3, 3])


@pytest.mark.long
@pytest.mark.sqlite_only("a lock on the file")
def test_while_another_process_holds_the_store_the_server_is_unavailable(client: telnyx.Telnyx, server: Any):
    record = {"record_type": "recording", "id": "in-its-time", "cost": "1"}
    other = sqlite3.connect(server.where, isolation_level=None)
    other.execute("begin immediate")
    error = refused(client.with_options(max_retries=0).post, "/detail_records", body=record, cast_to=object)
    assert_error(error, telnyx.InternalServerError, 503, "10007")
    assert int(error.response.headers["retry-after"]) > 0
    other.execute("rollback")
    other.close()
    answer: Any = client.post("/detail_records", body=record, cast_to=object)
    assert answer["data"]["created"] == 1


def test_the_asynchronous_client_reads_the_same(server: Any, sent: list[dict[str, Any]], messages: list[str]):
    async def read() -> tuple[Any, list[str]]:
        base_url = f"{server.url}/v2"
        async with telnyx.AsyncTelnyx(
            api_key=server.key, base_url=base_url, _strict_response_validation=True
        ) as client:
            answer = await client.session_analysis.retrieve(SESSION, record_type="call-session", max_depth=5)
            records = client.detail_records.list(filter={"record_type": "messaging"}, sort=["-created_at"])
            return answer, [record.uuid async for record in records]

    answer, uuids = asyncio.run(read())
    assert set(figures_of(answer)) == GUIDE
    assert uuids == messages
