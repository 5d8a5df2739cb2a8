"""What does not fit: unlinked records with what was looked for, and the problems of all sessions by code."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import messy
from cli_help import call
from model import Model
from operator_types import write_operator_types
from sessiontree import catalog_files
from sessiontree.catalog import Catalog
from sessiontree.placement import PROBLEM_CODES
from sessiontree.reading import Reader
from sessiontree.session_query import SessionQuery
from sessiontree.store import Store, open_store
from sessiontree.unfit import REASONS, ProblemPlace, read_place, tried, write_place

NOW = datetime.now(UTC).replace(microsecond=0)
RECEIVED = datetime(2026, 9, 1, tzinfo=UTC)
UNLINKED = SessionQuery(unlinked=tuple(REASONS.values()), limit=500)
DAY = timedelta(days=1)


def at(days: float) -> str:
    return (NOW - days * DAY).isoformat()


RECORDS = [
    {"record_type": "inference", "id": "null", "created_at": at(3), "cost": "0.5"},
    {"record_type": "inference", "id": "empty", "conversation_id": "", "created_at": at(2), "cost": "0.25"},
    {"record_type": "inference", "id": "lost", "conversation_id": "nobody", "created_at": at(1), "cost": "0.02"},
    {"record_type": "inference", "id": "timeless", "conversation_id": "no one", "cost": "3", "currency": "EUR"},
    {"record_type": "amd", "id": "check", "call_leg_id": "L9", "call_session_id": "S9", "invoked_at": at(4), "cost": 7},
    {"record_type": "ai-voice-assistant", "id": "ai", "telnyx_leg_id": "L8", "conversation_id": "talk", "cost": "1"},
    {"record_type": "inference", "id": "turn", "conversation_id": "talk", "created_at": at(5), "cost": "0.1"},
    {"record_type": "recording", "id": "rec", "telnyx_session_id": "call", "started_at": at(6), "cost": "0.3"},
    {"record_type": "embedding", "id": "alone", "created_at": at(7), "cost": "0.4"},
]
"""Six of these are unlinked; the turn is below one that is. A recording's session and an embedding need no parent."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("types")
    write_operator_types(folder)
    return catalog_files.load(folder)


@pytest.fixture
def store(where: str, catalog: Catalog) -> Iterator[Store]:
    store = open_store(where, catalog)
    yield store
    store.close()


def add(store: Store, records: list[dict[str, Any]]) -> None:
    reader = Reader(store.catalog)
    store.add("default", [reader.read(line) for line in messy.ndjson(records).splitlines()], RECEIVED)
    while store.sessions.refresh():
        pass


@pytest.fixture
def filled(client: Any, inside: Any) -> Any:
    assert client.post("/v2/detail_records", json=RECORDS).status_code == 200
    while inside.service.store.sessions.refresh():
        pass
    return client


