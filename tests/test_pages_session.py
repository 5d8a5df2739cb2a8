"""The page of one session: what it shows are the API's numbers, whatever the records hold."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from page_help import ASSISTANT, EXAMPLES, GUIDE_CALL, Element, example, read, rows
from sessiontree import catalog_files, money
from sessiontree.analysis import Analysis
from sessiontree.pages import shown
from sessiontree.pages.session_rows import EXPANDED_MAX

CALL = "/sessions/call-session/s"
TIMES = {"started_at": "2026-03-17T10:00:00Z", "finished_at": "2026-03-17T10:01:00Z"}


@pytest.fixture
def visit(client: Any, signed_in: Any) -> Any:
    """Sends records, then gives the page at a path."""

    def visit(path: str, records: list[dict[str, Any]] | None = None, status: int = 200) -> Element:
        if records:
            answer = client.post("/v2/detail_records", json=records)
            assert answer.json()["data"]["rejected"] == 0, answer.text
        answer = signed_in.get(path)
        assert answer.status_code == status, answer.text
        return read(answer.text)

    return visit


def leg(id: str = "leg", **more: Any) -> dict[str, Any]:
    """A call leg of the session `s`."""
    common = {"record_type": "call-control", "telnyx_session_id": "s", **TIMES, "cost": "0.01", "currency": "USD"}
    return {**common, "id": id, "telnyx_leg_id": id, **more}


def turns(count: int, **more: Any) -> list[dict[str, Any]]:
    """A leg, its assistant, and so many turns of inference."""
    assistant = {"record_type": "ai-voice-assistant", "id": "ai", "telnyx_leg_id": "leg", "conversation_id": "talk"}
    turn = {"record_type": "inference", "conversation_id": "talk", "cost": "0.0001", **more}
    return [
        leg(),
        {**assistant, "created_at": TIMES["started_at"], "completed_at": TIMES["finished_at"], "cost": "0.18"},
        *({**turn, "id": f"t{number:04}", "created_at": moment(number)} for number in range(count)),
    ]


def moment(seconds: int) -> str:
    return f"2026-03-17T{10 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def tiles(page: Element) -> dict[str, str]:
    """The figures above the tree."""
    return {tile.one("h2").text: " ".join(part.text for part in tile.all("p")) for tile in page.all(class_="tile")}


def test_a_container_without_a_record_is_no_line_of_cost(visit: Any, client: Any):
    page = visit("/sessions/call-session/s", [leg()])
    assert [item.text for item in page.one("ul", class_="legend").all("li")] == ["callcontrol-cdrs $0.0100 100.0%"]
    published = client.get("/v2/session_analysis/call-session/s").json()["meta"]["cost_by_product"]
    assert [each["product"] for each in published] == ["callcontrol-cdrs", "siptrunking-cdrs"]


def test_the_guides_call(visit: Any):
    page = visit(GUIDE_CALL, example("ai-call"))
    assert tiles(page) == {
        "Total cost": "$0.2128 USD",
        "Events": "11",
        "Duration": "2 min 32 s",
        "Started": "17 Mar 2026 10:00:00 UTC",
        "Cost by product": "",
    }
    assert [item.text for item in page.one("ul", class_="legend").all("li")] == [
        "ai-voice-assistant $0.1800 84.6%",
        "inference $0.0121 5.7%",
        "callcontrol-cdrs $0.0052 2.4%",
        "siptrunking-cdrs $0.0052 2.4%",
        "webrtc-cdrs $0.0052 2.4%",
        "recording-cdrs $0.0051 2.4%",
    ]
    long = "17 Mar 2026 10:00:00 UTC, 2 min 32 s152.0 s"
    assert rows(page) == [
        ["1", "call-session10 below", "$0.0000", "$0.2128", long],
        ["2", "call-controlinbound6 below", "$0.0052", "$0.1973", long],
        ["3", "ai-voice-assistantKimi-K2.65 below", "$0.1800", "$0.1921", long],
        ["4", "inferenceKimi-K2.6", "$0.0010", "$0.0010", "17 Mar 2026 10:00:10 UTC, no duration"],
        ["4", "inferenceKimi-K2.6", "$0.0015", "$0.0015", "17 Mar 2026 10:00:35 UTC, no duration"],
        ["4", "inferenceKimi-K2.6", "$0.0029", "$0.0029", "17 Mar 2026 10:01:00 UTC, no duration"],
        ["4", "inferenceKimi-K2.6", "$0.0033", "$0.0033", "17 Mar 2026 10:01:25 UTC, no duration"],
        ["4", "inferenceKimi-K2.6", "$0.0034", "$0.0034", "17 Mar 2026 10:01:50 UTC, no duration"],
        ["2", "recording", "$0.0051", "$0.0051", long],
        ["2", "sip-trunkinginbound", "$0.0052", "$0.0052", long],
        ["2", "webrtcinbound", "$0.0052", "$0.0052", long],
    ]
    assert [tick.text for tick in page.one(class_="ticks").all("span")] == ["0:00", "0:38", "1:16", "1:54", "2:32"]
    assert page.one(class_="foot").text == "The own costs of all 11 events add up to 0.212800 USD, exactly."


def test_the_page_is_small(visit: Any, signed_in: Any):
    visit(GUIDE_CALL, example("ai-call"))
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', signed_in.get(GUIDE_CALL).text)
    assert len(assets) == 4
    sent = 0
    for path in [GUIDE_CALL, *assets]:
        with signed_in.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            sent += len(b"".join(answer.iter_raw()))
    assert sent < 15_000


EVENTS = [
    (path.stem.removesuffix(".tree"), asked.split()[-2], asked.split()[-1])
    for path in sorted(EXAMPLES.glob("*.tree.txt"))
    for asked in re.findall(r"^\$ sessiontree (tree .*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize(("name", "record_type", "id"), EVENTS)
def test_the_numbers_are_the_apis(visit: Any, signed_in: Any, client: Any, name: str, record_type: str, id: str):
    client.post("/v2/detail_records", json=example(name))
    path = client.get(f"/v2/session_analysis/{record_type}/{id}").json()["root"]["links"]["self"]
    page_path = path.replace("/v2/session_analysis/", "/sessions/")
    answer = signed_in.get(page_path, params={"format": "json"}).json()
    if not answer["meta"]["truncated"]:
        assert answer == client.get(path, params={"max_depth": 5}).json()
    page = visit(page_path)
    expected = [row_of(node, level) for node, level in nodes(answer["root"], 1)]
    assert [row[:4] for row in shortened(rows(page))] == expected
    total = answer["cost"]
    figures = [f"{total['total']} {total['currency']}"]
    figures += [f"{other['total']} {other['currency']}" for other in total.get("other_currencies", ())]
    assert f" up to {' + '.join(figures)}, exactly." in page.one(class_="foot").text
    problems = [item.text for section in page.all("section", class_="problems") for item in section.all("li")]
    assert len(problems) == len(answer["meta"]["problems"])
    for problem in answer["meta"]["problems"]:
        assert f"{problem['record_type']} {problem['id']}: {problem['message']} {problem['code']}" in problems
    unpriced = answer["meta"]["unpriced_count"]
    assert (f"without {shown.events(unpriced)} unpriced" in page.one(class_="total").text) == (unpriced > 0)


def nodes(node: dict[str, Any], level: int) -> list[tuple[dict[str, Any], int]]:
    return [(node, level), *(found for child in node["children"] for found in nodes(child, level + 1))]


def row_of(node: dict[str, Any], level: int) -> list[str]:
    """What the page must show of a node of the API's."""
    cost = node["cost"]
    own = "unpriced" if cost["status"] == "unpriced" else amount(cost["event_cost"], cost["currency"])
    others = "".join(f"+ {amount(each['total'], each['currency'])}" for each in cost.get("other_currencies", ()))
    return [str(level), node["record_type"], own, amount(cost["cumulative_cost"], cost["currency"]) + others]


