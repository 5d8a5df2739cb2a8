"""`sessiontree catalog`: looking at the record types, trying one's own, and applying them to what is stored."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from sessiontree.catalog import Quantity, RecordType
from sessiontree.cli.common import (
    given_settings,
    opened_catalog,
    opened_store,
    record_type,
    settings_options,
    table,
    warn_of_undeclared,
)
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.removal import confirm, yes_option
from sessiontree.errors import SessiontreeError
from sessiontree.store import Store
from sessiontree.trial import RelationshipReport, Tally, Trial

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False)
_SERVERS = "Servers that run with other declarations go on storing, but leave sessions alone: restart them."


@click.group()
def catalog() -> None:
    """See and try record types; apply a changed catalogue to stored records."""


@catalog.command("list")
@settings_options
def list_() -> None:
    """List the record types and what each belongs under."""
    types = opened_catalog(given_settings()).types
    rows = [("TYPE", "PRODUCT", "BELONGS UNDER")]
    rows += [(name, t.product, ", ".join(p.parent for p in t.parents)) for name, t in sorted(types.items())]
    for line in table(rows):
        click.echo(line)


@catalog.command()
@settings_options
@click.argument("type_name", metavar="TYPE")
def show(type_name: str) -> None:
    """Show all that is declared of one record type."""
    found = opened_catalog(given_settings())
    declared = record_type(found, type_name)
    for line in table(list(_facts(declared))):
        click.echo(line)
    below = found.children[declared.name]
    for title, relationships in (("Belongs under", declared.parents), ("Has below it", below)):
        for relationship in relationships:
            other = relationship.parent if title == "Belongs under" else relationship.child
            pairs = ", else ".join(f"{via.local_field} = {via.parent_field}" for via in relationship.via)
            click.echo(f"{title} {other} by {pairs}")


def _facts(declared: RecordType) -> Iterator[tuple[str, str]]:
    yield "Type", declared.name
    yield "Description", declared.description
    yield "Category", declared.category
    yield "Product", f"{declared.product} (event {declared.event})"
    if declared.provider:
        yield "Provider", declared.provider
    yield "Also called", ", ".join(declared.aliases) or "-"
    yield "Id", ", ".join([declared.id_field, *declared.second_id_fields])
    yield "Start", ", else ".join(declared.start_fields) or "-"
    yield "Finish", ", else ".join(declared.finish_fields) or "-"
    yield "Cost", ", else ".join(declared.cost_fields) or "none: a container"
    yield "Currency", f"{declared.currency_field}, else {declared.default_currency}"
    yield from _quantity_facts(declared.quantity)
    yield "Expects", ", ".join(f"{e.child} where {e.field} is above 0" for e in declared.expects) or "-"
    yield "Fields", ", ".join(f"{name} ({kind})" for name, kind in declared.fields.items())


def _quantity_facts(quantity: Quantity | None) -> Iterator[tuple[str, str]]:
    yield "Quantity", f"{', else '.join(quantity.fields)} ({quantity.unit})" if quantity else "-"
    if quantity is None or not quantity.rate_fields:
        yield "Rate", "-"
        return
    units = ", ".join(f"{name} = {count}" for name, count in quantity.rate_units.items())
    named = f"; {quantity.rate_unit_field} may say otherwise: {units}" if units else ""
    yield "Rate", f"{', else '.join(quantity.rate_fields)}, for {quantity.rate_per} {quantity.unit}{named}"


@catalog.command()
@click.argument("folder", type=_FOLDER)
def check(folder: Path) -> None:
    """Say everything that is wrong with a FOLDER of record types, or that it can be used."""
    from sessiontree import catalog_files

    errors = catalog_files.check(folder)
    for error in errors:
        click.echo(error)
    if errors:
        raise click.exceptions.Exit(1)
    names = sorted(path.stem for path in folder.glob("*.toml"))
    click.echo(f"{folder} can be used: it declares {', '.join(names) or 'no types'}")


@catalog.command()
@click.argument("folder", type=_FOLDER)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.option("--record-type", "type_name", metavar="TYPE", help="The type of all records [each names its own].")
def test(folder: Path, files: tuple[str, ...], type_name: str | None) -> None:
    """Try a FOLDER of record types on the records in FILEs: how many link, by which fields, and why others do not.

    It also says how many are without a time or a price, and in which fields it looked for these. Nothing is stored.
    FOLDER adds to the shipped types, as it does when it is used.
    """
    from sessiontree import catalog_files
    from sessiontree.sources import elements

    tried = catalog_files.load(folder)
    declared = None if type_name is None else record_type(tried, type_name).name
    trial = Trial(tried)
    for file in files:
        with Path(file).open("rb") as stream:
            trial.add(elements(stream, file), record_type=declared)
    for report in trial.reports():
        click.echo(f"{report.record_type}: {_records(report.count)}")
        for what, tally in report.lacking.items():
            click.echo(f"  {_tallied(tally, what)}")
        for relationship in report.relationships:
            for line in _outcome(relationship):
                click.echo(f"  {line}")
    for reason, tally in trial.rejected.items():
        click.echo(f"rejected: {_tallied(tally, reason)}")
    if trial.rejected:
        raise click.exceptions.Exit(1)


def _outcome(report: RelationshipReport) -> Iterator[str]:
    yield f"under {report.relationship.parent}:"
    for via, tally in report.linked.items():
        yield f"  {_tallied(tally, f'by {via.local_field} = {via.parent_field}')}"
    for reason, tally in report.unlinked.items():
        yield f"  {_tallied(tally, f'not linked: {reason}')}"


def _tallied(tally: Tally, text: str) -> str:
    examples = f", such as {', '.join(tally.examples)}" if tally.examples else ""
    return f"{tally.count:>7,}  {text}{examples}"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


@catalog.command()
@yes_option
@settings_options
def apply(yes: bool) -> None:
    """Read the stored records again by the present catalogue. Interrupted, it goes on where it was.

    Records of types that it lacks are taken out of all sessions, after asking, and stay stored.
    """
    with opened_store(given_settings(), create=False) as store:
        warn_of_undeclared(store)
        stale = store.stale()
        if not stale:
            click.echo("All stored records are read by the present catalogue: nothing to do.")
            return
        lacking = [name for name in store.sessions.disputed() if name not in store.catalog.types]
        if lacking:
            with stopping(lambda: "nothing is changed."):
                confirm(f"Take the records of {', '.join(lacking)} out of all sessions? They stay stored.", yes)
        with stopping(lambda: "not all records may have been read again. To go on, run it again."):
            _reread(store)
        if store.stale():
            raise SessiontreeError("records were added meanwhile under another catalogue; run this again")
    click.echo(f"All stored records are read by the present catalogue; changed: {', '.join(stale)}")
    click.echo(_SERVERS)


def _reread(store: Store) -> None:
    """On a terminal it says how far it is."""
    try:
        for done, total in store.reread():
            if sys.stderr.isatty():
                click.echo(f"\r{done:,} of {total:,} rows", nl=False, err=True)
    finally:
        if sys.stderr.isatty():
            click.echo(err=True)
