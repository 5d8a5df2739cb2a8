"""`sessiontree sessions`: the table, JSON and CSV, and what its options select."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli_help import call
from sessiontree import catalog_files
from sessiontree.http.parameters import Parameters
from sessiontree.http.service import Service
from sessiontree.http.session_answers import session_list
from sessiontree.http.session_filters import clock, read_page_query
from sessiontree.reading import Reader
from sessiontree.session_query import LIMIT_MAX
from sessiontree.settings import Settings
from sessiontree.store import open_store

EXAMPLES = Path(__file__).parent.parent / "examples"


def message(id: str, **more: Any) -> dict[str, Any]:
    return {"record_type": "message", "uuid": id, **more}


def imported(folder: Path, where: str, *records: dict[str, Any]) -> str:
    """The store with these records, by way of a file in the folder."""
    file = folder / "records.ndjson"
    file.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    assert call("import", "--store", where, file).exit_code == 0
    return where


@pytest.fixture
def store(tmp_path: Path, where: str) -> str:
    return imported(
        tmp_path,
        where,
        message("m1", created_at="2026-03-17T10:00:00Z", completed_at="2026-03-17T11:02:30.9Z", cost="12.5"),
        message("m2", created_at="2026-03-17T12:00:00+01:00", completed_at="2026-03-17T11:01:00Z", cost="0.00012345"),
        message("m3", cost="-2", currency="EUR", direction="inbound"),
        message("m4", created_at="2026-03-18T10:00:00Z"),
        {"record_type": "recording", "id": "r1", "telnyx_session_id": "s1", "cost": "0.5", "started_at": "2026-03-16"},
        {"record_type": "recording", "id": "r2", "telnyx_session_id": "s1", "cost": "0.2", "currency": "EUR"},
    )


def ids(store: str, *options: str) -> list[str]:
    result = call("sessions", "--store", store, "--json", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return [row["id"] for row in json.loads(result.stdout)["data"]]


def told(store: str, *options: str) -> str:
    """What a wrong call says."""
    result = call("sessions", "--store", store, *options)
    assert result.exit_code == 2
    return result.stderr.splitlines()[-1]


TABLE = """\
      total                   started (UTC)        duration  events  products                          type          id
12.5000     USD               2026-03-17 10:00:00   1:02:30       1  messaging                         message       m1
 0.5000     USD + 0.2000 EUR  2026-03-16 00:00:00                 3  recording-cdrs, siptrunking-cdrs  call-session  s1
 0.00012345 USD               2026-03-17 11:00:00   0:01:00       1  messaging                         message       m2
-2.0000     EUR                                                   1  messaging                         message       m3
 0.0000     USD               2026-03-18 10:00:00                 1  messaging                         message       m4  ! 1 unpriced