def amount(text: str, currency: str) -> str:
    return shown.amount_text(money.read(text), currency)


def shortened(found: list[list[str]]) -> list[list[str]]:
    """Rows with the record type alone in the first cell, which has notes behind it."""
    names = sorted(catalog_files.load().types, key=len, reverse=True)
    return [[row[0], next(name for name in names if row[1].startswith(name)), *row[2:]] for row in found]


def test_an_amount_that_is_rounded_has_the_exact_one_as_its_title(visit: Any):
    page = visit(f"{CALL}?event=call-control/leg", [leg(cost="0.00026660001")])
    titles = {span.attributes["title"]: span.text for span in page.all("span") if "title" in span.attributes}
    assert titles["0.00026660001 USD"] == "$0.0003"
    assert "0.00026660001 USD" in page.one(class_="foot").text


def test_details_say_how_an_event_belongs_to_its_parent(visit: Any):
    page = visit(f"{GUIDE_CALL}?event={ASSISTANT}", example("ai-call"))
    pane = page.one("aside", id="details")
    assert pane.one("h2").text == "ai-voice-assistant"
    assert "Child of call-control where telnyx_leg_id = parent’s telnyx_leg_id" in pane.text  # noqa: RUF001
    fields = {row.one("th").text: row.one("td").text for row in pane.one("table").all("tr")}
    sent = next(record for record in example("ai-call") if record["id"] == ASSISTANT.partition("/")[2])
    assert fields == {name: str(value) for name, value in sent.items()}
    assert json.loads(pane.one("pre").raw) == sent
    (selected,) = page.all("tr", aria_selected="true")
    assert selected.attributes["data-event"] == ASSISTANT
    top = visit(GUIDE_CALL).one("aside", id="details")
    assert "The top of this session" in top.text
    assert "No record of it has been received" in top.text


