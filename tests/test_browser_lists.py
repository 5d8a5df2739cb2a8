"""The lists in a real browser: from the list to a session, sorting, filtering, news, spend to sessions, phone, dark."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from browser import PHONE, Visitor
from page_help import GUIDE_CALL, example

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
DAY = (datetime.now(UTC) - timedelta(days=2)).date()


def message(id: str, **more: Any) -> dict[str, Any]:
    start = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC).isoformat()
    return {"record_type": "message", "uuid": id, "created_at": start, "cost": "0.01", **more}


@pytest.fixture(scope="module", autouse=True)
def records(server: Any) -> None:
    """The guide's call, an unlinked turn, 60 messages of two days ago and one that was credited."""
    assert server.post([*example("ai-call"), *example("unlinked"), *example("two-legs")]).status_code == 200
    server.post([message(f"m{at:02}") for at in range(60)])
    server.post([message("back", cost="-0.20")])
    server.add_up()


def ids(page: "Page") -> list[str]:
    return page.locator("tbody tr td:first-child code").all_inner_texts()


def test_from_the_list_to_a_session_and_back(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    assert len(ids(page)) == 50
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=*")
    page.get_by_role("link", name=GUIDE_CALL.rpartition("/")[2]).click()
    page.wait_for_url(f"**{GUIDE_CALL}")
    expect(page.locator(".tile.total")).to_contain_text("$0.2128")
    page.go_back()
    page.wait_for_url("**cursor=*")
    page.go_back()
    assert len(ids(page)) == 50


def test_heads_sort_and_the_form_filters(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    page.get_by_role("columnheader", name="Total").get_by_role("link").click()
    page.wait_for_url("**sort=-total*")
    assert page.get_by_role("columnheader", name="Total").get_attribute("aria-sort") == "descending"
    assert ids(page)[0] == GUIDE_CALL.rpartition("/")[2]
    page.get_by_role("columnheader", name="Total").get_by_role("link").click()
    page.wait_for_url("**sort=total*")
    assert ids(page)[0] == "back"
    page.get_by_role("combobox", name="Product", exact=True).select_option("inference")
    page.get_by_label("Total from").fill("0.1")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**inference*")
    assert ids(page) == [GUIDE_CALL.rpartition("/")[2]]
    assert page.get_by_role("combobox", name="Order").input_value() == "total", "the order stays"
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("tbody tr")).to_have_count(50)


@pytest.mark.parametrize("visitor", [{}, {"viewport": PHONE}], indirect=True, ids=["wide", "phone"])
def test_rows_stay_where_they_are_until_the_reader_wants_the_news(
    visitor: Visitor, server: Any, request: pytest.FixtureRequest
):
    late = f"late {request.node.callspec.id}"
    page = visitor.sign_in(server.key, "/sessions")
    page.clock.install()
    page.reload()
    before, place = ids(page), page.locator("tbody tr").last.bounding_box()
    assert server.post([message(late, created_at=datetime.now(UTC).isoformat())]).status_code == 200
    server.add_up()
    button = page.locator("#news")
    page.clock.run_for(4000)
    expect(button).to_be_visible()
    assert button.inner_text() == "1 session changed: show"
    assert ids(page) == before
    assert page.locator("tbody tr").last.bounding_box() == place
    button.click()
    expect(page.locator("tbody tr").first).to_contain_text(late)
    expect(button).to_be_hidden()


def test_a_bar_of_spend_leads_to_its_sessions(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/spend")
    page.locator(f"svg.plot a:has(title:text('{DAY}, messaging'))").first.click()
    page.wait_for_url("**/sessions?*messaging*")
    expect(page.locator(".tile", has_text="Sessions")).to_contain_text("61")
    page.goto(server.url + "/spend")
    page.locator("tbody").get_by_role("link", name=str(DAY)).first.click()
    page.wait_for_url("**/sessions?*")
    expect(page.locator(".tile", has_text="Sessions")).to_contain_text("61")


@pytest.mark.parametrize(
    "visitor", [{"viewport": PHONE}, {"viewport": PHONE, "color_scheme": "dark"}], indirect=True, ids=["light", "dark"]
)
def test_lists_fit_a_phone(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    for path in (
        "/sessions",
        "/sessions?filter[total][gt]=0.1",
        "/spend?group_by=day,product",
        "/unlinked",
        "/problems",
    ):
        page.goto(server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
    page.goto(server.url + "/sessions")
    assert not page.get_by_role("combobox", name="Product", exact=True).is_visible()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_role("combobox", name="Product", exact=True).select_option("messaging")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**messaging*")
    expect(page.locator("tbody tr").first).to_contain_text("1 event")


@pytest.mark.parametrize("visitor", [{}, {"viewport": PHONE}], indirect=True, ids=["wide", "phone"])
def test_every_order_can_be_read_where_it_is_chosen(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    order = page.locator("select[name=sort]")
    if not order.is_visible():
        page.get_by_text("Filters", exact=True).click()
    wide, needed = order.evaluate("""shown => {
        const free = shown.cloneNode(true);
        free.style.cssText = "position: absolute; width: max-content; max-width: none";
        free.style.padding = getComputedStyle(shown).padding;
        shown.parentNode.prepend(free);
        return [shown.offsetWidth, free.offsetWidth];
    }""")
    assert wide >= needed > 100


def test_an_unlinked_record_and_its_near_miss(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/unlinked")
    page.get_by_role("link", name="call-session").first.click()
    page.wait_for_url("**/sessions/call-session/*")
    page.goto(server.url + "/problems")
    page.locator("tbody").last.get_by_role("link").first.click()
    page.wait_for_url("**event=**")
    assert page.locator("tr[aria-selected=true]").count() == 1


@pytest.mark.parametrize("visitor", [{"java_script_enabled": False}], indirect=True)
def test_everything_is_there_without_scripts(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    assert not page.locator("#news").is_visible()
    page.get_by_role("combobox", name="Order").select_option("-total")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**sort=-total*")
    assert ids(page)[0] == GUIDE_CALL.rpartition("/")[2]
