"""Keys, imports, catalogue and records in a real browser: by mouse, dark, on a phone, without scripts."""

from typing import Any

import pytest
from playwright.sync_api import expect

from browser import PHONE, Visitor
from page_help import GUIDE_CALL, example

pytestmark = pytest.mark.browser
PAGES = ("/keys", "/imports", "/catalogue", "/catalogue/call-control", "/records?filter%5Brecord_type%5D=inference")


@pytest.fixture(scope="module", autouse=True)
def records(server: Any) -> None:
    assert server.post(example("ai-call")).status_code == 200


def test_the_life_of_a_key(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/keys")
    page.get_by_label("What it is for").fill("collector")
    page.get_by_role("checkbox", name="write send records").check()
    page.get_by_label("It expires").select_option("after 30 days")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="The key collector is made")).to_be_visible()
    key = page.locator("#new-key").inner_text()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy key").click()
    expect(page.locator("#say")).to_have_text("Copied")  # which stays, other than what the button says
    assert page.evaluate("navigator.clipboard.readText()") == key
    record = {"record_type": "verify", "id": "by the new key"}
    assert server.post([record], key=key).status_code == 200
    page.goto(visitor.url + "/keys")
    assert key not in page.content()
    row = page.get_by_role("row").filter(has_text="collector")
    expect(row).to_contain_text("read, write")
    expect(row).not_to_contain_text("never")
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("link", name="Keep it").click()
    assert server.get("/v2/detail_records?record_type=verify", key=key).status_code == 200
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(row).to_contain_text("revoked")
    assert server.get("/v2/detail_records?record_type=verify", key=key).status_code == 401


def test_a_reader_has_no_way_to_the_keys(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.read_key, "/imports")
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Imports")).to_be_visible()
    assert page.get_by_role("navigation", name="Pages").get_by_role("link", name="Keys").count() == 0
    assert page.get_by_role("link", name="Undo").count() == 0


def test_undoing_an_import(visitor: Visitor, server: Any):
    server.post([{"record_type": "verify", "id": "mistake", "verify_usage_fee": "0.03"}])
    page = visitor.sign_in(server.key, "/imports")
    page.get_by_role("row").nth(1).get_by_role("link", name="Undo").click()
    expect(page.get_by_text("$0.0300")).to_be_visible()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("undone")
    assert server.get("/v2/detail_records/history?record_type=verify&id=mistake").status_code == 404


def test_from_the_catalogue_to_a_record_to_its_session(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/catalogue")
    page.locator("svg").get_by_role("link", name="inference").click()
    page.wait_for_url("**/catalogue/inference")
    expect(page.get_by_role("heading", name="ai-voice-assistant")).to_be_visible()
    page.get_by_role("link", name="Its records").click()
    page.get_by_label("And field").select_option("cost")
    page.get_by_label("compares").select_option("≥")
    page.get_by_label("with value").fill("0.0034")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("1 to 1 of 1")).to_be_visible()
    page.locator("tbody a").click()
    page.wait_for_url("**/records/inference/*")
    id = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="call-session").click()
    page.wait_for_url(f"**{GUIDE_CALL}?event=inference*")
    expect(page.locator("tr[aria-selected=true]")).to_contain_text("inference")
    expect(page.locator("#details")).to_contain_text(id)


@pytest.mark.parametrize(
    "visitor",
    [{"viewport": PHONE, "color_scheme": "dark"}, {"java_script_enabled": False}],
    indirect=True,
    ids=["phone, dark", "without scripts"],
)
def test_every_page_fits_and_works_without_scripts(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key, "/keys")
    for path in PAGES:
        page.goto(visitor.url + path)
        expect(page.get_by_role("table").first).to_be_visible()
        if page.viewport_size == PHONE:
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
