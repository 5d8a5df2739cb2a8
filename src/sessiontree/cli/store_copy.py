"""`sessiontree store copy`: all of one store into an empty one, with the proof that it is the same."""

from collections.abc import Iterator

import click

from sessiontree import money
from sessiontree.calling import as_called
from sessiontree.cli.common import given_settings, opened_catalog, settings_options, table
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.store import open_store
from sessiontree.store.checks import Sums
from sessiontree.store.copying import Copied
from sessiontree.store.copying import copy as copy_all
from sessiontree.store.names import is_postgres, shown_name
from sessiontree.store.parts.half_copies import DELETE, EMPTY, refusal
from sessiontree.verifying import currencies


@click.command(name="copy")
@click.argument("origin", metavar="FROM")
@click.argument("empty", metavar="TO")
@settings_options
def copy_(origin: str, empty: str) -> None:
    """Copy the store FROM into TO, which is new or empty: files or PostgreSQL URLs.

    Everything is copied: records with their histories, sessions, imports and keys. At the end counts and sums of both
    are compared. Stop the server first: what it stores meanwhile is not copied. Until that is done, and when it is
    stopped before, no command takes TO for a store.
    """
    catalog = opened_catalog(given_settings())
    half = refusal(shown_name(empty), EMPTY if is_postgres(empty) else DELETE)
    first = open_store(origin, catalog, create=False)
    try:
        second = open_store(empty, catalog)
        try:
            with stopping(lambda: f"{as_called(half)}."):
                copied = copy_all(first, second, progress)
        finally:
            second.close()
    finally:
        first.close()
    for line in table([("", "from", "to"), *_lines(copied)]):
        click.echo(line)
    if copied.differences:
        differing = ", ".join(copied.differences)
        raise click.ClickException(f"these are not the same in both: {differing}; {as_called(half)}")
    click.echo(f"{shown_name(empty)} holds the same as {shown_name(origin)}.")


def _lines(copied: Copied) -> Iterator[tuple[str, str, str]]:
    for name, (before, after) in copied.counts.items():
        yield (name.replace("_", " "), f"{before:,}", f"{after:,}")
    for account, (one, other) in copied.sums.items():
        for currency in currencies(one):
            yield (f"{account}, {currency}", _amount(one, currency), _amount(other, currency))


def _amount(sums: Sums, currency: str) -> str:
    return money.text(sums.records.get(currency, 0))
