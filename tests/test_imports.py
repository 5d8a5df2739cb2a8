"""Imports and what can be taken back, over HTTP and on the command line."""

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli_help import call
from conftest import SECONDS, until
from sessiontree import catalog_files, taking_back
from sessiontree.elements import Element
from sessiontree.importing import BATCH, Rejects, Summary, add_all
from sessiontree.keys import make_key
from sessiontree.store import open_store
from sessiontree.store.intakes import IntakeUndone, Origin, Share, new_id
from stores import let_go

Body = dict[str, Any]
UNKNOWN = "0" * 16


def leg(id: str, **fields: Any) -> Body:
    return {"record_type": "call-control", "id": id, "telnyx_session_id": "s", "telnyx_leg_id": id, **fields}


def send(client: Any, *records: Body, status: int = 200) -> str:
    """Send records; the id of the import that they became."""
    answer = client.post("/v2/detail_records", json=list(records))
    assert answer.status_code == status, answer.text
    id = answer.json()["data"]["import_id"]
    assert isinstance(id, str)
    assert re.fullmatch("[0-9a-f]{16}", id)
    return id


def undo(client: Any, id: str, **parameters: Any) -> Body:
    answer = client.post(f"/v2/imports/{id}/undo", params=parameters)
    assert answer.status_code == 200, answer.text
    data: Body = answer.json()["data"]
    return data


