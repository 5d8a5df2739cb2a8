"""What a record was billed for: declared in the catalogue, read out of the record when it arrives."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sessiontree import catalog_files
from sessiontree.catalog import Quantity
from sessiontree.cli import main
from sessiontree.errors import CatalogError
from sessiontree.money import UNIT
from sessiontree.reading import Reader

CATALOG = catalog_files.load()
OWN = """\
category = "Own"
description = "One request to our own model."
product = "own-llm"
event = "request"
id = "id"
cost = ["price"]
quantity = ["billed_tokens", "tokens"]
quantity_unit = "token"
rate = ["rate"]
rate_per = 1000
rate_unit = "per"
rate_units = { million = 1000000, thousand = 1000 }

[fields]
id = "string"
price = "amount"
currency = "string"
tokens = "integer"
billed_tokens = "number"
rate = "amount"
per = "string"
made = "time"
"""


def refusals(folder: Path, text: str) -> list[str]:
    (folder / "own-llm.toml").write_text(text)
    return [str(error) for error in catalog_files.check(folder)]


MINUTES = ("billed_sec",), "second", ("rate",), 60


@pytest.mark.parametrize(
    ("name", "expected", "units"),
    [
        ("call-control", MINUTES, {"minutes": 60}),
        ("sip-trunking", MINUTES, {"minutes": 60}),
        ("webrtc", MINUTES, {"minutes": 60}),
        ("recording", MINUTES, {"minutes": 60}),
        ("conference-participant", MINUTES, {"minutes": 60}),
        ("ai-voice-assistant", MINUTES, {"ai_voice_assistant_minutes": 60}),
        ("amd", (("invocations",), "invocation", ("rate",), 1), {"invocations": 1}),
        ("text-to-speech", (("number_of_characters",), "character", ("rate",), 1), {}),
        ("inference", (("tokens",), "token", (), 1), {}),
        ("message", (("parts",), "part", (), 1), {}),
    ],
)
def test_the_shipped_types_whose_records_say_it(name: str, expected: tuple[object, ...], units: dict[str, int]) -> None:
    quantity = CATALOG.types[name].quantity
    assert quantity is not None
    assert (quantity.fields, quantity.unit, quantity.rate_fields, quantity.rate_per) == expected
    assert dict(quantity.rate_units) == units
    assert quantity.rate_unit_field == ("rate_measured_in" if units else None)


def test_of_the_others_no_fact_is_known() -> None:
    assert len([declared for declared in CATALOG.types.values() if declared.quantity]) == 10


def test_a_type_of_ones_own(tmp_path: Path) -> None:
    assert refusals(tmp_path, OWN) == []
    units = {"million": 1_000_000, "thousand": 1000}
    declared = catalog_files.load(tmp_path).types["own-llm"]
    assert declared.quantity == Quantity(("billed_tokens", "tokens"), "token", ("rate",), 1000, "per", units)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('["billed_tokens", "tokens"]', '["words"]', "quantity: 'words' does not stand in [fields]"),
        ('["billed_tokens", "tokens"]', '["per"]', "quantity: 'per' is declared as string; here it must be integer, "),
        ('["billed_tokens", "tokens"]', '["tokens", "tokens"]', "quantity: 'tokens' stands there twice"),
        ('["billed_tokens", "tokens"]', "[]", "quantity_unit: says nothing without the key quantity"),
        ('["billed_tokens", "tokens"]', "[]", "rate: says nothing without the key quantity"),
        ('quantity_unit = "token"', "", "quantity: says nothing without the key quantity_unit"),
        ('rate = ["rate"]', "", "rate_unit: says nothing without the key rate"),
        ('rate = ["rate"]', "", "rate_per: says nothing without the key rate"),
        ('["rate"]', '["tokens"]', "rate: 'tokens' is declared as integer; here it must be amount"),
        ('rate_unit = "per"', "", "rate_units: says nothing without the key rate_unit"),
        ('rate_unit = "per"', 'rate_unit = "made"', "rate_unit: 'made' is declared as time; here it must be string"),
        ("{ million = 1000000, thousand = 1000 }", "{}", "rate_unit: says nothing without the key rate_units"),
        ("million = 1000000", "million = 0", "rate_units.million: 0 is no number of units: use 1 or more"),
        ("rate_per = 1000", "rate_per = -1", "rate_per: -1 is no number of units: use 1 or more"),
        ("rate_per = 1000", 'rate_per = "1"', "rate_per: expected `int`, got `str`"),
        ("million = 1000000", 'million = "many"', "rate_units[...]: expected `int`, got `str`"),
        ("quantity_unit", "quantity_units", "quantity_units: is not a key of a record type; the keys are category, "),
    ],
)
def test_what_contradicts_is_refused(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in OWN
    found = refusals(tmp_path, OWN.replace(old, new, 1))
    assert any(each.startswith(f"own-llm.toml: {error}") for each in found), found
    with pytest.raises(CatalogError):
        catalog_files.load(tmp_path)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('"billed_sec": 153', 153 * UNIT),
        ('"billed_sec": 0', 0),
        ('"billed_sec": -6', -6 * UNIT),
        ('"billed_sec": "1.5"', 3 * UNIT // 2),
        ('"billed_sec": "1e-12"', 1),
        ('"billed_sec": 0.1', UNIT // 10),
        ('"billed_sec": 0.30000000000000004', None),
        ('"billed_sec": 999999999999.999999999999', 10**24 - 1),
        ('"billed_sec": 1000000', 10**6 * UNIT),
        ('"billed_sec": 1000000000000', None),
        ('"billed_sec": 1e400', None),
        ('"billed_sec": "many"', None),
        ('"billed_sec": true', None),
        ('"billed_sec": [60]', None),
        ('"billed_sec": null', None),
        ('"billed_sec": ""', None),
        ('"billed": 60', None),
    ],
)
def test_a_quantity_is_read_exactly_and_never_keeps_a_record_out(fields: str, expected: int | None) -> None:
    record = Reader(CATALOG).read(b'{"record_type": "recording", "id": "r", "cost": "1", %s}' % fields.encode())
    assert (record.quantity, record.cost) == (expected, UNIT)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('"billed_tokens": 2, "tokens": 3', 2),
        ('"billed_tokens": null, "tokens": 3', 3),
        ('"billed_tokens": "", "tokens": 3', 3),
        ('"tokens": 3', 3),
    ],
)
def test_the_first_field_that_is_there_counts(tmp_path: Path, fields: str, expected: int) -> None:
    assert refusals(tmp_path, OWN) == []
    reader = Reader(catalog_files.load(tmp_path))
    record = reader.read(b'{"record_type": "own-llm", "id": "r", %s}' % fields.encode())
    assert record.quantity == expected * UNIT


def test_a_type_without_one_reads_none() -> None:
    assert Reader(CATALOG).read(b'{"record_type": "verify", "id": "v", "billed_sec": 5}').quantity is None


def test_show_tells_it(tmp_path: Path) -> None:
    def shown(name: str) -> str:
        return CliRunner().invoke(main, ["catalog", "show", name, "--catalog", str(tmp_path)]).output

    assert refusals(tmp_path, OWN) == []
    assert "Quantity     billed_tokens, else tokens (token)\n" in shown("own-llm")
    units = "million = 1000000, thousand = 1000"
    assert f"Rate         rate, for 1000 token; per may say otherwise: {units}\n" in shown("own-llm")
    assert "Quantity     tokens (token)\nRate         -\n" in shown("inference")
    assert "Quantity     -\nRate         -\n" in shown("verify")
