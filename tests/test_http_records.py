"""Detail records: filters, ranges, order, pages, and what a type can be asked by."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import Inside, add_keys
from sessiontree.http.server import App
from sessiontree.http.service import Service
from sessiontree.settings import Settings

PATH = "/v2/detail_records"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def recording(id: str, **more: Any) -> dict[str, Any]:
    return {"record_type": "recording", "id": id, **more}


RECORDS = [
    recording("r1", started_at="2026-03-17T10:00:00Z", cost="0.10", telnyx_session_id="s1", channels="dual", size=10),
    recording("r2", started_at="2026-03-17T12:00:00+02:00", cost="1.666E-4", telnyx_session_id="s1", size=9.5),
    recording("r3", started_at="2026-03-18T10:00:00Z", cost=2, telnyx_session_id="s2", channels="Single", live=True),
    recording("r4", cost=None, telnyx_session_id=7, channels="a%b", live=False),
    recording("r5", started_at="2026-03-16T10:00:00Z", cost="0.1000", size="10"),
]


@pytest.fixture
def stored(client: Any) -> Any:
    for record in RECORDS:  # one after another: ties go by arrival
        assert client.post(PATH, json=record).status_code == 200
    return client


def listed(client: Any, query: str) -> list[str]:
    answer = client.get(f"{PATH}?filter[record_type]=recording&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["meta"]["total_results"] == len(answer.json()["data"])
    return [record["id"] for record in answer.json()["data"]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "r3 r2 r1 r5 r4"),
        ("filter[id]=r2", "r2"),
        ("id=r2", "r2"),
        ("filter[id]=none", ""),
        ("filter[telnyx_session_id]=s1", "r2 r1"),
        ("filter[telnyx_session_id]=7", "r4"),
        ("filter[telnyx_session_id]=s1&filter[cost][gt]=0.01", "r1"),
        ("filter[cost]=0.1", "r1 r5"),
        ("filter[cost]=1.666e-4", "r2"),
        ("filter[cost][gte]=0.1", "r3 r1 r5"),
        ("filter[cost][gt]=0.1", "r3"),
        ("filter[cost][lt]=0.1", "r2"),
        ("filter[cost][lte]=0.1&filter[cost][gt]=0.001", "r1 r5"),
        ("filter[started_at]=2026-03-17T10:00:00Z", "r2 r1"),
        ("filter[started_at][gt]=2026-03-17T10:00:00Z", "r3"),
        ("filter[started_at][gte]=2026-03-17", "r3 r2 r1"),
        ("filter[started_at][lt]=2026-03-17", "r5"),
        ("filter[started_at][lte]=2026-03-17T10:00:00", "r2 r1 r5"),
        ("filter[channels]=dual", "r1"),
        ("filter[channels][contains]=ing", "r3"),
        ("filter[channels][starts_with]=d", "r1"),
        ("filter[channels][ends_with]=%25b", "r4"),
        ("filter[size]=10", "r1 r5"),
        ("filter[size][lt]=10.0", "r2"),
        ("filter[live]=true", "r3"),
        ("filter[live]=false", "r4"),
        ("sort=id", "r1 r2 r3 r4 r5"),
        ("sort=-id", "r5 r4 r3 r2 r1"),
        ("sort=cost", "r2 r1 r5 r3 r4"),
        ("sort=-cost,-id", "r3 r5 r1 r2 r4"),
        ("sort=started_at", "r5 r1 r2 r3 r4"),
        ("sort=-started_at,id", "r3 r1 r2 r5 r4"),
        ("sort=telnyx_session_id,-cost", "r4 r1 r2 r3 r5"),
        ("sort=size&filter[size][gte]=0", "r2 r1 r5"),
    ],
)
def test_filters_and_sorts(stored: Any, query: str, ids: str):
    assert listed(stored, query) == ids.split()


def test_records_come_as_they_were_sent(client: Any):
    body = '{"record_type":"recording",  "id":"exact","cost":1.10, "rate":12345678901234567890.123, "note":"\\u00e9"}'
    client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert body in client.get(f"{PATH}?record_type=recording").text


def test_pages(stored: Any):
    def page(query: str) -> tuple[list[str], dict[str, int]]:
        answer = stored.get(f"{PATH}?record_type=recording&{query}").json()
        return [record["id"] for record in answer["data"]], answer["meta"]

    for order in ("", "&sort=-started_at", "&filter[id][starts_with]=r"):
        ids = [page(f"page[size]=2&page[number]={number}{order}")[0] for number in (1, 2, 3, 4)]
        assert [len(each) for each in ids] == [2, 2, 1, 0]
        assert sorted(id for each in ids for id in each) == ["r1", "r2", "r3", "r4", "r5"]
    meta = {"page_number": 2, "page_size": 2, "total_pages": 3, "total_results": 5}
    assert page("page[size]=2&page[number]=2")[1] == meta
    assert page("page[size]=500")[1]["page_size"] == 50
    assert page("")[1]["page_size"] == 20
    assert page("page[number]=999999999999999999") == ([], {**page("")[1], "page_number": 999999999999999999})


@pytest.mark.parametrize(
    ("range_", "days"),
    [("yesterday", {-1}), ("today", {0}), ("tomorrow", {1}), ("last_1_days", {-1, 0}), ("last_2_days", {-2, -1, 0})],
)
def test_ranges_of_days_end_at_midnight_utc(client: Any, range_: str, days: set[int]):
    for day in range(-3, 3):
        for name, hours in (("first", 0), ("last", 23.99)):
            start = TODAY + timedelta(days=day, hours=hours)
            client.post(PATH, json=recording(f"{name}{day}", started_at=start.isoformat()))
    expected = {f"{name}{day}" for day in days for name in ("first", "last")}
    assert set(listed(client, f"filter[date_range]={range_}")) == expected
    assert set(listed(client, f"filter[date_range]={range_}&sort=id")) == expected


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("", "10004", "filter[record_type]"),
        ("filter[record_type]=recordin", "10032", "filter[record_type]"),
        ("record_type=recordin", "10032", "record_type"),
        ("filter[record_type]=recording&filter[record_type]=recording", "10015", "filter[record_type]"),
        ("filter[record_type]=recording&record_type=webrtc", "10015", "filter[record_type]"),
        ("record_type=recording&filter[colour]=red", "10031", "filter[colour]"),
        ("record_type=recording&filter[id][near]=x", "10031", "filter[id][near]"),
        ("record_type=recording&filter[cost][gte]=much", "10031", "filter[cost][gte]"),
        ("record_type=recording&filter[cost]=NaN", "10031", "filter[cost]"),
        ("record_type=recording&filter[started_at][gt]=soon", "10031", "filter[started_at][gt]"),
        ("record_type=recording&filter[id]=", "10015", "filter[id]"),
        ("record_type=recording&filter[id]=a&filter[id]=b", "10015", "filter[id]"),
        ("record_type=recording&filter=a", "10031", "filter"),
        ("record_type=recording&filter[]=a", "10031", "filter[]"),
        ("record_type=recording&filter[date_range]=someday", "10032", "filter[date_range]"),
        ("record_type=recording&filter[date_range]=last_0_days", "10032", "filter[date_range]"),
        ("record_type=recording&sort=colour", "10031", "sort"),
        ("record_type=recording&sort=id,,cost", "10015", "sort"),
        ("record_type=recording&page[number]=0", "10033", "page[number]"),
        ("record_type=recording&page[size]=0", "10033", "page[size]"),
        ("record_type=recording&page[size]=ten", "10015", "page[size]"),
    ],
)
def test_a_wrong_list_parameter_is_named(stored: Any, query: str, code: str, parameter: str):
    answer = stored.get(f"{PATH}?{query}")
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["source"]["parameter"]) == (400, code, parameter)


def test_a_field_that_the_type_does_not_have_lists_those_it_has(stored: Any):
    error = stored.get(f"{PATH}?record_type=recording&filter[colour]=red").json()["errors"][0]
    assert "started_at" in error["message"]
    assert "live" in error["message"]  # shown by a record, declared nowhere


def test_options_tell_declared_and_shown_fields(stored: Any):
    (options,) = stored.get(f"{PATH}/options?record_type=recording").json()["data"]
    assert options["record_type"] == "recording"
    types = {field["name"]: field["type"] for field in options["fields"]}
    assert (types["cost"], types["started_at"], types["live"]) == ("amount", "time", "boolean")
    for field in options["fields"]:
        query = f"{PATH}?record_type=recording&sort={field['name']}"
        assert field["filterable"] and field["sortable"] and stored.get(query).status_code == 200


def test_options_and_history_need_to_know_of_what(client: Any):
    for path, parameter in (("options", "record_type"), ("history?record_type=recording", "id")):
        answer = client.get(f"{PATH}/{path}")
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"], error["source"]) == (400, "10004", {"parameter": parameter})
    assert client.get(f"{PATH}/history?record_type=recording&id=none").status_code == 404


def test_history_keeps_every_version_and_its_time(client: Any):
    for cost in ("1", "2", "2", "1"):
        client.post(PATH, json=recording("h", cost=cost))
    versions = client.get(f"{PATH}/history?record_type=recording&id=h").json()["data"]
    assert [version["record"]["cost"] for version in versions] == ["1", "2", "1"]
    times = [version["received_at"] for version in versions]
    assert times == sorted(times)


def test_a_type_without_records_is_an_empty_list(client: Any):
    answer = client.get(f"{PATH}?filter[record_type]=stt").json()
    assert answer == {"data": [], "meta": {"page_number": 1, "page_size": 20, "total_pages": 0, "total_results": 0}}


def test_the_metadata_examples_can_be_asked(stored: Any):
    for name in ("recording", "call-session"):
        described = stored.get(f"/v2/session_analysis/metadata/{name}").json()
        for query in described["examples"].values():
            assert stored.get(query).status_code == 200, query
    assert json.loads(stored.get("/v2/session_analysis/metadata").text)["meta"]["total_record_types"] == 32
    assert stored.get("/v2/session_analysis/metadata/recordin").status_code == 404


TICKET = """
category = "Own"
description = "A ticket."
product = "crm"
event = "ticket"
id = "number"
[[parents]]
record_type = "ticket"
description = "The ticket that it follows."
via = [["after", "number"], ["before", "name"]]
[fields]
number = "integer"
name = "integer"
after = "integer"
before = "integer"
"""


class TestNumberedIds:
    """Ids and links are text, also where the type declares them as numbers."""

    @pytest.fixture
    def inside(self, where: str, tmp_path: Path) -> Iterator[Inside]:
        types = tmp_path / "types"
        types.mkdir()
        (types / "ticket.toml").write_text(TICKET)
        texts = add_keys(where)
        service = Service(Settings(store=where, catalog=str(types)))
        yield Inside(service, App(service), *texts)
        service.close()

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("id=t1", ["t1"]),
            ("id=7", [7]),
            ("id=07", ["07"]),
            ("id=8", []),
            ("filter[after]=t1", [7, "07"]),
            ("filter[after]=07", ["t1"]),
            ("filter[after]=7", ["t2"]),
            ("filter[name]=o1", [7]),
            ("filter[number][gt]=6", [7, "07"]),
        ],
    )
    def test_a_record_is_found_by_them(self, client: Any, query: str, numbers: list[Any]):
        records = [("t1", "07", 1), (7, "t1", "o1"), ("07", "t1", "o2"), ("t2", 7, None)]
        body = [dict(zip(("number", "after", "name"), values, strict=True)) for values in records]
        posted = client.post(f"{PATH}?record_type=ticket", json=body)
        assert posted.json()["data"]["created"] == len(body)
        answer = client.get(f"{PATH}?record_type=ticket&sort=number&{query}")
        assert [record["number"] for record in answer.json()["data"]] == numbers

    def test_other_comparisons_are_with_numbers(self, client: Any):
        answer = client.get(f"{PATH}?record_type=ticket&filter[number][gt]=t1")
        assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"parameter": "filter[number][gt]"})
