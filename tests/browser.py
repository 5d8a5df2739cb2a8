"""A real browser for tests: an installed Chromium, driven by Playwright. Nothing is downloaded.

Where there is none its tests are skipped, unless SESSIONTREE_REQUIRE_BROWSER=1 (as in CI) makes that a failure. Every
page of a test is watched: an error on its console, or a request to another host than the server's, fails the test.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
SECONDS = 60
"""The most that a page may take to become what is expected."""
DESKTOP = {"width": 1440, "height": 860}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One browser for a module: Playwright's loop must be gone before other tests have loops of their own."""
    program = next((path for path in map(shutil.which, NAMES) if path), None)
    if program is None:
        if os.environ.get("SESSIONTREE_REQUIRE_BROWSER") == "1":
            pytest.fail("no Chromium is installed, and SESSIONTREE_REQUIRE_BROWSER=1 asks for these tests")
        pytest.skip(f"no Chromium is installed ({', '.join(NAMES)}): the tests in a browser are left out")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SECONDS * 1000)
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody with a browser, at one server; what went wrong on their pages."""

    context: "BrowserContext"
    url: str
    expected: list[str] = field(default_factory=list)
    """Parts of the errors that are none: a browser reports, some time, whatever it could not load."""
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def page(self) -> "Page":
        """A new tab."""
        return self.context.new_page()

    def sign_in(self, key: str, path: str = "/sessions", page: "Page | None" = None) -> "Page":
        """A tab at a path, after signing in there."""
        page = page or self.page()
        page.goto(self.url + path)
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(self.url + path)
        return page

    def watch(self, page: "Page") -> None:
        """Note what goes wrong on a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.errors.append(message.text)

    def _request(self, request: "Request") -> None:
        if request.url.startswith("data:"):
            return
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.elsewhere.append(request.url)


@pytest.fixture
def visitor(browser: "Browser", server: Any, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Somebody at the module's server. `indirect` parameters are options of the browser's context."""
    options = {"viewport": DESKTOP, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    context.set_default_timeout(SECONDS * 1000)
    visitor = Visitor(context, server.url)
    context.on("page", visitor.watch)
    yield visitor
    context.close()
    assert visitor.errors == [], visitor.errors
    assert visitor.elsewhere == [], visitor.elsewhere
