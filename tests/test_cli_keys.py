"""`sessiontree keys`: made, listed and revoked, also while a server runs."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli_help import call
from sessiontree import catalog_files
from sessiontree.keys import digest
from sessiontree.store import ApiKey, open_store
from stores import heard, held_by


def stored(where: str, text: str) -> ApiKey:
    store = open_store(where, catalog_files.load())
    key = store.find_key(digest(text))
    store.close()
    assert key is not None
    return key


def test_create_prints_the_key_alone(where: str):
    result = call("keys", "create", "--store", where)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"st_[A-Za-z0-9_-]{43}\n", result.stdout)
    key = stored(where, result.stdout.strip())
    assert (key.account, key.scopes, key.name, key.expires) == ("default", {"read", "write"}, "", None)
    held = held_by(where)
    assert key.digest in held
    assert result.stdout.encode().strip() not in held


def test_create_takes_what_is_said_of_the_key(where: str):
    options = ["--account", "acme", "--scope", "read", "--name", "for the board", "--expires", "90d"]
    text = call("keys", "create", "--store", where, *options).stdout.strip()
    key = stored(where, text)
    assert (key.account, key.scopes, key.name) == ("acme", {"read"}, "for the board")
    assert key.expires is not None
    assert abs(key.expires - datetime.now(UTC) - timedelta(days=90)) < timedelta(hours=1)


@pytest.mark.parametrize("option", [("--scope", "read,all"), ("--scope", ""), ("--expires", "soon"), ("--account", "")])
def test_what_no_key_can_be_is_a_wrong_call(option: tuple[str, str], where: str):
    result = call("keys", "create", "--store", where, *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert call("keys", "list", "--store", where).stdout == ""
    assert not Path(where).exists()


def test_list_shows_prefixes_and_states_and_never_a_key(where: str):
    first = call("keys", "create", "--store", where, "--name", "one").stdout.strip()
    second = call("keys", "create", "--store", where, "--account", "acme", "--scope", "admin").stdout.strip()
    assert call("keys", "revoke", "--store", where, first[:11]).exit_code == 0
    listed = call("keys", "list", "--store", where).stdout
    lines = listed.splitlines()
    made = "20..-..-.. ..:..  never    never    "
    assert re.fullmatch(rf"{first[:11]}  default  read,write  {made}  revoked  one", lines[1])
    assert re.fullmatch(rf"{second[:11]}  acme     admin       {made}  valid", lines[2])
    assert first not in listed
    of_acme = call("keys", "list", "--store", where, "--account", "acme").stdout.splitlines()
    assert [line.split()[0] for line in of_acme] == ["PREFIX", second[:11]]


def test_revoking_what_is_not_there_fails(where: str):
    text = call("keys", "create", "--store", where).stdout.strip()
    result = call("keys", "revoke", "--store", where, "st_nothing1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no key with the prefix st_nothing1" in result.stderr
    assert call("keys", "revoke", "--store", where, "--account", "acme", text[:11]).exit_code == 1
    assert stored(where, text).revoked is None


def test_a_key_counts_at_once_on_a_running_server_and_so_does_its_end(server: Any):
    text = call("keys", "create", "--store", server.where).stdout.strip()
    path = "/v2/session_analysis/metadata"
    assert server.get(path, key=text).status_code == 200
    assert call("keys", "revoke", "--store", server.where, text[:11]).exit_code == 0
    heard(server.where, lambda: server.get(path, key=text).status_code == 401)