def listed(client: Any, query: str = "") -> list[str]:
    answer = client.get(f"/v2/unlinked?{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


# Unlinked records over HTTP


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "lost empty null check ai timeless"),  # the assistant and the last have no start
        ("sort=started_at", "check null empty lost timeless ai"),
        ("sort=-total", "check ai null empty lost timeless"),  # in USD, then the others
        ("sort=total&filter[currency]=USD", "lost empty null ai check"),
        ("filter[reason]=null_link", "empty null"),
        ("filter[reason]=no_such_parent", "lost check ai timeless"),
        ("filter[reason]=no_such_parent,null_link&filter[record_type]=inference", "lost empty null timeless"),
        ("filter[record_type]=inference&filter[conversation_id]=nobody", "lost"),
        ("filter[started_at][lt]=BEFORE", "null check"),
        ("filter[total][gte]=1", "check ai"),
        ("filter[product]=amd", "check"),
        ("limit=2", "lost empty"),
    ],
)
def test_unlinked_records_filtered_and_sorted(filled: Any, query: str, ids: str):
    before = (NOW - 2.5 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = listed(filled, query.replace("BEFORE", before))
    tied = {"ai", "timeless"}
    assert [each for each in found if each not in tied] == [each for each in ids.split() if each not in tied]
    assert sorted(found) == sorted(ids.split())


def test_a_row_says_what_was_looked_for_and_what_it_comes_to(filled: Any):
    rows = {row["id"]: row for row in filled.get("/v2/unlinked").json()["data"]}
    assert rows["check"]["reason"] == "no_such_parent"
    assert rows["check"]["tried"] == [
        {
            "local_field": "call_leg_id",
            "value": "L9",
            "parent_field": "telnyx_leg_id",
            "parent_record_type": "call-control",
        },
        {
            "local_field": "call_session_id",
            "value": "S9",
            "parent_field": "telnyx_session_id",
            "parent_record_type": "call-control",
        },
    ]
    assert rows["empty"]["reason"] == "null_link"
    assert [each["value"] for each in rows["empty"]["tried"]] == [None]
    assert (rows["ai"]["cost"], rows["ai"]["event_count"]) == ({"total": "1.100000", "currency": "USD"}, 2)
    assert rows["timeless"]["cost"] == {"total": "3.000000", "currency": "EUR"}
    assert filled.get(rows["check"]["links"]["self"]).json()["cost"]["total"] == "7.000000"
    assert filled.get(rows["check"]["links"]["records"]).json()["data"] == [RECORDS[4]]


def test_age_counts_from_the_start_else_from_the_receipt(filled: Any):
    rows = {row["id"]: row for row in filled.get("/v2/unlinked").json()["data"]}
    since = (datetime.now(UTC) - NOW).total_seconds()
    assert 3 * 86400 <= rows["null"]["age_seconds"] <= 3 * 86400 + since + 1
    assert rows["timeless"]["started_at"] is None
    assert 0 <= rows["timeless"]["age_seconds"] <= since + 1
    assert rows["timeless"]["received_at"] >= NOW.isoformat()[:19]


def test_groups_count_all_whatever_page_is_sent(filled: Any):
    meta = filled.get("/v2/unlinked?limit=1").json()["meta"]
    assert meta["groups"] == [
        {
            "record_type": "inference",
            "reason": "no_such_parent",
            "count": 2,
            "cost": [{"total": "3.000000", "currency": "EUR"}, {"total": "0.020000", "currency": "USD"}],
        },
        {
            "record_type": "inference",
            "reason": "null_link",
            "count": 2,
            "cost": [{"total": "0.750000", "currency": "USD"}],
        },
        {
            "record_type": "ai-voice-assistant",
            "reason": "no_such_parent",
            "count": 1,
            "cost": [{"total": "1.100000", "currency": "USD"}],
        },
        {
            "record_type": "amd",
            "reason": "no_such_parent",
            "count": 1,
            "cost": [{"total": "7.000000", "currency": "USD"}],
        },
    ]
    assert meta["total"]["session_count"] == 6
    assert {each["currency"]: each["total"] for each in meta["total"]["cost"]} == {"EUR": "3.000000", "USD": "8.870000"}
    assert (meta["limit"], meta["fresh"]) == (1, True)
    only = filled.get("/v2/unlinked?filter[reason]=null_link").json()["meta"]
    assert [(group["reason"], group["count"]) for group in only["groups"]] == [("null_link", 2)]


@pytest.mark.parametrize("sort", ["-started_at", "started_at", "-total", "total", "event_count"])
def test_pages_by_cursor_give_each_once(filled: Any, sort: str):
    ids: list[str] = []
    cursor = ""
    while True:
        answer = filled.get(f"/v2/unlinked?sort={sort}&limit=2{cursor}").json()
        ids += [row["id"] for row in answer["data"]]
        if answer["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['meta']['next_cursor']}"
    assert sorted(ids) == ["ai", "check", "empty", "lost", "null", "timeless"]
    assert ids == listed(filled, f"sort={sort}")


def test_a_parent_that_arrives_takes_its_child_off_the_list(filled: Any, inside: Any):
    parent = {"record_type": "ai-voice-assistant", "id": "late", "conversation_id": "nobody", "telnyx_leg_id": "L"}
    filled.post("/v2/detail_records", json=[parent, {"record_type": "call-control", "id": "x", "telnyx_leg_id": "L"}])
    while inside.service.store.sessions.refresh():
        pass
    assert sorted(listed(filled)) == ["ai", "check", "empty", "null", "timeless", "x"]


def test_one_account_never_sees_anothers(filled: Any, inside: Any):
    headers = {"Authorization": f"Bearer {inside.other_key}"}
    assert filled.get("/v2/unlinked", headers=headers).json()["data"] == []
    assert filled.get("/v2/unlinked", headers=headers).json()["meta"]["groups"] == []
    problems = filled.get("/v2/problems", headers=headers).json()
    assert (problems["data"], problems["meta"]["counts"]) == ([], [])


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v2/unlinked?filter[reason]=lost", "filter[reason]"),
        ("/v2/unlinked?filter[reason]=", "filter[reason]"),
        ("/v2/unlinked?filter[reason]=null_link,", "filter[reason]"),
        ("/v2/unlinked?filter[reason][gt]=null_link", "filter[reason][gt]"),
        ("/v2/unlinked?sort=age", "sort"),
        ("/v2/unlinked?limit=501", "limit"),
        ("/v2/unlinked?cursor=x", "cursor"),
        ("/v2/unlinked?filter[what]=x", "filter[what]"),
        ("/v2/problems?filter[code]=odd", "filter[code]"),
        ("/v2/problems?filter[code]=circle,,unlinked", "filter[code]"),
        ("/v2/problems?limit=0", "limit"),
        ("/v2/problems?cursor=WzFd", "cursor"),
        ("/v2/problems?cursor=WzEsIC45LCAiIiwgIiIsICIiLCAwXQ", "cursor"),
        ("/v2/problems?filter[status]=odd", "filter[status]"),
        ("/v2/problems?filter[started_at][gte]=2026-02-02&filter[started_at][lt]=2026-01-01", "filter[started_at][lt]"),
    ],
)
def test_what_cannot_be_asked_is_told(client: Any, path: str, parameter: str):
    answer = client.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["source"] == {"parameter": parameter}


