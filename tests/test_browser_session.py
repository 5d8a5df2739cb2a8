"""The page of one session in a real browser: signing in, the tree by mouse and keyboard, filter, details, themes."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from browser import PHONE, Visitor
from page_help import ASSISTANT, GUIDE_CALL, example

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser
LEG = "4c9063e0-1e4b-11f1-b789-0242ac120004"


@pytest.fixture(scope="module", autouse=True)
def records(server: Any) -> None:
    """The guide's call, and one with 450 turns."""
    assert server.post(example("ai-call")).status_code == 200
    common = {"telnyx_session_id": "long", "telnyx_leg_id": "leg", "cost": "0.01"}
    turn = {"record_type": "inference", "conversation_id": "talk", "cost": "0.0001"}
    server.post(
        [
            {"record_type": "call-control", "id": "leg", **common},
            {"record_type": "ai-voice-assistant", "id": "ai", "conversation_id": "talk", **common},
            *({**turn, "id": f"t{n:04}", "created_at": f"2026-03-17T10:{n // 60:02}:{n % 60:02}Z"} for n in range(450)),
        ]
    )


@pytest.fixture
def page(visitor: Visitor, server: Any) -> Iterator["Page"]:
    """The guide's call, signed in."""
    yield visitor.sign_in(server.key, GUIDE_CALL)


def shown(page: "Page") -> list[str]:
    """The names of the rows that can be seen."""
    return page.locator("tbody tr[aria-level]:visible a").all_inner_texts()


def row(page: "Page", name: str, at: int = 0) -> "Locator":
    return page.locator("tr[aria-level]:visible", has=page.get_by_role("link", name=name, exact=True)).nth(at)


def focused(page: "Page") -> str:
    return str(page.evaluate("document.activeElement.dataset.event ?? document.activeElement.outerHTML"))


ALL = ["call-session", "call-control", "ai-voice-assistant", *["inference"] * 5, "recording", "sip-trunking", "webrtc"]


@pytest.mark.parametrize("visitor", [{"viewport": {"width": 1280, "height": 800}}], indirect=True)
def test_what_is_unpriced_below_is_never_cut_off(visitor: Visitor, server: Any):
    unpriced = {"record_type": "inference", "conversation_id": "open"}
    leg = {"record_type": "call-control", "id": "open-leg", "telnyx_session_id": "open", "telnyx_leg_id": "open-leg"}
    assistant = {"record_type": "ai-voice-assistant", "id": "open-ai", "conversation_id": "open", "cost": "1"}
    server.post([leg | {"cost": "1"}, assistant | {"telnyx_leg_id": "open-leg"}])
    server.post([unpriced | {"id": f"open-{at}"} for at in range(2)])
    page = visitor.sign_in(server.key, "/sessions/call-session/open")
    marks = page.locator(".tree .mark")
    expect(marks).to_have_text(["2 unpriced"] * 3)
    for mark in marks.all():
        assert mark.evaluate("mark => mark.getBoundingClientRect().right") <= mark.evaluate(
            "mark => mark.parentElement.getBoundingClientRect().right + 0.5"
        )