def test_an_event_that_is_not_there_is_told(visit: Any):
    page = visit(f"{GUIDE_CALL}?event=fax/nothing", example("ai-call"))
    assert page.one("p", role="alert").text == "There is no event fax/nothing in this session."


def test_the_history_shows_what_changed(visit: Any):
    visit(CALL, [leg(cost=None, direction="in")])
    visit(CALL, [leg(cost="0.01", cli="+1")])
    history = visit(f"{CALL}?event=call-control/leg").one("ol", class_="history")
    changes = [item.text for item in history.all("ul")[0].all("li")]
    assert changes == ["cost null → 0.01", "direction in → gone", "cli new: +1"]
    assert history.all("li")[-1].text.endswith(": first received")


def test_a_part_of_a_session_says_what_it_is_part_of(visit: Any, signed_in: Any):
    visit(GUIDE_CALL, example("ai-call"))
    page = visit(f"/sessions/{ASSISTANT}")
    assert page.one("nav", class_="crumbs").text == "Sessions / call-session / call-control / ai-voice-assistant"
    assert "This is a part of the session call-session" in page.one("main").text
    assert tiles(page)["Total cost"] == "$0.1921 USD"
    (up,) = [link for link in page.all("a") if link.attributes["href"].startswith(f"{GUIDE_CALL}?event=")]
    assert visit(up.attributes["href"]).one("tr", aria_selected="true").attributes["data-event"] == ASSISTANT


def test_a_second_id_or_an_alias_leads_to_the_pages_own_address(visit: Any, signed_in: Any):
    visit(GUIDE_CALL, example("ai-call"))
    answer = signed_in.get("/sessions/ai-voice-assistant/7d0c3d0e-2f5e-4f0a-9a51-3b0e5b0f7c11?sort=cost")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sessions/{ASSISTANT}?sort=cost")


def test_order_by_cost(visit: Any):
    page = visit(f"{GUIDE_CALL}?sort=cost", example("ai-call"))
    names = [row.all("a")[0].text for row in page.all("tr") if row.attributes.get("aria-level") == "2"]
    assert names == ["call-control", "sip-trunking", "webrtc", "recording"]
    turns = [row[2] for row in rows(page) if row[0] == "4"]
    assert turns == ["$0.0034", "$0.0033", "$0.0029", "$0.0015", "$0.0010"]


def test_other_currencies_come_after_the_sessions_own(visit: Any):
    records = [leg("a", cost="0.01"), leg("b", cost="5", currency="JPY"), leg("c", cost="0.02")]
    page = visit(f"{CALL}?sort=cost", records)
    assert [row[2] for row in rows(page)] == ["$0.0000", "$0.0200", "$0.0100", "5.0000 JPY"]
    assert tiles(page)["Total cost"] == "$0.0300 USD + 5.0000 JPY"


