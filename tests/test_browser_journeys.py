"""Ways through several pages in a real browser, as different people take them: a newcomer with the demo's link,
somebody with a keyboard only, on a phone, with hostile records, with files to keep.
"""

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

import page_tour
from browser import DESKTOP, PHONE, SECONDS, Visitor
from page_help import ASSISTANT, GUIDE_CALL
from test_cli_demo import running  # noqa: F401  # the demo, running

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser
ON_PHONE = {"viewport": PHONE, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module", autouse=True)
def records(server: Any) -> None:
    assert server.post(page_tour.records()).json()["data"]["rejected"] == 0
    server.add_up()


def places(page: "Page") -> "Locator":
    return page.get_by_role("navigation", name="Pages")


def test_the_demos_link_opens_on_the_sessions(browser: "Browser", running: "tuple[Path, str]"):  # noqa: F811
    address, link = [word for word in running[1].split() if word.startswith("http")][:2][::-1]
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_role("heading", name="Sessions", level=1)).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(50)
    for name in places(page).get_by_role("link").all_inner_texts():
        places(page).get_by_role("link", name=name, exact=True).click()
        expect(places(page).locator("[aria-current=page]")).to_have_text(name)
        expect(page.locator("main table, main svg, main pre").first).to_be_visible()
    context.clear_cookies()
    page.goto(link)
    expect(page.get_by_label("API key")).to_be_visible()
    assert address.startswith("http://127.0.0.1")
    context.close()


def test_by_keyboard_from_the_sign_in_to_a_record(visitor: Visitor, server: Any):
    page = visitor.page()
    page.goto(server.url)
    expect(page.get_by_label("API key")).to_be_focused()  # a browser does that with its first frame, not by "load"
    page.keyboard.type(server.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/sessions")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    page.keyboard.type("tour-talk")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{page_tour.LONG}?event=ai-voice-assistant/tour-ai")
    page.locator("tr[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.locator("tr[data-event='inference/tour-0']").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary").get_by_role("heading", name="inference")).to_be_visible()
    page.wait_for_url("**event=inference/tour-0")


def test_a_deep_link_into_a_long_run_opens_in_a_new_tab(visitor: Visitor, server: Any):
    visitor.sign_in(server.key)
    other = visitor.page()
    other.goto(f"{server.url}{page_tour.LONG}?event=inference/tour-39")
    expect(other.locator("tr[aria-selected=true]")).to_be_in_viewport()
    expect(other.locator("tr[aria-selected=true]")).to_have_attribute("data-event", "inference/tour-39")


