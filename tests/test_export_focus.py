"""Exports in FOCUS 1.2: what each charge says, and every column against the published rules (`focus_columns.toml`)."""

import csv
import io
import json
import random
import re
import subprocess
import sys
import tomllib
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

import messy
from cli_help import call
from sessiontree import catalog_files
from sessiontree.export import Export
from sessiontree.export.columns import Layout
from sessiontree.export.focus import SERVICE_CATEGORIES, Focus, unit_name
from stores import NewStore
from test_export import CALL, CONFERENCE, stored, tree_of
from test_laws import stored as stored_messy

RULES = tomllib.loads((Path(__file__).parent / "focus_columns.toml").read_text(encoding="utf-8"))
MANDATORY = {name for name, rule in RULES.items() if rule["level"] == "mandatory"}
OURS = ["x_SessionId", "x_SessionType", "x_ParentEventId", "x_EventId", "x_RecordType", "x_Depth", "x_CumulativeCost"]
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(E-?[0-9]+)?")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def focus(store, *tops, fields=(), provider="Acme") -> str:
    form = Focus(Layout(fields), catalog=store.catalog, account="default", provider=provider)
    return b"".join(Export(form).chunks(tree_of(store, *top) for top in tops)).decode()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def charges_of(new_store: NewStore, records, *tops, **more) -> dict[str, dict[str, str]]:
    with stored(new_store, records) as store:
        return {row["x_EventId"]: row for row in rows_of(focus(store, *tops, **more))}


def test_a_record_with_a_cost_is_a_charge(new_store: NewStore):
    charges = charges_of(new_store, CALL, ("call-session", "s1"))
    assert list(charges) == ["c1", "a1", "i1", "i2"]  # the session and what is unpriced charge nothing
    assert charges["c1"] == {
        "BilledCost": "0.005200", "BillingAccountId": "default", "BillingAccountName": "", "BillingCurrency": "USD",
        "BillingPeriodEnd": "2026-04-01T00:00:00Z", "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": "callcontrol-cdrs c1",
        "ChargeFrequency": "Usage-Based", "ChargePeriodEnd": "2026-03-17T10:02:33Z",
        "ChargePeriodStart": "2026-03-17T10:00:00Z", "ContractedCost": "0.005200", "EffectiveCost": "0.005200",
        "InvoiceIssuerName": "Acme", "ListCost": "0.005200", "PricingQuantity": "1", "PricingUnit": "Records",
        "ProviderName": "Acme", "PublisherName": "Acme", "ServiceCategory": "Networking",
        "ServiceName": "callcontrol-cdrs", "x_SessionId": "s1", "x_SessionType": "call-session",
        "x_ParentEventId": "s1", "x_EventId": "c1", "x_RecordType": "call-control", "x_Depth": "1",
        "x_CumulativeCost": "0.1853421",
    }  # fmt: skip


def test_a_type_may_name_the_provider_that_bills_it(tmp_path: Path, where: str):
    """The others are billed by the one that is set."""
    shipped = files("sessiontree").joinpath("record_types", "inference.toml").read_text()
    (tmp_path / "inference.toml").write_text(f'provider = "Own, models"\n{shipped}')
    file = tmp_path / "records" / "a.ndjson"
    file.parent.mkdir()
    file.write_text("\n".join(map(json.dumps, CALL)))
    options = ("--store", where, "--catalog", tmp_path)
    assert call("import", *options, file).exit_code == 0
    exported = call("export", *options, "--format", "focus", "-o", "-", SESSIONTREE_PROVIDER="Acme")
    columns = ("ProviderName", "PublisherName", "InvoiceIssuerName")
    assert {row["x_EventId"]: {row[name] for name in columns} for row in rows_of(exported.stdout)} == {
        "c1": {"Acme"}, "a1": {"Acme"}, "i1": {"Own, models"}, "i2": {"Own, models"},
    }  # fmt: skip
    assert "Own, models" in call("catalog", "show", "--catalog", tmp_path, "inference").stdout