# Problems over HTTP


def test_problems_by_code_with_their_sessions(filled: Any):
    answer = filled.get("/v2/problems").json()
    assert answer["meta"] == {"next_cursor": None, "limit": 50, "counts": [{"code": "unlinked", "count": 6}]}
    assert [row["id"] for row in answer["data"]][:4] == ["lost", "empty", "null", "check"]
    row = answer["data"][0]
    assert (row["code"], row["message"]) == ("unlinked", "no parent found by conversation_id")
    assert row["session"]["started_at"] == RECORDS[2]["created_at"].replace("+00:00", "Z")
    for links in (row["links"], row["session"]["links"]):
        assert filled.get(links["self"]).json()["meta"]["problems"][0]["code"] == "unlinked"


def test_the_problem_of_missing_children(client: Any, inside: Any):
    """Told by the tree, by the session's row, and by the list of problems; gone when a turn arrives."""
    records = [
        {"record_type": "call-control", "id": "leg", "telnyx_leg_id": "L", "telnyx_session_id": "call"},
        {
            "record_type": "ai-voice-assistant",
            "id": "ai",
            "telnyx_leg_id": "L",
            "conversation_id": "talk",
            "billed_sec": 180,
            "created_at": "2026-03-17T10:00:00Z",
            "completed_at": "2026-03-17T10:02:32Z",
        },
    ]
    client.post("/v2/detail_records", json=records)
    inside.service.store.sessions.refresh()
    (problem,) = client.get("/v2/problems?filter[code]=missing_children").json()["data"]
    assert (problem["record_type"], problem["id"]) == ("ai-voice-assistant", "ai")
    assert (problem["session"]["record_type"], problem["session"]["id"]) == ("call-session", "call")
    (told,) = client.get("/v2/session_analysis/call-session/call").json()["meta"]["problems"]
    assert told == {name: problem[name] for name in ("code", "message", "record_type", "id")}
    client.post("/v2/detail_records", json={"record_type": "inference", "id": "t", "conversation_id": "talk"})
    inside.service.store.sessions.refresh()
    assert client.get("/v2/problems").json()["data"] == []
    assert client.get("/v2/session_analysis/call-session/call").json()["meta"]["problems"] == []


