"""Pages on paper: all columns fit a sheet, in light colours, without what only a screen can use."""

from typing import Any

import pytest

from browser import Visitor
from page_help import ASSISTANT, GUIDE_CALL, example

pytestmark = pytest.mark.browser
A4 = {"viewport": {"width": 718, "height": 1020}, "color_scheme": "dark"}  # what its usual margins leave, in pixels
PAGES = {
    f"{GUIDE_CALL}?event={ASSISTANT}": 4,
    "/sessions": 7,
    "/spend?group_by=day,product": 8,
    "/catalogue": 5,
    "/records?filter[record_type]=inference": 7,
}
"""Paths, and how many columns their first table has."""
FOR_SCREENS = "nav[aria-label=Pages], button, form, .tools, .buttons"
CUT_OFF = """() => [...document.querySelectorAll("main *")].filter(each =>
    each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".vh")).map(each => each.outerHTML)"""


@pytest.fixture(scope="module", autouse=True)
def records(server: Any) -> None:
    assert server.post(example("ai-call")).status_code == 200
    server.add_up()


@pytest.mark.parametrize("visitor", [A4], indirect=True, ids=["A4"])
def test_everything_is_on_the_sheet(visitor: Visitor, server: Any):
    page = visitor.sign_in(server.key)
    page.emulate_media(media="print")
    for path, columns in PAGES.items():
        page.goto(visitor.url + path)
        assert page.evaluate(CUT_OFF) == [], path
        heads = page.locator("main table").first.locator("thead th:visible")
        assert heads.count() == columns, path
        assert (
            page.locator("nav[aria-label=Pages], button, .tools, form, .buttons").locator("visible=true").count() == 0
        )
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(21, 32, 46)", "dark on white"
