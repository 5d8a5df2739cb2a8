"""The page of API keys: who sees it, making a key, revoking one, and that no form does it for another site."""

from typing import Any

import pytest

from page_help import Element, read
from sessiontree.keys import digest, make_key


def form_token(page: Element) -> str:
    return page.one("form", action="/sign-out").one("input", name="form_token").attributes["value"]


def table(page: Element) -> list[list[str]]:
    body = page.one("table", class_="data").one("tbody")
    return [[cell.text for cell in row.all("td")] for row in body.all("tr")]


def send(pages: Any, path: str, *, on: str = "/keys", **fields: str) -> Any:
    return pages.post(path, data={"form_token": form_token(read(pages.get(on).text)), **fields})


def test_without_the_scope_there_is_no_page_and_no_way_there(inside: Any, pages: Any):
    pages.post("/sign-in", data={"key": inside.read_key})
    answer = pages.get("/keys")
    assert (answer.status_code, read(answer.text).one("h1").text) == (403, "Not allowed")
    assert [link for link in read(pages.get("/sessions").text).all("a") if link.attributes["href"] == "/keys"] == []
    token = form_token(read(pages.get("/sessions").text))
    for path in ("/keys", f"/keys/{inside.key[:11]}/revoke"):
        assert pages.post(path, data={"form_token": token, "read": "on"}).status_code == 403
    assert len(inside.service.store.keys("default")) == 2


def test_a_key_is_made_shown_once_and_listed(inside: Any, signed_in: Any):
    answer = send(signed_in, "/keys", name="<b>report</b>", read="on", expires="90d")
    page = read(answer.text)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    text = page.one("code", id="new-key").text
    key = inside.service.store.find_key(digest(text))
    assert (key.account, key.name, key.scopes) == ("default", "<b>report</b>", {"read"})
    assert (key.expires - key.created).days == 90
    again = signed_in.get("/keys")
    assert text not in again.text
    rows = table(read(again.text))
    assert rows[2][0].startswith(f"{text[:11]}…<b>report</b>")
    assert [row[1:4] for row in rows] == [
        ["read, write, admin", "valid", rows[0][3]],
        ["read", "valid", "never"],
        ["read", "valid", "never"],
    ]
    assert ["yours now" in row[0] for row in rows] == [True, False, False]
    assert rows[0][3] != "never"
    assert signed_in.get("/keys?format=json").json()["data"][2]["name"] == "<b>report</b>"


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"name": "x"}, 400, "Choose at least one thing that the key may do."),
        ({"read": "on", "name": "a\nb"}, 400, "A key's name is at most 255 printable characters."),
        ({"read": "on", "expires": "soon"}, 400, "'soon' is neither a duration"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_written_stays(
    inside: Any, signed_in: Any, fields: dict[str, str], status: int, message: str
):
    answer = send(signed_in, "/keys", **fields)
    page = read(answer.text)
    assert answer.status_code == status
    assert page.one("p", role="alert").text.startswith(message)
    assert page.one("input", id="name").attributes["value"] == fields.get("name", "")
    assert len(inside.service.store.keys("default")) == 2


def test_a_key_is_not_offered_what_it_may_not_give(inside: Any, pages: Any):
    text, key = make_key(scopes=frozenset({"admin", "read"}))
    inside.service.store.add_key(key)
    pages.post("/sign-in", data={"key": text})
    page = read(pages.get("/keys").text)
    offered = {box.attributes["name"]: "disabled" not in box.attributes for box in page.all("input", type="checkbox")}
    assert offered == {"read": True, "write": False, "admin": True}
    answer = send(pages, "/keys", read="on", write="on")
    assert (answer.status_code, "lacks the scope write itself" in answer.text) == (403, True)


def test_revoking_asks_first_and_then_does_it(inside: Any, signed_in: Any, client: Any):
    prefix = inside.read_key[:11]
    asking = read(signed_in.get(f"/keys/{prefix}/revoke").text)
    assert asking.one("h1").text == "Revoke this key?"
    assert inside.service.store.find_key(digest(inside.read_key)).revoked is None
    answer = send(signed_in, f"/keys/{prefix}/revoke")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/keys?revoked={prefix}")
    headers = {"Authorization": f"Bearer {inside.read_key}"}
    assert client.get("/v2/detail_records?record_type=amd", headers=headers).status_code == 401
    page = read(signed_in.get(answer.headers["location"]).text)
    assert f"The key {prefix}…" in page.one("p", role="status", class_="notice").text
    assert page.all("a", href=f"/keys/{prefix}/revoke") == []
    again = read(signed_in.get(f"/keys/{prefix}/revoke").text)
    assert again.one("h1").text == "This key is revoked already"


def test_revoking_the_key_one_is_signed_in_with_signs_out(inside: Any, signed_in: Any):
    path = f"/keys/{inside.key[:11]}/revoke"
    assert "you will be signed out" in signed_in.get(path).text
    assert send(signed_in, path).status_code == 303
    assert signed_in.get("/keys").headers["location"] == "/sign-in?next=/keys"


def test_another_accounts_key_is_not_there(inside: Any, signed_in: Any):
    path = f"/keys/{inside.other_key[:11]}/revoke"
    assert signed_in.get(path).status_code == send(signed_in, path).status_code == 404
    assert inside.other_key[:11] not in signed_in.get("/keys").text
    assert inside.service.store.find_key(digest(inside.other_key)).revoked is None


def test_forms_must_be_ours(inside: Any, signed_in: Any):
    token = form_token(read(signed_in.get("/keys").text))
    for path in ("/keys", f"/keys/{inside.read_key[:11]}/revoke"):
        for fields, headers in (
            ({}, {}),
            ({"form_token": "x"}, {}),
            ({"form_token": token}, {"Origin": "https://evil.example"}),
            ({"form_token": token}, {"Sec-Fetch-Site": "cross-site"}),
        ):
            answer = signed_in.post(path, data={"read": "on", **fields}, headers=headers)
            assert answer.status_code == 403
    assert [key.revoked for key in inside.service.store.keys("default")] == [None, None]
