"""`sessiontree import`: every format gives the same records; what is wrong is put aside with its reason."""

import csv
import gzip
import io
import json
import os
import re
import resource
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli_help import call, run
from conftest import SECONDS, until
from sessiontree import catalog_files
from sessiontree.cli.common import opened_store
from sessiontree.elements import Element
from sessiontree.errors import StoreError, StoreGone
from sessiontree.importing import Rejects, Summary, add_all
from sessiontree.keeping_process import KeeperProcess
from sessiontree.settings import Settings
from sessiontree.sources import PIECE_BYTES, SourceError, elements
from sessiontree.store import Store, open_store
from sessiontree.store.intakes import Origin, new_id
from stores import NewStore

AT = "2026-03-17T10:00:00Z"
LEG = {"record_type": "call-control", "id": "leg", "telnyx_leg_id": "leg", "telnyx_session_id": "s", "started_at": AT}
ASSISTANT = {"record_type": "ai-voice-assistant", "id": "ai", "telnyx_leg_id": "leg", "created_at": AT}
TURN = {"record_type": "inference", "id": "turn", "created_at": AT, "model": 'a "quoted", one'}
RECORDS: list[dict[str, Any]] = [
    {**LEG, "cost": "0.0052"},
    {**ASSISTANT, "conversation_id": "c", "cost": "0.18"},
    {**TURN, "conversation_id": "c", "cost": "0.0010"},
]