def test_from_signing_in_to_a_session_by_its_leg_and_out_again(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    page.keyboard.press("/")
    page.keyboard.type(LEG)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{GUIDE_CALL}?event=call-control/{LEG}")
    assert page.get_by_role("heading", level=1).inner_text() == GUIDE_CALL.rpartition("/")[2]
    assert row(page, "call-control").get_attribute("aria-selected") == "true"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(server.url + GUIDE_CALL)
    expect(page.get_by_label("API key")).to_be_visible()


def test_folding_by_mouse(page: "Page"):
    assert shown(page) == ALL
    row(page, "ai-voice-assistant").locator(".fold").click()
    assert shown(page) == [name for name in ALL if name != "inference"]
    row(page, "call-control").locator(".fold").click()
    assert shown(page) == ["call-session", "call-control", "recording", "sip-trunking", "webrtc"]
    row(page, "call-control").locator(".fold").click()
    assert "inference" not in shown(page), "what was closed inside stays closed"
    page.get_by_role("button", name="Expand all").click()
    assert shown(page) == ALL
    page.get_by_role("button", name="Collapse all").click()
    assert shown(page) == ["call-session", "call-control", "recording", "sip-trunking", "webrtc"]


def test_moving_by_keyboard(page: "Page"):
    row(page, "call-session").focus()
    for key, expected in (
        ("ArrowDown", f"call-control/{LEG}"),
        ("ArrowRight", ASSISTANT),
        ("ArrowLeft", ASSISTANT),
        ("ArrowLeft", f"call-control/{LEG}"),
        ("ArrowDown", ASSISTANT),
        ("End", "webrtc/4c9063e0-1e4b-11f1-b789-0242ac120002"),
        ("ArrowDown", "webrtc/4c9063e0-1e4b-11f1-b789-0242ac120002"),
        ("ArrowLeft", "call-session/a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"),
        ("Home", "call-session/a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"),
        ("ArrowUp", "call-session/a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"),
    ):
        page.keyboard.press(key)
        assert focused(page) == expected, key
    assert row(page, "ai-voice-assistant").get_attribute("aria-expanded") == "false"
    row(page, "ai-voice-assistant").focus()
    page.keyboard.press("*")
    row(page, "inference").wait_for()
    assert shown(page) == ALL
    assert page.locator("tr[tabindex='0']").count() == 1, "the table is one stop of the Tab key"


def test_details_by_keyboard_and_their_address(visitor: Visitor, page: "Page"):
    row(page, "ai-voice-assistant").focus()
    page.keyboard.press("Enter")
    pane = page.get_by_role("complementary", name="Details")
    pane.get_by_role("heading", name="ai-voice-assistant").wait_for()
    assert "telnyx_leg_id = parent’s telnyx_leg_id" in pane.inner_text()  # noqa: RUF001
    page.wait_for_url(f"**{GUIDE_CALL}?event={ASSISTANT}")
    other = visitor.page()
    other.goto(page.url)
    assert row(other, "ai-voice-assistant").get_attribute("aria-selected") == "true"
    expect(other.get_by_role("complementary").get_by_role("heading", name="ai-voice-assistant")).to_be_visible()
    row(page, "recording").click()
    pane.get_by_role("heading", name="recording").wait_for()
    assert page.locator("[aria-selected=true]").count() == 1


def test_the_label_gives_way_before_what_is_below(page: "Page"):
    cut_off = """element => {
        const text = document.createRange();
        text.selectNodeContents(element);
        return text.getBoundingClientRect().width - element.getBoundingClientRect().width;
    }"""
    label, below = row(page, "ai-voice-assistant").locator("td:first-child small").all()
    assert (label.inner_text(), below.inner_text()) == ("Kimi-K2.6", "5 below")
    label.evaluate("label => label.append(' of a long name'.repeat(9))")  # too long in any font
    assert label.evaluate(cut_off) > 1
    assert below.evaluate(cut_off) <= 0


def test_numbers_are_the_apis(page: "Page", server: Any):
    api = server.get(GUIDE_CALL.replace("/sessions/", "/v2/session_analysis/") + "?max_depth=5").json()
    assert page.locator(".total b").inner_text() == "$" + api["cost"]["total"].removesuffix("00")
    costs = [Decimal(text.strip("$")) for text in page.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert (len(costs), sum(costs)) == (11, Decimal(api["cost"]["total"]))


def test_order_by_cost_and_back(page: "Page"):
    page.get_by_role("link", name="Cost", exact=True).click()
    page.wait_for_url("**?sort=cost")
    expect(page.locator("tbody tr").last.locator("a")).to_have_text("recording")  # the address comes before the rows
    assert shown(page)[-3:] == ["sip-trunking", "webrtc", "recording"]
    assert page.get_by_role("link", name="Cost", exact=True).get_attribute("aria-current") == "true"
    page.reload()
    assert shown(page)[-3:] == ["sip-trunking", "webrtc", "recording"]
    page.get_by_role("link", name="Time", exact=True).click()
    expect(page.locator("tbody tr").last.locator("a")).to_have_text("webrtc")
    assert shown(page) == ALL


def test_the_filter_counts(page: "Page"):
    page.keyboard.press("f")
    page.keyboard.type("inference")
    page.locator("#found", has_text="5 of 11 events").wait_for()
    assert shown(page) == ["call-session", "call-control", "ai-voice-assistant", *["inference"] * 5]
    page.wait_for_url("**filter=inference")
    page.get_by_label("Filter events").fill("")
    expect(page.locator("#found")).to_have_text("")
    assert shown(page) == ALL


def test_a_long_run_is_loaded_when_it_is_opened(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/sessions/call-session/long")
    assert page.locator("tbody tr").count() == 4
    assert "× 450" in row(page, "inference").inner_text()  # noqa: RUF001
    row(page, "inference").click()
    page.get_by_role("link", name="250 more …").wait_for()
    assert page.locator("tbody tr").count() == 4 + 200 + 1
    page.get_by_role("link", name="250 more …").click()
    page.get_by_role("link", name="50 more …", exact=True).wait_for()
    assert page.locator("tbody tr").count() == 4 + 400 + 1
    row(page, "inference").locator(".fold").click()
    assert len(shown(page)) == 4
    row(page, "inference").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "inference/t0000"


def test_expand_all_loads_what_was_not_sent(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/sessions/call-session/long?sort=cost")
    page.get_by_role("button", name="Expand all").click()
    expect(page.locator("tr[data-event]")).to_have_count(453)
    expect(page.locator("#found")).to_have_text("")
    assert page.evaluate("location.search") == "?sort=cost", "that is no other address"
    page.get_by_role("button", name="Collapse all").click()
    assert len(shown(page)) == 2
    page.get_by_role("button", name="Expand all").click()
    assert len(shown(page)) == 454


def test_expand_all_says_where_it_stops(visitor: Visitor, server: Any):
    common = {"record_type": "inference", "conversation_id": "endless", "cost": "0.0001"}
    server.post(
        [
            {"record_type": "ai-voice-assistant", "id": "endless", "conversation_id": "endless", "cost": "1"},
            *({**common, "id": f"e{number}"} for number in range(2500)),
        ]
    )
    page = visitor.sign_in(server.key, "/sessions/ai-voice-assistant/endless")
    page.get_by_role("button", name="Expand all").click()
    expect(page.locator("#found")).to_contain_text(" of 2,501 events are open; open the others one by one")
    page.locator("tr.more a").click()
    expect(page.locator("tr[data-event]")).to_have_count(1998 + 200)


def test_keys_help(page: "Page"):
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("visitor", [{"permissions": ["clipboard-read", "clipboard-write"]}], indirect=True)
def test_copying(visitor: Visitor, page: "Page", server: Any):
    def copied(name: str) -> str:
        page.evaluate("() => { document.getElementById('say').textContent = ''; }")
        page.get_by_role("button", name=name, exact=True).click()
        page.locator("#say", has_text="Copied").wait_for(state="attached")
        return str(page.evaluate("navigator.clipboard.readText()"))

    assert copied("Copy id") == GUIDE_CALL.rpartition("/")[2]
    assert f"{server.url}/v2/session_analysis/call-session/" in copied("Copy as curl")
    row(page, "webrtc").click()
    page.get_by_role("complementary").get_by_role("heading", name="webrtc").wait_for()
    assert json.loads(copied("Copy record JSON"))["record_type"] == "webrtc_detail_record"


@pytest.mark.parametrize("visitor", [{"color_scheme": "dark"}, {"color_scheme": "light"}], indirect=True)
def test_dark_and_light(visitor: Visitor, page: "Page", request: pytest.FixtureRequest):
    def is_dark(page: "Page") -> bool:
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", color)[:3])) < 3 * 128

    system = request.node.callspec.params["visitor"]["color_scheme"] == "dark"
    assert is_dark(page) == system
    page.get_by_role("button", name="Light or dark").click()
    assert is_dark(page) != system
    other = visitor.page()
    other.goto(page.url)
    assert is_dark(other) != system, "the choice is kept"


@pytest.mark.parametrize("visitor", [{"viewport": PHONE, "has_touch": True, "is_mobile": True}], indirect=True)
def test_on_a_phone_nothing_is_wider_than_the_screen(page: "Page"):
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert shown(page) == ALL
    row(page, "webrtc").tap()
    pane = page.get_by_role("complementary", name="Details")
    pane.get_by_role("heading", name="webrtc").wait_for()
    expect(pane.get_by_role("heading", name="webrtc")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("visitor", [{"viewport": PHONE}, {}], indirect=True, ids=["phone", "wide"])
def test_large_amounts_stay_in_their_place(visitor: Visitor, server: Any):
    large = {"record_type": "recording", "telnyx_session_id": "large", "cost": "-12345678.9"}
    server.post([{**large, "id": "large-yen", "currency": "JPY"}, {**large, "id": "large-dollar"}])
    page = visitor.sign_in(server.key, "/sessions/call-session/large")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    assert (
        page.evaluate("""() => [...document.querySelectorAll(".tile b, .tree td:nth-child(3) :is(span, small)")]
        .filter(each => each.getBoundingClientRect().right > each.closest("td, .tile").getBoundingClientRect().right)
        .map(each => each.textContent)""")
        == []
    )


@pytest.mark.parametrize("visitor", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_everything_can_be_read(page: "Page"):
    assert shown(page) == ALL
    row(page, "webrtc").get_by_role("link").click()
    expect(page.get_by_role("complementary").get_by_role("heading", name="webrtc")).to_be_visible()
    page.get_by_role("link", name="Cost", exact=True).click()
    page.wait_for_url("**sort=cost**")
    assert shown(page)[-3:] == ["sip-trunking", "webrtc", "recording"]
    page.get_by_label("Filter events").fill("recording")
    page.keyboard.press("Enter")
    page.wait_for_url("**filter=recording")
    assert shown(page) == ["call-session", "recording"]
    assert page.get_by_role("button", name="Expand all").count() == 0, "what needs a script is not shown"


def test_a_tab_that_is_left_open_leads_to_the_sign_in(visitor: Visitor, page: "Page"):
    visitor.context.clear_cookies()
    row(page, "webrtc").click()
    page.get_by_label("API key").wait_for()


def test_who_is_quicker_than_the_server_sees_the_last_event(page: "Page"):
    last = re.compile(r"/details\?event=inference/")
    page.route(re.compile("/details"), lambda route: route.continue_() if last.search(route.request.url) else None)
    row(page, "call-session").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    expect(row(page, "inference")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#details h2")).to_have_text("inference")


@pytest.mark.parametrize(
    ("failure", "text"),
    [("503", "This cannot be loaded now: try again"), ("", "The server does not answer: try again")],
)
def test_what_does_not_load_says_so_and_opens_the_next_time(visitor: Visitor, server: Any, failure: str, text: str):
    page = visitor.sign_in(server.key, "/sessions/call-session/long")
    visitor.expected.append("Failed to load resource")
    run, parts = page.locator("tr[aria-expanded=false]"), re.compile("/rows")
    page.route(parts, lambda route: route.fulfill(status=int(failure)) if failure else route.abort())
    for opens in (run, page.get_by_role("button", name="Expand all")):
        opens.click()
        expect(page.locator("#found")).to_have_text(text)
    page.unroute(parts)
    run.click()
    expect(page.locator("#found")).to_be_empty()
    expect(row(page, "inference", 100)).to_be_visible()
