"""Signing in to the pages: by key, by a link that works once; what a browser then holds, and what ends it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from page_help import GUIDE_CALL, example, read
from sessiontree.keys import digest, make_key
from sessiontree.pages.routes import page_routes
from sessiontree.pages.sign_ins import IDLE_SECONDS, LINK_SECONDS, SIGN_INS_MAX, SignIns
from stores import heard

OPEN_TO_ALL = {"/docs", "/favicon.ico", "/", "/sign-in", "/static/{version}/{name}"}
PLACES = {
    "{record_type}": "fax",
    "{event_id}": "1",
    "{version}": "0",
    "{name}": "style.css",
    "{prefix}": "st_1",
    "{id}": "0",
}


def filled(path: str) -> str:
    for part, value in PLACES.items():
        path = path.replace(part, value)
    return path


def cookie_of(answer: Any) -> list[str]:
    """The parts of the cookie that an answer sets, without its value."""
    name, _, rest = answer.headers["set-cookie"].partition("; ")
    return [name.split("=")[0], *sorted(rest.split("; "))]


def test_a_key_signs_in_and_the_cookie_is_for_our_pages_alone(inside: Any, pages: Any):
    answer = pages.post("/sign-in", data={"key": f" {inside.key} ", "next": GUIDE_CALL})
    assert (answer.status_code, answer.headers["location"]) == (303, GUIDE_CALL)
    assert cookie_of(answer) == ["sessiontree", "HttpOnly", "Path=/", "SameSite=Strict"]
    assert inside.key not in answer.headers["set-cookie"]
    assert pages.get("/sessions").status_code == 200


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-Proto": "https"}, {"Origin": "https://testserver", "Sec-Fetch-Site": "same-origin"}]
)
def test_by_https_the_cookie_stays_on_https(inside: Any, pages: Any, headers: dict[str, str]):
    answer = pages.post("/sign-in", data={"key": inside.key}, headers=headers)
    assert cookie_of(answer) == ["sessiontree", "HttpOnly", "Path=/", "SameSite=Strict", "Secure"]


@pytest.mark.parametrize("key", ["", "st_wrong", "REVOKED", "EXPIRED"])
def test_a_key_that_does_not_count_is_refused_in_the_same_words(inside: Any, pages: Any, key: str):
    revoked, kept = make_key()
    inside.service.store.add_key(kept)
    inside.service.store.revoke_key(kept.prefix, datetime.now(UTC))
    expired, kept = make_key(expires=timedelta(microseconds=1))
    inside.service.store.add_key(kept)
    answer = pages.post("/sign-in", data={"key": {"REVOKED": revoked, "EXPIRED": expired}.get(key, key)})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    alert = read(answer.text).one("p", role="alert")
    assert alert.text == "This key is not valid here: it may be misspelt, revoked or expired."


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", "/ü", ""]
)
def test_signing_in_leads_only_to_our_own_pages(inside: Any, pages: Any, next: str):
    answer = pages.post("/sign-in", data={"key": inside.key, "next": next})
    assert answer.headers["location"] == "/sessions"


CLOSED = sorted((method, path) for method, path, _ in page_routes() if path not in OPEN_TO_ALL)


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_no_other_page_is_shown_without_a_sign_in(pages: Any, method: str, path: str):
    answer = pages.request(method, filled(path) + "?x=1%26")
    assert answer.status_code == 303
    expected = {"GET": f"/sign-in?next={filled(path)}%3Fx%3D1%2526", "POST": "/sign-in"}[method]
    assert answer.headers["location"] == expected
    pages.cookies.set("sessiontree", "x" * 43)
    assert pages.request(method, filled(path)).headers["location"].startswith("/sign-in")


def test_the_bare_address_leads_on(inside: Any, pages: Any):
    assert pages.get("/").headers["location"] == "/sign-in"
    pages.post("/sign-in", data={"key": inside.key})
    assert pages.get("/").headers["location"] == "/sessions"
    assert pages.get("/sign-in").headers["location"] == "/sessions"


def test_signing_out_needs_our_form_and_forgets_the_browser(signed_in: Any):
    token = read(signed_in.get("/sessions").text).one("form", action="/sign-out").one("input").attributes["value"]
    kept = signed_in.cookies["sessiontree"]
    for data in ({}, {"form_token": ""}, {"form_token": "x" * len(token)}, {"form_token": "ü"}):
        assert signed_in.post("/sign-out", data=data).status_code == 403
    assert signed_in.get("/sessions").status_code == 200
    answer = signed_in.post("/sign-out", data={"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "sessiontree" not in signed_in.cookies
    signed_in.cookies.set("sessiontree", kept)
    assert signed_in.get("/sessions").status_code == 303, "the token itself is worth nothing any more"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
    ],
)
def test_forms_from_other_sites_are_refused(inside: Any, signed_in: Any, headers: dict[str, str]):
    token = read(signed_in.get("/sessions").text).one("form", action="/sign-out").one("input").attributes["value"]
    assert signed_in.post("/sign-out", data={"form_token": token}, headers=headers).status_code == 403
    assert signed_in.post("/sign-in", data={"key": inside.key}, headers=headers).status_code == 403
    assert signed_in.get("/sessions").status_code == 200


def test_a_form_that_is_too_large_or_no_text_is_refused(pages: Any):
    assert pages.post("/sign-in", content=b"key=" + b"x" * 20_000).status_code == 413
    assert pages.post("/sign-in", content=b"key=\xff").status_code == 400
    assert pages.post("/sign-in", content=b"key=%FF").status_code == 400


def test_a_revoked_key_loses_the_pages_at_once(inside: Any, signed_in: Any, where: str):
    assert signed_in.get("/sessions").status_code == 200
    inside.service.store.revoke_key(inside.key[:11], datetime.now(UTC))
    heard(where, lambda: signed_in.get("/sessions").status_code == 303)
    assert signed_in.get("/sessions").headers["location"] == "/sign-in?next=/sessions"


def test_a_key_sees_the_records_of_its_account_alone(inside: Any, client: Any, pages: Any):
    assert client.post("/v2/detail_records", json=example("ai-call")).status_code == 200
    pages.post("/sign-in", data={"key": inside.other_key})
    assert pages.get(GUIDE_CALL).status_code == 404
    pages.post("/sign-in", data={"key": inside.read_key})
    assert pages.get(GUIDE_CALL).status_code == 200


def test_a_key_that_may_not_read_is_told_so_on_a_page(inside: Any, pages: Any):
    text, key = make_key(scopes=frozenset({"admin"}))
    inside.service.store.add_key(key)
    pages.post("/sign-in", data={"key": text})
    answer = pages.get(GUIDE_CALL)
    page = read(answer.text)
    assert (answer.status_code, page.one("h1").text) == (403, "Not allowed")
    assert page.all("form", action="/find") == []
    assert page.one("form", action="/sign-out")


def test_the_api_does_not_take_the_cookie(signed_in: Any):
    assert signed_in.get("/v2/session_analysis/metadata").status_code == 401


def test_a_link_signs_in_once(inside: Any, pages: Any):
    once = inside.service.sign_ins.invite(digest(inside.key), leads_to=GUIDE_CALL)
    assert pages.head(f"/sign-in?once={once}").status_code == 200, "a program that looks at links does not use it up"
    answer = pages.get(f"/sign-in?once={once}")
    assert (answer.status_code, answer.headers["location"]) == (303, GUIDE_CALL)
    assert pages.get("/sessions").status_code == 200
    pages.cookies.clear()
    answer = pages.get(f"/sign-in?once={once}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (410, False)
    assert "used" in read(answer.text).one("p", role="alert").text


def test_a_link_on_another_site_leads_to_the_page_all_the_same(signed_in: Any):
    """The browser sends no cookie along with it; the page then asks for itself once more."""
    kept = signed_in.cookies.pop("sessiontree")
    answer = signed_in.get("/sessions", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, 'http-equiv="refresh"' in answer.text) == (200, True)
    signed_in.cookies.set("sessiontree", kept)
    assert "refresh" not in signed_in.get("/sessions", headers={"Sec-Fetch-Site": "same-origin"}).text


def test_sign_ins_and_links_end_in_time():
    moment = 0.0
    sign_ins = SignIns(lambda: moment)
    first, once = sign_ins.begin(b"key"), sign_ins.invite(b"key", leads_to="/")
    moment = LINK_SECONDS - 1.0
    assert sign_ins.find(first) is not None
    moment = LINK_SECONDS * 1.0
    assert sign_ins.accept(once) is None
    moment = LINK_SECONDS - 1.0 + IDLE_SECONDS - 1
    assert sign_ins.find(first) is not None, "each visit counts"
    moment += IDLE_SECONDS
    assert sign_ins.find(first) is None
    tokens = [sign_ins.begin(b"key") for _ in range(SIGN_INS_MAX + 1)]
    assert [sign_ins.find(token) is None for token in (tokens[0], tokens[1], tokens[-1])] == [True, False, False]
