"""`sessiontree spend`: the table with bars, JSON as the API has it, CSV, and wrong calls."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from cli_help import call
from sessiontree.cli.spend_forms import bar
from stores import NewStore

RECORDS = """
{"record_type": "recording", "id": "a", "started_at": "2026-03-17T10:00:00Z", "cost": "0.3", "billed_sec": 90}
{"record_type": "recording", "id": "b", "started_at": "2026-03-17T23:30:00Z", "cost": "0.1", "billed_sec": 60}
{"record_type": "recording", "id": "c", "started_at": "2026-03-18T10:20:00Z", "cost": null, "note": "=1+1"}
{"record_type": "recording", "id": "d", "cost": "-1", "currency": "EUR", "note": "bell\\u0007 and\\nmore"}
{"record_type": "verify", "id": "e", "verify_usage_fee": "0.8", "created_at": "2026-03-18T10:00:00Z"}
{"record_type": "conference", "id": "f", "started_at": "2026-03-19T10:00:00Z"}
"""
TABLE = """\
day         product           total                             records  quantity          average rate
2026-03-17  recording-cdrs   0.4000  USD  ██████████                  2       150  second  0.002666666667 per second
2026-03-18  recording-cdrs   0.0000  USD                              1                    {rate}  ! 1 unpriced
2026-03-18  verify-2fa       0.8000  USD  ████████████████████        1
2026-03-19  conference       0.0000                                   1
-           recording-cdrs  -1.0000  EUR                              1

6 records together, -1.0000 EUR + 1.2000 USD; 1 unpriced
""".format(rate=" " * len("0.002666666667 per second"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, new_store: NewStore) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("spend")
    (folder / "records.ndjson").write_text(RECORDS)
    with new_store(folder) as where:
        assert call("import", "--store", where, folder / "records.ndjson").exit_code == 0
        yield where


def test_a_table_with_bars(store: str):
    result = call("spend", "--store", store)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == TABLE


def lines(store: str, *options: str) -> list[list[str]]:
    """The table's rows below its titles, as words."""
    result = call("spend", "--store", store, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.split() for line in result.stdout.partition("\n\n")[0].splitlines()[1:]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--by currency", ["EUR -1.0000 EUR", "USD 1.2000 USD", "- 0.0000 1"]),
        ("--by day --time-zone Europe/Berlin --product recording-cdrs --currency usd",
         ["2026-03-17 0.3000 USD", "2026-03-18 0.1000 USD"]),
        ("--by day --time-zone Europe/Berlin --type recording --until 2026-03-17T23:30", ["2026-03-17 0.3000 USD"]),
        ("--by day --since 2026-03-18 --type verify", ["2026-03-18 0.8000 USD"]),
        ("--by record_type --session-type verify", ["verify 0.8000 USD"]),
        ("--by id --type recording --filter cost[gt]=0.2 --filter billed_sec=90", ["a 0.3000 USD"]),
    ],
)  # fmt: skip
def test_options_select_and_group(store: str, options: str, expected: list[str]):
    assert [" ".join(words[:3]) for words in lines(store, *options.split())] == expected


def test_what_a_terminal_could_obey_is_not_printed(store: str):
    result = call("spend", "--store", store, "--by", "note", "--type", "recording")
    assert "\x07" not in result.stdout
    assert "bell\\x07 and\\nmore" in result.stdout


def test_json_is_the_apis(store: str):
    result = call("spend", "--store", store, "--json", "--by", "month", "--type", "verify", "--time-zone", "Asia/Tokyo")
    assert json.loads(result.stdout) == {
        "data": [
            {
                "month": "2026-03",
                "cost": {"total": "0.800000", "currency": "USD"},
                "event_count": 1,
                "unpriced_count": 0,
            }
        ],
        "meta": {
            "group_by": ["month"],
            "time_zone": "Asia/Tokyo",
            "cost": [{"total": "0.800000", "currency": "USD"}],
            "event_count": 1,
            "unpriced_count": 0,
        },
    }


def test_csv_is_safe_for_spreadsheets(store: str):
    result = call("spend", "--store", store, "--csv", "--by", "note,day", "--type", "recording")
    first, *rows = csv.reader(io.StringIO(result.stdout, newline=""))
    columns = ["note", "day", "cost.total", "cost.currency", "event_count", "unpriced_count"]
    assert first == [*columns, "quantity", "unit", "quantity_count", "average_rate"]
    assert rows == [
        ["'=1+1", "2026-03-18", "0.000000", "USD", "1", "1", "", "", "", ""],
        ["bell\x07 and\nmore", "", "-1.000000", "EUR", "1", "0", "", "", "", ""],
        ["", "2026-03-17", "0.400000", "USD", "2", "0", "150", "second", "2", "0.002666666667"],
    ]


def test_nothing_to_add_up(store: str):
    assert call("spend", "--store", store, "--range", "tomorrow").stdout == "No records.\n"
    assert json.loads(call("spend", "--store", store, "--range", "tomorrow", "--json").stdout)["data"] == []
    assert call("spend", "--store", store, "--account", "nobody").stdout == "No records.\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("--by dya", "--by: 'dya' names 'dya', which is none of hour, day"),
        ("--time-zone Mars", "--time-zone: 'Mars' is no time zone"),
        ("--since 2026-03-18 --until 2026-03-17", "--until: the range ends before it begins"),
        ("--since noon", "--since: 'noon' is not an ISO 8601 date or time"),
        ("--range lately", "--range: 'lately' is not one of yesterday"),
        ("--type recordings", "--type: 'recordings' is no record type: did you mean recording"),
        ("--product x", "--product: 'x' is not one of"),
        ("--currency GBP", "--currency: no record has a cost in GBP; there are EUR, USD"),
        ("--filter cost=1", "'cost' is a field of records: fields need one --type"),
        ("--filter cost --type verify", "--filter 'cost' is not FIELD=VALUE"),
        ("--json --csv", "--json and --csv exclude each other"),
    ],
)
def test_a_wrong_call_is_told(store: str, options: str, error: str):
    result = call("spend", "--store", store, *options.split())
    assert result.exit_code == 2
    assert f"Error: {error}" in result.stderr


@pytest.mark.parametrize(
    ("amount", "largest", "expected"),
    [
        (0, 0, ""),
        (-5, 10, ""),
        (10, 10, "█" * 20),
        (5, 10, "█" * 10),
        (1, 10**12, "▏"),
        (1, 160, "▏"),
        (159, 160, "█" * 19 + "▉"),
        (83, 160, "█" * 10 + "▍"),
    ],
)
def test_a_bar_is_a_part_of_the_largest(amount: int, largest: int, expected: str):
    assert bar(amount, largest) == expected