def ndjson(records: Sequence[dict[str, Any]] = RECORDS) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def as_csv(records: Sequence[dict[str, Any]] = RECORDS, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    names = dict.fromkeys(name for record in records for name in record)
    writer = csv.DictWriter(out, list(names), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


FORMATS = {
    "a.ndjson": ndjson(),
    "a.jsonl": ndjson().replace(b"\n", b"\r\n\n"),
    "a.ndjson.gz": gzip.compress(ndjson()[:100]) + gzip.compress(ndjson()[100:]),
    "a.json": json.dumps(RECORDS).encode(),
    "indented.json": json.dumps(RECORDS, indent=2).encode(),
    "in-a-row.json": ndjson(),
    "a.json.gz": gzip.compress(json.dumps(RECORDS).encode()),
    "packed-without-saying.json": gzip.compress(json.dumps(RECORDS).encode()),
    "a.csv": as_csv(),
    "mark.csv": b"\xef\xbb\xbf" + as_csv(),
    "semicolons.csv": as_csv(delimiter=";"),
    "a.csv.gz": gzip.compress(as_csv()),
    "lines": ndjson(),
    "array": json.dumps(RECORDS, indent=1).encode(),
    "table": as_csv(),
}


def counts(stdout: str) -> str:
    """What an import printed about its files; that it ends with the import's id, if anything came, is checked here."""
    *lines, last = stdout.splitlines(keepends=True)
    said = re.fullmatch(
        r"Import ([0-9a-f]{16})(; to take (?:it back|back what this import stored): sessiontree imports undo \1( --.+)?"
        r"|: nothing new, all of it was stored before|: nothing is stored)\n",
        last,
    )
    return "".join(lines) if said else stdout


def total(store: str) -> str:
    """The guide to whether all records are there, with their links: the total of the session."""
    result = call("tree", "--store", store, "call-session", "s", "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    return f"{answer['cost']['total']} of {answer['meta']['event_count']}"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_session(name: str, tmp_path: Path, where: str):
    file = tmp_path / name
    file.write_bytes(FORMATS[name])
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (0, f"{file}: 3 created, 0 updated, 0 unchanged, 0 rejected\n")
    assert total(where) == "0.186200 of 4"


@pytest.mark.parametrize("name", FORMATS)
def test_standard_input_is_known_by_its_beginning(name: str, where: str):
    result = call("import", "--store", where, "-", input=FORMATS[name])
    assert (result.exit_code, counts(result.stdout)) == (0, "-: 3 created, 0 updated, 0 unchanged, 0 rejected\n")
    assert total(where) == "0.186200 of 4"


def test_the_summary_tells_new_changed_and_known(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    call("import", "--store", where, file)
    file.write_bytes(ndjson([RECORDS[0], {**RECORDS[1], "cost": "0.24"}, {**RECORDS[2], "id": "turn 2"}]))
    result = call("import", "--store", where, file)
    assert counts(result.stdout) == f"{file}: 1 created, 1 updated, 1 unchanged, 0 rejected\n"


def test_the_summary_tells_records_without_a_time_once_for_all_files(tmp_path: Path, where: str):
    turn = {**TURN, "created_at": None, "started": AT}
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    message = {"record_type": "message", "uuid": "m", "completed_at": AT}
    first.write_bytes(ndjson([turn, message, LEG]))
    second.write_bytes(ndjson([turn, {**turn, "id": "turn 2"}, {**turn, "id": "turn 3", "cost": "NaN"}]))
    result = call("import", "--store", where, first, second)
    assert counts(result.stdout) == (
        f"{first}: 3 created, 0 updated, 0 unchanged, 0 rejected\n"
        f"{second}: 1 created, 0 updated, 1 unchanged, 1 rejected\n"
    )
    assert result.stderr.splitlines()[-2:] == [
        "3 without a time (inference: nothing in created_at)",
        "1 without a time (message: nothing in created_at, sent_at)",
    ]


@pytest.mark.parametrize(("types", "more"), [(5, []), (6, ["and 1 more type"]), (8, ["and 3 more types"])])
def test_only_a_few_types_are_named_that_lack_a_time(types: int, more: list[str], tmp_path: Path, where: str):
    of_created = [name for name, each in catalog_files.load().types.items() if each.start_fields == ("created_at",)]
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson([{"record_type": name, "id": "x"} for name in of_created[:types]]))
    lines = call("import", "--store", where, file).stderr.splitlines()
    assert lines == [f"1 without a time ({name}: nothing in created_at)" for name in of_created[:5]] + more


def test_a_container_has_its_time_from_what_lies_below(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson([{"record_type": "call-session", "telnyx_session_id": "s"}]))
    result = call("import", "--store", where, file)
    assert (counts(result.stdout), result.stderr) == (f"{file}: 1 created, 0 updated, 0 unchanged, 0 rejected\n", "")
    (tmp_path / "types").mkdir()
    assert call("catalog", "test", tmp_path / "types", file).stdout == "call-session: 1 record\n"


def test_a_type_that_declares_no_time_lacks_none(tmp_path: Path, where: str):
    types = tmp_path / "types"
    types.mkdir()
    declared = 'category = "Own"\ndescription = "A fee."\nproduct = "fee"\nevent = "fee"\nid = "id"\n'
    (types / "fee.toml").write_text(f'{declared}[fields]\nid = "string"\n')
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson([{"record_type": "fee", "id": "x"}]))
    result = call("import", "--store", where, "--catalog", types, file)
    assert (counts(result.stdout), result.stderr) == (f"{file}: 1 created, 0 updated, 0 unchanged, 0 rejected\n", "")


def test_rejected_lines_go_to_a_file_with_their_reasons(tmp_path: Path, where: str):
    lines = [
        ndjson(RECORDS[:1]).strip(),
        b'{"record_type": "call-control", "id": "x", "cost": "NaN"}',
        b"",
        b'{"record_type": "no-such-type", "id": "x"}',
        b"[1, 2]",
        ndjson([{**RECORDS[0], "id": "y"}]).strip(),
        b'{"record_type": "call-control", "id": "bro',
    ]
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"\n".join(lines))
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (1, f"{file}: 2 created, 0 updated, 0 unchanged, 4 rejected\n")
    rejected = [json.loads(line) for line in Path(f"{file}.rejected.ndjson").read_bytes().splitlines()]
    assert [(each["line"], each["field"], each["record"].encode()) for each in rejected] == [
        (2, "cost", lines[1]),
        (4, "record_type", lines[3]),
        (5, None, lines[4]),
        (7, None, lines[6]),
    ]
    assert "'NaN' is not a decimal" in rejected[0]["message"]
    assert all(each["code"].isdecimal() for each in rejected)
    assert f"{file}.rejected.ndjson" in result.stderr


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("export", "-o", "{}"), "e.csv"),
        (("export", "-o", "{}"), "e.ndjson"),
        (("export", "--format", "ndjson", "-o", "{}"), "e.json"),
        (("export", "--format", "focus", "-o", "{}"), "e.focus.csv"),
        (("export", "--format", "focus", "-o", "{}"), "named otherwise.txt"),
        (("tree", "call-session", "s", "--csv"), "tree.csv"),
        (("sessions", "--csv"), "sessions.csv"),
        (("spend", "--csv"), "spend.csv"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_what_sessiontree_wrote_is_not_taken_for_records(command: Sequence[str], name: str, tmp_path: Path, where: str):
    file, mine = tmp_path / "a.ndjson", tmp_path / name
    file.write_bytes(ndjson())
    call("import", "--store", where, file)
    written = call(*(each.format(mine) for each in command), "--store", where)
    assert written.exit_code == 0
    if not mine.exists():
        mine.write_text(written.stdout)
    result = call("import", "--store", where, mine)
    assert (result.exit_code, result.stdout) == (1, f"{mine}: 0 created, 0 updated, 0 unchanged, 0 rejected\n")
    assert f"Error: {mine} is an export or a list that Sessiontree wrote, and holds no records: " in result.stderr
    assert total(where) == "0.186200 of 4"


@pytest.mark.parametrize("content", [json.dumps(RECORDS, indent=2), json.dumps(RECORDS[0], indent=2)])
def test_a_json_document_called_ndjson_is_told_its_name(content: str, tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_text(content)
    result = call("import", "--store", where, file)
    assert (result.exit_code, result.stdout) == (1, f"{file}: 0 created, 0 updated, 0 unchanged, 0 rejected\n")
    wanted = f"{file} is no NDJSON, which has one record a line; if this is one JSON document, name the file .json"
    assert f"Error: {wanted}" in result.stderr
    assert not Path(f"{file}.rejected.ndjson").exists()


def stopped(tmp_path: Path, where: str, lines: bytes, until_stored: int) -> str:
    """What an import from a pipe says that is interrupted while it waits for more, once so many records are stored."""
    command = [sys.executable, "-m", "sessiontree", "import", "--store", where, "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(lines)
        process.stdin.flush()
        until(lambda: stored_in(where) >= until_stored)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (1, b""), err
    return str(err.decode())


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (
            [{"record_type": f"fax{at}", "id": "x"} for at in range(3)],
            "3 of 3 for one reason: record_type: 'fax0' is no",
        ),
        (
            [{"record_type": "call-control"}, *({**RECORDS[0], "cost": value} for value in ("NaN", "1,5"))],
            "2 of 3 for one reason: cost: 'NaN' is not a decimal",
        ),
        ([{"id": "x"}], "1 of 1 for one reason: record_type is missing"),
        ([[at] for at in range(150)], "150 of 150 for one reason: the record is not a JSON object"),
        ([{"record_type": "call-control", "id": f"{at}", f"f{at}": float("nan")} for at in range(150)], "1 of 150 for"),
    ],
)
def test_the_most_frequent_reason_is_named(records: list[Any], said: str, tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes("".join(json.dumps(each) + "\n" for each in records).encode())
    result = call("import", "--store", where, file)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 2)
    assert result.stderr.startswith(f"Rejected: {said}")


@pytest.mark.long
def test_a_busy_import_can_be_interrupted_at_any_moment(tmp_path: Path, where: str):
    """Also where modules are compiled, which take an exception amid a multiplication for a lack of memory."""
    command = [sys.executable, "-m", "sessiontree", "import", "--store", where, "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}

    def feed(process: "subprocess.Popen[bytes]", lines: bytes) -> None:
        """So many that it is never done, however late the interrupt comes."""
        with suppress(BrokenPipeError):
            while True:
                process.stdin.write(lines)

    for at in range(12):
        lines = ndjson([{**RECORDS[2], "id": f"turn {at} {number}"} for number in range(50_000)])
        before = max(0, stored_in(where))
        with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:  # type: ignore[call-overload]
            feeding = threading.Thread(target=feed, args=[process, lines])
            feeding.start()
            until(lambda before=before: stored_in(where) > before)
            time.sleep(at / 100)
            process.send_signal(signal.SIGINT)
            err = process.stderr.read()
            feeding.join(SECONDS)
            with suppress(BrokenPipeError):
                process.stdin.close()
        assert (process.returncode, err[:9]) == (1, b"Stopped: "), err


def stored_in(where: str) -> int:
    """How many records are stored; -1 while nobody has made the store."""
    try:
        with closing(open_store(where, catalog_files.load(), create=False)) as store:
            return store.count()
    except StoreError:
        return -1


def test_an_interrupted_import_says_what_is_stored_and_how_to_go_on(tmp_path: Path, where: str):
    lines = ndjson([{**RECORDS[2], "id": f"turn {at}"} for at in range(9000)])
    said = stopped(tmp_path, where, lines, 4000)
    found = re.fullmatch(
        r"Stopped: ([\d,]+) records are stored, as import (\w{16})\. "
        r"Run it again to go on, those count as unchanged then; or take them back: sessiontree imports undo \2 "
        rf"--store {re.escape(shlex.quote(where))}\n",
        said,
    )
    assert found, said
    count = int(found[1].replace(",", ""))
    assert count == stored_in(where) < 9000
    again = call("import", "--store", where, "-", input=lines)
    assert counts(again.stdout) == f"-: {9000 - count:,} created, 0 updated, {count:,} unchanged, 0 rejected\n"
    listed = [line.split() for line in call("imports", "list", "--store", where).stdout.splitlines()[1:]]
    assert [(row[0] == found[2], row[-2]) for row in listed] == [(False, "stored"), (True, "unfinished")]


def test_an_import_that_is_interrupted_before_its_first_record(where: str, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sessiontree.sources.elements", interrupted)
    result = call("import", "--store", where, "-", input=ndjson())
    assert (result.exit_code, result.output) == (1, "Stopped: nothing new is stored.\n")


def test_what_an_earlier_import_brought_is_not_promised_to_be_taken_back(tmp_path: Path, where: str):
    def undone(said: str) -> None:
        command = said.strip().partition(": sessiontree ")[2]
        assert call(*shlex.split(command), "--yes").exit_code == 0

    records = [{**RECORDS[2], "id": f"turn {at}"} for at in range(9000)]
    call("import", "--store", where, "-", input=ndjson(records[:1000]))
    said = stopped(tmp_path, where, ndjson(records), 4000)
    assert said.startswith(f"Stopped: {stored_in(where) - 1000:,} records are stored, as import "), said
    undone(said.partition("take them back")[2])
    assert stored_in(where) == 1000
    both = call("import", "--store", where, "-", input=ndjson(records[:1200])).stdout
    assert counts(both) == "-: 200 created, 0 updated, 1,000 unchanged, 0 rejected\n"
    assert "; to take back what this import stored: sessiontree imports undo " in both
    undone(both)
    assert stored_in(where) == 1000


def test_a_repeat_that_is_interrupted_has_stored_nothing_new(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    call("import", "--store", where, file)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sessiontree.importing.finish", interrupted)
    result = call("import", "--store", where, file)
    assert (result.exit_code, result.stderr) == (1, "Stopped: nothing new is stored.\n")


def test_an_import_whose_store_goes_away_says_how_to_go_on(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch):
    """The store answers nothing any more after the first batch, not even what it holds of the import."""
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson([{**RECORDS[2], "id": f"turn {at}"} for at in range(9000)]))

    def gone(*_: object, **__: object) -> Any:
        raise StoreGone(f"{where} cannot be reached")

    @contextmanager
    def going(*arguments: Any, **named: Any) -> Iterator[Store]:
        with opened_store(*arguments, **named) as store:
            add = store.add

            def once(*given: Any) -> Any:
                monkeypatch.setattr(store, "add", gone)
                monkeypatch.setattr(store, "intakes", SimpleNamespace(get=gone))
                return add(*given)

            monkeypatch.setattr(store, "add", once)
            yield store

    with monkeypatch.context() as patch:
        patch.setattr("sessiontree.cli.importing.opened_store", going)
        result = call("import", "--store", where, file)
    assert result.exit_code == 1
    assert result.stdout == f"{file}: 4,000 created, 0 updated, 0 unchanged, 0 rejected\n"
    error, go_on = result.stderr.splitlines()
    assert error == f"Error: {where} cannot be reached (the records counted above are stored)"
    command = re.fullmatch(
        r"Some of it may be stored, as import \w{16}\. Run it again to go on, what is stored counts as unchanged then; "
        r"or take it back: sessiontree (imports undo .*)",
        go_on,
    )
    assert command, go_on
    assert stored_in(where) == 4000
    assert call(*shlex.split(command[1]), "--yes").exit_code == 0
    assert stored_in(where) == 0


def test_the_process_that_refreshes_beside_an_import_logs_nothing(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
):
    """What keeps it from its work is an error of the import, which says it in its own way."""
    started: list[Settings] = []

    class Noted(KeeperProcess):
        def __init__(self, settings: Settings) -> None:
            started.append(settings)
            super().__init__(settings)

    monkeypatch.setattr("sessiontree.keeping_process.KeeperProcess", Noted)
    monkeypatch.setattr("sessiontree.cli.importing._LARGE", 1)
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    assert call("import", "--store", where, file).exit_code == 0
    assert [each.log_level for each in started] == ["critical"]


def test_rejected_lines_of_standard_input_go_to_the_present_folder(tmp_path: Path):
    result = run("import", "-", cwd=tmp_path, input=b'{"id": "x"}\n')
    assert result.returncode == 1
    (line,) = (tmp_path / "import.rejected.ndjson").read_bytes().splitlines()
    assert json.loads(line)["field"] == "record_type"


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0"])
def test_other_names_of_standard_input_do_the_same(name: str, tmp_path: Path):
    done = run("import", "--store", "store.db", name, cwd=tmp_path, input=ndjson([RECORDS[0], {"id": "x"}]))
    assert counts(done.stdout.decode()) == f"{name}: 1 created, 0 updated, 0 unchanged, 1 rejected\n"
    assert (done.returncode, (tmp_path / "import.rejected.ndjson").read_bytes().count(b"\n")) == (1, 1)


def test_rejects_of_several_streams_stand_in_one_file(tmp_path: Path):
    (tmp_path / "import.rejected.ndjson").write_text("of an earlier import")
    command = f"{sys.executable} -m sessiontree import --store store.db <(echo 1) <(echo 2)"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=SECONDS, check=False)
    lines = (tmp_path / "import.rejected.ndjson").read_bytes().splitlines()
    assert (done.returncode, [json.loads(line)["record"] for line in lines]) == (1, ["1", "2"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ndjson().decode().encode("utf-16"), "is text in UTF-16: save it as UTF-8"),
        (ndjson().decode().encode("utf-16-be"), "is no text: records come as NDJSON, JSON or CSV in UTF-8"),
        (b"PK\3\4\x14\0\x08\0" + b"a\n" * 3000, "is no text: "),
        (gzip.compress(b"\x7fELF\2\1\1\0" + b"\n" * 3000, mtime=0), "is no text: "),
    ],
)
def test_a_file_that_is_no_text_is_one_sentence(content: bytes, reason: str, tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes(content)
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (1, f"{file}: 0 created, 0 updated, 0 unchanged, 0 rejected\n")
    assert f"Error: {file} {reason}" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path(f"{file}.rejected.ndjson").exists()


def test_nothing_rejected_leaves_no_file(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    call("import", "--store", where, file)
    assert {path.name for path in tmp_path.iterdir()} <= {"a.ndjson", "store.db"}


def test_an_account_has_its_own_records(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    call("import", "--store", where, "--account", "acme", file)
    assert call("tree", "--store", where, "--account", "acme", "call-session", "s").exit_code == 0
    result = call("tree", "--store", where, "call-session", "s")
    assert (result.exit_code, result.stderr) == (1, "Error: the account default has no records; there are acme\n")


def test_one_type_for_all_records(tmp_path: Path, where: str):
    file = tmp_path / "fax.csv"
    file.write_text("id,call_session_id,cost\nf1,s,0.07\nf2,s,\n")
    assert call("import", "--store", where, "--record-type", "fax", file).exit_code == 0
    assert total(where) == "0.070000 of 3"
    result = call("import", "--store", where, "--record-type", "fox", file)
    assert result.exit_code == 2
    assert "fax" in result.stderr


def test_csv_cells_stay_text_and_empty_ones_are_left_out(tmp_path: Path):
    file = tmp_path / "a.csv"
    file.write_bytes(b'id,cost,note,pages\n007,1.50,"two\nlines",\n')
    with file.open("rb") as stream:
        (element,) = elements(stream, "a.csv")
    assert json.loads(element.body) == {"id": "007", "cost": "1.50", "note": "two\nlines"}
    assert element.number == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"id,record_type,started_at\nx,call-control,,more\n", "more cells than the header has names"),
        (b"id,record_type,started_at\nx\xff,call-control,\n", "not UTF-8"),
    ],
)
def test_a_csv_row_that_is_no_record_is_rejected(content: bytes, reason: str, tmp_path: Path, where: str):
    file = tmp_path / "a.csv"
    file.write_bytes(content + f"good,call-control,{AT}\n".encode())
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (1, f"{file}: 1 created, 0 updated, 0 unchanged, 1 rejected\n")
    assert reason in Path(f"{file}.rejected.ndjson").read_text()


@pytest.mark.parametrize("header", [b"id,id\n", b"id,\n"])
def test_a_csv_without_a_header_is_refused(header: bytes, tmp_path: Path, where: str):
    file = tmp_path / "a.csv"
    file.write_bytes(header + b"1,2\n")
    result = call("import", "--store", where, file)
    assert result.exit_code == 1
    assert "header" in result.stderr


def test_a_line_beyond_a_mebibyte_is_rejected_and_the_others_are_stored(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    long = json.dumps({**RECORDS[1], "transcript": "x" * (1 << 20)}).encode()
    file.write_bytes(ndjson(RECORDS[:1]) + long + b"\n" + ndjson(RECORDS[1:]))
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (1, f"{file}: 3 created, 0 updated, 0 unchanged, 1 rejected\n")
    (line,) = Path(f"{file}.rejected.ndjson").read_bytes().splitlines()
    assert json.loads(line)["line"] == 2
    assert len(line) < 2000


@pytest.mark.parametrize(("kept", "created"), [(0.5, 20_000), (0.99, 38_000)])
def test_gzip_that_breaks_off_keeps_the_whole_lines_before(kept: float, created: int, tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson.gz"
    packed = gzip.compress(ndjson([{**TURN, "id": f"v{n}", "note": os.urandom(20).hex()} for n in range(40_000)]))
    file.write_bytes(packed[: int(len(packed) * kept)])
    result = call("import", "--store", where, file)
    assert result.exit_code == 1
    assert f"{file} is incomplete" in result.stderr
    stored = int(result.stdout.split(": ")[1].split()[0].replace(",", ""))
    assert stored >= created - 2000
    assert counts(result.stdout).endswith(f"{stored:,} created, 0 updated, 0 unchanged, 0 rejected\n")
    assert " unfinished " in call("imports", "list", "--store", where).stdout


def test_damaged_gzip_is_one_sentence(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson.gz"
    file.write_bytes(b"\x1f\x8bnonsense and more nonsense")
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (1, f"{file}: 0 created, 0 updated, 0 unchanged, 0 rejected\n")
    assert f"{file} is damaged" in result.stderr


def test_a_json_array_that_breaks_off_is_noticed(tmp_path: Path, where: str):
    file = tmp_path / "a.json"
    file.write_bytes(json.dumps(RECORDS).encode()[:-1])
    result = call("import", "--store", where, file)
    assert (result.exit_code, counts(result.stdout)) == (1, f"{file}: 3 created, 0 updated, 0 unchanged, 1 rejected\n")


def test_a_gzip_bomb_is_unpacked_in_small_pieces():
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join([packer.compress(b" " * (1 << 20)) for _ in range(100)]) + packer.flush()
    tracemalloc.start()
    (element,) = elements(io.BytesIO(bomb), "bomb.ndjson.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert element.problem
    assert peak < 10 << 20


def test_several_files_and_one_that_is_not_there(tmp_path: Path, where: str):
    for at, record in enumerate(RECORDS):
        (tmp_path / f"{at}.ndjson").write_bytes(ndjson([record]))
    files = [tmp_path / f"{at}.ndjson" for at in range(3)]
    assert call("import", "--store", where, *files).stdout.count("1 created") == 3
    result = call("import", "--store", tmp_path / "other.db", *files, tmp_path / "none.ndjson")
    assert result.exit_code == 2
    assert not (tmp_path / "other.db").exists()


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path):
    file, store = tmp_path / "a.ndjson", tmp_path / "letter.txt"
    file.write_bytes(ndjson())
    store.write_text("Dear reader, this is not a database. " * 30)
    result = call("import", "--store", store, file)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {store} is not a Sessiontree file: name another with --store\n"
    assert store.read_text().startswith("Dear reader")


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    result = call("import", "--store", tmp_path / "none" / "mine.db", file)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.long
@pytest.mark.sqlite_only("a lock on the file")
def test_a_locked_store_is_one_sentence(tmp_path: Path, where: str):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    call("import", "--store", where, file)
    with sqlite3.connect(where) as other:
        other.execute("begin immediate")
        file.write_bytes(ndjson([{**RECORDS[0], "cost": "9"}]))
        result = call("import", "--store", where, file)
    other.close()
    assert result.exit_code == 1
    assert f"Error: {where} is locked by another process" in result.stderr
    assert total(where) == "0.186200 of 4"


@pytest.mark.sqlite_only("a limit on its size")
def test_a_store_that_can_grow_no_more_keeps_what_it_has_counted(tmp_path: Path, where: str):
    """A limit on file sizes stands in for a full disk."""
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson([{**TURN, "id": f"v{n}", "note": os.urandom(60).hex()} for n in range(20_000)]))
    done = subprocess.run(
        [sys.executable, "-m", "sessiontree", "import", "--store", where, str(file)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    created = int(done.stdout.removeprefix(f"{file}: ").split()[0].replace(",", ""))
    assert 0 < created < 20_000
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    opened = open_store(where, catalog_files.load())
    assert opened.count() == created
    opened.close()
    again = call("import", "--store", where, file)
    assert (
        counts(again.stdout) == f"{file}: {20_000 - created:,} created, 0 updated, {created:,} unchanged, 0 rejected\n"
    )


def test_what_came_before_an_error_is_counted_and_stored(tmp_path: Path, where: str):
    def breaking() -> Any:
        yield Element(1, ndjson(RECORDS[:1]))
        raise SourceError("it breaks off")

    store: Store = open_store(where, catalog_files.load())
    summary, rejects = Summary(), Rejects(tmp_path / "rejected.ndjson")
    with pytest.raises(SourceError, match="breaks off"):
        add_all(store, "default", breaking(), rejects, summary, record_type=None, origin=Origin(new_id()))
    assert (summary.created, store.count()) == (1, 1)
    store.close()


def test_a_large_file_is_never_held_whole(tmp_path: Path):
    read: list[int] = []
    line = ndjson(RECORDS[:1])
    found = elements(io.BytesIO(line * (4 * PIECE_BYTES // len(line))), "a.ndjson", read.append)
    next(found)
    assert sum(read) == PIECE_BYTES


def test_an_import_beside_a_running_server_shows_at_once(server: Any, tmp_path: Path):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    assert server.get("/v2/session_analysis/call-session/s").status_code == 404
    assert run("import", "--store", server.where, file, cwd=tmp_path).returncode == 0
    answer = server.get("/v2/session_analysis/call-session/s").json()
    assert answer["cost"] == {"total": "0.186200", "currency": "USD"}


def test_rejects_go_to_the_current_folder_where_they_cannot_stand_beside_the_file(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
):
    folder, here = tmp_path / "read-only", tmp_path / "here"
    (folder / "a.ndjson.rejected.ndjson").mkdir(parents=True)  # so nobody can write a file there, root neither
    here.mkdir()
    monkeypatch.chdir(here)
    (folder / "a.ndjson").write_text('{"record_type": "fax"}\n{"record_type": "fax", "id": "a"}\n')
    result = call("import", "--store", where, folder / "a.ndjson")
    assert (result.exit_code, "1 created" in result.stdout) == (1, True)
    assert "are in a.ndjson.rejected.ndjson" in result.stderr
    assert json.loads((here / "a.ndjson.rejected.ndjson").read_text())["line"] == 1


def test_the_way_back_can_be_pasted(tmp_path: Path, new_store: NewStore):
    file = tmp_path / "a.ndjson"
    file.write_bytes(ndjson())
    with new_store(tmp_path / "my stores") as where:
        said = call("import", "--store", where, "--account", "our own", file).stdout
        pasted = shlex.split(said.splitlines()[-1].partition("take it back: sessiontree ")[2])
        undone = call(*pasted, "--yes")
    assert (undone.exit_code, "is undone; records removed" in undone.stdout) == (0, True), undone.stderr
