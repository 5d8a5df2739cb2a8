"""`GET /v2/spend`: groups, filters and time zones as they are asked for, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sessiontree.store import spend

PATH = "/v2/spend"
RECORDS = """
{"record_type": "recording", "id": "a", "started_at": "2026-03-17T10:00:00Z", "cost": "0.0051", "billed_sec": 153}
{"record_type": "recording", "id": "b", "started_at": "2026-03-17T22:30:00Z", "cost": "0.002", "billed_sec": 60}
{"record_type": "recording", "id": "c", "started_at": "2026-03-17T10:20:00Z", "cost": null}
{"record_type": "recording", "id": "d", "cost": "-1", "currency": "EUR", "channel": "dual"}
{"record_type": "inference", "id": "e", "created_at": "2026-03-17T18:14:00Z", "cost": "0.001", "model": "m", "rate": 1}
{"record_type": "inference", "id": "f", "created_at": "2026-03-17T18:15Z", "cost": "0.002", "model": "n", "tokens": 8}
{"record_type": "conference", "id": "g", "started_at": "2026-03-17T10:00:00Z"}
{"record_type": "call-control", "id": "h", "telnyx_session_id": "s", "cost": "7", "started_at": "2026-03-19T10:00:00Z"}
"""


@pytest.fixture
def stored(client: Any) -> Any:
    answer = client.post("/v2/detail_records", content=RECORDS, headers={"Content-Type": "application/x-ndjson"})
    assert answer.json()["data"]["created"] == 8
    return client


def listed(client: Any, query: str) -> list[str]:
    """The rows as text: group, total, currency, events."""
    answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    names = answer.json()["meta"]["group_by"]
    return [
        " ".join(str(value) for value in (*(row[name] for name in names), *row["cost"].values(), row["event_count"]))
        for row in answer.json()["data"]
    ]


def test_by_day_and_product_unless_asked_otherwise(stored: Any):
    answer = stored.get(PATH).json()
    calls = {"cost": {"total": "7.000000", "currency": "USD"}, "event_count": 1, "unpriced_count": 0}
    turns = {"cost": {"total": "0.003000", "currency": "USD"}, "event_count": 2, "unpriced_count": 0}
    kept = {"cost": {"total": "0.007100", "currency": "USD"}, "event_count": 3, "unpriced_count": 1}
    measured = {"quantity": "213", "unit": "second", "quantity_count": 2, "average_rate": "0.000033333333"}
    tokens = {"quantity": "8", "unit": "token", "quantity_count": 1, "average_rate": "0.000250"}
    credit = {"cost": {"total": "-1.000000", "currency": "EUR"}, "event_count": 1, "unpriced_count": 0}
    room = {"cost": {"total": "0.000000", "currency": None}, "event_count": 1, "unpriced_count": 0}
    assert answer["data"] == [
        {"day": "2026-03-17", "product": "conference", **room},
        {"day": "2026-03-17", "product": "inference", **turns, **tokens},
        {"day": "2026-03-17", "product": "recording-cdrs", **kept, **measured},
        {"day": "2026-03-19", "product": "callcontrol-cdrs", **calls},
        {"day": None, "product": "recording-cdrs", **credit},
    ]
    assert answer["meta"] == {
        "group_by": ["day", "product"],
        "time_zone": "UTC",
        "cost": [{"total": "-1.000000", "currency": "EUR"}, {"total": "7.010100", "currency": "USD"}],
        "event_count": 8,
        "unpriced_count": 1,
    }


USD_DAYS = "group_by=day&filter[currency]=usd"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (USD_DAYS, ["2026-03-17 0.010100 USD 5", "2026-03-19 7.000000 USD 1"]),
        (f"{USD_DAYS}&time_zone=Asia/Kathmandu",
         ["2026-03-17 0.006100 USD 3", "2026-03-18 0.004000 USD 2", "2026-03-19 7.000000 USD 1"]),
        (f"{USD_DAYS}&time_zone=Europe/Berlin&filter[started_at][lt]=2026-03-18T00:00",
         ["2026-03-17 0.010100 USD 5"]),
        (f"{USD_DAYS}&time_zone=Europe/Berlin&filter[started_at][lt]=2026-03-17T23:30",
         ["2026-03-17 0.008100 USD 4"]),
        (f"{USD_DAYS}&time_zone=Europe/Berlin&filter[started_at][lt]=2026-03-17T23:30Z",
         ["2026-03-17 0.010100 USD 5"]),
        (f"{USD_DAYS}&filter[started_at][gt]=2026-03-17T10:20:00Z&filter[started_at][lte]=2026-03-17T22:30:00Z",
         ["2026-03-17 0.005000 USD 3"]),
        (f"{USD_DAYS}&filter[started_at]=2026-03-17T10:20:00Z", ["2026-03-17 0.000000 USD 1"]),
        ("group_by=hour&filter[product]=inference", ["2026-03-17T18:00:00Z 0.003000 USD 2"]),
        ("group_by=hour&filter[product]=inference&time_zone=Asia/Kathmandu",
         ["2026-03-17T23:00:00+05:45 0.001000 USD 1", "2026-03-18T00:00:00+05:45 0.002000 USD 1"]),
        ("group_by=week,month,record_type&filter[record_type]=conference,call-control",
         ["2026-03-16 2026-03 call-control 7.000000 USD 1", "2026-03-16 2026-03 conference 0.000000 None 1"]),
        ("group_by=currency", ["EUR -1.000000 EUR 1", "USD 7.010100 USD 6", "None 0.000000 None 1"]),
        ("group_by=record_type&filter[record_type]=stt", []),
        ("group_by=model&filter[record_type]=inference", ["m 0.001000 USD 1", "n 0.002000 USD 1"]),
        ("group_by=record.cost&filter[record_type]=inference", ["0.001 0.001000 USD 1", "0.002 0.002000 USD 1"]),
        ("group_by=id,rate&filter[record_type]=inference", ["e 1 0.001000 USD 1", "f None 0.002000 USD 1"]),
        ("group_by=channel&filter[record_type]=recording", ["dual -1.000000 EUR 1", "None 0.007100 USD 3"]),
        ("group_by=product&filter[record_type]=inference&filter[model]=n", ["inference 0.002000 USD 1"]),
        ("group_by=product&filter[record_type]=inference&filter[cost][lt]=0.002", ["inference 0.001000 USD 1"]),
        ("group_by=product&filter[record_type]=inference&filter[created_at][gte]=2026-03-18&time_zone=Asia/Kathmandu",
         ["inference 0.002000 USD 1"]),
        ("group_by=product&filter[record_type]=recording&filter[product]=inference", []),
        ("group_by=product&filter[date_range]=last_3_days", []),
    ],
)  # fmt: skip
def test_groups_and_filters(stored: Any, query: str, expected: list[str]):
    assert listed(stored, query) == expected


def test_the_days_of_a_named_range_are_those_of_the_zone(client: Any):
    zone = "Pacific/Kiritimati"  # 14 hours ahead
    local = (datetime.now(UTC) + timedelta(hours=14)).replace(hour=0, minute=0, second=0, microsecond=0)
    for name, shift in (("first", 0), ("before", -1)):
        start = (local - timedelta(hours=14) + timedelta(seconds=shift)).isoformat()
        client.post("/v2/detail_records", json={"record_type": "recording", "id": name, "started_at": start, "cost": 1})
    assert listed(client, f"group_by=id&filter[record_type]=recording&time_zone={zone}&filter[date_range]=today") == [
        "first 1.000000 USD 1"
    ]


def test_by_the_type_of_the_session(stored: Any):
    service = stored.app.service
    while service.store.sessions.refresh():
        pass
    assert listed(stored, "group_by=session_type&filter[started_at][gte]=2026-03-18") == ["call-session 7.000000 USD 1"]
    assert listed(stored, "group_by=product&filter[session_type]=conference") == ["conference 0.000000 None 1"]


@pytest.mark.parametrize(
    ("query", "code", "parameter", "message"),
    [
        ("group_by=dya", "10032", "group_by", "'dya'"),
        ("group_by=", "10015", "group_by", "is empty"),
        ("group_by=day,,hour", "10032", "group_by", "with commas between them"),
        ("group_by=day,day", "10032", "group_by", "twice"),
        ("group_by=model", "10032", "group_by", "fields of records need one record type"),
        ("group_by=model&filter[record_type]=inference,recording", "10032", "group_by", "need one record type"),
        ("group_by=model&filter[record_type]=recording", "10032", "group_by", "billed_sec"),
        ("group_by=cost&filter[record_type]=recording", "10032", "group_by", "write record.cost"),
        ("group_by=unit&filter[record_type]=recording", "10032", "group_by", "write record.unit"),
        ("group_by=a,b,c,d,e,f,g,h,i", "10032", "group_by", "1 to 8"),
        ("group_by=day&group_by=day", "10015", "group_by", "2 times"),
        ("time_zone=Europe/Berln", "10032", "time_zone", "Europe/Berlin"),
        ("time_zone=../etc/passwd", "10032", "time_zone", "no time zone"),
        ("time_zone=localtime", "10032", "time_zone", "no time zone"),
        ("time_zone=%2B01:00", "10032", "time_zone", "no time zone"),
        ("filter[record_type]=recordings", "10032", "filter[record_type]", "did you mean"),
        ("filter[record_type]=recording,", "10032", "filter[record_type]", "no record type"),
        ("filter[session_type]=x", "10032", "filter[session_type]", "no record type"),
        ("filter[product]=x", "10032", "filter[product]", "recording-cdrs"),
        ("filter[currency]=US", "10032", "filter[currency]", "three-letter"),
        ("filter[currency]=GBP", "10032", "filter[currency]", "there are EUR, USD"),
        ("filter[date_range]=lately", "10032", "filter[date_range]", "last_N_days"),
        ("filter[started_at][gte]=noon", "10031", "filter[started_at][gte]", "ISO 8601"),
        ("filter[started_at][contains]=10", "10031", "filter[started_at][contains]", "gte"),
        ("filter[started_at][gt]=2026-04-01&filter[started_at][lt]=2026-03-17",
         "10031", "filter[started_at][lt]", "the range ends before it begins"),
        ("filter[model]=m", "10031", "filter[model]", "one filter[record_type]"),
        ("filter[model]=m&filter[record_type]=recording", "10031", "filter[model]", "have no field"),
        ("filter[cost][gt]=x&filter[record_type]=recording", "10031", "filter[cost][gt]", "decimal"),
        ("filter[cost][over]=1&filter[record_type]=recording", "10031", "filter[cost][over]", "no comparison"),
        ("filter.cost=1", "10031", "filter.cost", "filter[field]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(stored: Any, query: str, code: str, parameter: str, message: str):
    answer = stored.get(f"{PATH}?{query}")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["source"]) == (400, code, {"parameter": parameter})
    assert message in error["message"]


def test_more_groups_than_one_answer_holds(stored: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spend, "GROUPS_MAX", 4)
    answer = stored.get(PATH)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10033")
    assert answer.json()["errors"][0]["source"] == {"parameter": "group_by"}
    assert len(stored.get(f"{PATH}?group_by=currency").json()["data"]) == 3


def test_an_account_sees_its_own(stored: Any, inside: Any):
    headers = {"Authorization": f"Bearer {inside.other_key}"}
    assert stored.get(PATH, headers=headers).json()["data"] == []
    assert stored.get(PATH, headers={"Authorization": "Bearer x"}).status_code == 401


def test_odd_values_group_as_they_are(client: Any):
    values = ["=1+1", "a,b", 'x"y', "\u00e9\u2603", " ", {"k": [1]}, True]
    for number, value in enumerate(values):
        body = {"record_type": "recording", "id": str(number), "cost": 1, "note": value}
        client.post("/v2/detail_records", content=json.dumps(body), headers={"Content-Type": "application/json"})
    rows = client.get(f"{PATH}?group_by=note&filter[record_type]=recording").json()["data"]
    assert [row["note"] for row in rows] == [" ", "=1+1", "a,b", "true", 'x"y', '{"k": [1]}', "\u00e9\u2603"]