def test_problem_filters_select_sessions(filled: Any):
    answer = filled.get("/v2/problems?filter[record_type]=amd").json()
    assert [row["id"] for row in answer["data"]] == ["check"]
    assert answer["meta"]["counts"] == [{"code": "unlinked", "count": 1}]
    answer = filled.get("/v2/problems?filter[code]=circle,unlinked&limit=1").json()
    assert answer["meta"]["counts"] == [{"code": "circle", "count": 0}, {"code": "unlinked", "count": 6}]


# Against the naive model


@pytest.mark.parametrize("seed", range(8))
def test_unlinked_and_problems_are_those_of_the_model(store: Store, seed: int):
    records = messy.generate(random.Random(seed), 70, operator=True)
    add(store, records)
    model = Model(store.catalog)
    for record in records:
        model.add(record)
    trees = {key: model.tree(*key) for key in model.sessions()}
    unlinked = [key for key, tree in trees.items() if ("unlinked", *key) in tree.problems]
    page = store.sessions.page("default", UNLINKED)
    assert sorted((each.record_type, each.id) for each in page.sessions) == sorted(unlinked)
    assert len(unlinked) > 3
    links = {key: model._placing.events[key].links for key in unlinked}
    for each in page.sessions:
        refs = store.catalog.types[each.record_type].ref_fields
        named = any(name in links[each.record_type, each.id] for name in refs)
        assert each.unlinked is REASONS["no_such_parent" if named else "null_link"]
    groups = store.sessions.unlinked_groups("default", UNLINKED)
    assert sum(group.count for group in groups) == len(unlinked)
    assert Counter({(group.record_type, group.reason): group.count for group in groups}) == Counter(
        (each.record_type, each.unlinked) for each in page.sessions
    )
    expected = Counter((problem[0], problem[1:], key) for key, tree in trees.items() for problem in tree.problems)
    found = Counter()
    after = None
    while True:
        some = store.sessions.problems("default", SessionQuery(with_problems=True, limit=3), (), after)
        found.update(
            (e.problem.code, (e.problem.record_type, e.problem.id), (e.record_type, e.id)) for e in some.problems
        )
        if some.next is None:
            break
        after = read_place(write_place(some.next))
    assert found.keys() == expected.keys()
    assert some.counts == Counter(code for code, *_ in found.elements())
    assert {code for code, *_ in found} <= set(PROBLEM_CODES)


def test_a_virtual_event_without_a_record_names_no_parent(store: Store):
    add(store, [{"record_type": "task", "id": "t", "case_id": "c"}])
    (session,) = store.sessions.page("default", UNLINKED).sessions
    assert (session.record_type, session.id, session.unlinked) == ("case", "c", REASONS["null_link"])
    assert [each.value for each in tried(store.catalog, "case", None)] == [None]


def test_a_place_in_the_problems_is_text_and_back():
    place = ProblemPlace(None, 7, "circle", "span", "x" * 255 + "é", 3)
    assert read_place(write_place(place)) == place
    assert len(write_place(place)) < 500


# The commands


@pytest.fixture
def path(tmp_path: Path, where: str) -> str:
    file = tmp_path / "records.ndjson"
    file.write_bytes(messy.ndjson(RECORDS))
    assert call("import", "--store", where, file).exit_code == 0
    return where


