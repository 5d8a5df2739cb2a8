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


def stored(path: Path, text: str) -> ApiKey:
    store = open_store(str(path), catalog_files.load())
    key = store.find_key(digest(text))
    store.close()
    assert key is not None
    return key


def test_create_prints_the_key_alone(tmp_path: Path):
    result = call("keys", "create", "--store", tmp_path / "store.db")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"st_[A-Za-z0-9_-]{43}\n", result.stdout)
    key = stored(tmp_path / "store.db", result.stdout.strip())
    assert (key.account, key.scopes, key.name, key.expires) == ("default", {"read", "write"}, "", None)
    assert result.stdout.encode().strip() not in (tmp_path / "store.db").read_bytes()


def test_create_takes_what_is_said_of_the_key(tmp_path: Path):
    options = ["--account", "acme", "--scope", "read", "--name", "for the board", "--expires", "90d"]
    text = call("keys", "create", "--store", tmp_path / "store.db", *options).stdout.strip()
    key = stored(tmp_path / "store.db", text)
    assert (key.account, key.scopes, key.name) == ("acme", {"read"}, "for the board")
    assert key.expires is not None
    assert abs(key.expires - datetime.now(UTC) - timedelta(days=90)) < timedelta(hours=1)


@pytest.mark.parametrize("option", [("--scope", "read,all"), ("--scope", ""), ("--expires", "soon"), ("--account", "")])
def test_what_no_key_can_be_is_a_wrong_call(option: tuple[str, str], tmp_path: Path):
    result = call("keys", "create", "--store", tmp_path / "store.db", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert not (tmp_path / "store.db").exists()


def test_list_shows_prefixes_and_states_and_never_a_key(tmp_path: Path):
    path = tmp_path / "store.db"
    first = call("keys", "create", "--store", path, "--name", "one").stdout.strip()
    second = call("keys", "create", "--store", path, "--account", "acme", "--scope", "admin").stdout.strip()
    assert call("keys", "revoke", "--store", path, first[:11]).exit_code == 0
    listed = call("keys", "list", "--store", path).stdout
    lines = listed.splitlines()
    made = "20..-..-.. ..:..  never    never    "
    assert re.fullmatch(rf"{first[:11]}  default  read,write  {made}  revoked  one", lines[1])
    assert re.fullmatch(rf"{second[:11]}  acme     admin       {made}  valid", lines[2])
    assert first not in listed
    of_acme = call("keys", "list", "--store", path, "--account", "acme").stdout.splitlines()
    assert [line.split()[0] for line in of_acme] == ["PREFIX", second[:11]]


def test_revoking_what_is_not_there_fails(tmp_path: Path):
    path = tmp_path / "store.db"
    text = call("keys", "create", "--store", path).stdout.strip()
    result = call("keys", "revoke", "--store", path, "st_nothing1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no key with the prefix st_nothing1" in result.stderr
    assert call("keys", "revoke", "--store", path, "--account", "acme", text[:11]).exit_code == 1
    assert stored(path, text).revoked is None


def test_a_key_counts_at_once_on_a_running_server_and_so_does_its_end(server: Any):
    text = call("keys", "create", "--store", server.store_path).stdout.strip()
    path = "/v2/session_analysis/metadata"
    assert server.get(path, key=text).status_code == 200
    assert call("keys", "revoke", "--store", server.store_path, text[:11]).exit_code == 0
    assert server.get(path, key=text).status_code == 401