@pytest.mark.parametrize(
    ("words", "found", "shown_too"),
    [
        ("inference", ["inference"] * 5, ["call-session", "call-control", "ai-voice-assistant"]),
        ("INBOUND webdialer", ["webrtc"], ["call-session"]),
        ("c0ffee00-0000-4000-8000-000000000004", ["inference"], ["call-session", "call-control", "ai-voice-assistant"]),
        ("call-session", ["call-session"], []),
        ("nothing-has-this", [], ["call-session"]),
    ],
)
def test_a_filter_shows_what_it_finds_and_what_leads_there(
    visit: Any, words: str, found: list[str], shown_too: list[str]
):
    page = visit(f"{GUIDE_CALL}?filter={words.replace(' ', '+')}", example("ai-call"))
    shown_rows = [row for row in page.all("tr") if "aria-level" in row.attributes]
    named = [(row.all("a")[0].text, "dim" in row.attributes.get("class", "")) for row in shown_rows]
    assert sorted(name for name, dim in named if not dim) == found
    assert sorted(name for name, dim in named if dim) == sorted(shown_too)
    assert page.one("output").text == f"{len(found)} of 11 events"
    assert page.one("input", name="filter").attributes["value"] == words
    assert tiles(page)["Total cost"] == "$0.2128 USD"


def test_many_like_siblings_are_one_row_that_loads_when_opened(visit: Any, signed_in: Any):
    page = visit(CALL, turns(1840))
    assert [row[:4] for row in rows(page)] == [
        ["1", "call-session1,842 below", "$0.0000", "$0.3740"],
        ["2", "call-control1,841 below", "$0.0100", "$0.3740"],
        ["3", "ai-voice-assistant1,840 below", "$0.1800", "$0.3640"],
        ["4", "inference× 1,840", "$0.1840", "$0.1840"],  # noqa: RUF001
    ]
    (group,) = [row for row in page.all("tr") if "data-load" in row.attributes]
    assert group.attributes["aria-expanded"] == "false"
    first = visit(group.attributes["data-load"])
    assert [row.attributes["data-event"] for row in first.all("tr")[:-1]] == [f"inference/t{n:04}" for n in range(200)]
    assert {row.attributes["aria-level"] for row in first.all("tr")} == {"5"}
    more = first.all("tr")[-1]
    assert more.text == "1,640 more …"
    second = visit(more.attributes["data-load"])
    assert second.all("tr")[0].attributes["data-event"] == "inference/t0200"
    assert second.all("tr")[-1].text == "1,440 more …"
    opened = visit(group.one("a").attributes["href"])
    assert len(rows(opened)) == 4 + 200 + 1


def test_a_link_to_an_event_in_a_long_run_opens_it_there(visit: Any):
    page = visit(f"{CALL}?event=inference/t0250", turns(450))
    assert page.one("tr", aria_selected="true").attributes["data-event"] == "inference/t0250"
    names = [row[1] for row in rows(page)]
    assert names[3:5] == ["inference× 450", "200 before …"]  # noqa: RUF001
    assert names[-1] == "50 more …"
    assert len(names) == 4 + 1 + 200 + 1
    last = visit(f"{CALL}?event=inference/t0449")
    assert last.one("tr", class_="more").text == "400 before …"
    assert len(rows(visit(last.one("tr", class_="more").one("a").attributes["href"]))) == 4 + 1 + 200 + 1
    assert last.one("tr", aria_selected="true").attributes["data-event"] == "inference/t0449"


def test_of_many_problems_the_first_stand_above_the_tree(visit: Any):
    astray = {"record_type": "speech-to-text", "call_session_id": "s", "call_leg_id": "nowhere", "cost": "0"}
    page = visit(CALL, [leg("leg"), *({**astray, "id": f"s{n:04}"} for n in range(1021))])
    problems = page.one("section", class_="problems")
    assert problems.one("h2").text == "1,021 problems in the data, worked round"
    assert len(problems.all("li")) == 20
    assert problems.one("p").text == "1,001 more are in the JSON."
    assert problems.one("p").one("a").attributes["href"] == f"{CALL}?format=json"


