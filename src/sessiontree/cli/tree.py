"""`sessiontree tree`: a session as text, as the API's JSON, or as CSV."""

import sys
from datetime import UTC, datetime, timedelta

import click

from sessiontree.cli.common import (
    account_option,
    given_settings,
    may_paint,
    opened_store,
    paint,
    record_type,
    settings_options,
    warn_of_stale,
    warn_of_undeclared,
)
from sessiontree.cli.fields import chosen, fields_option
from sessiontree.errors import EventNotFound, SessiontreeError
from sessiontree.store import Store
from sessiontree.tree import Tree


@click.command(short_help="Show the session tree of an event.")
@account_option
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Show N levels below the event [all].")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON that the API answers, whole.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line of CSV for each event, whole.")
@fields_option
@settings_options
@click.argument("type_name", metavar="TYPE")
@click.argument("id", metavar="ID")
def tree(
    account: str, depth: int | None, as_json: bool, as_csv: bool, fields: str | None, type_name: str, id: str
) -> None:
    """Show the session tree of an event: its own and cumulative cost, those of everything below it, and the sums.

    Whatever --depth hides is counted all the same.
    """
    from sessiontree.analysis import Analysis

    if as_csv and (as_json or depth is not None):
        raise click.UsageError("--csv prints the whole tree as CSV: leave --json and --depth out")
    if fields is not None and not as_csv:
        raise click.UsageError("--fields is for --csv: the other forms have all fields, or none")
    settings = given_settings()
    with opened_store(settings, create=False) as store:
        warn_of_undeclared(store)
        declared = record_type(store.catalog, type_name)
        warn_of_stale(store)
        try:
            found = Analysis(store, events_max=settings.events_max, open_for=timedelta(hours=settings.open_hours)).tree(
                account, declared, id
            )
        except EventNotFound as error:
            raise _not_found(store, account, error) from None
        if as_csv:
            _print_csv(found, chosen(fields, store, account))
        elif as_json:
            _print_json(found, depth)
        else:
            _print_text(found, depth)


def _not_found(store: Store, account: str, error: EventNotFound) -> SessiontreeError:
    accounts = store.accounts()
    if account in accounts:
        return error
    known = f"there are {', '.join(accounts[:10])}" if accounts else "the store is empty"
    return SessiontreeError(f"the account {account} has no records; {known}")


def _print_json(found: Tree, depth: int | None) -> None:
    from sessiontree import rendering
    from sessiontree.cli.deep_json import pieces

    session = rendering.session(found, depth_max=depth, records=True, now=datetime.now(UTC))
    for piece in pieces(session):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _print_csv(found: Tree, fields: tuple[str, ...]) -> None:
    from sessiontree.export import Export
    from sessiontree.export.columns import Layout
    from sessiontree.export.lines import Csv

    for piece in Export(Csv(Layout(fields, visitors=True))).chunks([found]):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _print_text(found: Tree, depth: int | None) -> None:
    from sessiontree.text import plain, tree_lines

    painter = paint if may_paint() else plain
    lines = tree_lines(found, now=datetime.now(UTC), depth_max=depth, paint=painter)
    click.echo("\n".join(lines))