def imports(client: Any, **parameters: Any) -> tuple[list[Body], str | None]:
    answer = client.get("/v2/imports", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"], answer.json()["meta"]["next_cursor"]


def total(client: Any, top: str = "call-session/s") -> str | None:
    answer = client.get(f"/v2/session_analysis/{top}")
    return answer.json()["cost"]["total"] if answer.status_code == 200 else None


# HTTP


def test_a_request_can_be_taken_back(client: Any):
    first = send(client, leg("a", cost="1"), leg("b", cost="2"))
    second = send(client, leg("a", cost="5"), leg("c", cost="10", currency="EUR"), {"record_type": "call-control"})
    would = undo(client, second, dry_run="true")
    expected = {"records_removed": 1, "records_restored": 1, "versions_dropped": 0}
    expected |= {"cost": [{"total": "10.000000", "currency": "EUR"}, {"total": "4.000000", "currency": "USD"}]}
    assert {name: would[name] for name in expected} == expected
    assert (would["dry_run"], would["state"], would["undone_at"], would["repeated_later"]) == (True, "stored", None, 0)
    assert total(client) == "7.000000"
    done = undo(client, second)
    assert {name: done[name] for name in expected} == expected
    assert (done["dry_run"], done["state"], done["already_undone"], "sessions" in done) == (
        False,
        "undone",
        False,
        False,
    )
    assert total(client) == "3.000000"
    again = undo(client, second)
    assert (again["already_undone"], again["records_removed"], again["undone_at"]) == (True, 0, done["undone_at"])
    undo(client, first)
    assert total(client) is None
    assert send(client, leg("a", cost="1")) != first
    assert total(client) == "1.000000"


def test_a_dry_run_says_how_many_sessions_change(client: Any):
    id = send(client, leg("a", cost="1"), leg("b", cost="2"), leg("c", telnyx_session_id="t"))
    until_fresh(client)
    assert undo(client, id, dry_run="1")["sessions"] == 2


def until_fresh(client: Any) -> None:
    """Wait until every record has found its session: asking for a session that is not there does."""
    assert client.delete("/v2/sessions/call-session/nowhere").status_code == 404


def test_what_was_repeated_goes_too_and_the_dry_run_says_so(client: Any):
    id = send(client, leg("a", cost="1"))
    send(client, leg("a", cost="1"), leg("b", cost="1"))
    assert undo(client, id, dry_run="true")["repeated_later"] == 1
    undo(client, id)
    assert total(client) == "1.000000"


def test_the_list_says_where_records_came_from_and_what_became_of_them(client: Any, inside: Any):
    first = send(client, leg("a"), leg("a"), {"record_type": "no such"})
    second = send(client, leg("a", cost="2"))
    undo(client, first)
    (latest, before), cursor = imports(client)
    assert cursor is None
    key = inside.key[:11]
    assert before.pop("received_at") < latest.pop("received_at")
    assert before.pop("undone_at") is not None
    source = {"source": "POST /v2/detail_records", "key": key}
    counts = {"received": 3, "created": 1, "updated": 0, "unchanged": 1, "rejected": 1}
    assert before == {"id": first, "state": "undone", **source, **counts}
    counts = {"received": 1, "created": 0, "updated": 1, "unchanged": 0, "rejected": 0}
    assert latest == {"id": second, "state": "stored", "undone_at": None, **source, **counts}


def test_pages_of_imports(client: Any):
    ids = [send(client, leg(str(at))) for at in range(5)]
    pages, cursor = [], None
    while not pages or cursor:
        found, cursor = imports(client, limit=2, **({"cursor": cursor} if cursor else {}))
        pages.append([each["id"] for each in found])
        send(client, leg("more"))  # what comes meanwhile moves no page
    assert pages == [ids[:2:-1], ids[2:0:-1], ids[:1]]


def test_a_request_whose_records_were_all_rejected_is_an_import_too(client: Any):
    id = send(client, {"record_type": "call-control"}, status=400)
    (noted,), _ = imports(client)
    assert (noted["id"], noted["created"], noted["rejected"]) == (id, 0, 1)


def test_undoing_what_was_rejected_whole_changes_nothing(client: Any):
    id = send(client, {"record_type": "call-control"}, status=400)
    before, _ = imports(client)
    undone = client.post(f"/v2/imports/{id}/undo")
    told = undone.json()["data"]
    assert (undone.status_code, told["state"], told["undone_at"], told["records_removed"]) == (200, "rejected", None, 0)
    assert imports(client)[0] == before


def test_the_list_of_files_or_of_requests(client: Any, inside: Any):
    requests = [send(client, leg(str(at))) for at in range(3)]
    files = Origin(new_id(), files="a.ndjson")
    inside.service.store.add("default", [], datetime.now(UTC), [Share(files, 0, rejected=2)])
    requests.append(send(client, leg("more")))

    def listed(**parameters: Any) -> list[str]:
        return [each["id"] for each in imports(client, **parameters)[0]]

    assert listed(**{"filter[source]": "file"}) == [files.id]
    assert listed(**{"filter[source]": "http"}) == requests[::-1]
    assert listed() == [requests[3], files.id, *requests[2::-1]]
    (noted,), _ = imports(client, **{"filter[source]": "file"})
    assert (noted["source"], noted["state"], noted["rejected"]) == ("a.ndjson", "rejected", 2)


@pytest.mark.parametrize("count", [3, 20_000])
def test_a_body_that_breaks_off_is_unfinished(client: Any, count: int):
    """Also one that is stored piece by piece."""
    lines = [json.dumps(leg(f"l{at}", note=os.urandom(60).hex())) for at in range(count)]
    packed = gzip.compress("\n".join(lines).encode())
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    answer = client.post("/v2/detail_records", content=packed[:-30], headers=headers)
    assert (answer.status_code, "breaks off" in answer.json()["errors"][0]["message"]) == (400, True)
    (noted,), _ = imports(client)
    assert (noted["id"], noted["state"]) == (answer.json()["data"]["import_id"], "unfinished")
    assert 0 < noted["created"] < count
    whole = client.post("/v2/detail_records", content=packed, headers=headers).json()["data"]
    assert [each["state"] for each in imports(client)[0]] == ["stored", "unfinished"]
    assert undo(client, noted["id"])["records_removed"] == noted["created"] == whole["unchanged"]
    assert imports(client)[0][1]["state"] == "undone"


def test_a_body_without_a_record_is_no_import(client: Any):
    answer = client.post("/v2/detail_records", json=[])
    assert (answer.status_code, "data" in answer.json()) == (400, False)
    assert imports(client) == ([], None)


def test_a_large_body_is_one_import(client: Any):
    lines = [json.dumps(leg(f"l{at}", note="x" * 500)) for at in range(5000)]
    lines[1000] = lines[4999] = '{"record_type": "call-control"}'
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/v2/detail_records", content="\n".join(lines).encode(), headers=headers).json()["data"]
    (noted,), _ = imports(client)
    assert (noted["id"], noted["created"], noted["rejected"]) == (answer["import_id"], 4998, 2)
    assert undo(client, noted["id"])["records_removed"] == 4998
    assert total(client) is None


@pytest.mark.parametrize(
    ("parameters", "parameter", "code"),
    [
        ({"limit": "0"}, "limit", "10033"),
        ({"limit": "501"}, "limit", "10033"),
        ({"limit": "x"}, "limit", "10015"),
        ({"cursor": "x"}, "cursor", "10015"),
        ({"cursor": ""}, "cursor", "10015"),
        ({"cursor": "f" * 16}, "cursor", "10015"),
        ({"filter[source]": "files"}, "filter[source]", "10032"),
        ({"source": "file"}, "source", "10015"),
    ],
)
def test_a_list_asked_for_wrongly(client: Any, parameters: dict[str, str], parameter: str, code: str):
    answer = client.get("/v2/imports", params=parameters)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["source"], error["code"]) == (400, {"parameter": parameter}, code)


