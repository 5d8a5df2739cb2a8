"""Sessions over HTTP: rows that are what the trees say, filters, orders, cursors, and the changes."""

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from conftest import until
from sessiontree import demo

PATH = "/v2/sessions"
NOW = datetime.now(UTC).replace(microsecond=0)


def message(id: str, **more: Any) -> dict[str, Any]:
    return {"record_type": "message", "uuid": id, **more}


def post(client: Any, *records: dict[str, Any]) -> None:
    body = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    answer = client.post("/v2/detail_records", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert answer.json()["data"]["rejected"] == 0, answer.text


def fresh(client: Any) -> None:
    """Wait until everything that was sent has been added up."""
    until(lambda: client.get(f"{PATH}?limit=1").json()["meta"]["fresh"])


RECORDS = [
    message("m1", created_at="2026-03-17T10:00:00Z", completed_at="2026-03-17T10:02:30.25Z", cost="0.10"),
    message("m2", created_at="2026-03-17T12:00:00+01:00", completed_at="2026-03-17T11:01:00Z", cost="1.666E-4"),
    message("m3", cost="2", currency="EUR", direction="inbound"),
    message("m4", created_at="2026-03-18T10:00:00Z", carrier="a+b", tags="x"),
    {"record_type": "recording", "id": "r1", "telnyx_session_id": "s1", "cost": "0.5", "started_at": "2026-03-16"},
]


@pytest.fixture
def stored(client: Any) -> Any:
    for record in RECORDS:  # one after another, so that equal ones have an order
        post(client, record)
        fresh(client)
    return client


def listed(client: Any, query: str) -> list[str]:
    answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


def pages(client: Any, query: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        answer = client.get(f"{PATH}?{query}{cursor}")
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if answer.json()["meta"]["next_cursor"] is None:
            return
        cursor = f"&cursor={answer.json()['meta']['next_cursor']}"


@pytest.fixture
def demonstration(inside: Any, client: Any) -> Any:
    """The examples and the made-up calls of the demo."""
    demo.load(inside.service.store, NOW - timedelta(hours=1))
    while inside.service.store.sessions.refresh():
        pass
    return client


def test_every_row_is_what_its_tree_says(demonstration: Any):
    rows = [row for page in pages(demonstration, "limit=100&sort=-total") for row in page["data"]]
    assert len(rows) > 300
    assert len({(row["record_type"], row["id"]) for row in rows}) == len(rows)
    for row in rows:
        tree = demonstration.get(row["links"]["self"] + "?expand=none").json()
        meta, root = tree["meta"], tree["root"]
        assert (row["id"], row["record_type"], tree["ancestors"]) == (root["id"], root["record_type"], [])
        assert row["cost"] == tree["cost"]
        assert row["elsewhere_count"] == tree["cost"].get("elsewhere_count", 0)
        assert row["status"] == tree["status"]
        for name in ("event_count", "unpriced_count", "problems", "cost_by_product"):
            assert row[name] == meta[name], name
        assert (row["started_at"], row["finished_at"]) == (root["started_at"], root["finished_at"])
        assert row["unlinked"] == any(problem["code"] == "unlinked" for problem in meta["problems"])


def test_the_selection_adds_up_to_every_record_once(inside: Any, demonstration: Any):
    expected: dict[str, Decimal] = {}
    for record in inside.service.store.checks.records("default"):
        if record.cost is not None:
            expected[record.currency] = expected.get(record.currency, Decimal(0)) + Decimal(record.cost).scaleb(-12)
    first, *_ = pages(demonstration, "limit=500")
    total = first["meta"]["total"]
    assert {each["currency"]: Decimal(each["total"]) for each in total["cost"]} == expected
    assert total["session_count"] == len(first["data"])
    assert total["event_count"] == sum(row["event_count"] - row["elsewhere_count"] for row in first["data"])
    elsewhere = {each["currency"]: Decimal(each.get("elsewhere", "0")) for each in total["cost"]}
    assert elsewhere["USD"] == sum(Decimal(row["cost"].get("elsewhere", "0")) for row in first["data"]) > 0


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "m4 m2 m1 s1 m3"),
        ("sort=started_at", "s1 m1 m2 m4 m3"),
        ("sort=-total", "s1 m1 m2 m3 m4"),
        ("sort=total", "m2 m1 s1 m3 m4"),
        ("sort=-total&filter[currency]=eur", "m3"),
        ("sort=-duration", "m1 m2 s1 m4 m3"),
        ("sort=-event_count", "s1 m4 m3 m2 m1"),
        ("sort=total_per_minute", "m2 m1 m3 m4 s1"),
        ("limit=2", "m4 m2"),
        ("filter[started_at][gte]=2026-03-17T11:00:00Z", "m4 m2"),
        ("filter[started_at][gt]=2026-03-17T11:00:00Z", "m4"),
        ("filter[started_at][lte]=2026-03-17T10:00:00Z", "m1 s1"),
        ("filter[started_at][lt]=2026-03-17T10:00:00Z", "s1"),
        ("filter[started_at]=2026-03-17T11:00:00Z", "m2"),
        ("filter[started_at][gte]=2026-03-17&filter[started_at][lt]=2026-03-18&sort=-total", "m1 m2"),
        ("filter[started_at][lte]=9999-12-31T23:59:59.999999Z", "m4 m2 m1 s1"),
        ("filter[date_range]=today", ""),
        ("filter[record_type]=messaging", "m4 m2 m1 m3"),
        ("filter[record_type]=call-session,message", "m4 m2 m1 s1 m3"),
        ("filter[product]=recording-cdrs", "s1"),
        ("filter[product]=recording-cdrs,messaging&limit=3", "m4 m2 m1"),
        ("filter[status]=in_progress,settling", "m4 m2 m1 s1 m3"),
        ("filter[status]=completed", ""),
        ("filter[currency]=EUR", "m3"),
        ("filter[total][gte]=0.1", "m1 s1"),
        ("filter[total][gt]=0.1", "s1"),
        ("filter[total][lte]=0.1", "m2 m1"),
        ("filter[total][lt]=0.1", "m2"),
        ("filter[total]=0.1000", "m1"),
        ("filter[total][gte]=1&filter[currency]=EUR", "m3"),
        ("filter[record_type]=message&filter[direction]=inbound", "m3"),
        ("filter[record_type]=message&filter[carrier]=a%2Bb", "m4"),
        ("filter[record_type]=message&filter[id]=m1", "m1"),
        ("filter[record_type]=message&filter[cost][gte]=0.05&sort=-total", "m1 m3"),
        ("filter[record_type]=call-session&filter[id]=s1", "s1"),
    ],
)
def test_filters_and_orders(stored: Any, query: str, ids: str):
    assert listed(stored, query) == ids.split()


