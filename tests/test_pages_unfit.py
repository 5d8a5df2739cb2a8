"""What does not fit, as pages: unlinked records with their near misses, and problems; the API's numbers and filters."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest

from page_help import Element, example, read
from sessiontree import catalog_files
from sessiontree.pages.near_misses import holders

Show = Callable[..., Element]
TURN = {"record_type": "inference", "cost": "0.25"}
CALL = {"record_type": "call-control", "telnyx_leg_id": "leg"}
NASTY = "<script>alert(1)<b>\"'&é🧾"


@pytest.fixture
def show(inside: Any, client: Any, signed_in: Any) -> Show:
    """Sends records, then gives the page at an address."""

    def show(path: str, records: list[dict[str, Any]] | None = None) -> Element:
        if records:
            answer = client.post("/v2/detail_records", json=records)
            assert answer.json()["data"]["rejected"] == 0, answer.text
            while inside.service.store.sessions.refresh():
                pass
        answer = signed_in.get(path)
        assert answer.status_code == 200, answer.text
        return read(answer.text)

    return show


def turn(id: str, conversation: str | None = "gone", at: str = "2026-03-17T10:00:00Z", **more: Any) -> dict[str, Any]:
    return {**TURN, "id": id, "conversation_id": conversation, "created_at": at, **more}


def call(session: str, at: str) -> dict[str, Any]:
    return {**CALL, "id": session, "telnyx_session_id": session, "started_at": at, "cost": "0.01"}


def cells(page: Element, at: int = 0) -> list[list[str]]:
    return [[cell.text for cell in row.all("td")] for row in page.all("tbody")[at].all("tr")]


def unlinked(page: Element) -> list[str]:
    return [item.all("code")[0].text for item in page.one("ul", class_="unfit").all("li")]


def test_unlinked_records_say_what_was_looked_for(show: Show):
    page = show("/unlinked", [turn("t1"), turn("t2", None), turn("t3", at="2026-03-16T10:00:00Z")])
    assert cells(page) == [
        ["inference", "the parents that it names are not there no_such_parent", "2", "$0.5000"],
        ["inference", "it names no parent: its link fields are empty null_link", "1", "$0.2500"],
    ]
    assert page.one("main").all("h2")[-1].text == "3 records"
    assert unlinked(page) == ["t2", "t1", "t3"]
    by_id = {item.all("code")[0].text: item for item in page.one("ul", class_="unfit").all("li")}
    tried, near = [part.text for part in by_id["t1"].all("dd")]
    assert tried == "ai-voice-assistant with conversation_id = gone"
    assert near == "no session that could hold it began within 5 min"
    assert by_id["t2"].all("dd")[0].text == "ai-voice-assistant: conversation_id is empty"
    assert by_id["t1"].one("a").attributes["href"] == "/sessions/inference/t1"


def test_near_misses_are_the_sessions_that_began_nearest(show: Show):
    records = [
        turn("t", at="2026-03-17T10:00:00Z"),
        call("too-early", "2026-03-17T09:54:59Z"),
        call("early", "2026-03-17T09:58:00Z"),
        call("just-before", "2026-03-17T09:59:48Z"),
        call("same", "2026-03-17T10:00:00Z"),
        call("after", "2026-03-17T10:01:30Z"),
        call("too-late", "2026-03-17T10:05:01Z"),
        {"record_type": "message", "uuid": "m", "created_at": "2026-03-17T10:00:01Z"},
    ]
    item = show("/unlinked", records).one("ul", class_="unfit").one("li")
    assert [part.text for part in item.all("dd")[1].all("span")] == [
        "call-session same began at the same time",
        "call-session just-before began 12 s before it",
        "call-session after began 1 min 30 s after it",
    ]
    assert item.all("dd")[1].all("a")[0].attributes["href"] == "/sessions/call-session/same"
    timeless = show("/unlinked", [{**TURN, "id": "t4", "conversation_id": "gone"}])
    assert "it has no time to look around" in timeless.one("ul", class_="unfit").text


def test_what_can_hold_a_type_is_above_it_in_the_catalogue():
    catalog = catalog_files.load()
    assert {"ai-voice-assistant", "call-control", "call-session"} <= set(holders(catalog, "inference"))
    assert "inference" not in holders(catalog, "call-control")
    assert holders(catalog, "call-session") == ()


def test_groups_lead_to_their_records_alone(show: Show):
    page = show("/unlinked", [turn("t1"), turn("t2", None)])
    links = [link.attributes["href"] for link in page.all("tbody")[0].all("a")]
    assert sorted(tuple(unlinked(show(link))) for link in links) == [("t1",), ("t2",)]


def test_both_lists_have_the_apis_rows(client: Any, show: Show):
    records = [record for name in ("unlinked", "fallback-link", "two-legs", "late-records") for record in example(name)]
    page = show("/unlinked", records)
    answer = client.get("/v2/unlinked").json()
    assert unlinked(page) == [row["id"] for row in answer["data"]]
    assert [row[2] for row in cells(page)] == [str(group["count"]) for group in answer["meta"]["groups"]]
    page = show("/problems")
    answer = client.get("/v2/problems").json()
    assert len(answer["data"]) >= 3
    assert [(row[0], row[1], row[2]) for row in cells(page, 1)] == [
        (row["code"], row["message"], f"{row['record_type']} {row['id']}") for row in answer["data"]
    ]
    counts = [(row[0], row[2]) for row in cells(page)]
    assert counts == [(each["code"], str(each["count"])) for each in answer["meta"]["counts"]]


def test_a_problem_leads_to_its_event_and_its_session(signed_in: Any, show: Show):
    page = show("/problems", example("fallback-link"))
    event, session = [link.attributes["href"] for link in page.all("tbody")[1].all("tr")[0].all("a")]
    assert event.startswith(f"{session}?event=")
    selected = read(signed_in.get(event).text).one("tr", aria_selected="true")
    assert selected.attributes["data-event"] == event.partition("event=")[2]


@pytest.mark.parametrize("code", ["fallback_link", "missing_children", "several_parents", "unlinked", "circle"])
def test_codes_filter_problems(client: Any, show: Show, code: str):
    records = [*example("fallback-link"), *example("unlinked")]
    page = show(f"/problems?filter[code]={code}", records)
    expected = client.get(f"/v2/problems?filter[code]={code}").json()["data"]
    found = [row[2].split()[-1] for row in cells(page, 1)] if page.all("table") else []
    assert found == [row["id"] for row in expected]
    assert (found != []) or page.one("section", class_="empty").one("h2").text == "Nothing fits these filters"


def walked(show: Show, path: str, ids: Callable[[Element], list[str]]) -> list[list[str]]:
    found = []
    while path:
        page = show(path)
        found.append(ids(page))
        path = next((link.attributes["href"] for link in page.all("a", rel="next")), "")
    return found


def test_paging_to_the_end_gives_everything_once(show: Show):
    show("/unlinked", [turn(f"t{at:02}", at=f"2026-03-{at + 1:02}") for at in range(11)])
    everything = [f"t{at:02}" for at in reversed(range(11))]
    pieces = walked(show, "/unlinked?limit=4&filter[reason]=no_such_parent", unlinked)
    assert ([len(each) for each in pieces], list(chain.from_iterable(pieces))) == ([4, 4, 3], everything)
    pieces = walked(show, "/problems?limit=4", lambda page: [row[2].split()[-1] for row in cells(page, 1)])
    assert ([len(each) for each in pieces], list(chain.from_iterable(pieces))) == ([4, 4, 3], everything)


def test_json_is_that_of_the_api_and_csv_has_its_rows(client: Any, signed_in: Any, show: Show):
    records = [turn("=t1", at=datetime.now(UTC).isoformat()), turn("t2", None)]
    for path, names in (("/unlinked", ("id", "reason")), ("/problems", ("id", "message"))):
        page = show(f"{path}?limit=1", records)
        links = {each.text: each.attributes["href"] for each in page.all("a")}
        answer, expected = signed_in.get(links["JSON"]).json(), client.get(f"/v2{path}?limit=1").json()
        for row in (*answer["data"], *expected["data"]):
            row.pop("age_seconds", None)
        assert answer == expected
        lines = signed_in.get(links["CSV"])
        assert lines.headers["content-disposition"] == f'attachment; filename="{path[1:]}.csv"'
        (row,) = csv.DictReader(io.StringIO(lines.text))
        assert [row[name].removeprefix("'") for name in names] == [answer["data"][0][name] for name in names]


def test_whatever_records_hold_is_shown_as_text(show: Show):
    records = [turn(NASTY, conversation=NASTY)]
    for path in ("/unlinked", "/problems"):
        page = show(path, records)
        assert len(page.all("script")) == 1
        assert NASTY in [code.raw for code in page.all("code")]


def test_empty_states(show: Show):
    assert show("/unlinked").one("section", class_="empty").one("h2").text == "Every record has its place"
    assert show("/problems").one("section", class_="empty").one("h2").text == "There are no problems"
    show("/unlinked", [turn("t1")])
    for path in ("/unlinked", "/problems"):
        page = show(f"{path}?filter[date_range]=today")
        assert page.one("section", class_="empty").one("h2").text == "Nothing fits these filters"
        assert "t1" in show(page.one("section", class_="empty").one("a").attributes["href"]).one("main").text


@pytest.mark.parametrize(
    "query", ["filter[reason]=bad", "filter[code]=bad", "cursor=abc", "format=pdf", "filter[currency]=x"]
)
def test_what_cannot_be_asked_is_told(signed_in: Any, query: str):
    path = "/problems" if "code" in query else "/unlinked"
    assert signed_in.get(f"{path}?{query}").status_code == 400


def test_a_key_that_may_only_read_sees_them(inside: Any, client: Any, pages: Any, show: Show):
    show("/unlinked", [turn("t1")])
    for key, sees in ((inside.read_key, True), (inside.other_key, False)):
        pages.cookies.clear()
        pages.post("/sign-in", data={"key": key})
        assert [("t1" in pages.get(path).text) for path in ("/unlinked", "/problems")] == [sees, sees]


def test_an_unpriced_record_has_no_cost_of_zero(show: Show):
    unpriced = {key: value for key, value in turn("t1").items() if key != "cost"}
    ai = {
        "record_type": "ai-voice-assistant",
        "id": "ai",
        "telnyx_leg_id": "no",
        "conversation_id": "talk",
        "cost": "1",
    }
    page = show("/unlinked", [unpriced, {**unpriced, "id": "t2", "conversation_id": "talk"}, ai])
    shown = {item.all("code")[0].text: item.all("p")[0].text for item in page.one("ul", class_="unfit").all("li")}
    assert ("unpriced" in shown["t1"], "0.00" in shown["t1"]) == (True, False)
    assert "$1.0000 1 unpriced" in shown["ai"]
    assert {row[0]: row[3] for row in cells(page)} == {"ai-voice-assistant": "$1.0000", "inference": ""}