def test_what_cannot_be_undone(client: Any):
    for id in (UNKNOWN, "x", "%2e%2e", "é"):
        answer = client.post(f"/v2/imports/{id}/undo")
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"], error["source"]) == (404, "10005", {"parameter": "id"})
    id = send(client, leg("a"))
    answer = client.post(f"/v2/imports/{id}/undo", params={"dry_run": "perhaps"})
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"parameter": "dry_run"})
    assert total(client) is not None


def test_taking_back_is_for_admin_keys_of_the_account(client: Any, inside: Any):
    id = send(client, leg("a"))
    as_reader = {"headers": {"Authorization": f"Bearer {inside.read_key}"}}
    text, key = make_key(account="other", scopes=frozenset({"read", "admin"}))
    inside.service.store.add_key(key)
    as_other = {"headers": {"Authorization": f"Bearer {text}"}}
    assert client.get("/v2/imports", **as_reader).json()["data"][0]["id"] == id
    assert client.post(f"/v2/imports/{id}/undo", **as_reader).status_code == 403
    assert client.delete("/v2/sessions/call-session/s", **as_reader).status_code == 403
    assert client.get("/v2/imports", **as_other).json()["data"] == []
    for question in ("post", f"/v2/imports/{id}/undo"), ("delete", "/v2/sessions/call-session/s"):
        assert client.request(*question, **as_other).status_code == 404
    assert total(client) is not None


def test_a_session_can_be_deleted(client: Any):
    send(client, leg("a", cost="1"), leg("b", cost="2"), leg("c", telnyx_session_id="t", cost="5"))
    send(client, leg("a", cost="4"))
    expected = {"record_type": "call-session", "id": "s", "records_removed": 2, "versions_dropped": 1}
    expected |= {"cost": [{"total": "6.000000", "currency": "USD"}]}
    would = client.delete("/v2/sessions/call-session/s", params={"dry_run": "true"})
    assert (would.status_code, would.json()["data"]) == (200, expected | {"dry_run": True})
    assert total(client) == "6.000000"
    done = client.delete("/v2/sessions/call-session/s")
    assert (done.status_code, done.json()["data"]) == (200, expected | {"dry_run": False})
    assert (total(client), total(client, "call-session/t")) == (None, "5.000000")
    again = client.delete("/v2/sessions/call-session/s")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (404, "10005")


def test_only_a_top_names_a_session(client: Any):
    send(client, leg("a"))
    assert client.delete("/v2/sessions/call-control/a").status_code == 404
    assert client.delete("/v2/sessions/no-such-type/a").status_code == 400
    assert client.delete("/v2/sessions/callcontrol-cdrs/a").status_code == 404
    assert client.delete("/v2/sessions/call-session/s").status_code == 200