def test_a_row_says_what_there_is_to_say(stored: Any):
    (row,) = stored.get(f"{PATH}?filter[total]=0.1").json()["data"]
    assert row["as_of"] > "2026-03-17"
    assert (row["duration_seconds"], row["revision"], row["status"]) == ("150.25", 1, "settling")
    assert stored.get(row["links"]["records"]).json()["data"] == [RECORDS[0]]
    answer = stored.get(f"{PATH}?filter[currency]=EUR").json()
    assert answer["meta"] == {
        "next_cursor": None,
        "limit": 50,
        "total": {
            "session_count": 1,
            "event_count": 1,
            "unpriced_count": 0,
            "cost": [{"total": "2.000000", "currency": "EUR"}],
        },
        "fresh": True,
    }
    (row,) = answer["data"]
    assert (row["started_at"], row["finished_at"], row["duration_seconds"]) == (None, None, None)


def test_ranges_go_by_the_present(client: Any):
    for days in range(3):
        post(client, message(f"m{days}", created_at=(NOW - timedelta(days=days)).isoformat(), cost="1"))
    fresh(client)
    assert listed(client, "filter[date_range]=today") == ["m0"]
    assert listed(client, "filter[date_range]=yesterday") == ["m1"]
    assert listed(client, "filter[date_range]=last_1_days&sort=started_at") == ["m1", "m0"]
    assert listed(client, "filter[status]=in_progress") == ["m0"]  # no finish, and younger than a day
    assert listed(client, "filter[status]=settling") == ["m1", "m2"]


