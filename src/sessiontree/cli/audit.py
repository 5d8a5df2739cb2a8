"""`sessiontree audit`: costs that are not rate times quantity, and records that look like doubles."""

import json
from collections.abc import Iterator, Mapping

import click

from sessiontree.audit import LISTED_MAX, Audit, Findings, as_json
from sessiontree.cli.common import (
    account_option,
    given_settings,
    opened_store,
    record_type,
    settings_options,
    table,
    warn_of_account,
    warn_of_undeclared,
)
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.doubles import Double, differing_fields
from sessiontree.store import Asks, Store


@click.command()
@account_option
@click.option("--type", "type_name", metavar="TYPE", help="Records of this type only [all].")
@click.option("--json", "as_json_", is_flag=True, help="As JSON.")
@click.option("--strict", is_flag=True, help="Exit with status 1 if anything was found.")
@settings_options
def audit(account: str, type_name: str | None, as_json_: bool, strict: bool) -> None:
    """Work the costs out again from rate and billed quantity, and look for records sent twice under different ids.

    It judges what the providers sent; `verify` judges what was made of it.
    """
    settings = given_settings()
    with (
        stopping(lambda: "nothing is audited, and nothing was changed."),
        opened_store(settings, create=False) as store,
        Audit(store.catalog) as audit,
    ):
        warn_of_account(store, account)
        warn_of_undeclared(store)
        declared = None if type_name is None else record_type(store.catalog, type_name).name
        with progress("records", store.checks.count(account, declared)) as advance:
            for _ in audit.add(store.checks.records(account, declared)):
                advance(1)
        findings = audit.findings()
        differing = {each: _differing(store, account, each) for each in findings.doubles}
    if as_json_:
        click.echo(json.dumps(as_json(findings, differing), indent=2))
    else:
        for line in _lines(findings, differing):
            click.echo(line)
    if strict and not findings.clean:
        raise click.exceptions.Exit(1)


def _differing(store: Store, account: str, double: Double) -> list[str]:
    with store.snapshot(account) as snapshot:
        records = snapshot.find(Asks({(double.record_type, id) for id in double.ids}, set(), set()))
    return differing_fields(store.catalog.types[double.record_type], records)


def _lines(findings: Findings, differing: Mapping[Double, list[str]]) -> Iterator[str]:
    yield f"Records       {findings.records:,}"
    yield f"Costs agree   {findings.agreeing:,}"
    yield f"Costs differ  {findings.differing:,}"
    yield f"Not checked   {sum(findings.unchecked.values()):,}"
    yield from _unchecked(findings)
    yield f"Look alike    {findings.double_groups:,} groups of records under different ids"
    if findings.differences:
        yield ""
        yield from table(list(_differences(findings)))
        yield from _more(findings.differing, "records")
    if findings.doubles:
        yield ""
        yield from table(list(_doubles(findings, differing)))
        yield from _more(findings.double_groups, "groups")


def _unchecked(findings: Findings) -> Iterator[str]:
    for (name, reason), count in sorted(findings.unchecked.items()):
        yield f"  {count:>10,}  {name}: {reason}"


def _differences(findings: Findings) -> Iterator[tuple[str, ...]]:
    yield "TYPE", "ID", "COST", "EXPECTED", "BECAUSE"
    for each in findings.differences:
        rated = each.rated
        per = "" if rated.rate_per == 1 else f"{rated.rate_per} "
        because = f"{rated.quantity} {rated.unit}(s) at {rated.rate} for {per}{rated.unit}(s)"
        yield each.record_type, each.id, f"{rated.shown} {each.currency}", rated.expected_text, because


def _doubles(findings: Findings, differing: Mapping[Double, list[str]]) -> Iterator[tuple[str, ...]]:
    yield "TYPE", "RECORDS", "IDS", "THEY DIFFER IN"
    for each in findings.doubles:
        more = ", ..." if each.count > len(each.ids) else ""
        fields = ", ".join(differing[each]) or "nothing else"
        yield each.record_type, f"{each.count:,}", ", ".join(each.ids) + more, fields


def _more(count: int, what: str) -> Iterator[str]:
    if count > LISTED_MAX:
        yield f"... and {count - LISTED_MAX:,} more {what}"