def test_requests_are_stored_while_a_large_import_is_undone(server: Any):
    """An undo takes its turns with ingest: what is sent meanwhile is stored, and nothing of it goes."""
    records = [leg(f"l{at}", telnyx_session_id=f"s{at % 900}", cost="0.01") for at in range(6000)]
    id = server.post(records).json()["data"]["import_id"]
    undone = threading.Event()

    headers = {"Authorization": f"Bearer {server.key}"}

    def take_back() -> None:
        httpx.post(f"{server.url}/v2/imports/{id}/undo", headers=headers, timeout=SECONDS).raise_for_status()
        undone.set()

    thread = threading.Thread(target=take_back)
    thread.start()
    sent = 0
    with httpx.Client(headers=headers, timeout=SECONDS) as client:  # one connection, for turns as many as there are
        while thread.is_alive():
            record = leg(f"meanwhile{sent}", telnyx_session_id="m", cost="1")
            assert client.post(f"{server.url}/v2/detail_records", json=record).status_code == 200
            sent += 1
    assert undone.is_set()
    assert sent > 3
    answer = server.get("/v2/session_analysis/call-session/m").json()
    assert answer["cost"]["total"] == f"{sent}.000000"
    assert server.get("/v2/session_analysis/call-session/s1").status_code == 404


# The command line


def write(file: Path, *records: Body) -> Path:
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def import_(store: str, *files: Path, account: str = "default") -> str:
    """Import files; the id that the summary ends with."""
    result = call("import", "--store", store, "--account", account, *files)
    assert result.exit_code == 0, result.stderr
    said = re.match(r"Import ([0-9a-f]{16})[;:] ", result.stdout.splitlines()[-1])
    assert said
    return said[1]


def tree_total(store: str) -> str | None:
    result = call("tree", "--store", store, "--json", "call-session", "s")
    return json.loads(result.stdout)["cost"]["total"] if result.exit_code == 0 else None


def test_an_import_is_taken_back_after_saying_what_that_does(tmp_path: Path, where: str):
    a = write(tmp_path / "a.ndjson", leg("a", cost="1"), leg("b", cost="2"))
    b = write(tmp_path / "b.ndjson", leg("a", cost="5"), leg("c", cost="10", currency="EUR"))
    import_(where, a)
    id = import_(where, b)
    would = call("imports", "undo", "--store", where, "--dry-run", id)
    assert would.exit_code == 0
    first, *lines = would.stdout.splitlines()
    assert first.startswith(f"{id}: {b}, 20")
    assert lines == [
        "  records removed: 1",
        "  records that get back the content before: 1",
        "  less in all: 10.000000 EUR",
        "  less in all: 4.000000 USD",
        "  sessions that change: 1",
    ]
    refused = call("imports", "undo", "--store", where, id, input=b"n\n")
    assert (refused.exit_code, tree_total(where)) == (1, "7.000000")
    done = call("imports", "undo", "--store", where, id, input=b"y\n")
    assert (done.exit_code, done.stdout) == (
        0,
        would.stdout + f"{id} is undone; records removed: 1, restored: 1\n",
    )
    assert tree_total(where) == "3.000000"
    again = call("imports", "undo", "--store", where, "--yes", id)
    assert (again.exit_code, again.stdout.startswith(f"{id} is undone already, since 20")) == (0, True)
    assert call("import", "--store", where, b).stdout.startswith(f"{b}: 1 created, 1 updated, 0 unchanged, 0 rejected")
    assert tree_total(where) == "7.000000"


def test_the_preview_warns_of_what_later_imports_repeated(tmp_path: Path, where: str):
    file = write(tmp_path / "a.ndjson", leg("a", cost="1"))
    id = import_(where, file)
    import_(where, file)
    result = call("imports", "undo", "--store", where, "--yes", id)
    assert "  of these, sent again unchanged by later imports: at most 1; they go too\n" in result.stdout
    assert tree_total(where) is None


def test_an_import_that_was_rejected_whole_is_left_as_it_is(tmp_path: Path, where: str):
    file = write(tmp_path / "a.ndjson", {"record_type": "call-control"})
    assert call("import", "--store", where, file).exit_code == 1
    listed = call("imports", "list", "--store", where).stdout
    id = listed.splitlines()[1].split()[0]
    result = call("imports", "undo", "--store", where, "--yes", id)
    said = f"nothing of {id} is stored, so there is nothing to take back: all of its records were rejected\n"
    assert (result.exit_code, result.output) == (0, said)
    assert call("imports", "list", "--store", where).stdout == listed
    assert " rejected " in listed