def test_a_large_tree_without_long_runs_loads_branch_by_branch(visit: Any):
    legs = [leg(f"leg{number:02}") for number in range(25)]
    speech = [
        {"record_type": "speech-to-text", "id": f"{each['id']}-{n:02}", "call_leg_id": each["id"], "cost": "0.001"}
        for each in legs
        for n in range(25)
    ]
    page = visit(CALL, legs + speech)
    closed = [row for row in page.all("tr") if "data-load" in row.attributes]
    assert 200 < len(rows(page)) <= 300
    assert len(rows(page)) == 26 + 25 * (25 - len(closed))
    assert closed[-1].attributes["data-event"] == "call-control/leg24"
    loaded = visit(closed[-1].attributes["data-load"])
    assert [row.attributes["data-event"] for row in loaded.all("tr")] == [
        f"speech-to-text/leg24-{n:02}" for n in range(25)
    ]
    assert rows(page)[0][3] == "$0.8750"
    inside = visit(f"{CALL}?event=speech-to-text/leg24-07")
    assert inside.one("tr", aria_selected="true").attributes["aria-level"] == "3"


def test_a_filter_reaches_what_was_not_sent(visit: Any):
    page = visit(f"{CALL}?filter=t0777", turns(900))
    assert [row[0] for row in rows(page)] == ["1", "2", "3", "4"]
    assert page.one("output").text == "1 of 903 events"
    many = visit(f"{CALL}?filter=inference")
    assert (len(rows(many)), many.one("output").text) == (300, "900 of 903 events, the first 297 shown")


def test_everything_opens_as_far_as_there_is_room(visit: Any):
    def opened(query: str = "", records: Any = None) -> tuple[int, int, str]:
        body = visit(f"{CALL}/rows?expanded=true{query}", records).one("tbody")
        rows = body.all("tr")
        assert [row for row in rows if row.attributes.get("aria-expanded") == "false"] == []
        return len(rows), len(body.all("tr", class_="more")), body.attributes.get("data-found", "")

    assert opened(records=turns(1840)) == (1844, 0, "")
    more = [{**turn, "id": f"later {turn['id']}"} for turn in turns(600)[2:]]
    count, left, found = opened(records=more)
    assert (count <= EXPANDED_MAX + 5, left) == (True, 1)
    assert found == f"{count - 2:,} of 2,443 events are open; open the others one by one"
    assert opened("&filter=inference") == (EXPANDED_MAX, 0, "2,440 of 2,443 events, the first 1,997 shown")


def test_of_a_tree_too_large_to_open_the_branches_without_room_stay_closed(visit: Any):
    legs = [leg(f"leg{number:02}") for number in range(25)]
    speech = [
        {"record_type": "speech-to-text", "id": f"{each['id']}-{n:03}", "call_leg_id": each["id"], "cost": "0.001"}
        for each in legs
        for n in range(100)
    ]
    page = visit(f"{CALL}/rows?expanded=true", legs + speech)
    events = [row for row in page.all("tr") if "data-event" in row.attributes]
    assert len(events) == 26 + 19 * 100
    closed = [row for row in page.all("tr") if row.attributes.get("aria-expanded") == "false"]
    assert len(closed) == 6
    assert len(visit(closed[0].attributes["data-load"]).all("tr")) == 100


NASTY = [
    "<script>alert(1)</script>",
    "\"'><img src=x>",
    "\u202eevil\u202c שלום",
    "🧾📞",
    "x" * 10_000,
    "{{ 7 * 7 }}",
    "",
]


def test_whatever_records_hold_is_shown_as_text(visit: Any):
    for value in NASTY:
        record = leg(direction=value, note=value, **{"k" + value[:20]: value})
        page = visit(f"{CALL}?event=call-control/leg", [record])
        assert page.all("img") == []
        assert len(page.all("script")) == 2
        fields = {row.one("th").raw: row.one("td") for row in page.one("table", class_="fields").all("tr")}
        assert fields["note"].raw == (value or '""')
        assert fields["k" + value[:20]].one("bdi").raw == (value or '""'), "right-to-left text stays in its cell"
        assert json.loads(page.one("pre").raw) == record


def test_an_id_of_any_characters_is_shown_as_text_and_linked(visit: Any):
    id = "<b>&\"'%2F?#é🧾"
    record = {"record_type": "recording", "id": id, "cost": "1", "currency": "JPY"}
    page = visit(f"/sessions/recording/{quote(id, safe='')}", [record])
    assert page.one("h1").text == id
    assert page.all("b", id="") == []
    assert tiles(page)["Total cost"] == "1.0000 JPY JPY"
    (row,) = [row for row in page.all("tr") if "data-event" in row.attributes]
    selected = visit(row.one("a").attributes["href"]).one("tr", aria_selected="true")
    assert selected.attributes["data-event"] == f"recording/{id}"


