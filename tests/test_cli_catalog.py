"""`sessiontree catalog`: seeing, checking, trying and applying record types."""

import json
from pathlib import Path

import pytest

from cli_help import call
from sessiontree import catalog_files

RESTART = "Servers that run with other declarations go on storing, but leave sessions alone: restart them.\n"
CRM = """
category = "Own"
description = "A ticket that a call led to."
product = "crm"
event = "ticket"
id = "ticket"
start = ["opened_at"]
cost = ["price"]
currency = "currency"
default_currency = "USD"
[fields]
ticket = "string"
opened_at = "time"
price = "amount"
currency = "string"
call = "string"
leg = "string"
[[parents]]
record_type = "call-control"
description = "The leg that the ticket was opened on, else any of its call."
via = [["leg", "telnyx_leg_id"], ["call", "telnyx_session_id"]]
"""
RECORDS = [
    {"record_type": "call-control", "id": "a", "telnyx_leg_id": "a", "telnyx_session_id": "s", "cost": "0.01"},
    {"record_type": "crm-ticket", "ticket": "t1", "leg": "a", "call": "s", "price": "1.50"},
    {"record_type": "crm-ticket", "ticket": "t2", "leg": "gone", "call": "s", "price": "1.50"},
    {"record_type": "crm-ticket", "ticket": "t3", "leg": "gone", "call": "gone too", "opened_at": "2026-03-17"},
    {"record_type": "crm-ticket", "ticket": "t4", "leg": None, "price": "1.50"},
    {"record_type": "crm-ticket", "ticket": "t5", "price": "much"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    types = tmp_path / "types"
    types.mkdir()
    (types / "crm-ticket.toml").write_text(CRM)
    (tmp_path / "records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return tmp_path


def test_list_shows_every_type_and_its_parents():
    lines = call("catalog", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == sorted(catalog_files.load().types)
    participant = next(line for line in lines if line.startswith("conference-participant "))
    assert participant.split(None, 2)[1:] == ["conference", "call-session, conference"]


def test_show_tells_all_of_one_type():
    shown = call("catalog", "show", "stt").stdout
    for text in ("Type         speech-to-text", "Cost         cost", "Also called  stt"):
        assert text in shown
    assert (
        "Belongs under call-control by call_leg_id = telnyx_leg_id, else call_session_id = telnyx_session_id" in shown
    )
    shown = call("catalog", "show", "ai-voice-assistant").stdout
    assert "Has below it inference by conversation_id" in shown
    assert "Expects      inference where billed_sec is above 0" in shown


def test_a_misspelt_type_is_a_wrong_call():
    result = call("catalog", "show", "stx")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "stt" in result.stderr


def test_a_folder_adds_types(folder: Path):
    assert "crm-ticket" in call("catalog", "list", "--catalog", folder / "types").stdout
    assert "crm-ticket" in call("catalog", "list", SESSIONTREE_CATALOG=str(folder / "types")).stdout
    assert "crm-ticket" not in call("catalog", "list").stdout


def test_check_says_everything_that_is_wrong(folder: Path):
    result = call("catalog", "check", folder / "types")
    assert (result.exit_code, result.stdout) == (0, f"{folder / 'types'} can be used: it declares crm-ticket\n")
    (folder / "types" / "bad.toml").write_text(CRM.replace("call-control", "call-contrl").replace("cost =", "costs ="))
    result = call("catalog", "check", folder / "types")
    assert result.exit_code == 1
    assert "bad.toml: costs: " in result.stdout


def test_a_broken_folder_is_one_sentence_for_every_command(folder: Path, where: str):
    (folder / "types" / "bad.toml").write_text("= nonsense")
    result = call("import", "--catalog", folder / "types", "--store", where, folder / "records.ndjson")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: bad.toml: line 1: ")
    assert result.stderr.count("\n") == 1


def test_test_shows_what_links_by_what_and_why_others_do_not(folder: Path):
    result = call("catalog", "test", folder / "types", folder / "records.ndjson")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "call-control: 1 record",
        "        1  without a time: nothing in started_at, such as a",
        "  under call-session:",
        "          1  by telnyx_session_id = telnyx_session_id, such as a",
        "          0  by call_session_id = telnyx_session_id",
        "crm-ticket: 4 records",
        "        3  without a time: nothing in opened_at, such as t1, t2, t4",
        "        1  unpriced: nothing in price, such as t3",
        "  under call-control:",
        "          1  by leg = telnyx_leg_id, such as t1",
        "          1  by call = telnyx_session_id, such as t2",
        "          1  not linked: no call-control found by leg, call, such as t3",
        "          1  not linked: no value to link by, such as t4",
        "rejected:       1  'much' is not a decimal such as 0.0052 or 1.666E-4, such as line 6",
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["records.ndjson", "types"]


def test_test_says_nothing_of_what_is_not_declared_or_not_lacking(folder: Path):
    table = folder / "conferences.csv"
    table.write_text("id,started_at\nc1,2026-03-17\nc2,\n")
    result = call("catalog", "test", "--record-type", "conference", folder / "types", table)
    assert result.stdout.splitlines() == [
        "conference: 2 records",
        "        1  without a time: nothing in started_at, such as c2",
    ]
    table.write_text("uuid,sent_at,cost\nm1,2026-03-17,0.01\nm2,,\nm3,,\nm4,,\nm5,,\n")
    result = call("catalog", "test", "--record-type", "message", folder / "types", table)
    assert result.stdout.splitlines() == [
        "message: 5 records",
        "        4  without a time: nothing in created_at, sent_at, such as m2, m3, m4",
        "        4  unpriced: nothing in cost, carrier_fee, such as m2, m3, m4",
    ]
    table.write_text("uuid,created_at,carrier_fee\nm1,2026-03-17,0.01\n")
    result = call("catalog", "test", "--record-type", "message", folder / "types", table)
    assert result.stdout == "message: 1 record\n"


def test_test_of_a_table_without_types(folder: Path):
    table = folder / "tickets.csv"
    table.write_text("ticket,leg,price\nt1,a,1.50\nt2,,2.50\n")
    untyped = call("catalog", "test", folder / "types", table)
    assert untyped.exit_code == 1
    assert "record_type is missing: name the record's type in it, or once for all records (--record-type TYPE" in (
        untyped.stdout
    )
    result = call("catalog", "test", "--record-type", "crm-ticket", folder / "types", table)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "crm-ticket: 2 records")
    assert call("catalog", "test", "--record-type", "crm-tickets", folder / "types", table).exit_code == 2


def test_test_agrees_with_the_tree(folder: Path, where: str):
    """The trial has its own reading of the placement rules: here both look at the same records."""
    options = ("--catalog", folder / "types", "--store", where)
    call("import", *options, folder / "records.ndjson")
    answer = json.loads(call("tree", *options, "--json", "call-control", "a").stdout)
    links = {child["id"]: child["relationship"]["via"]["local_field"] for child in answer["root"]["children"]}
    assert links == {"t1": "leg", "t2": "call"}


def test_apply_reads_stored_records_again(folder: Path, where: str):
    options = ("--catalog", folder / "types", "--store", where)
    call("import", *options, folder / "records.ndjson")
    before = json.loads(call("tree", *options, "--json", "call-control", "a").stdout)
    assert before["cost"]["total"] == "3.010000"
    (folder / "types" / "crm-ticket.toml").write_text(CRM.replace(', ["call", "telnyx_session_id"]', ""))
    stale = call("tree", *options, "call-control", "a")
    assert stale.stderr.startswith("Note: crm-ticket is declared otherwise than where the sessions were made: ")
    assert "run `sessiontree catalog apply` with it" in stale.stderr
    applied = call("catalog", "apply", *options)
    assert applied.exit_code == 0, applied.stderr
    assert f"changed: crm-ticket\n{RESTART}" in applied.stdout
    after = json.loads(call("tree", *options, "--json", "call-control", "a").stdout)
    assert after["cost"]["total"] == "1.510000"
    assert "nothing to do" in call("catalog", "apply", *options).stdout


def test_apply_takes_a_type_that_is_gone_out_of_the_sessions(folder: Path, where: str):
    store = ("--store", where)
    declared = (*store, "--catalog", folder / "types")
    call("import", *declared, folder / "records.ndjson")
    assert "crm-ticket" in call("sessions", *declared).stdout
    assert call("unlinked", *store).exit_code == 0
    exported = call("export", *store, "-o", "-")
    assert (exported.exit_code, exported.stdout) == (1, "") and "name its folder with --catalog" in exported.stderr
    assert call("verify", *store).exit_code == 1  # the sessions were added up with it
    for options, count in ((store, 1), (declared, 5)):
        applied = call("catalog", "apply", "--yes", *options)
        assert (applied.exit_code, applied.stdout.split("changed: ")[1:]) == (0, [f"crm-ticket\n{RESTART}"])
        verified = call("verify", *options)
        assert verified.exit_code == 0 and f"  {count} record" in verified.stdout, verified.stdout
        assert "nothing to do" in call("catalog", "apply", *options).stdout