def test_the_preview_counts_no_more_repeats_than_records_of_the_import(tmp_path: Path, where: str):
    mine, others = ([leg(f"{name}{at}", cost="1") for at in range(5)] for name in "ab")
    import_(where, write(tmp_path / "b.ndjson", *others))
    id = import_(where, write(tmp_path / "a.ndjson", *mine[:2]))
    nothing = import_(where, write(tmp_path / "bad.ndjson", leg("a0", cost="1"), leg("c", cost="2")))
    import_(where, write(tmp_path / "all.ndjson", *others, leg("c", cost="2")))
    assert "of these, sent again unchanged by later imports: at most 2;" in preview_of(where, id)
    assert call("imports", "undo", "--store", where, "--yes", nothing).exit_code == 0
    assert "at most 2;" in preview_of(where, id)
    last = import_(where, write(tmp_path / "c.ndjson", leg("c", cost="3")))
    assert "unchanged" not in preview_of(where, last)


def preview_of(where: str, id: str) -> str:
    result = call("imports", "undo", "--store", where, "--dry-run", id)
    assert result.exit_code == 0
    return result.stdout


def test_several_files_are_one_import(tmp_path: Path, where: str):
    files = [write(tmp_path / f"{at}.ndjson", leg(str(at))) for at in range(7)]
    id = import_(where, *files)
    listed = call("imports", "list", "--store", where).stdout.splitlines()
    assert listed[0].split() == ["ID", "RECEIVED", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "STATE", "SOURCE"]
    (line,) = listed[1:]
    assert line.split()[0] == id
    assert re.search(r"  7 +0 +0 +0 +stored +", line)
    assert line.endswith(f"{', '.join(map(str, files[:5]))} and 2 more")
    call("imports", "undo", "--store", where, "--yes", id)
    assert " undone " in call("imports", "list", "--store", where).stdout
    assert tree_total(where) is None


def test_the_list_has_the_latest_of_an_account(tmp_path: Path, where: str):
    ids = [import_(where, write(tmp_path / "a.ndjson", leg(str(at))), account="ours") for at in range(3)]
    listed = call("imports", "list", "--store", where, "--account", "ours", "--limit", "2").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [ids[2], ids[1]]
    nothing = call("imports", "list", "--store", where)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Nothing has been imported for the account default" in nothing.stderr


def test_imports_of_files_stand_out_among_requests(tmp_path: Path, where: str):
    id = import_(where, write(tmp_path / "a.ndjson", *(leg(str(at)) for at in range(1200))))
    with closing(open_store(where, catalog_files.load())) as store:
        for _ in range(3):
            store.add("default", [], datetime.now(UTC), [Share(Origin(new_id(), key="st_12345678"), 0, rejected=1)])

    def listed(*options: str) -> list[str]:
        return call("imports", "list", "--store", where, *options).stdout.splitlines()[1:]

    (line,) = listed("--source", "file")
    assert re.fullmatch(rf"{id}  [-\d]+ [:\d]+  1,200    0        0          0         stored  .+/a\.ndjson", line)
    requests = listed("--source", "http")
    assert [line.split()[-5:-3] + line.split()[-3:] for line in requests] == [
        ["1", "rejected", "POST", "/v2/detail_records", "(st_12345678)"]
    ] * 3
    assert listed() == requests + listed()[3:]
    cut = call("imports", "list", "--store", where, "--limit", "3")
    assert len(cut.stdout.splitlines()) == 4
    assert (
        cut.stderr == "Note: there are more; --limit shows others, --source file only what was imported from files.\n"
    )
    one_kind = call("imports", "list", "--store", where, "--source", "http", "--limit", "2")
    assert one_kind.stderr == "Note: there are more; --limit shows others.\n"
    assert call("imports", "list", "--store", where, "--limit", "4").stderr == ""
    none = call("imports", "list", "--store", where, "--account", "other", "--source", "file")
    assert none.stderr == "Nothing has been imported from files for the account other.\n"
    assert call("imports", "list", "--store", where, "--source", "files").exit_code == 2


