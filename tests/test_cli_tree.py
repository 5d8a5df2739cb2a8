"""`sessiontree tree`, as text and as JSON, for trees of any size."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli_help import STEP, call
from conftest import SECONDS
from sessiontree import wire
from sessiontree.cli.deep_json import pieces
from stores import NewStore

EXAMPLES = Path(__file__).parent.parent / "examples"
GUIDE = ("call-session", "a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, new_store: NewStore) -> Iterator[str]:
    with new_store(tmp_path_factory.mktemp("tree")) as where:
        assert call("import", "--store", where, *sorted(EXAMPLES.glob("*.ndjson"))).exit_code == 0
        yield where


def import_(where: str, folder: Path, records: Iterator[dict[str, Any]], *options: str | Path) -> None:
    """Import these records, by way of a file in the folder."""
    file = folder / "records.ndjson"
    file.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    assert call("import", "--store", where, *options, file).exit_code == 0


def test_the_tree_of_the_guide(store: str):
    result = call("tree", "--store", store, *GUIDE)
    expected = (EXAMPLES / "ai-call.tree.txt").read_text(encoding="utf-8").partition("\n\n")[2]
    assert expected.startswith(result.stdout)
    assert result.stdout.count("\n") > 15
    assert (result.exit_code, result.stderr) == (0, "")


def test_names_in_use_elsewhere_are_understood(store: str):
    by_id = call("tree", "--store", store, "sim_card_usage", "b7c1f6d2-1f6e-4d0c-9e57-20b7f4a9d811").stdout
    assert "0.194375 USD" in by_id
    assert call("tree", "--store", store, "wireless", "b7c1f6d2-1f6e-4d0c-9e57-20b7f4a9d811").stdout == by_id


def test_depth_cuts_what_is_shown_only(store: str):
    shown = call("tree", "--store", store, "--depth", "1", *GUIDE).stdout
    assert "└── ... 6 events not shown" in shown
    whole = call("tree", "--store", store, *GUIDE).stdout
    assert shown.partition("\n\n")[2] == whole.partition("\n\n")[2]


def test_json_is_what_the_api_answers(store: str):
    answer = json.loads(call("tree", "--store", store, "--json", *GUIDE).stdout)
    golden = json.loads((Path(__file__).parent / "golden" / "ai-call.json").read_text(encoding="utf-8"))
    assert answer == golden
    cut = json.loads(call("tree", "--store", store, "--json", "--depth", "1", *GUIDE).stdout)
    assert cut["meta"]["truncated"]
    assert cut["cost"] == golden["cost"]


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["call-sesion", "x"], 2, "did you mean call-session"),
        (["call-session", "x"], 1, "no call-session event with the id x was found"),
        (["--account", "acme", "call-session", "x"], 1, "the account acme has no records; there are default"),
        (["--depth", "-1", "call-session", "x"], 2, "--depth"),
        (["--depth", "x", "call-session", "x"], 2, "--depth"),
        (["call-session"], 2, "ID"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_a_sentence(arguments: list[str], status: int, reason: str, store: str):
    result = call("tree", "--store", store, *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path):
    result = call("tree", "--store", tmp_path / "none.db", *GUIDE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "none.db does not exist" in result.stderr
    assert not (tmp_path / "none.db").exists()


def test_the_store_is_named_by_option_or_environment(store: str, tmp_path: Path):
    expected = call("tree", "--store", store, *GUIDE).stdout
    assert call("--store", store, "tree", *GUIDE).stdout == expected
    assert call("tree", *GUIDE, SESSIONTREE_STORE=store).stdout == expected
    assert call("tree", "--store", store, *GUIDE, SESSIONTREE_STORE=str(tmp_path / "other.db")).stdout == expected
    (tmp_path / "settings.toml").write_text(f'store = "{store}"')
    assert call("tree", "--config", tmp_path / "settings.toml", *GUIDE).stdout == expected


def test_the_limit_on_events_is_an_error_and_no_part_of_the_sum(store: str):
    result = call("tree", "--store", store, *GUIDE, SESSIONTREE_EVENTS_MAX="10")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "more than 10 events" in result.stderr


def test_a_tree_of_ten_thousand_events_is_whole(tmp_path: Path, where: str):
    legs = (
        {"record_type": "call-control", "id": f"{n:05}", "telnyx_session_id": "s", "cost": "1E-6"} for n in range(9999)
    )
    import_(where, tmp_path, legs)
    lines = call("tree", "--store", where, "call-session", "s").stdout.splitlines()
    assert "Total      0.009999 USD" in lines
    assert len(lines[1 : lines.index("")]) == 10_000
    answer = json.loads(call("tree", "--store", where, "--json", "call-session", "s").stdout)
    assert len(answer["root"]["children"]) == 9999


def test_a_chain_of_five_hundred_is_whole(tmp_path: Path, where: str):
    types = tmp_path / "types"
    types.mkdir()
    (types / "step.toml").write_text(STEP)
    steps = (
        {
            "record_type": "step",
            "id": str(n),
            "under": str(n - 1) if n else None,
            "cost": "0.1",
            "text": '"children":[]',
        }
        for n in range(500)
    )
    import_(where, tmp_path, steps, "--catalog", types)
    text = call("tree", "--store", where, "--catalog", types, "step", "0").stdout
    assert "Total      50.0000 USD" in text.splitlines()
    result = call("tree", "--store", where, "--catalog", types, "--json", "step", "0")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # for the reading here: the program itself must do with the usual one
    try:
        node = json.loads(result.stdout)["root"]
    finally:
        sys.setrecursionlimit(limit)
    for depth in range(500):
        assert (node["id"], node["record"]["text"]) == (str(depth), '"children":[]')
        node = node["children"][0] if node["children"] else None
    assert node is None


def test_the_pieces_are_the_bytes_of_the_plain_encoder(store: str):
    for record_type, id in (GUIDE, ("conference", "8d0c42a6-9b1e-4f3d-b2a7-3c5e7f9a1b2d")):
        text = call("tree", "--store", store, "--json", record_type, id).stdout.strip().encode()
        session = msgspec.json.decode(text, type=wire.SessionAnalysis)
        plain = msgspec.json.encode(session)
        assert b"".join(pieces(session)) == plain == text


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """What a command prints when its standard output is a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sessiontree", *arguments],
        stdout=follower,
        stderr=follower,
        stdin=follower,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(follower)
    text = b""
    while select.select([leader], [], [], SECONDS)[0]:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        text += piece
    assert process.wait(SECONDS) == 0, text
    os.close(leader)
    return text.decode()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_gets_no_traceback(form: list[str], store: str):
    command = [sys.executable, "-m", "sessiontree", "tree", *form, "--store", store, *GUIDE]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(SECONDS) == 1
    process.stderr.close()


