"""The audit: costs against rate and billed quantity, exactly; and records that look like one under two ids."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import messy
from cli_help import call
from sessiontree import catalog_files
from sessiontree.audit import Audit, Findings
from sessiontree.catalog import Catalog
from sessiontree.doubles import Doubles, differing_fields
from sessiontree.rating import Rated, Unchecked, rate
from sessiontree.reading import Reader
from sessiontree.record import Record

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return catalog_files.load()


@pytest.fixture(scope="module")
def reader(catalog: Catalog) -> Reader:
    return Reader(catalog)


def rated(catalog: Catalog, body: str, record_type: str = "recording") -> Rated | Unchecked:
    record = Reader(catalog).read(b'{"id": "r", ' + body.encode() + b"}", record_type)
    return rate(catalog.types[record.record_type], record)


# Costs


@pytest.mark.parametrize(
    ("body", "expected", "agrees"),
    [
        ('"cost": "0.0051", "rate": "0.002", "billed_sec": 153', "0.005100", True),
        ('"cost": "0.0051", "rate": "0.002", "billed_sec": 153, "rate_measured_in": "minutes"', "0.005100", True),
        ('"cost": "0.0052", "rate": "0.002", "billed_sec": 153', "0.005100", False),
        ('"cost": 0.0051, "rate": 2e-3, "billed_sec": "153"', "0.005100", True),
        ('"cost": "0.000", "rate": "0", "billed_sec": 0', "0.000000", True),
        # rounded to the digits with which it is written, either way at the half
        ('"cost": "0.005167", "rate": "0.002", "billed_sec": 155', "0.005166666666", True),
        ('"cost": "0.005166", "rate": "0.002", "billed_sec": 155', "0.005166666666", False),
        ('"cost": "0.0052", "rate": "0.002", "billed_sec": 155', "0.005166666666", True),
        ('"cost": "5.2E-3", "rate": "0.002", "billed_sec": 155', "0.005166666666", True),
        ('"cost": "0.00520", "rate": "0.002", "billed_sec": 155', "0.005166666666", False),
        ('"cost": "0.0005", "rate": "0.001", "billed_sec": 33', "0.000550", True),
        ('"cost": "0.0006", "rate": "0.001", "billed_sec": 33', "0.000550", True),
        ('"cost": "0.0007", "rate": "0.001", "billed_sec": 33', "0.000550", False),
        ('"cost": "-0.0051", "rate": "0.002", "billed_sec": 153', "0.005100", False),
    ],
)
def test_a_cost_is_rate_times_quantity(catalog: Catalog, body: str, expected: str, agrees: bool):
    found = rated(catalog, body)
    assert isinstance(found, Rated)
    assert (found.expected_text, found.agrees) == (expected, agrees)


@pytest.mark.parametrize(
    ("record_type", "body", "expected"),
    [
        ("text-to-speech", '"cost": "1.421E-4", "rate": "7.0E-7", "number_of_characters": 203', "0.0001421"),
        (
            "ai-voice-assistant",
            '"cost": "0.18", "rate": "0.06", "rate_measured_in": "ai_voice_assistant_minutes", "billed_sec": 180',
            "0.180000",
        ),
        ("amd", '"cost": "0.004", "rate": "0.002", "rate_measured_in": "invocations", "invocations": 2', "0.004000"),
        (
            "conference-participant",
            '"cost": "0.004", "rate": "0.002", "rate_measured_in": "minutes", "billed_sec": 120',
            "0.004000",
        ),
    ],
)
def test_units_are_declared(catalog: Catalog, record_type: str, body: str, expected: str):
    found = rated(catalog, body, record_type)
    assert isinstance(found, Rated)
    assert (found.expected_text, found.agrees) == (expected, True)


@pytest.mark.parametrize(
    ("record_type", "body", "reason"),
    [
        ("recording", '"rate": "0.002", "billed_sec": 153', "it has no cost"),
        ("recording", '"cost": "1", "billed_sec": 153', "it has no rate that is a number"),
        ("recording", '"cost": "1", "rate": "0.002"', "it has no billed_sec that is a number"),
        ("recording", '"cost": "1", "rate": "0.002", "billed_sec": null', "it has no billed_sec that is a number"),
        ("recording", '"cost": "1", "rate": "free", "billed_sec": 60', "it has no rate that is a number"),
        ("recording", '"cost": "1", "rate": "NaN", "billed_sec": 60', "it has no rate that is a number"),
        ("recording", '"cost": "1", "rate": "1e999", "billed_sec": 60', "it has no rate that is a number"),
        (
            "recording",
            '"cost": "1", "rate": "1", "billed_sec": 60, "rate_measured_in": "hours"',
            "its rate_measured_in is 'hours', which the catalogue does not know",
        ),
        ("inference", '"cost": "1", "rate": "1", "tokens": 60', "the type declares no rate"),
        ("embedding", '"cost": "1", "rate": "1"', "the type declares no rate"),
        ("conference", '"name": "x"', "the type has no cost"),
    ],
)
def test_what_cannot_be_checked_is_not_guessed(catalog: Catalog, record_type: str, body: str, reason: str):
    assert rated(catalog, body, record_type) == Unchecked(reason)


# Doubles


def leg(id: str, **fields: Any) -> dict[str, Any]:
    usual = {"telnyx_session_id": "call", "telnyx_leg_id": "L", "started_at": "2026-03-17T10:00:00Z", "cost": "0.01"}
    return {"record_type": "call-control", "id": id, **usual, **fields}


def audited(catalog: Catalog, records: list[dict[str, Any]]) -> Findings:
    reader = Reader(catalog)
    with Audit(catalog) as audit:
        for _ in audit.add(reader.read(line) for line in messy.ndjson(records).splitlines()):
            pass
        return audit.findings()


@pytest.mark.parametrize(
    ("fields", "alike"),
    [
        ({}, True),
        ({"direction": "inbound", "billed_sec": 60}, True),
        ({"cost": "1E-2"}, True),
        ({"started_at": "2026-03-17T11:00:00+01:00"}, True),
        ({"telnyx_leg_id": "M"}, False),
        ({"telnyx_session_id": None}, False),
        ({"started_at": "2026-03-17T10:00:00.000001Z"}, False),
        ({"finished_at": "2026-03-17T10:01:00Z"}, False),
        ({"cost": "0.010000000001"}, False),
        ({"currency": "EUR"}, False),
        ({"record_type": "webrtc"}, False),
    ],
)
def test_records_that_look_alike(catalog: Catalog, fields: dict[str, Any], alike: bool):
    findings = audited(catalog, [leg("one"), leg("other"), leg("third", telnyx_leg_id="N"), leg("two", **fields)])
    (found,) = findings.doubles
    assert found.ids == (("one", "other", "two") if alike else ("one", "other"))
    assert (findings.double_groups, found.count, found.record_type) == (1, len(found.ids), "call-control")
    assert not findings.clean


@pytest.mark.parametrize(
    "fields",
    [
        {"started_at": None},
        {"cost": "0.00"},
        {"cost": None},
        {"telnyx_session_id": None, "telnyx_leg_id": ""},
    ],
)
def test_being_alike_says_nothing_without_start_cost_and_links(catalog: Catalog, fields: dict[str, Any]):
    findings = audited(catalog, [leg("one", **fields), leg("two", **fields)])
    assert (findings.double_groups, findings.records, findings.clean) == (0, 2, True)


def test_a_record_sent_again_is_no_double(tmp_path: Path, where: str):
    file = tmp_path / "twice.ndjson"
    file.write_bytes(messy.ndjson([leg("one"), leg("one"), leg("one", direction="inbound")]))
    call("import", "--store", where, file)
    assert "Look alike    0 groups" in call("audit", "--store", where).stdout


def test_in_what_doubles_differ(catalog: Catalog, reader: Reader):
    records = [
        leg("one", direction="inbound", cli="1"),
        leg("two", direction="outbound", cli="1"),
        leg("three", cld="x"),
    ]
    read = [reader.read(msgspec.json.encode(record)) for record in records]
    assert differing_fields(catalog.types["call-control"], read) == ["cld", "cli", "direction"]
    assert differing_fields(catalog.types["call-control"], read[:1] * 2) == []


def test_many_groups_come_in_order_of_arrival_up_to_a_limit(catalog: Catalog, reader: Reader):
    doubles = Doubles(catalog)
    for turn in range(2):
        for at in range(1500):
            doubles.add(reader.read(msgspec.json.encode(leg(f"{at}-{turn}", telnyx_leg_id=f"L{at}"))))
    for at in range(30):
        doubles.add(reader.read(msgspec.json.encode(leg(f"many{at}", telnyx_leg_id="L7"))))
    found = list(doubles.groups(10))
    assert doubles.count() == 1500
    assert [each.ids[0] for each in found] == [f"{at}-0" for at in range(10)]
    assert (found[7].count, len(found[7].ids)) == (32, 20)
    doubles.close()


def test_memory_stays_flat(catalog: Catalog, reader: Reader):
    """Records are looked at one after another; what is kept of them lies in a file."""
    record = reader.read(msgspec.json.encode(leg("x", rate="0.002", billed_sec=60)))

    def many() -> Iterator[Record]:
        for at in range(20_000):
            yield msgspec.structs.replace(record, id=f"leg-{at}", refs=(f"call-{at % 12_000}", None))

    with Audit(catalog) as audit:
        for _ in audit.add(many()):
            break
        tracemalloc.start()
        for _ in audit.add(many()):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000
        assert audit.findings().double_groups == 8_000


# The command


@pytest.fixture
def path(where: str) -> str:
    assert call("import", "--store", where, *sorted(EXAMPLES.glob("*.ndjson"))).exit_code == 0
    return where


def test_the_examples_agree(path: str):
    lines = call("audit", "--store", path).stdout.splitlines()
    assert lines[:3] == ["Records       48", "Costs agree   21", "Costs differ  0"]
    assert lines[-1] == "Look alike    0 groups of records under different ids"
    counts = [int(line.split()[0]) for line in lines[4:-1]]
    assert lines[3] == f"Not checked   {sum(counts)}"
    assert 21 + sum(counts) == 48
    assert call("audit", "--store", path, "--strict").exit_code == 0


def test_differing_costs_and_doubles_are_listed(path: str, tmp_path: Path):
    file = tmp_path / "odd.ndjson"
    odd = {"record_type": "recording", "id": "odd", "cost": "0.02", "rate": "0.002", "billed_sec": 153}
    file.write_bytes(messy.ndjson([odd, leg("one", direction="inbound"), leg("two", direction="outbound")]))
    call("import", "--store", path, file)
    result = call("audit", "--store", path)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "Costs differ  1" in lines
    at = next(number for number, line in enumerate(lines) if line.startswith("TYPE "))
    assert lines[at + 1].split(None, 5) == [
        "recording",
        "odd",
        "0.02",
        "USD",
        "0.005100",
        "153 second(s) at 0.002 for 60 second(s)",
    ]
    assert lines[-2].split() == ["TYPE", "RECORDS", "IDS", "THEY", "DIFFER", "IN"]
    assert lines[-1].split() == ["call-control", "2", "one,", "two", "direction"]
    assert call("audit", "--store", path, "--strict").exit_code == 1
    answer = json.loads(call("audit", "--store", path, "--json").stdout)
    assert answer["differences"] == [
        {
            "record_type": "recording",
            "id": "odd",
            "cost": "0.02",
            "currency": "USD",
            "expected": "0.005100",
            "quantity": "153",
            "unit": "second",
            "rate": "0.002",
            "rate_per": 60,
        }
    ]
    assert answer["doubles"] == [{"record_type": "call-control", "ids": ["one", "two"], "differ_in": ["direction"]}]
    assert (answer["records"], answer["agreeing"], answer["differing"], answer["double_groups"]) == (51, 21, 1, 1)
    only = json.loads(call("audit", "--store", path, "--type", "callcontrol-cdrs", "--json").stdout)
    assert (only["differing"], only["double_groups"]) == (0, 1)


def test_accounts_are_apart(path: str):
    assert call("audit", "--store", path, "--account", "other").stdout.splitlines()[0] == "Records       0"
