"""Every wrong request gets a status, a published code and one error shape, on every path."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from conftest import SECONDS
from sessiontree.keys import make_key
from stores import heard

EVENT = "/v2/session_analysis/recording/rec-1"
RECORD = {"record_type": "recording", "id": "rec-1", "started_at": "2026-03-17T10:00:00Z", "cost": "1"}


@pytest.fixture
def stored(client: Any) -> Any:
    assert client.post("/v2/detail_records", json=RECORD).status_code == 200
    return client


def first_error(answer: Any) -> dict[str, Any]:
    """The first error, after a look at the shape that all have."""
    body = answer.json()
    assert set(body) <= {"errors", "data"}
    for error in body["errors"]:
        assert set(error) - {"source"} == {"code", "title", "message", "detail", "meta"}
        assert error["meta"] == {"request_id": answer.headers["x-request-id"]}
        assert error["title"]
        assert error["message"]
        assert error["detail"]
    return dict(body["errors"][0])


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("max_depth=0", "10033", "max_depth"),
        ("max_depth=6", "10033", "max_depth"),
        ("max_depth=x", "10015", "max_depth"),
        ("max_depth=", "10015", "max_depth"),
        ("max_depth=2&max_depth=2", "10015", "max_depth"),
        ("max_depth=%D9%A2", "10015", "max_depth"),
        ("max_depth=2.0", "10015", "max_depth"),
        ("max_depth=" + "9" * 5000, "10015", "max_depth"),
        ("expand=all", "10032", "expand"),
        ("expand=record&expand=none", "10015", "expand"),
        ("include_children=perhaps", "10015", "include_children"),
        ("date_time=yesterday", "10015", "date_time"),
        ("date_time=", "10015", "date_time"),
        ("date_time=2026-02-30", "10015", "date_time"),
        ("date_time=1773741600", "10015", "date_time"),
    ],
)
def test_a_wrong_parameter_is_named(stored: Any, query: str, code: str, parameter: str):
    answer = stored.get(f"{EVENT}?{query}")
    error = first_error(answer)
    assert (answer.status_code, error["code"], error["source"]) == (400, code, {"parameter": parameter})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "max_depth=1",
        "max_depth=5",
        "include_children=0",
        "include_children=1",
        "expand=none",
        "colour=red",
        "colour=&colour=",
        "date_time=2026-03-16",
        "date_time=2026-03-18T10:00:00Z",
        "date_time=2026-03-17T12:00:00%2B02:00",
    ],
)
def test_right_and_unknown_parameters_are_taken(stored: Any, query: str):
    answer = stored.get(f"{EVENT}?{query}")
    assert (answer.status_code, answer.json()["cost"]["total"]) == (200, "1.000000")


@pytest.mark.parametrize(
    "near",
    ["2026-03-15", "2026-03-19", "2026-03-18T10:00:00.000001Z", "2026-03-16T09:59:59Z", "0001-01-01", "9999-12-31"],
)
def test_an_event_outside_the_time_hint_is_not_found(stored: Any, near: str):
    answer = stored.get(f"{EVENT}?date_time={near}")
    assert (answer.status_code, first_error(answer)["code"]) == (404, "10005")


@pytest.mark.parametrize("event_id", ["x" * 256, "x" * 300, "a%2Fb", "%2F", "a%00b", "tab%09", "a%0Ab", "%E2%80%8B"])
def test_an_id_that_cannot_be_is_refused(stored: Any, event_id: str):
    answer = stored.get(f"/v2/session_analysis/recording/{event_id}")
    error = first_error(answer)
    assert (answer.status_code, error["code"], error["source"]) == (400, "10006", {"parameter": "event_id"})


def test_a_path_that_is_not_text_is_refused(stored: Any):
    answer = stored.get("/v2/session_analysis/recording/%FF%FE")
    assert (answer.status_code, first_error(answer)["code"]) == (400, "10006")


@pytest.mark.parametrize("event_id", ["x" * 255, "call-123", "Größe %ü", "v3:a_b-c", "a b", "%2F"])
def test_any_printable_id_is_found(client: Any, event_id: str):
    from urllib.parse import quote

    event_id = event_id.replace("/", "")
    assert client.post("/v2/detail_records", json={**RECORD, "id": event_id}).status_code == 200
    answer = client.get(f"/v2/session_analysis/recording/{quote(event_id, safe='')}")
    assert (answer.status_code, answer.json()["session_id"]) == (200, event_id)
    root = answer.json()["root"]
    assert client.get(root["links"]["self"]).json()["session_id"] == event_id
    assert client.get(root["links"]["records"]).json()["data"] == [root["record"]]


def test_a_misspelt_record_type_is_told_what_could_be_meant(stored: Any):
    answer = stored.get("/v2/session_analysis/recordin/rec-1")
    error = first_error(answer)
    assert (answer.status_code, error["code"], error["source"]) == (400, "10032", {"parameter": "record_type"})
    assert "recording" in error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v2/",
        "/v2/session_analysis",
        "/v2/session_analysis/recording",
        "/v2/session_analysis/recording/",
        "/v2/session_analysis/recording/a/b",
        "/v2//session_analysis/metadata",
        "/v2/session_analysis/metadata/",
        "/v2/detail_records/",
        "/robots.txt",
        "/%7Bx%7D",
    ],
)
def test_unknown_paths_are_not_found(stored: Any, path: str):
    answer = stored.get(path)
    assert (answer.status_code, first_error(answer)["code"]) == (404, "10005")


def test_every_route_refuses_other_methods_in_the_same_shape(inside: Any, client: Any):
    from sessiontree.http.server import all_routes

    methods: dict[str, set[str]] = {}
    for route in all_routes():
        methods.setdefault(route.path, set()).add(route.method)
    assert len(methods) > 10
    for path, taken in methods.items():
        answer = client.patch(path.replace("{record_type}", "recording").replace("{event_id}", "rec-1"))
        assert (answer.status_code, first_error(answer)["code"]) == (405, "10015"), path
        assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == taken


def test_head_is_get_without_a_body(stored: Any):
    whole, head = stored.get(EVENT), stored.head(EVENT)
    assert (head.status_code, head.headers["content-length"]) == (200, whole.headers["content-length"])


def test_every_answer_has_an_id_of_its_own(stored: Any):
    ids = {stored.get(path).headers["x-request-id"] for path in ["/healthz", "/nothing", EVENT, EVENT]}
    assert len(ids) == 4


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer st_unknown",
        "Basic dXNlcjpwYXNz",
        "Bearer \xff\xfe",
        "REVOKED",
        "EXPIRED",
    ],
)
def test_a_key_that_does_not_count_is_refused_in_the_same_words(inside: Any, stored: Any, header: str | None):
    store, now = inside.service.store, datetime.now(UTC)
    revoked, key = make_key()
    store.add_key(key)
    store.revoke_key(key.prefix, now)
    expired, key = make_key(expires=timedelta(microseconds=1))
    store.add_key(key)
    time.sleep(0.001)
    texts = {"REVOKED": f"Bearer {revoked}", "EXPIRED": f"Bearer {expired}"}
    sent = {} if header is None else {"Authorization": texts.get(header, header).encode("latin-1")}
    stored.headers.pop("Authorization")
    answer = stored.get(EVENT, headers=sent)
    error = first_error(answer)
    assert (answer.status_code, error["code"]) == (401, "10009")
    assert error["message"] == "send a valid API key in the header Authorization: Bearer KEY"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_revoked_by_another_process_stops_at_once(inside: Any, stored: Any, where: str):
    from sessiontree.store import open_store

    assert stored.get(EVENT).status_code == 200
    other = open_store(inside.service.settings.store, inside.service.catalog)
    other.revoke_key(inside.key[:11], datetime.now(UTC))
    other.close()
    heard(where, lambda: stored.get(EVENT).status_code == 401)


def test_a_scope_that_is_missing_forbids(inside: Any, stored: Any):
    answer = stored.post("/v2/detail_records", json=RECORD, headers={"Authorization": f"Bearer {inside.read_key}"})
    assert (answer.status_code, first_error(answer)["code"]) == (403, "10010")
    text, key = make_key(scopes=frozenset({"write"}))
    inside.service.store.add_key(key)
    answer = stored.get(EVENT, headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, first_error(answer)["code"]) == (403, "10010")


@pytest.mark.parametrize(
    "path",
    [EVENT, "/v2/detail_records/history?record_type=recording&id=rec-1", "/v2/detail_records?record_type=recording"],
)
def test_one_account_learns_nothing_of_another(inside: Any, stored: Any, path: str):
    """The answer about another account's record is the answer about one that nobody has."""
    other = {"Authorization": f"Bearer {inside.other_key}"}
    theirs = stored.get(path, headers=other)
    nobodys = stored.get(path.replace("rec-1", "rec-0"), headers=other)
    assert theirs.status_code == nobodys.status_code
    if theirs.status_code == 200:
        assert theirs.json()["data"] == []
    else:
        assert (theirs.status_code, first_error(theirs)["code"]) == (404, "10005")
        assert first_error(theirs)["message"] == first_error(nobodys)["message"].replace("rec-0", "rec-1")