def cursor_of(*values: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("limit=0", "10033", "limit"),
        ("limit=501", "10033", "limit"),
        ("limit=ten", "10015", "limit"),
        ("limit=5&limit=5", "10015", "limit"),
        ("sort=cost", "10032", "sort"),
        ("sort=--total", "10032", "sort"),
        ("sort=total,started_at", "10032", "sort"),
        ("sort=", "10015", "sort"),
        ("cursor=", "10015", "cursor"),
        ("cursor=x", "10032", "cursor"),
        ("cursor=%C3%A9", "10032", "cursor"),
        ("cursor=" + cursor_of(1, 2), "10032", "cursor"),
        ("cursor=" + cursor_of("started_at", True, None, "value", [1, 2])[:-4], "10032", "cursor"),
        ("cursor=" + cursor_of("started_at", True, None, "value", [1]), "10032", "cursor"),
        ("cursor=" + cursor_of("started_at", True, None, "", [1, 2]), "10032", "cursor"),
        ("cursor=" + cursor_of("started_at", True, None, "value", [1, 1 << 63]), "10032", "cursor"),
        ("cursor=" + cursor_of("started_at", True, None, "value", [1, 1.5]), "10032", "cursor"),
        ("cursor=" + cursor_of("started_at", False, None, "value", [1, 2]), "10032", "cursor"),
        ("sort=total&cursor=" + cursor_of("started_at", True, None, "value", [1, 2]), "10032", "cursor"),
        ("filter[currency]=EUR&cursor=" + cursor_of("started_at", True, "USD", "value", [1, 2]), "10032", "cursor"),
        ("filter[colour]=red", "10031", "filter[colour]"),
        ("filter[record_type]=message,recording&filter[cost]=1", "10031", "filter[cost]"),
        ("filter[record_type]=message&filter[colour]=red", "10031", "filter[colour]"),
        ("filter[record_type]=message&filter[cost][near]=1", "10031", "filter[cost][near]"),
        ("filter[record_type]=message&filter[cost][gte]=much", "10031", "filter[cost][gte]"),
        ("filter[record_type]=mesage", "10032", "filter[record_type]"),
        ("filter[record_type]=message,", "10032", "filter[record_type]"),
        ("filter[record_type][eq]=message", "10031", "filter[record_type][eq]"),
        ("filter[product]=phones", "10032", "filter[product]"),
        ("filter[status]=done", "10032", "filter[status]"),
        ("filter[status]=completed,done", "10032", "filter[status]"),
        ("filter[currency]=CHF", "10032", "filter[currency]"),
        ("filter[currency]=dollars", "10032", "filter[currency]"),
        ("filter[total][gte]=1&filter[total][lt]=1", "10031", "filter[total][lt]"),
        ("filter[total][gte]=much", "10031", "filter[total][gte]"),
        ("filter[total][gte]=1e12", "10031", "filter[total][gte]"),
        ("filter[total][contains]=1", "10031", "filter[total][contains]"),
        ("filter[started_at][lt]=2026-03-17&filter[started_at][gte]=2026-03-18", "10031", "filter[started_at][gte]"),
        ("filter[started_at][gte]=soon", "10031", "filter[started_at][gte]"),
        ("filter[started_at][gt]=9999-12-31T23:59:59.999999", "10031", "filter[started_at][gt]"),
        ("filter[date_range]=someday", "10032", "filter[date_range]"),
        ("filter[date_range]=today&filter[started_at][lt]=2020-01-01", "10031", "filter[started_at][lt]"),
        ("filter=1", "10031", "filter"),
    ],
)
def test_a_wrong_parameter_is_named(stored: Any, query: str, code: str, parameter: str):
    answer = stored.get(f"{PATH}?{query}")
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["source"]["parameter"]) == (400, code, parameter)


def test_errors_say_what_there_is(stored: Any):
    def told(query: str) -> str:
        return str(stored.get(f"{PATH}?{query}").json()["errors"][0]["message"])

    assert "EUR" in told("filter[currency]=CHF") and "USD" in told("filter[currency]=CHF")
    assert "direction" in told("filter[record_type]=message&filter[colour]=red")
    assert "total_per_minute" in told("sort=cost")
    assert "another order" in told("cursor=" + cursor_of("total", True, "USD", "USD", [1, 2, 3]))


@pytest.mark.parametrize(
    ("sort", "values", "ids"),
    [
        ("-started_at", ("started_at", True, None, "elsewhere", [1, 2]), "m4 m2 m1 s1 m3"),
        ("-started_at", ("started_at", True, "USD", "value", [-(1 << 63), 1]), "m3"),
        ("-total", ("total", True, "XXX", "XXX", [1, 2, 3]), "m3 s1 m1 m2 m4"),
        ("-total", ("total", True, None, "USD", [1, 2, 3]), "m4"),
        ("-total", ("total", True, "USD", "", [1 << 62]), "m4"),
    ],
)
def test_a_cursor_that_somebody_made_up_leads_somewhere(stored: Any, sort: str, values: Any, ids: str):
    assert sorted(listed(stored, f"sort={sort}&cursor={cursor_of(*values)}")) == sorted(ids.split())


def test_any_currency_may_be_asked_for_before_there_is_one(client: Any):
    answer = client.get(f"{PATH}?filter[currency]=USD&filter[total][gte]=1&sort=-total").json()
    total = {"session_count": 0, "event_count": 0, "unpriced_count": 0, "cost": []}
    assert answer == {"data": [], "meta": {"next_cursor": None, "limit": 50, "total": total, "fresh": True}}


def test_cursors_lead_through_every_order(stored: Any):
    for sort in ("total", "started_at", "duration", "event_count", "total_per_minute"):
        for sign in ("", "-"):
            whole = listed(stored, f"sort={sign}{sort}")
            found = list(pages(stored, f"sort={sign}{sort}&limit=2"))
            assert [row["id"] for page in found for row in page["data"]] == whole
            assert [page["meta"]["total"] for page in found] == [found[0]["meta"]["total"]] * len(found)