def test_unknown_times_and_prices_are_said_to_be_unknown(visit: Any):
    records = [
        {"record_type": "recording", "id": "r1", "telnyx_session_id": "s", "cost": None},
        {"record_type": "recording", "id": "r2", "telnyx_session_id": "s", "cost": "-0.5"},
    ]
    page = visit(CALL, records)
    found = tiles(page)
    assert (found["Duration"], found["Events"]) == ("unknown", "3")
    assert found["Started"].startswith("unknown received ")
    assert found["Total cost"] == "−$0.5000 USD without 1 event unpriced so far"  # noqa: RUF001
    assert [row[2:] for row in rows(page)] == [
        ["$0.0000", "−$0.5000", "no time"],  # noqa: RUF001
        ["unpriced", "$0.0000", "no time"],
        ["−$0.5000", "−$0.5000", "no time"],  # noqa: RUF001
    ]
    assert page.all(class_="ticks")[0].text == ""
    page = visit(CALL, [leg()])
    assert tiles(page)["Events"] == "4 2 without a time"


def test_a_session_under_way_says_so(visit: Any):
    start = datetime.now(UTC) - timedelta(minutes=5)
    page = visit(CALL, [leg(started_at=start.isoformat(), finished_at=None)])
    assert page.one(class_="badge").text == "in progress"
    assert re.fullmatch(r"5 min( \d+ s)? so far", tiles(page)["Duration"])
    assert rows(page)[1][4].endswith("in progress")


def test_what_is_at_home_elsewhere_is_marked(visit: Any):
    page = visit("/sessions/conference/8d0c42a6-9b1e-4f3d-b2a7-3c5e7f9a1b2d", example("conference"))
    assert "$0.0380 of it, in 2 events, belongs to other sessions" in tiles(page)["Total cost"]
    assert [("elsewhere" in row[1]) for row in rows(page)] == [False, True, True, False]
    path = next(row.one("a").attributes["href"] for row in page.all("tr") if "elsewhere" in row.text)
    notice = visit(path).one("aside", id="details").one(class_="notice")
    assert "Its home is call-session 0b6e4f10-31aa-11f1-9a4e-02420a5c1101, in another session" in notice.text


def test_the_csv_of_a_page_is_the_apis(visit: Any, signed_in: Any, client: Any):
    page = visit(GUIDE_CALL, example("ai-call"))
    (link,) = [link.attributes["href"] for link in page.all("a") if link.text == "CSV"]
    answer = signed_in.get(link)
    api = client.get(GUIDE_CALL.replace("/sessions/", "/v2/session_analysis/"), params={"format": "csv"})
    assert answer.text == api.text
    assert answer.text.count("\n") > 11
    assert "attachment" in answer.headers["content-disposition"]


def test_the_curl_command_asks_the_api(visit: Any, client: Any):
    page = visit(GUIDE_CALL, example("ai-call"))
    (command,) = [each.attributes["data-copy"] for each in page.all("button") if each.text == "Copy as curl"]
    found = re.fullmatch(r'curl -H "Authorization: Bearer \$KEY" \'?http://testserver(/v2/\S+?)\'?', command)
    assert found, command
    assert client.get(found[1]).json()["meta"]["returned_event_count"] == 11


def test_a_tree_beyond_the_limit_is_an_error_that_says_so(inside: Any, visit: Any):
    visit(CALL, turns(800))
    inside.service.analysis = Analysis(inside.service.store, events_max=600)
    page = visit(CALL, status=400)
    assert "more than 600 events" in page.one("main").text


def test_parts_for_the_script_are_refused_like_pages(visit: Any):
    visit(GUIDE_CALL, example("ai-call"))
    assert visit(f"{GUIDE_CALL}/details?event={ASSISTANT}").one("h2").text == "ai-voice-assistant"
    for path in ("details?event=fax/1", "rows?under=fax/1", "details?event=nonsense"):
        assert visit(f"{GUIDE_CALL}/{path}", status=404).one("h1").text == "Not found"
    assert visit(f"{GUIDE_CALL}/rows?under=fax&sort=size", status=400)
    empty = visit(f"{GUIDE_CALL}/rows?under={ASSISTANT}&group=inference")
    assert empty.all("tr") == []