def test_what_is_not_foreseen_says_nothing_but_its_id(inside: Any, stored: Any, monkeypatch: pytest.MonkeyPatch):
    class Broken:
        def tree(self, *_: Any) -> None:
            raise ValueError("secret detail")

    monkeypatch.setattr(inside.service, "quick_analysis", Broken())
    answer = stored.get(EVENT)
    assert (answer.status_code, first_error(answer)["code"]) == (500, "10007")
    assert "secret" not in answer.text


def test_no_key_is_needed_to_look_at_the_server_itself(client: Any):
    client.headers.pop("Authorization")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert client.get(path).status_code == 200, path


def test_a_large_tree_is_whole_and_one_beyond_the_limit_is_an_error(inside: Any, stored: Any):
    from dataclasses import replace

    from sessiontree.analysis import Analysis

    child = {"record_type": "recording", "telnyx_session_id": "big", "cost": "0.01"}
    body = [{**child, "id": f"big-{number}"} for number in range(1200)]
    assert stored.post("/v2/detail_records", json=body).json()["data"]["created"] == 1200
    answer = stored.get("/v2/session_analysis/call-session/big").json()
    assert (answer["cost"]["total"], answer["meta"]["event_count"]) == ("12.000000", 1201)
    assert len(answer["root"]["children"]) == 1200
    inside.service.settings = replace(inside.service.settings, events_max=600)
    inside.service.analysis = Analysis(inside.service.store, events_max=600)
    answer = stored.get("/v2/session_analysis/call-session/big")
    assert (answer.status_code, first_error(answer)["code"]) == (400, "10033")
    assert "600" in first_error(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path", "parameter", "told"),
    [
        ("GET", "/v2/spend?since=2026-03-17", "since", "group_by"),
        ("GET", "/v2/spend?groupby=currency", "groupby", "did you mean group_by?"),
        ("GET", "/v2/sessions?fliter[product]=x", "fliter[product]", "did you mean filter[product]?"),
        ("GET", "/v2/sessions?limit=1&Sort=total", "Sort", "did you mean sort?"),
        ("GET", "/v2/sessions/changes?filter[product]=x", "filter[product]", "there are since, limit"),
        ("GET", "/v2/unlinked?reason=null_link", "reason", "filter[reason]"),
        ("GET", "/v2/problems?sort=total", "sort", "cursor"),
        ("GET", "/v2/export?fromat=csv", "fromat", "did you mean format?"),
        ("GET", "/v2/verify?samples=1", "samples", "did you mean sample?"),
        ("GET", "/v2/imports?page=2", "page", "there are limit, cursor"),
        ("GET", "/v2/keys?limit=1", "limit", "takes none"),
        ("GET", "/v2/keys?=", "", "takes none"),
        ("POST", "/v2/imports/0123456789abcdef/undo?dryrun=true", "dryrun", "did you mean dry_run?"),
        ("DELETE", "/v2/sessions/recording/rec-1?dry-run=1", "dry-run", "did you mean dry_run?"),
    ],
)
def test_a_misspelt_parameter_is_no_question_for_everything(
    server: Any, method: str, path: str, parameter: str, told: str
):
    server.post([RECORD])
    headers = {"Authorization": f"Bearer {server.key}"}
    answer = httpx.request(method, f"{server.url}{path}", headers=headers, timeout=SECONDS)
    error = first_error(answer)
    assert (answer.status_code, error["code"], error["source"]) == (400, "10015", {"parameter": parameter})
    assert told in error["message"]
    assert server.get(EVENT).status_code == 200  # and nothing was done


def test_published_paths_leave_unknown_parameters_alone(stored: Any):
    for path in (EVENT, "/v2/session_analysis/metadata", "/v2/detail_records", "/v2/detail_records/options"):
        answer = stored.get(f"{path}?filter[record_type]=recording&record_type=recording&colour=red")
        assert answer.status_code == 200, path