def test_the_unlinked_command(path: str):
    lines = call("unlinked", "--store", path, "--limit", "2").stdout.splitlines()
    assert lines[:7] == [
        "TYPE                REASON          RECORDS  COST",
        "inference           no_such_parent  2        3.000000 EUR + 0.020000 USD",
        "inference           null_link       2        0.750000 USD",
        "ai-voice-assistant  no_such_parent  1        1.100000 USD",
        "amd                 no_such_parent  1        7.000000 USD",
        "",
        "AGE  TYPE       ID     COST          LOOKED FOR",
    ]
    assert lines[7:9] == [
        "1 d  inference  lost   0.020000 USD  ai-voice-assistant with conversation_id nobody",
        "2 d  inference  empty  0.250000 USD  conversation_id is empty",
    ]
    assert lines[9].startswith("... more with --cursor ")
    rest = call("unlinked", "--store", path, "--cursor", lines[9].rpartition(" ")[2]).stdout
    assert "null" in rest and "lost " not in rest
    first = call("unlinked", "--store", path, "--sort", "-total", "--json", "--reason", "no_such_parent").stdout
    assert json.loads(first)["data"][0]["id"] == "check"
    assert call("unlinked", "--store", path, "--type", "embedding").stdout == "There are no unlinked records.\n"


def test_an_unpriced_record_is_listed_as_unpriced(tmp_path: Path, where: str):
    file = tmp_path / "records.ndjson"
    records = [
        {"record_type": "inference", "id": "open", "conversation_id": "nobody", "currency": "EUR"},
        {"record_type": "ai-voice-assistant", "id": "ai", "telnyx_leg_id": "L", "conversation_id": "talk", "cost": "1"},
        {"record_type": "inference", "id": "turn", "conversation_id": "talk"},
    ]
    file.write_bytes(messy.ndjson(records))
    assert call("import", "--store", where, file).exit_code == 0
    groups, rows = (part.splitlines()[1:] for part in call("unlinked", "--store", where).stdout.split("\n\n"))
    assert {line.split()[0]: line.split("1", 1)[1].strip() for line in groups} == {
        "ai-voice-assistant": "1.000000 USD",
        "inference": "",
    }
    told = {line.split()[3]: line for line in rows}
    assert ("  unpriced  " in told["open"], "EUR" in told["open"]) == (True, False)
    assert "1.000000 USD (1 unpriced)" in told["ai"]
    answer = json.loads(call("unlinked", "--store", where, "--json").stdout)["data"]
    counts = {row["id"]: (row["event_count"], row["unpriced_count"]) for row in answer}
    assert counts == {"open": (1, 1), "ai": (2, 1)}


def test_the_problems_command(path: str):
    lines = call("problems", "--store", path, "--limit", "1", "--code", "unlinked").stdout.splitlines()
    assert lines[:5] == [
        "CODE      PROBLEMS",
        "unlinked  6",
        "",
        "CODE      SESSION         EVENT           PROBLEM",
        "unlinked  inference lost  inference lost  no parent found by conversation_id",
    ]
    more = call("problems", "--store", path, "--cursor", lines[5].rpartition(" ")[2], "--json").stdout
    assert len(json.loads(more)["data"]) == 5
    assert call("problems", "--store", path, "--code", "circle").stdout == "There are no problems.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("unlinked", "--reason", "lost"), "--reason: 'lost' is not one of no_such_parent, null_link"),
        (("unlinked", "--cursor", "x"), "cursor is no cursor that a list has given"),
        (("unlinked", "--sort", "age"), "sort is one of total"),
        (("unlinked", "--limit", "0"), "0 is not in the range"),
        (("problems", "--code", "odd"), "--code: 'odd' is not one of circle"),
        (("problems", "--cursor", "x"), "cursor is no cursor that a list has given"),
        (("problems", "--type", "inferense"), "inference"),
    ],
)
def test_wrong_calls_are_told(path: str, arguments: tuple[str, ...], said: str):
    result = call(*arguments, "--store", path)
    assert result.exit_code == 2
    assert said in result.stderr