@pytest.mark.parametrize("visitor", [{}, {"java_script_enabled": False}], indirect=True, ids=["scripts", "none"])
def test_hostile_records_are_text(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    lists = ("/sessions", "/problems", "/unlinked", "/records?filter[record_type]=recording")
    for path in (*lists, page_tour.HOSTILE_SESSION, page_tour.HOSTILE_SESSION.replace("sessions", "records")):
        page.goto(server.url + path)
        expect(page.get_by_text(page_tour.HOSTILE_ID).first).to_be_attached()
        assert page.locator("main img, main script").count() == 0
    for text in page_tour.HOSTILE:
        cell = page.locator(".fields td", has_text=text.strip()[:40]).first
        assert cell.inner_text().strip() == text.strip()
        assert cell.locator("bdi").count() == 1, "what runs from right to left stays in its cell"
    assert dialogs == []


def test_files_hold_what_is_shown(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/sessions?sort=-total")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == page.locator("tbody td:first-child code").all_inner_texts()
    page.goto(server.url + GUIDE_CALL)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert len(download.value.path().read_text(encoding="utf-8").splitlines()) >= 12
    assert download.value.suggested_filename.endswith(".csv")
    page.goto(f"{server.url}/spend?group_by=product")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    products = [row["product"] for row in csv.DictReader(io.StringIO(download.value.path().read_text("utf-8")))]
    assert products == page.locator("tbody td:first-child").all_inner_texts()


def test_a_change_shows_in_the_history(visitor: Visitor, server: Any):
    changed = {"record_type": "recording", "id": "tour-yen", "cost": "13", "currency": "JPY"}
    server.post([{**changed, "telnyx_session_id": "tour", "telnyx_leg_id": "tour-leg"}])
    page = visitor.sign_in(server.key, page_tour.LONG)
    page.get_by_role("link", name="recording").click()
    pane = page.get_by_role("complementary", name="Details")
    pane.get_by_text("History: received 2 times").click()
    expect(pane.locator("del")).to_have_text("12")
    expect(pane.locator("ins")).to_have_text("13")


def test_the_api_is_a_page_among_the_others(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    places(page).get_by_role("link", name="API").click()
    page.get_by_role("navigation", name="Operations").get_by_role("link", name="Spend by group").click()
    expect(page.get_by_role("heading", name="Spend by group")).to_be_in_viewport()
    expect(page.get_by_text('curl -g "$URL/v2/spend"')).to_be_visible()
    page.get_by_role("link", name="OpenAPI").click()
    page.wait_for_url("**/openapi.json")


@pytest.mark.parametrize(
    "visitor", [ON_PHONE, {**ON_PHONE, "java_script_enabled": False}], indirect=True, ids=["scripts", "none"]
)
def test_on_a_phone_the_navigation_is_one_line(visitor: Visitor, server: Any, request: pytest.FixtureRequest):
    page = visitor.sign_in(server.key, "/keys")
    box = places(page).bounding_box()
    assert box is not None
    assert box["height"] < 50
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    if request.node.callspec.params["visitor"].get("java_script_enabled", True):
        expect(places(page).get_by_role("link", name="Keys")).to_be_in_viewport(ratio=1)
    places(page).get_by_role("link", name="API").tap()
    page.wait_for_url("**/docs")


@pytest.mark.parametrize("width", [1000, 1280, 1440])
def test_on_a_desk_every_place_is_in_sight(visitor: Visitor, server: Any, width: int):
    page = visitor.sign_in(server.key)
    page.set_viewport_size({"width": width, "height": 800})
    links = places(page).get_by_role("link")
    assert links.count() == 9
    for link in links.all():
        expect(link).to_be_in_viewport(ratio=1)
    page.goto(server.url + "/problems")
    for card in page.locator(".list-card").all():
        assert card.evaluate("card => card.scrollWidth - card.clientWidth") == 0


def test_after_signing_out_the_way_back_is_closed(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, GUIDE_CALL)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.go_back()
    expect(page.get_by_label("API key")).to_be_visible()
    assert "0.212800" not in page.content()


def test_a_range_of_spend_is_the_apis(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/spend")
    page.get_by_label("Started").select_option("any time")
    page.get_by_label("From").fill("2026-03-17")
    page.get_by_label("Before").fill("2026-03-18")
    page.get_by_role("combobox", name="By").select_option("day and record type")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**2026-03-18*")
    asked = "filter[started_at][gte]=2026-03-17&filter[started_at][lt]=2026-03-18&group_by=record_type"
    rows = server.get(f"/v2/spend?{asked}").json()["data"]
    expected = {row["record_type"]: Decimal(row["cost"]["total"]) for row in rows}
    names = page.locator("thead th").all_inner_texts()[2:]
    amounts = [Decimal(text.strip("$")) for text in page.locator("tbody tr td").all_inner_texts()]
    assert dict(zip(names, amounts[1:], strict=True)) == expected
    assert amounts[0] == sum(expected.values()) == Decimal("0.2128")
    assert len(page.locator("svg.plot rect").all()) == len(expected)


@pytest.mark.parametrize("id", ["tour", "tour-message", "tour-talk", "tour-leg", page_tour.HOSTILE_ID])
def test_any_id_leads_to_its_session(visitor: Visitor, server: Any, id: str):
    page = visitor.sign_in(server.key)
    page.get_by_label("Go to an event or session id").fill(id)
    page.keyboard.press("Enter")
    page.wait_for_url("**/sessions/**")
    assert page.get_by_role("heading", level=1).inner_text() in ("tour", id)


def test_what_is_not_there_leads_back(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    visitor.expected.append("a status of 404")
    page.goto(server.url + "/sessions/fax/nothing")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.get_by_role("link", name="To the first page").click()
    page.wait_for_url("**/sessions")
    page.goto(f"{server.url}{GUIDE_CALL}?event={ASSISTANT}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