def test_an_import_that_brought_nothing_names_no_way_back(tmp_path: Path, where: str):
    file = write(tmp_path / "a.ndjson", leg("a"), leg("b"))
    import_(where, file)
    again = call("import", "--store", where, file).stdout.splitlines()[-1]
    assert re.fullmatch(r"Import [0-9a-f]{16}: nothing new, all of it was stored before", again)
    wrong = call("import", "--store", where, write(tmp_path / "b.ndjson", {"record_type": "call-control"}))
    assert wrong.exit_code == 1
    assert re.fullmatch(r"Import [0-9a-f]{16}: nothing is stored", wrong.stdout.splitlines()[-1])
    states = [line.split()[7] for line in call("imports", "list", "--store", where).stdout.splitlines()[1:]]
    assert states == ["rejected", "stored", "stored"]


def test_the_hint_of_another_account_names_it(tmp_path: Path, where: str):
    file = write(tmp_path / "a.ndjson", leg("a"))
    result = call("import", "--store", where, "--account", "our calls", file)
    hint = result.stdout.splitlines()[-1].partition("sessiontree ")[2]
    assert hint.endswith(" --account 'our calls'")
    done = call(*shlex.split(hint), "--yes", "--store", where)
    assert (done.exit_code, "is undone; records removed: 1" in done.stdout) == (0, True)


def test_an_import_that_is_not_there_is_one_sentence(tmp_path: Path, where: str):
    file = write(tmp_path / "a.ndjson", leg("a"))
    id = import_(where, file)
    for wrong in (UNKNOWN, "x"):
        result = call("imports", "undo", "--store", where, "--yes", wrong)
        assert (result.exit_code, result.stderr) == (
            1,
            f"Error: there is no import with the id {wrong}; list the imports to see which there are\n",
        )
    assert call("imports", "undo", "--store", where, "--account", "other", "--yes", id).exit_code == 1
    assert tree_total(where) is not None


def test_a_session_is_deleted_after_saying_what_that_does(tmp_path: Path, where: str):
    import_(
        where, write(tmp_path / "a.ndjson", leg("a", cost="1"), leg("a", cost="2"), leg("b", telnyx_session_id="t"))
    )
    would = call("sessions", "delete", "--store", where, "--dry-run", "call-session", "s")
    lines = ["Session of call-session s", "  records removed: 1", "  contents that leave the histories: 1"]
    assert would.stdout.splitlines() == [*lines, "  less in all: 2.000000 USD"]
    assert call("sessions", "delete", "--store", where, "call-session", "s", input=b"n\n").exit_code == 1
    assert tree_total(where) == "2.000000"
    done = call("sessions", "delete", "--store", where, "--yes", "call-session", "s")
    assert (done.exit_code, done.stdout) == (0, would.stdout + "The session is removed; records removed: 1\n")
    assert tree_total(where) is None
    again = call("sessions", "delete", "--store", where, "--yes", "call-session", "s")
    assert (again.exit_code, "there is no session of call-session s" in again.stderr) == (1, True)
    assert call("sessions", "delete", "--store", where, "--yes", "no-such-type", "s").exit_code == 2


def test_a_credit_that_is_taken_back_leaves_more(tmp_path: Path, where: str):
    id = import_(where, write(tmp_path / "a.ndjson", leg("a", cost="-0.8189", currency="EUR")))
    would = call("imports", "undo", "--store", where, "--dry-run", id).stdout.splitlines()
    assert "  more in all: 0.818900 EUR" in would


def test_the_account_may_stand_before_the_word_delete(tmp_path: Path, where: str):
    file = write(tmp_path / "a.ndjson", leg("a", cost="1"))
    import_(where, file)
    import_(where, file, account="ours")
    for arguments in (("--account", "ours", "delete"), ("delete", "--account", "ours")):
        done = call("sessions", *arguments, "--store", where, "--dry-run", "call-session", "s")
        assert done.exit_code == 0, done.stderr
    assert (
        call("sessions", "--account", "ours", "delete", "--store", where, "--yes", "call-session", "s").exit_code == 0
    )
    assert tree_total(where) == "1.000000"