def test_what_comes_back_is_a_credit(new_store: NewStore):
    credit = charges_of(new_store, CALL, ("call-session", "s1"))["i2"]
    assert (credit["ChargeCategory"], credit["ChargeFrequency"]) == ("Credit", "One-Time")
    assert (credit["BilledCost"], credit["BillingCurrency"], credit["x_Depth"]) == ("-2.000000", "EUR", "3")


def test_a_record_is_charged_once_in_its_home(new_store: NewStore):
    charges = charges_of(new_store, CALL + CONFERENCE, ("conference", "k1"))
    assert list(charges) == ["p2"]


def test_the_quantity_is_what_the_record_was_billed_for(new_store: NewStore):
    charges = charges_of(
        new_store,
        [
            {"record_type": "call-control", "id": "c1", "cost": "1", "billed_sec": 180},
            {"record_type": "call-control", "id": "c2", "cost": "1", "billed_sec": "0.5"},
            {"record_type": "call-control", "id": "c3", "cost": "1"},
        ],
        *(("call-control", id) for id in ("c1", "c2", "c3")),
    )
    said = [(row["PricingQuantity"], row["PricingUnit"]) for row in charges.values()]
    assert said == [("180", "Seconds"), ("0.5", "Seconds"), ("1", "Records")]
    assert [unit_name(unit) for unit in ("token", "MB", "seconds")] == ["Tokens", "MB", "Seconds"]


@pytest.mark.parametrize(
    ("start", "finish", "period", "month"),
    [
        ("2026-03-17T10:00:00.9Z", None, "2026-03-17T10:00:00Z/2026-03-17T10:00:01Z", "2026-03-01/2026-04-01"),
        ("2026-03-17T10:00:00Z", "2026-03-17T10:00:05Z", "2026-03-17T10:00:00Z/2026-03-17T10:00:05Z",
         "2026-03-01/2026-04-01"),
        ("2026-03-17T10:00:00Z", "2026-03-17T09:00:00Z", "2026-03-17T10:00:00Z/2026-03-17T10:00:01Z",
         "2026-03-01/2026-04-01"),
        ("2025-12-31T23:59:59.5Z", "2026-01-01T00:00:09.1Z", "2025-12-31T23:59:59Z/2026-01-01T00:00:10Z",
         "2025-12-01/2026-01-01"),
        ("9999-12-31T23:59:59Z", None, "9999-12-31T23:59:59Z/9999-12-31T23:59:59Z", "9999-12-01/9999-12-31"),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z/9999-12-31T23:59:59Z",
         "0001-01-01/0001-02-01"),
        (None, None, "2026-03-20T00:00:00Z/2026-03-20T00:00:01Z", "2026-03-01/2026-04-01"),  # when it was received
    ],
)  # fmt: skip
def test_periods_are_whole_seconds_and_calendar_months(new_store: NewStore, start, finish, period, month):
    record = {"record_type": "call-control", "id": "c1", "cost": "1", "started_at": start, "finished_at": finish}
    row = charges_of(new_store, [record], ("call-control", "c1"))["c1"]
    assert f"{row['ChargePeriodStart']}/{row['ChargePeriodEnd']}" == period
    assert f"{row['BillingPeriodStart'][:10]}/{row['BillingPeriodEnd'][:10]}" == month


def test_record_fields_are_columns_of_our_own(new_store: NewStore):
    with stored(new_store, CALL) as store:
        rows = rows_of(focus(store, ("call-session", "s1"), fields=("model", "SessionId")))
    assert [row["x_model"] for row in rows] == ["", "", "'=HYPERLINK(1)", ""]
    assert list(rows[0])[-2:] == ["x_model", "x_record.SessionId"]