5 sessions, together 7 events, 13.00012345 USD + -1.8000 EUR
"""  # noqa: E501


def test_the_table(store: str):
    result = call("sessions", "--store", store, "--sort", "-total")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.sub(r"  (status  |settling)", "", result.stdout) == TABLE


@pytest.mark.parametrize(
    ("options", "first", "sums"),
    [
        ("", "0.2000 EUR + 0.5000 USD", "-1.8000 EUR + 13.00012345 USD"),
        ("--sort event_count", "0.2000 EUR + 0.5000 USD", "-1.8000 EUR + 13.00012345 USD"),
        ("--sort=-total", "0.5000 USD + 0.2000 EUR", "13.00012345 USD + -1.8000 EUR"),
        ("--sort=-total --currency EUR", "0.2000 EUR + 0.5000 USD", "-1.8000 EUR + 0.5000 USD"),
        ("--sort=-total --currency USD", "0.5000 USD + 0.2000 EUR", "13.00012345 USD + 0.2000 EUR"),
        ("--currency USD", "0.5000 USD + 0.2000 EUR", "13.00012345 USD + 0.2000 EUR"),
        ("--min 0.3", "0.5000 USD + 0.2000 EUR", "13.0000 USD + 0.2000 EUR"),
        ("--sort total --limit 1 --all", "0.5000 USD + 0.2000 EUR", "13.00012345 USD + -1.8000 EUR"),
    ],
)
def test_the_amount_that_ranks_or_selects_stands_first(store: str, options: str, first: str, sums: str):
    *lines, last = call("sessions", "--store", store, *options.split()).stdout.splitlines()
    (line,) = [line for line in lines if line.endswith(" s1")]
    assert re.sub(r" +", " ", line).strip().startswith(f"{first} 2026-03-16")
    assert last.endswith(f" events, {sums}")


def test_a_part_says_of_how_many_it_is(store: str):
    result = call("sessions", "--store", store, "--limit", "2")
    assert result.stdout.count("\n") == 5
    assert result.stdout.endswith("\n\n2 of 5 sessions; all together 7 events, -1.8000 EUR + 13.00012345 USD\n")
    assert call("sessions", "--store", store, "--type", "fax-api").stdout == "No sessions.\n"


def test_people_are_told_thousands_with_commas_and_programs_without(tmp_path: Path, where: str):
    legs = ({"record_type": "recording", "id": f"r{at}", "telnyx_session_id": "s", "cost": "1"} for at in range(1200))
    store = ("--store", imported(tmp_path, where, *legs))
    row, _, sums = call("sessions", *store).stdout.splitlines()[1:]
    assert (" 1,201 " in row, sums) == (True, "1 session, together 1,201 events, 1200.0000 USD")
    tree = call("tree", *store, "call-session", "s").stdout
    assert re.search(r"^Events +1,201$", tree, re.MULTILINE)
    assert "1,200 events" in tree
    exported = call("export", *store, "-o", tmp_path / "e.csv")
    assert exported.stderr.endswith(": 1,201 rows of 1 sessions, USD 1200.000000\n")
    for form in ("--csv", "--json"):
        assert re.search(r'[,:] ?"?1201\b', call("sessions", *store, form).stdout)


def test_problems_are_marked(where: str):
    store, call_session = ("--store", where), ("call-session", "a8ce2b16-7e4b-11f1-8d55-02420a5c110f")
    call("import", *store, EXAMPLES / "fallback-link.ndjson")
    assert call("tree", *store, *call_session).stdout.count("Problem ") == 3
    assert "  ! 3 problems\n" in call("sessions", *store).stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "m4 m2 m1 s1 m3"),
        ("--sort started_at", "s1 m1 m2 m4 m3"),
        ("--sort -total --limit 2", "m1 s1"),
        ("--sort -total --limit 1 --all", "m1 s1 m2 m3 m4"),
        ("--since 2026-03-17 --until 2026-03-18", "m2 m1"),
        ("--since 2026-03-17T10:30:00Z", "m4 m2"),
        ("--type messaging", "m4 m2 m1 m3"),
        ("--type call-session,fax-api", "s1"),
        ("--product recording-cdrs", "s1"),
        ("--status completed", ""),
        ("--status settling,completed", "m4 m2 m1 s1 m3"),
        ("--currency eur --sort total", "m3 s1"),
        ("--min 0.5", "m1 s1"),
        ("--min 0.0001 --max 0.5", "m2 s1"),
        ("--max 0 --currency EUR", "m3"),
        ("--type message --filter direction=inbound", "m3"),
        ("--type message --filter cost[gt]=0 --filter id[starts_with]=m", "m2 m1"),
    ],
)
def test_options_select_and_sort(store: str, options: str, expected: str):
    assert ids(store, *options.split()) == expected.split()


def test_another_account_has_its_own(store: str):
    call("keys", "create", "--store", store, "--account", "other")
    assert ids(store, "--account", "other") == []


def test_json_is_what_the_api_answers(store: str):
    def without_times(answer: Any) -> Any:
        return {**answer, "data": [{**row, "status": ""} for row in answer["data"]]}

    service = Service(Settings(store=store))
    try:
        query = read_page_query(Parameters(b"limit=2"), service.store, "default", service.settings, datetime.now(UTC))
        page = service.store.sessions.page("default", query)
        expected = msgspec.to_builtins(session_list(page, limit=2, clock=clock(service.settings, datetime.now(UTC))))
    finally:
        service.close()
    answer = json.loads(call("sessions", "--store", store, "--json", "--limit", "2").stdout)
    assert without_times(answer) == json.loads(msgspec.json.encode(without_times(expected)))
    assert answer["meta"]["next_cursor"]


def test_csv_has_a_line_for_each_session(store: str):
    rows = list(csv.DictReader(io.StringIO(call("sessions", "--store", store, "--csv", "--sort", "-total").stdout)))
    assert [(row["id"], row["total"], row["currency"], row["other_currencies"]) for row in rows] == [
        ("m1", "12.500000", "USD", ""),
        ("s1", "0.200000", "EUR", "0.500000 USD"),
        ("m2", "0.00012345", "USD", ""),
        ("m3", "-2.000000", "EUR", ""),
        ("m4", "0.000000", "USD", ""),
    ]
    assert {name: rows[0][name] for name in ("started_at", "finished_at", "duration_seconds", "status")} == {
        "started_at": "2026-03-17T10:00:00Z",
        "finished_at": "2026-03-17T11:02:30.900000Z",
        "duration_seconds": "3750.9",
        "status": "settling",
    }
    assert [rows[1][name] for name in ("event_count", "products", "problems")] == [
        "3",
        "recording-cdrs, siptrunking-cdrs",
        "0",
    ]


def test_sessions_of_a_range(tmp_path: Path, where: str):
    now = datetime.now(UTC)
    times = {"new": now - timedelta(hours=20), "old": now - timedelta(days=4), "ahead": now + timedelta(days=2)}
    store = imported(tmp_path, where, *(message(id, created_at=time.isoformat()) for id, time in times.items()))
    assert ids(store, "--range", "last_2_days") == ["new"]


def test_csv_is_safe_in_a_spreadsheet(tmp_path: Path, where: str):
    store = imported(tmp_path, where, message('=HYPERLINK("x")', cost="-1"))
    (row,) = csv.DictReader(io.StringIO(call("sessions", "--store", store, "--csv").stdout))
    assert (row["id"], row["total"]) == ('\'=HYPERLINK("x")', "-1.000000")


def test_all_goes_beyond_a_page(tmp_path: Path, where: str):
    store = imported(tmp_path, where, *(message(f"m{at}", cost="0.01") for at in range(LIMIT_MAX + 7)))
    assert len(set(ids(store, "--all"))) == LIMIT_MAX + 7
    assert len(set(ids(store, "--limit", str(LIMIT_MAX + 1)))) == LIMIT_MAX + 1
    shown = call("sessions", "--store", store, "--all").stdout
    assert shown.count("started (UTC)") == 1
    assert shown.endswith(f"{LIMIT_MAX + 7} sessions, together {LIMIT_MAX + 7} events, 5.0700 USD\n")


def test_records_that_wait_are_added_up_first(store: str):
    opened = open_store(store, catalog_files.load())
    record = Reader(opened.catalog).read(msgspec.json.encode(message("late", created_at="2026-03-19", cost="1")))
    opened.add("default", [record], datetime.now(UTC))
    assert opened.sessions.waiting()
    opened.close()
    assert ids(store, "--limit", "1") == ["late"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--sort cost", "sort is one of total, started_at"),
        ("--limit 0", "'--limit'"),
        ("--type mesage", "--type: 'mesage' is no record type"),
        ("--type=", "--type is empty"),
        ("--product phones", "--product: 'phones' is not one of"),
        ("--status done", "--status: 'done' is not one of"),
        ("--currency CHF", "--currency: no session has an amount in CHF; there are"),
        ("--min much", "--min: 'much' is not a decimal"),
        ("--min 5 --max 3", "--max: the range ends before it begins"),
        ("--range soon", "--range: 'soon'"),
        ("--since soon", "--since: 'soon' is not an ISO 8601 date or time"),
        ("--filter direction=inbound", "fields of records need one --type"),
        ("--filter direction", "--filter 'direction' is not FIELD=VALUE"),
        ("--filter =x", "--filter '=x' is not FIELD=VALUE"),
        ("--type message --filter colour=red", "have no field 'colour'"),
        ("--type message --filter cost[near]=1", "'near' is no comparison"),
        ("--json --csv", "--json and --csv exclude each other"),
    ],
)
def test_a_wrong_call_is_told(store: str, options: str, expected: str):
    assert expected in told(store, *options.split())


@pytest.mark.parametrize("command", ["sessions", "spend", "unlinked", "problems", "audit"])
def test_an_account_that_nobody_has_is_told_with_those_there_are(store: str, command: str):
    result = call(command, "--store", store, "--account", "defualt")
    assert result.exit_code == 0
    assert "Note: the account defualt has no records; there are default." in result.stderr
    assert "has no records" not in call(command, "--store", store).stderr