def test_old_sessions_are_pruned_after_saying_what_that_does(tmp_path: Path, where: str):
    times = {"started_at": "2026-03-01T10:00:00Z", "finished_at": "2026-03-01T10:05:00Z"}
    old = [leg(f"o{at}", telnyx_session_id=f"o{at % 3}", cost="1", **times) for at in range(6)]
    import_(where, write(tmp_path / "a.ndjson", *old, leg("a", cost="1", started_at="2026-03-05T10:00:00Z")))
    would = call("store", "prune", "--store", where, "--before", "2026-03-02", "--dry-run")
    assert would.stdout.splitlines() == [
        "Sessions that ended before 2026-03-02: 3",
        "  records removed: 6",
        "  less in all: 6.000000 USD",
    ]
    done = call("store", "prune", "--store", where, "--before", "2026-03-02", "--yes")
    assert (done.exit_code, done.stdout) == (0, would.stdout + "Removed sessions: 3, with all their records: 6\n")
    assert tree_total(where) == "1.000000"
    nothing = call("store", "prune", "--store", where, "--before", "2026-03-02T00:00:00Z")
    assert (nothing.exit_code, nothing.stdout.splitlines()[0]) == (
        0,
        "Sessions that ended before 2026-03-02T00:00:00Z: 0",
    )
    assert call("store", "prune", "--store", where).exit_code == 2
    wrong = call("store", "prune", "--store", where, "--before", "soon")
    assert (wrong.exit_code, "--before soon is not an ISO 8601 date or time" in wrong.stderr) == (2, True)


def test_a_killed_undo_is_gone_on_with(tmp_path: Path, where: str):
    """The list says that it was stopped, the preview counts what is left, and the next run comes to the end."""
    id = import_(where, write(tmp_path / "a.ndjson", *(leg(f"{at}", cost="1") for at in range(1200))))
    opened = open_store(where, catalog_files.load())
    opened.intakes.undo("default", id, datetime.now(UTC))
    opened.close()
    assert " undoing " in call("imports", "list", "--store", where).stdout
    assert tree_total(where) == "700.000000"
    done = call("imports", "undo", "--store", where, "--yes", id)
    assert "(going on with an undo that was stopped)" in done.stdout
    assert done.stdout.endswith(f"{id} is undone; records removed: 700, restored: 0\n")
    assert tree_total(where) is None


@pytest.mark.long
def test_an_undo_that_is_killed_leaves_whole_records_and_comes_to_its_end_later(tmp_path: Path, where: str):
    records = [leg(f"{at}", telnyx_session_id=f"s{at % 3000}", cost="1") for at in range(30_000)]
    id = import_(where, write(tmp_path / "a.ndjson", *records))
    command = [sys.executable, "-m", "sessiontree", "imports", "undo", "--store", where, "--yes", id]
    left = len(records)
    for _ in range(3):
        before = left
        with (
            closing(open_store(where, catalog_files.load())) as opened,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        ):
            until(lambda before=before, opened=opened: opened.count() < before)
            process.kill()
        let_go(where)
        with closing(open_store(where, catalog_files.load())) as opened:
            left = opened.count()
        assert 0 < left < before
    assert call("verify", "--store", where).exit_code == 0
    done = call("imports", "undo", "--store", where, "--yes", id)
    assert done.stdout.endswith(f"{id} is undone; records removed: {left:,}, restored: 0\n")
    assert call("verify", "--store", where).exit_code == 0


def test_an_import_that_is_undone_while_it_runs_says_so(tmp_path: Path, where: str):
    store = open_store(where, catalog_files.load())
    origin = Origin(new_id(), files="a.ndjson")
    bodies = [json.dumps(leg(f"{at}")).encode() for at in range(BATCH + 1)]

    def breaking() -> Iterator[Element]:
        yield from (Element(at, body) for at, body in enumerate(bodies[:-1]))
        taking_back.undo(store, "default", origin.id, datetime.now(UTC), lambda records: None)
        yield Element(BATCH, bodies[-1])

    summary = Summary()
    with pytest.raises(IntakeUndone, match="undone while it was under way"):
        add_all(store, "default", breaking(), Rejects(tmp_path / "r"), summary, record_type=None, origin=origin)
    assert (summary.created, store.count()) == (BATCH, 0)
    store.close()