def check(rows: list[dict[str, str]]) -> None:
    """Every published rule on every row."""
    for row in rows:
        for name, rule in RULES.items():
            cell = row[name]
            if not cell:
                assert rule["nulls"], name
                continue
            assert cell.strip() == cell, name
            if rule["type"] == "decimal":
                assert NUMBER.fullmatch(cell), (name, cell)
            if rule["type"] == "time":
                assert TIME.fullmatch(cell), (name, cell)
                datetime.fromisoformat(cell)
            assert cell in rule.get("values", [cell]), (name, cell)
            assert re.fullmatch(rule.get("pattern", ".*"), cell), (name, cell)
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["BillingPeriodEnd"]
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        if row["ChargeCategory"] in ("Usage", "Purchase"):
            assert row["PricingQuantity"], "a usage says how much was used"
        assert bool(row["PricingUnit"]) == bool(row["PricingQuantity"])
        assert row["ContractedCost"] == row["BilledCost"] == row["ListCost"], "no unit price is known"
    categories: dict[str, set[str]] = {}
    for row in rows:
        categories.setdefault(row["ServiceName"], set()).add(row["ServiceCategory"])
    assert {name: found for name, found in categories.items() if len(found) > 1} == {}


def messy_focus(new_store: NewStore, seed: int) -> tuple[str, Decimal]:
    """The export of all sessions of messy data, and what all its USD records cost."""
    records = messy.generate(random.Random(seed), 300, operator=True)
    with stored_messy(new_store, records, operator=True) as store:
        latest = {messy.identity(record): record for record in records}
        trees = {identity: tree_of(store, *identity) for identity in latest}
        tops = {(tree.ancestors[-1].parent if tree.ancestors else tree.root).identity for tree in trees.values()}
        costs = [tree.root.record for tree in trees.values() if tree.root.record and tree.root.record.currency == "USD"]
        return focus(store, *sorted(tops)), Decimal(sum(record.cost or 0 for record in costs)).scaleb(-12)


@pytest.mark.parametrize("seed", range(3))
def test_messy_data_keeps_the_published_rules(new_store: NewStore, seed: int):
    text, total = messy_focus(new_store, seed)
    rows = rows_of(text)
    assert len(rows) > 80
    assert set(RULES) == set(rows[0]) - set(OURS)
    assert list(rows[0])[-len(OURS) :] == OURS
    check(rows)
    assert sum(Decimal(row["BilledCost"]) for row in rows if row["BillingCurrency"] == "USD") == total


def test_there_are_twenty_one_columns_that_must_be_there():
    assert len(MANDATORY) == 21


def test_every_category_of_the_catalogue_has_one_of_focus():
    ours = {declared.category for declared in catalog_files.load().types.values()}
    assert ours - SERVICE_CATEGORIES.keys() == {"Other Products"}
    assert set(SERVICE_CATEGORIES.values()) <= set(RULES["ServiceCategory"]["values"])


@pytest.mark.long
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the published validator needs numpy 1")
def test_the_published_validator_finds_nothing_but_columns_of_1_0(new_store: NewStore, tmp_path: Path):
    """It knows FOCUS up to 1.0, which requires columns that 1.2 does not: these may lack, and nothing else."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = ["focus-validator==1.0.0", "multimethod<2"]  # it does not work with a later one
    subprocess.run([folder / "bin" / "pip", "install", "-q", *wanted], check=True, capture_output=True)
    text, _ = messy_focus(new_store, 1)
    (tmp_path / "focus.csv").write_text(text, encoding="utf-8")
    options = ["--data-file", tmp_path / "focus.csv", "--validate-version", "1.0"]
    options += ["--output-type", "unittest", "--output-destination", tmp_path / "found.xml"]
    (packages,) = folder.glob("lib/python*/site-packages")  # it looks for its list of currencies from there
    subprocess.run([folder / "bin" / "focus-validator", *options], check=True, cwd=packages)
    checks = re.findall(r'<testcase name="(\w+) :: [^>]*?(/?)>', (tmp_path / "found.xml").read_text(encoding="utf-8"))
    failed = {name for name, ends in checks if not ends}
    assert len(checks) > 100
    assert {name for name in failed if not name.endswith("_Required")} == set()
    assert failed.isdisjoint({f"{name}_Required" for name in MANDATORY})
