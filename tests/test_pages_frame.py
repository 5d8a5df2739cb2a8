"""What all pages have in common: headers, compression, static files, errors as pages, the page of all elements."""

import gzip
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from page_help import ASSISTANT, GUIDE_CALL, example, read
from sessiontree.errors import StoreError
from sessiontree.http import limits
from sessiontree.pages import static_files
from sessiontree.pages.sending import POLICY

STATIC = Path(static_files.__file__).parent / "static"


def test_the_policy_allows_nothing_inline_and_no_other_host():
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert {rules[name] for name in ("base-uri", "frame-ancestors")} == {"'none'"}
    assert rules["img-src"] == "'self'"


PAGES = [
    "/sign-in",
    "/sessions",
    "/spend",
    "/unlinked",
    "/problems",
    "/find?id=nothing",
    "/records",
    "/records?filter[record_type]=inference",
    f"/records/{ASSISTANT}",
    "/catalogue",
    "/catalogue/call-control",
    "/imports",
    "/keys",
    "/docs",
    "/elements",
    GUIDE_CALL,
    "/nothing",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_to_the_policy(inside: Any, client: Any, signed_in: Any, path: str):
    client.post("/v2/detail_records", json=example("ai-call"))
    if path == "/sign-in":
        signed_in.cookies.clear()
    answer = signed_in.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = read(answer.text)
    assert [element.tag for element in page.all() if "style" in element.attributes] == []
    assert [name for element in page.all() for name in element.attributes if name.startswith("on")] == []
    assert [script.text for script in page.all("script") if script.text or "src" not in script.attributes] == []
    addresses = [element.attributes.get(name, "/") for element in page.all() for name in ("href", "src", "action")]
    assert [each for each in addresses if not re.match(r"/(?!/)|#", each)] == []
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("head").one("title").text.endswith(" · Sessiontree")
    assert len(page.all("main")) == len(page.all("h1")) == 1


def test_static_files_may_be_kept_under_the_address_of_their_content(pages: Any):
    (style,) = re.findall(r'href="(/static/\w+/style.css)"', pages.get("/sign-in").text)
    answer = pages.get(style)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    again = pages.get(style, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = pages.get("/static/000000000000/style.css")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    assert pages.get("/static/0/nothing.css").status_code == 404
    assert pages.get("/static/0/%2e%2e%2flayout.html").status_code == 404


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.css")), ids=lambda path: path.name)
def test_style_sheets_close_what_they_open(path: Path):
    depth = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        for sign in re.findall("[{}]", line):
            depth += 1 if sign == "{" else -1
            assert depth >= 0, line
    assert depth == 0


def test_browsers_find_the_icon_beside_what_is_no_page(pages: Any):
    answer = pages.get("/favicon.ico")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.startswith("<svg")
    assert pages.get("/favicon.ico", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_pages_and_static_files_are_compressed_for_whoever_reads_that(signed_in: Any):
    (script,) = re.findall(r'src="(/static/\w+/page.js)"', signed_in.get("/sessions").text)
    for path in ("/sessions", script):
        plain = signed_in.get(path, headers={"Accept-Encoding": "identity"})
        with signed_in.stream("GET", path, headers={"Accept-Encoding": "br, gzip"}) as answer:
            sent = b"".join(answer.iter_raw())
        assert "content-encoding" not in plain.headers
        assert answer.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["vary"]
        assert gzip.decompress(sent) == plain.content


def test_the_theme_that_was_chosen_is_in_the_page(pages: Any):
    for value, expected in (("dark", "dark"), ("light", "light"), ('"><script>', None), ("", None)):
        answer = pages.get("/sign-in", headers={"Cookie": f"theme={value}"})
        assert read(answer.text).one("html").attributes.get("data-theme") == expected


def test_what_is_not_there_is_a_page_for_readers_and_json_for_programs(signed_in: Any):
    answer = signed_in.get("/nothing")
    page = read(answer.text)
    assert (answer.status_code, page.one("h1").text) == (404, "Not found")
    assert page.one("form", action="/find")
    assert answer.headers["x-request-id"] in page.one("main").text
    assert signed_in.get("/nothing", headers={"Accept": "application/json"}).json()["errors"][0]["code"] == "10005"
    assert signed_in.get("/v2/nothing").json()["errors"][0]["code"] == "10005"


def test_wrong_requests_for_pages_are_pages(signed_in: Any):
    for path, status, word in (
        ("/sessions/nonsense/1", 404, "nonsense"),
        ("/sessions/fax/1", 404, "fax"),
        ("/sessions/fax/a%2Fb", 404, "printable"),
        ("/sessions/fax/%FF", 400, "utf-8"),
        (f"{GUIDE_CALL}?sort=colour", 400, "sort"),
        (f"{GUIDE_CALL}?filter={'x' * 201}", 400, "filter"),
        (f"{GUIDE_CALL}?format=pdf", 400, "format"),
    ):
        answer = signed_in.get(path)
        assert (answer.status_code, word in read(answer.text).one("main").text.lower()) == (status, True), path
    assert read(signed_in.get("/sessions/fax/1", headers={"Accept": "*/*"}).text).one("h1").text == "Not found"
    answer = signed_in.post("/sessions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert read(answer.text).one("h1").text == "Not possible here"


def test_a_store_that_is_down_is_told_on_a_page(inside: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: Any) -> Any:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(inside.service.store, "snapshot", fails)
    answer = signed_in.get(GUIDE_CALL)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert read(answer.text).one("h1").text == "The records cannot be reached just now"
    monkeypatch.setattr(inside.service.keys, "recall", lambda *_: None)
    monkeypatch.setattr(inside.service.keys, "find_digest", fails)
    answer = signed_in.get(f"{GUIDE_CALL}?depth=2&filter=a%26b")
    assert (answer.status_code, "disk" in answer.text) == (503, False)
    page = read(answer.text)
    assert {"Sessions", "Spend"} <= {link.text for link in page.one("nav", **{"aria-label": "Pages"}).all("a")}
    assert len(page.all("form", action="/sign-out")) == 1
    assert [link.text for link in page.all("a", href=f"{GUIDE_CALL}?depth=2&filter=a%26b")] == ["Try again"]
    signed_in.cookies.clear()
    page = read(signed_in.post("/sign-in", data={"key": inside.key}).text)
    assert page.one("h1").text == "The records cannot be reached just now"
    assert (page.all("form", action="/sign-out"), "Try again" in page.one("main").text) == ([], False)


def test_what_is_not_foreseen_says_nothing_but_its_id(inside: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch):
    class Broken:
        def tree(self, *_: Any) -> None:
            raise ValueError("secret detail")

    monkeypatch.setattr(inside.service, "quick_analysis", Broken())
    answer = signed_in.get(GUIDE_CALL)
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert answer.headers["x-request-id"] in answer.text


def test_pages_count_by_route_in_the_metrics(signed_in: Any):
    signed_in.get("/sessions/fax/secret-id")
    text = signed_in.get("/metrics").text
    assert 'route="/sessions/{record_type}/{event_id}",status="404"' in text
    assert "secret-id" not in text


def test_a_key_may_make_no_more_requests_for_pages_than_for_the_api(
    inside: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 10.0))
    inside.service.limit = limits.RateLimit(1)
    statuses = [signed_in.get("/sessions").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_the_page_of_all_elements_shows_every_colour_and_part(signed_in: Any):
    page = read(signed_in.get("/elements").text)
    used = {name for element in page.all() for name in element.attributes.get("class", "").split()}
    assert {f"c{number}" for number in range(12)} <= used
    parts = {"card", "tile", "badge", "notice", "bad", "tree", "share", "bar", "going", "box", "choice", "legend"}
    assert parts <= used