def test_a_full_disk_behind_standard_output_is_one_sentence(store: str):
    command = [sys.executable, "-m", "sessiontree", "tree", "--store", store, *GUIDE]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (1, "Error: standard output: No space left on device\n")


def test_colour_on_a_terminal_only_and_not_when_unwanted(store: str):
    arguments = ["tree", "--store", store, *GUIDE]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    assert "\x1b[" in on_a_terminal(arguments, environment | {"NO_COLOR": ""})
    assert "\x1b[" not in on_a_terminal(arguments, {"NO_COLOR": "1"})
    assert "\x1b[" not in on_a_terminal(arguments, {"TERM": "dumb"})
    assert "\x1b[" not in call("tree", "--store", store, *GUIDE).stdout


def test_types_that_the_catalogue_lacks_are_named(tmp_path: Path, where: str):
    folder = tmp_path / "types"
    folder.mkdir()
    (folder / "step.toml").write_text(STEP)
    options = ("--catalog", folder)
    import_(where, tmp_path, iter([{"record_type": "step", "id": "1"}, {"record_type": "fax", "id": "f"}]), *options)
    warning = "records of step are stored, but the catalogue has no such type: name its folder with --catalog"
    for command in (["tree", "fax", "f"], ["catalog", "apply", "--yes"]):
        lacking = call(*command, "--store", where)
        assert (lacking.exit_code, lacking.stderr) == (0, f"Note: {warning}.\n")
        assert call(*command, "--store", where, *options).stderr == ""
    misspelt = call("tree", "--store", where, "step", "1")
    assert misspelt.exit_code == 2
    assert warning in misspelt.stderr


def test_a_misspelt_type_points_to_the_list_once(store: str):
    assert call("tree", "--store", store, "no-such", "x").stderr.count("catalog list") == 1


def test_a_progress_bar_on_a_terminal_only(tmp_path: Path, where: str):
    file = tmp_path / ("a folder with a long name " * 5) / "a.ndjson"
    file.parent.mkdir()
    file.write_bytes((EXAMPLES / "ai-call.ndjson").read_bytes())
    shown = on_a_terminal(["import", "--store", where, str(file)], {})
    assert "10 created" in shown
    assert "━" in shown
    assert call("import", "--store", where, file).stderr == ""
