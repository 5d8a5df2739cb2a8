"""The pages of records: the list with the API's filters, and one record with its history and session."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from page_help import ASSISTANT, GUIDE_CALL, Element, example, read

INFERENCES = "/records?filter%5Brecord_type%5D=inference"
EVIL = "<script>alert(1)</script>"


def table(page: Element) -> tuple[list[str], list[list[str]]]:
    found = page.one("table", class_="data")
    heads = [head.text for head in found.one("thead").all("th")]
    return heads, [[cell.text for cell in row.all("td")] for row in found.one("tbody").all("tr")]


@pytest.fixture
def guide(client: Any) -> None:
    client.post("/v2/detail_records", json=example("ai-call"))


def test_without_records_the_page_says_how_to_begin(signed_in: Any):
    assert "There are no records yet" in read(signed_in.get("/records").text).one("main").text


@pytest.mark.usefixtures("guide")
def test_without_a_type_the_types_are_listed_with_their_counts(signed_in: Any):
    rows = read(signed_in.get("/records").text).one("table").one("tbody").all("tr")
    counts = {row.one("th").text: row.all("td")[0].text for row in rows}
    assert counts == {
        "ai-voice-assistant": "1",
        "call-control": "1",
        "inference": "5",
        "recording": "1",
        "sip-trunking": "1",
        "webrtc": "1",
    }
    assert rows[2].one("th").one("a").attributes["href"] == INFERENCES


@pytest.mark.usefixtures("guide")
def test_the_list_shows_what_the_api_answers(client: Any, signed_in: Any):
    page = read(signed_in.get(INFERENCES).text)
    heads, rows = table(page)
    assert heads[:4] == ["id", "created_at", "cost", "conversation_id"]
    told = client.get("/v2/detail_records?filter[record_type]=inference").json()
    assert [row[0] for row in rows] == [record["id"] for record in told["data"]]
    twin = page.one("link", type="application/json").attributes["href"]
    assert signed_in.get(twin).json() == told
    assert "1 to 5 of 5, the latest first" in page.one("main").text


@pytest.mark.usefixtures("guide")
def test_a_filter_of_the_form_becomes_the_parameter_of_the_api(client: Any, signed_in: Any):
    query = {"filter[record_type]": "inference", "of": "inference", "field": "cost", "op": "gte", "value": "0.002"}
    answer = signed_in.get("/records", params=query)
    assert answer.status_code == 303
    location = answer.headers["location"]
    wanted = [("filter[record_type]", "inference"), ("filter[cost][gte]", "0.002")]
    assert parse_qsl(urlsplit(location).query) == wanted
    page = read(signed_in.get(location).text)
    told = client.get("/v2/detail_records", params=wanted).json()["data"]
    assert 0 < len(told) < 5
    assert [row[0] for row in table(page)[1]] == [record["id"] for record in told]
    (chip,) = page.one("ul", class_="chips").all("li")
    assert chip.one("bdi").text == "cost ≥ 0.002"
    assert chip.one("a").attributes["href"] == "/records?filter%5Brecord_type%5D=inference"
    again = {"filter[record_type]": "recording", "filter[cost][gte]": "0.002", "of": "inference", "field": "cost"}
    location = signed_in.get("/records", params=again).headers["location"]
    assert parse_qsl(urlsplit(location).query) == [("filter[record_type]", "recording")], "its own filters fall away"
    nothing = {**query, "value": ""}
    assert signed_in.get("/records", params=nothing).headers["location"] == INFERENCES


@pytest.mark.usefixtures("guide")
def test_heads_sort_and_turn_around(client: Any, signed_in: Any):
    def sorted_by(path: str) -> tuple[list[str], str | None, str]:
        page = read(signed_in.get(path).text)
        (head,) = [head for head in page.one("thead").all("th") if head.text == "cost"]
        return (
            [row[0] for row in table(page)[1]],
            head.attributes.get("aria-sort"),
            head.one("a").attributes["href"],
        )

    _, plain, falling = sorted_by(INFERENCES)
    down, falls, rising = sorted_by(falling)
    up, rises, _ = sorted_by(rising)
    assert (plain, falls, rises) == (None, "descending", "ascending")
    for shown, sort in ((down, "-cost"), (up, "cost")):
        told = client.get(f"/v2/detail_records?filter[record_type]=inference&sort={sort}").json()["data"]
        assert shown == [record["id"] for record in told]


def test_pages_follow_one_another_and_end(client: Any, signed_in: Any):
    client.post("/v2/detail_records", json=[{"record_type": "verify", "id": f"{n:02}"} for n in range(45)])
    path, seen = "/records?filter[record_type]=verify&sort=id", []
    for expected in (20, 20, 5):
        page = read(signed_in.get(path).text)
        rows = table(page)[1]
        seen += [row[0] for row in rows]
        assert len(rows) == expected
        following = page.all("a", rel="next")
        path = following[0].attributes["href"] if following else ""
    assert (seen, path) == ([f"{n:02}" for n in range(45)], "")
    assert page.one("a", rel="prev")
    beyond = read(signed_in.get("/records?filter[record_type]=verify&page[number]=9").text)
    assert beyond.one("section", class_="empty").one("h2").text == "There are no more records"


@pytest.mark.usefixtures("guide")
def test_wrong_requests_are_refused_and_empty_answers_explained(signed_in: Any):
    for query in ("filter[record_type]=nonsense", f"{INFERENCES[9:]}&filter[nonsense]=1", f"{INFERENCES[9:]}&sort=-"):
        assert signed_in.get(f"/records?{query}").status_code == 400
    page = read(signed_in.get(f"{INFERENCES}&filter[cost][gt]=100").text)
    assert page.one("section", class_="empty").one("a").attributes["href"] == INFERENCES
    page = read(signed_in.get("/records?filter[record_type]=verify").text)
    assert "No verify record has been received" in page.one("section", class_="empty").text
    assert signed_in.get("/records?record_type=inference").headers["location"] == INFERENCES


@pytest.mark.usefixtures("guide")
def test_a_record_leads_to_its_session_and_its_type(inside: Any, client: Any, signed_in: Any):
    while inside.service.store.sessions.refresh():
        pass
    page = read(signed_in.get(f"/records/{ASSISTANT}").text)
    top = page.one("a", href=f"{GUIDE_CALL}?event={ASSISTANT.replace('/', '%2F')}")
    assert top.text == f"call-session {GUIDE_CALL.rpartition('/')[2]}"
    assert signed_in.get(top.attributes["href"]).status_code == 200
    assert page.all("a", href="/catalogue/ai-voice-assistant")
    told = client.get(f"/v2/detail_records/history?record_type=ai-voice-assistant&id={ASSISTANT[19:]}").json()
    assert signed_in.get(f"/records/{ASSISTANT}?format=json").json() == told
    fields = {row.one("th").text: row.one("td").text for row in page.one("table", class_="fields").all("tr")}
    assert fields == {name: str(value) for name, value in told["data"][0]["record"].items()}


def test_a_record_shows_what_changed_and_is_text(client: Any, signed_in: Any):
    record = {"record_type": "verify", "id": "v <1>", "note": EVIL, "verify_usage_fee": None}
    for fee in (None, "0.03"):
        client.post("/v2/detail_records", json={**record, "id": "v<1>", "verify_usage_fee": fee})
    answer = signed_in.get("/records/verify/v%3C1%3E")
    page = read(answer.text)
    assert EVIL not in answer.text
    assert (page.one("h1").text, page.one("ins").text, page.one("del").text) == ("v<1>", "0.03", "null")
    assert "$0.0300" in page.one("main").text
    listed = signed_in.get("/records?filter[record_type]=verify")
    assert EVIL not in listed.text
    assert EVIL in read(listed.text).one("tbody").text


def test_records_that_are_not_there(inside: Any, client: Any, signed_in: Any):
    other = {"Authorization": f"Bearer {inside.other_key}"}
    client.post("/v2/detail_records", json={"record_type": "verify", "id": "theirs"}, headers=other)
    for path in ("verify/theirs", "verify/nothing", "nonsense/1"):
        assert signed_in.get(f"/records/{path}").status_code == 404
    assert "theirs" not in signed_in.get("/records?filter[record_type]=verify").text
    assert signed_in.get("/records/amd_detail_record/1").headers["location"] == "/records/amd/1"