def test_a_list_goes_on_in_the_currency_in_which_it_began(client: Any):
    for at in range(3):
        post(client, message(f"u{at}", cost=f"0.{at + 1}"), message(f"e{at}", cost=f"5.{at}", currency="EUR"))
    post(client, message("u3", cost="0.05"))
    fresh(client)
    first, *_ = pages(client, "sort=-total&limit=2")
    post(client, *(message(f"more{at}", cost="9", currency="EUR") for at in range(4)))  # now EUR is used most
    fresh(client)
    query = f"sort=-total&limit=2&cursor={first['meta']['next_cursor']}"
    assert [row["id"] for row in first["data"]] == ["u2", "u1"]
    assert listed(client, query) == ["u0", "u3"]


def test_keys_see_the_sessions_of_their_account(inside: Any, stored: Any):
    for path in (PATH, f"{PATH}/changes"):
        assert stored.get(path, headers={"Authorization": f"Bearer {inside.other_key}"}).json()["data"] == []
        assert len(stored.get(path, headers={"Authorization": f"Bearer {inside.read_key}"}).json()["data"]) == 5
        assert stored.get(path, headers={"Authorization": ""}).status_code == 401


def test_changes_can_be_followed(client: Any):
    def follow(since: str | None, limit: int = 50) -> tuple[list[dict[str, Any]], str]:
        answer = client.get(f"{PATH}/changes?limit={limit}" + (f"&since={since}" if since else "")).json()
        return answer["data"], answer["meta"]["next_since"]

    assert follow(None) == ([], "0")
    participant = {"record_type": "conference-participant", "id": "p", "conference_id": "c", "cost": "5"}
    post(client, message("a", cost="1"), participant)
    fresh(client)
    rows, since = follow(None)
    assert {row["id"]: row["cost"]["total"] for row in rows} == {"a": "1.000000", "p": "5.000000"}
    assert rows[0] == client.get(f"{PATH}?filter[record_type]={rows[0]['record_type']}").json()["data"][0]
    assert follow(since) == ([], since)
    post(client, {"record_type": "conference", "id": "c"}, message("a", cost="2"))
    fresh(client)
    mirror: dict[str, Any] = {row["id"]: row for row in rows}
    while True:
        rows, since = follow(since, limit=1)
        if not rows:
            break
        for row in rows:
            if row.get("gone"):
                assert row == {"record_type": "conference-participant", "id": "p", "gone": True}
                del mirror[row["id"]]
            else:
                mirror[row["id"]] = row
    assert sorted(mirror) == ["a", "c"]
    assert (mirror["a"]["revision"], mirror["a"]["cost"]["total"]) == (2, "2.000000")
    assert list(mirror.values()) == sorted(
        client.get(PATH).json()["data"], key=lambda row: list(mirror).index(row["id"])
    )


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("since=-1", "10033", "since"),
        ("since=abc", "10015", "since"),
        ("since=1000", "10032", "since"),
        ("since=999999999999999999", "10032", "since"),
        ("limit=501", "10033", "limit"),
        ("limit=0", "10033", "limit"),
    ],
)
def test_a_wrong_parameter_of_changes_is_named(stored: Any, query: str, code: str, parameter: str):
    answer = stored.get(f"{PATH}/changes?{query}")
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["source"]["parameter"]) == (400, code, parameter)


def test_cursors_hold_while_another_process_adds_records(server: Any):
    stay = [message(f"stay{at}", created_at=f"2026-03-17T10:{at % 7:02}:00Z", cost=f"0.{at % 5}") for at in range(40)]
    server.post(stay)
    until(lambda: server.get(f"{PATH}?limit=1").json()["meta"]["total"]["session_count"] == 40)
    done = threading.Event()

    def add() -> None:
        at = 0
        while not done.is_set():
            at += 1
            server.post([message(f"new{at}", created_at=f"2026-03-17T10:{at % 7:02}:00Z", cost=f"0.{at % 5}")])

    adding = threading.Thread(target=add)
    adding.start()
    try:
        for sort in ("-total", "-started_at", "event_count"):
            seen = [row["id"] for page in pages(server, f"sort={sort}&limit=7") for row in page["data"]]
            assert len(seen) == len(set(seen)), sort
            assert {each["uuid"] for each in stay} <= set(seen), sort
    finally:
        done.set()
        adding.join()


def test_a_row_follows_its_records_on_a_server(server: Any):
    session = "4c9063e0-1e4b-11f1-b789-0242ac120999"
    for at, total in enumerate(("0.500000", "1.000000")):
        record = {"record_type": "recording", "id": f"late{at}", "telnyx_session_id": session, "cost": "0.5"}
        server.post([record])
        row = f"{PATH}?filter[record_type]=call-session&filter[id]={session}"
        until(
            lambda row=row, total=total: [total] == [each["cost"]["total"] for each in server.get(row).json()["data"]]
        )
