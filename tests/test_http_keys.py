"""API keys over HTTP: made, listed and revoked by an admin key, of its own account alone; and their last use."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cli_help import call
from conftest import SECONDS
from sessiontree import catalog_files
from sessiontree.keys import KEEP_EVERY, LastUses, digest, make_key
from sessiontree.store import ApiKey, open_store
from stores import held_by

Body = dict[str, Any]
NEVER = "2999-12-31T00:00:00Z"


def make(client: Any, status: int = 201, **asked: Any) -> Body:
    answer = client.post("/v2/keys", json=asked)
    assert answer.status_code == status, answer.text
    body: Body = answer.json()
    return body["data"] if status == 201 else body["errors"][0]  # type: ignore[no-any-return]


def add(inside: Any, account: str, *scopes: str) -> str:
    text, key = make_key(account=account, scopes=frozenset(scopes))
    inside.service.store.add_key(key)
    return text


def by(key: str) -> Body:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_is_made_shown_once_and_works_at_once(inside: Any, client: Any):
    answer = client.post("/v2/keys", json={"name": "reports", "scopes": ["read"], "expires": "90d"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()["data"]
    text = made.pop("key")
    assert re.fullmatch(r"st_[A-Za-z0-9_-]{43}", text)
    assert (made["prefix"], made["name"], made["scopes"], made["state"]) == (text[:11], "reports", ["read"], "valid")
    created, expires = (datetime.fromisoformat(made[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(days=90)
    assert (made["last_used_at"], made["revoked_at"]) == (None, None)
    listed = client.get("/v2/keys")
    assert made in listed.json()["data"]
    assert text not in listed.text
    assert client.get("/v2/detail_records?record_type=amd", headers=by(text)).status_code == 200
    assert client.post("/v2/detail_records", json={}, headers=by(text)).status_code == 403
    kept = inside.service.store.find_key(digest(text))
    assert (kept.account, kept.name, kept.scopes) == ("default", "reports", {"read"})


def test_all_may_be_left_out(client: Any):
    made = make(client)
    assert (made["name"], made["scopes"], made["expires_at"]) == ("", ["read", "write"], None)
    assert make(client, expires=NEVER)["expires_at"] == NEVER
    assert make(client, expires=None)["expires_at"] is None


@pytest.mark.parametrize(
    ("asked", "pointer", "message"),
    [
        ({"name": 5}, "/name", "the body is no key to be made: Expected `str`, got `int` - at `$.name`"),
        ({"name": "a\nb"}, "/name", "a key's name is at most 255 printable characters"),
        ({"name": "n" * 256}, "/name", "the body is no key to be made: Expected `str` of length <= 255 - at `$.name`"),
        ({"scopes": []}, "/scopes", "the body is no key to be made: Expected `array` of length >= 1 - at `$.scopes`"),
        (
            {"scopes": ["all"]},
            "/scopes",
            "the body is no key to be made: Invalid enum value 'all' - at `$.scopes[0]`",
        ),
        (
            {"expires": "soon"},
            "/expires",
            "'soon' is neither a duration such as 90d nor a time such as 2026-12-31T00:00:00Z",
        ),
        ({"expires": "2020-01-01"}, "/expires", None),
        ({"expires": "999999w"}, None, "a key cannot expire after the year 9999"),
        ({"account": "other"}, None, "the body is no key to be made: Object contains unknown field `account`"),
        ([], None, "the body is no key to be made: Expected `object`, got `array`"),
    ],
    ids=str,
)
def test_what_no_key_can_be_is_refused_by_name(client: Any, asked: Any, pointer: str | None, message: str | None):
    before = client.get("/v2/keys").json()
    answer = client.post("/v2/keys", json=asked)
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert message is None or error["message"] == message
    assert pointer is None or error["source"] == {"pointer": pointer}
    assert [each["prefix"] for each in client.get("/v2/keys").json()["data"]] == [
        each["prefix"] for each in before["data"]
    ]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"", {"Content-Type": "application/json"}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json", "Upgrade": "h2c"}, 400),
        (b'{"name": "' + b"n" * 20_000 + b'"}', {"Content-Type": "application/json"}, 413),
    ],
)
def test_other_bodies_are_refused(client: Any, body: bytes, headers: Body, status: int):
    assert client.post("/v2/keys", content=body, headers=headers).status_code == status


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/st_12345678")])
def test_keys_are_for_admins(inside: Any, client: Any, method: str, path: str):
    for scopes in (("read", "write"), ("read",)):
        answer = client.request(method, f"/v2/keys{path}", headers=by(add(inside, "default", *scopes)))
        assert answer.status_code == 403
    assert client.request(method, f"/v2/keys{path}", headers=by("st_nobody")).status_code == 401


def test_a_key_cannot_make_one_that_may_more_than_itself(inside: Any, client: Any):
    admin = add(inside, "default", "admin", "read")
    answer = client.post("/v2/keys", json={"scopes": ["read", "write"]}, headers=by(admin))
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["source"] == {"pointer": "/scopes"}
    assert "lacks the scope write itself" in answer.json()["errors"][0]["message"]
    assert client.post("/v2/keys", json={"scopes": ["read", "admin"]}, headers=by(admin)).status_code == 201


def test_one_account_neither_sees_nor_touches_anothers_keys(inside: Any, client: Any):
    theirs = add(inside, "other", "read", "write", "admin")
    ours = make(client, name="ours")
    made = client.post("/v2/keys", json={"name": "theirs"}, headers=by(theirs)).json()["data"]
    assert inside.service.store.find_key(digest(made["key"])).account == "other"
    listed = client.get("/v2/keys", headers=by(theirs)).json()["data"]
    assert {each["prefix"] for each in listed} == {theirs[:11], made["prefix"], inside.other_key[:11]}
    answer = client.delete(f"/v2/keys/{ours['prefix']}", headers=by(theirs))
    unknown = client.delete("/v2/keys/st_12345678", headers=by(theirs))
    assert answer.status_code == unknown.status_code == 404
    assert answer.json()["errors"][0]["message"] == unknown.json()["errors"][0]["message"]
    assert inside.service.store.find_key(digest(ours["key"])).revoked is None


def test_a_revoked_key_loses_access_at_once(client: Any):
    made = make(client)
    path = "/v2/detail_records?record_type=amd"
    assert client.get(path, headers=by(made["key"])).status_code == 200
    answer = client.delete(f"/v2/keys/{made['prefix']}")
    assert client.get(path, headers=by(made["key"])).status_code == 401
    revoked = answer.json()["data"]
    assert (answer.status_code, revoked["state"], revoked["prefix"]) == (200, "revoked", made["prefix"])
    again = client.delete(f"/v2/keys/{made['prefix']}").json()["data"]
    assert again == revoked
    assert revoked in client.get("/v2/keys").json()["data"]


def test_a_key_may_revoke_itself(inside: Any, client: Any):
    assert client.delete(f"/v2/keys/{inside.key[:11]}").status_code == 200
    assert client.get("/v2/keys").status_code == 401


def test_states(inside: Any, client: Any):
    _, over = make_key(expires=timedelta(microseconds=1))
    inside.service.store.add_key(over)
    states = {each["prefix"]: each["state"] for each in client.get("/v2/keys").json()["data"]}
    assert states == {over.prefix: "expired", inside.key[:11]: "valid", inside.read_key[:11]: "valid"}


def last_used(client: Any, prefix: str) -> datetime | None:
    (key,) = [each for each in client.get("/v2/keys").json()["data"] if each["prefix"] == prefix]
    return None if key["last_used_at"] is None else datetime.fromisoformat(key["last_used_at"])


def test_the_last_use_is_told_at_once(inside: Any, client: Any):
    made = make(client)
    assert last_used(client, made["prefix"]) is None
    used = []
    for _ in range(2):
        before = datetime.now(UTC)
        client.get("/v2/detail_records?record_type=amd", headers=by(made["key"]))
        now = last_used(client, made["prefix"])
        assert now is not None
        assert before <= now <= datetime.now(UTC)
        used.append(now)
    assert used[0] < used[1]
    client.delete(f"/v2/keys/{made['prefix']}")
    client.get("/v2/detail_records?record_type=amd", headers=by(made["key"]))
    assert last_used(client, made["prefix"]) == used[1], "a request with a revoked key is no use"


def key(prefix: str, used: datetime | None = None) -> ApiKey:
    return ApiKey(prefix, b"", "a", frozenset(), "", datetime.now(UTC), None, used=used)


def test_uses_are_kept_once_a_minute_and_in_the_end():
    kept: list[Body] = []
    uses = LastUses(lambda uses: kept.append(dict(uses)))
    start = datetime(2026, 3, 17, tzinfo=UTC)
    second = timedelta(seconds=1)
    for at in (start, start + second, start + KEEP_EVERY - second):
        uses.note("k", at)
    uses.note("j", start + second)
    assert kept == [{"k": start}, {"j": start + second}]
    assert uses.of(key("k")) == start + KEEP_EVERY - second
    assert uses.of(key("k", used=start + KEEP_EVERY)) == start + KEEP_EVERY
    assert uses.of(key("x")) is None
    uses.keep()
    uses.keep()
    assert kept[2:] == [{"k": start + KEEP_EVERY - second}]
    uses.note("j", start + second + KEEP_EVERY)
    assert kept[3:] == [{"j": start + second + KEEP_EVERY}]


def test_the_last_use_is_in_the_store_after_the_server_has_stopped(inside: Any, client: Any, where: str):
    used = []
    for _ in range(3):
        client.get("/v2/keys")
        used.append(last_used(client, inside.key[:11]))
    inside.service.close()
    store = open_store(where, catalog_files.load())
    found = store.find_key(digest(inside.key))
    store.close()
    assert found is not None
    assert found.used == used[-1]
    (line,) = [
        line for line in call("keys", "list", "--store", where).stdout.splitlines() if line.startswith(found.prefix)
    ]
    assert f"never    {used[-1]:%Y-%m-%d %H:%M}" in line


def test_neither_log_nor_store_ever_has_a_key(server: Any):
    answer = httpx.post(
        f"{server.url}/v2/keys", json={"name": "secret", "scopes": ["read"]}, headers=by(server.key), timeout=SECONDS
    )
    text = answer.json()["data"]["key"]
    assert server.get("/v2/detail_records?record_type=amd", key=text).status_code == 200
    server.get("/v2/nothing", key=text)
    assert server.get("/v2/keys", key=text).status_code == 403
    listed = json.dumps(server.get("/v2/keys").json())
    assert text[:11] in listed
    held = held_by(server.where)
    assert digest(text) in held
    assert text[11:].encode() not in held + server.log.read_bytes()
    assert text[11:] not in listed
