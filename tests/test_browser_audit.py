"""Every page in a real browser, light and dark, wide and on a phone: axe finds nothing, and nothing is too wide.

axe-core is one of the packages that `npm ci` puts into tests/node; it runs in the page, beside its policy.
"""

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

import page_tour
from browser import DESKTOP, PHONE, Visitor
from node_tools import installed

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.long]
WINDOWS = [
    pytest.param({"viewport": size, "color_scheme": scheme}, id=f"{size['width']}, {scheme}")
    for size in (DESKTOP, PHONE)
    for scheme in ("light", "dark")
]
CHECK = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker's source."""
    return (installed("axe-core") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def paths(server: Any) -> list[str]:
    """The pages of the tour, once everything is added up."""
    assert server.post(page_tour.records()).json()["data"]["rejected"] == 0
    server.add_up()
    return page_tour.paths(server.get, server.key[:11])


def wrong(page: "Page", axe: str) -> list[str]:
    """What a page does wrong, one line each."""
    page.evaluate(axe)
    said = [
        f"{found['id']}: {found['help']}: {node['html'][:200]}"
        for found in page.evaluate(CHECK)
        for node in found["nodes"]
    ]
    width = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size
    return said + ([f"is {width} wide"] if width > page.viewport_size["width"] else [])


def all_wrong(visitor: Visitor, page: "Page", paths: "tuple[str, ...] | list[str]", axe: str) -> dict[str, list[str]]:
    """What the pages at these paths do wrong."""
    found = {}
    visitor.expected.append("the server responded with a status of 4")  # for an error page
    for path in paths:
        page.goto(visitor.url + path)
        found[path] = wrong(page, axe)
    return {path: said for path, said in found.items() if said}


@pytest.mark.parametrize("visitor", WINDOWS, indirect=True)
def test_no_page_has_a_fault(visitor: Visitor, server: Any, axe: str, paths: list[str]):
    page = visitor.page()
    assert all_wrong(visitor, page, page_tour.WITHOUT_SIGN_IN, axe) == {}
    visitor.sign_in(server.key, page=page)
    assert all_wrong(visitor, page, paths, axe) == {}


@pytest.mark.parametrize("visitor", WINDOWS[:1] + WINDOWS[-1:], indirect=True)
def test_no_page_of_an_empty_store_has_a_fault(visitor: Visitor, server: Any, axe: str):
    page = visitor.sign_in(server.other_key)
    assert all_wrong(visitor, page, page_tour.EMPTY, axe) == {}


@pytest.mark.parametrize("visitor", WINDOWS, indirect=True)
def test_what_opens_on_a_page_has_no_fault_either(visitor: Visitor, server: Any, axe: str, paths: list[str]):
    page = visitor.sign_in(server.key, page_tour.LONG)
    page.get_by_role("link", name="inference").click()
    page.locator("tr[aria-level='5']").first.wait_for()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert wrong(page, axe) == []


def test_the_checker_sees_faults(visitor: Visitor, server: Any, axe: str):
    page = visitor.page()
    page.goto(server.url + "/sign-in")
    page.evaluate("document.querySelector('label').remove(); document.body.append(new Image())")
    assert {each.partition(":")[0] for each in wrong(page, axe)} >= {"image-alt"}
