"""`sessiontree export` and `tree --csv`: what they write, under which name, and what they say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli_help import call, run
from conftest import SECONDS
from sessiontree.analysis import Analysis
from sessiontree.errors import StoreError
from test_export import CALL, CONFERENCE, csv_rows

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def store(tmp_path: Path, where: str) -> str:
    records = tmp_path / "records.ndjson"
    records.write_text("".join(json.dumps(record) + "\n" for record in CALL + CONFERENCE))
    assert call("import", "--store", where, records).exit_code == 0
    return where


def test_a_file_of_everything(store: str, tmp_path: Path):
    file = tmp_path / "all.csv"
    result = call("export", "--store", store, "-o", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{file}: 9 rows of 2 sessions, EUR -2.000000 + USD 0.9353421\n"
    rows = csv_rows(file.read_text())
    assert [row["id"] for row in rows[:-1]] == ["s1", "c1", "a1", "i1", "i2", "i3", "p1", "k1", "p2"]
    assert rows[-1]["session_id"] == "#end"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("name", "begins"),
    [("x.ndjson", b'{"session_id"'), ("x.JSONL", b'{"session_id"'), ("x.parquet", b"PAR1"),
     ("x.focus.csv", b"BilledCost,"), ("x.csv", b"session_id,"), ("x", b"session_id,")],
)  # fmt: skip
def test_the_name_says_which_format(store: str, tmp_path: Path, name: str, begins: bytes):
    assert call("export", "--store", store, "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_an_ending_that_is_no_format_is_a_wrong_call(store: str, tmp_path: Path):
    file = tmp_path / "a.xlsx"
    result = call("export", "--store", store, "-o", file)
    known = ".csv, .ndjson, .jsonl, .parquet, .focus.csv"
    assert result.exit_code == 2
    assert f"{file}: .xlsx is no format of an export; end it in {known}, or name a --format" in result.stderr
    assert not file.exists()
    assert call("export", "--store", store, "-o", file, "--format", "csv").exit_code == 0


def test_format_and_fields_can_be_named(store: str, tmp_path: Path):
    file = tmp_path / "x.csv"
    assert call("export", "--store", store, "-o", file, "--format", "parquet", "--fields", "model,id").exit_code == 0
    table = pq.read_table(file)
    assert table.column_names[-2:] == ["model", "record.id"]
    assert "=HYPERLINK(1)" in table["model"].to_pylist()


def test_to_standard_output(store: str, tmp_path: Path):
    done = run("export", "--store", store, "-o", "-", "--format", "ndjson", "--type", "conference", cwd=tmp_path)
    assert [json.loads(line).get("id") for line in done.stdout.splitlines()] == ["k1", "p2", None]
    assert done.stderr == b"standard output: 2 rows of 1 sessions, USD 0.250000\n"


def test_the_filters_of_the_session_list(store: str):
    def ids(*options: str) -> list[str]:
        lines = call("export", "--store", store, "-o", "-", "--format", "ndjson", *options).stdout.splitlines()
        return [json.loads(line)["id"] for line in lines[:-1]]

    assert ids("--since", "2026-03-17T10:30:00Z") == ["k1", "p2"]
    assert ids("--until", "2026-03-17T10:30:00Z")[0] == "s1"
    assert ids("--min", "0.7", "--currency", "USD") == ["k1", "p2"]
    assert ids("--max", "0.7", "--currency", "USD", "--product", "conference")[0] == "s1"
    assert ids("--account", "nobody") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "xml"], "Invalid value for '--format'"),
        (["--fields", "nonsense"], "--fields names 'nonsense', a field that no record type has"),
        (["--min", "cheap"], "--min"),
        (["--type", "nothing"], "'nothing' is no record type"),
    ],
)
def test_a_wrong_call_writes_nothing(store: str, tmp_path: Path, options: list[str], said: str):
    result = call("export", "--store", store, "-o", tmp_path / "x.csv", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "x.csv").exists()


def test_a_file_keeps_its_content_until_the_new_one_is_whole(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "x.csv"
    file.write_text("before")
    tree, called = Analysis.tree, []

    def failing(self, *arguments):
        called.append(arguments)
        if len(called) == 2:
            raise StoreError("the disk is gone")
        return tree(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Analysis, "tree", failing)
        result = call("export", "--store", store, "-o", file)
    assert (result.exit_code, result.stderr) == (1, "Error: the disk is gone\n")
    assert file.read_text() == "before"
    assert not list(tmp_path.glob("*.part"))
    assert call("export", "--store", store, "-o", file).exit_code == 0
    assert file.read_text().startswith("session_id,")


def test_a_folder_that_is_not_there(store: str, tmp_path: Path):
    file = tmp_path / "none" / "x.csv"
    result = call("export", "--store", store, "-o", file)
    assert (result.exit_code, result.stderr) == (1, f"Error: {file} cannot be written: No such file or directory\n")


def test_a_pipe_is_written_as_it_is(store: str, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "sessiontree", "export", "--store", store, "-o", pipe]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        text = pipe.read_text()
        assert process.wait(SECONDS) == 0, process.stderr
    assert csv_rows(text)[-1]["session_id"] == "#end"
    assert pipe.is_fifo()


def test_without_pyarrow_a_sentence_names_the_extra(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    result = call("export", "--store", store, "-o", tmp_path / "x.parquet")
    assert result.exit_code == 1
    assert re.search(r"-m pip install .*\[parquet\]", result.stderr)


def test_every_example_adds_up(where: str):
    assert call("import", "--store", where, *sorted(EXAMPLES.glob("*.ndjson"))).exit_code == 0
    exported = call("export", "--store", where, "-o", "-", "--format", "ndjson")
    said = json.loads(exported.stdout.splitlines()[-1])["trailer"]
    total = json.loads(call("sessions", "--store", where, "--json", "--all").stdout)["meta"]["total"]
    assert said["sum"] == sorted(
        ({"total": each["total"], "currency": each["currency"]} for each in total["cost"]),
        key=lambda each: each["currency"],
    )
    assert (said["sessions"], said["changed"]) == (total["session_count"], False)


def test_a_tree_as_csv(store: str):
    result = call("tree", "--store", store, "--csv", "--fields", "call_leg_id", "conference", "k1")
    rows = csv_rows(result.stdout)
    assert [(row["id"], row["elsewhere"], row["also_in"], row["call_leg_id"]) for row in rows] == [
        ("k1", "false", "", ""),
        ("p1", "true", "call-session/s1", "l1"),
        ("p2", "false", "", ""),
        ("", "", "", ""),
    ]
    assert rows[-1]["path"] == "rows=3 sessions=1 sum=USD 0.750000"


@pytest.mark.parametrize("more", [["--csv", "--json"], ["--csv", "--depth", "1"], ["--fields", "model"]])
def test_forms_that_exclude_each_other(store: str, more: list[str]):
    assert call("tree", "--store", store, *more, "conference", "k1").exit_code == 2
