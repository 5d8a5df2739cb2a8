"""`sessiontree store`: looking after the store as a whole."""

from datetime import UTC, datetime, timedelta

import click

from sessiontree.calling import as_called
from sessiontree.cli.common import account_option, given_settings, opened_store, settings_options, table
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.cli.refreshing import refresh
from sessiontree.cli.removal import confirm, dry_run_option, lines, yes_option
from sessiontree.cli.store_copy import copy_
from sessiontree.record import read_time
from sessiontree.store import Store, condition
from sessiontree.store.names import shown_name
from sessiontree.store.removing import Pruned
from sessiontree.taking_back import prune as prune_all

_BY_STEPS = "some of it may be done. To go on, run it again."


@click.group()
def store() -> None:
    """Look after the store."""


@store.command()
@account_option
@click.option("--before", metavar="DATE", required=True, help="A date or a time, UTC where it has no zone.")
@dry_run_option
@yes_option
@settings_options
def prune(account: str, before: str, dry_run: bool, yes: bool) -> None:
    """Remove all sessions that ended before a date, after saying what that does.

    A session stays, whole, when anything in it happened on that date or later, when it is still in progress, or when it
    shares a record with a session that stays.
    """
    until = _moment(before)
    settings = given_settings()
    with opened_store(settings, create=False) as opened:
        open_since = datetime.now(UTC) - timedelta(hours=settings.open_hours)
        with stopping(lambda: "nothing is removed."):
            refresh(opened)
            with progress("looking", None) as advance:
                would = prune_all(opened, account, until, open_since=open_since, dry_run=True, done=advance)
            click.echo(f"Sessions that ended before {before}: {would.sessions:,}")
            for line in lines(would.removal):
                click.echo(line)
            if dry_run:
                return
            if would.sessions:
                confirm("Remove them?", yes)
        if would.sessions:
            with (
                stopping(lambda: "some of the sessions are removed, each whole. To go on, run it again."),
                progress("pruning", would.sessions) as advance,
            ):
                pruned: Pruned = prune_all(opened, account, until, open_since=open_since, done=advance)
            click.echo(f"Removed sessions: {pruned.sessions:,}, with all their records: {pruned.removal.removed:,}")
        with stopping(lambda: "empty months may be left. To drop them, run it again."):
            _drop_months(opened, until)


@store.command()
@settings_options
def migrate() -> None:
    """Bring the schema of a PostgreSQL store to the version of this program. It may be run again.

    Make a backup first, and stop the servers.
    """
    with stopping(lambda: _BY_STEPS):
        before, after = condition.migrate(given_settings().store)
    click.echo(f"The schema has version {after}{', as before' if before == after else ' now'}.")


@store.command()
@settings_options
def check() -> None:
    """Look at the store's condition: schema, partitions, indexes, versions. Whether sums agree, `verify` says."""
    where = given_settings().store
    found = condition.look(where)
    for line in table([(f"{name}:", text) for name, text in [("store", shown_name(where)), *found.facts]]):
        click.echo(line)
    for fault in found.faults:
        click.echo(f"Fault: {as_called(fault)}")
    if found.faults:
        raise click.exceptions.Exit(1)
    click.echo("Nothing is wrong.")


@store.command()
@settings_options
def distribute() -> None:
    """Distribute the tables of a PostgreSQL store over a Citus cluster, by account. It may be run again."""
    with stopping(lambda: _BY_STEPS):
        done = condition.distribute(given_settings().store)
    click.echo(f"Distributed: {', '.join(done)}." if done else "All tables are distributed already.")


store.add_command(copy_)


def _drop_months(opened: Store, until: datetime) -> None:
    """Give back the room of months that are empty now, or have been since something else emptied them."""
    dropped, held = opened.removing.drop_months(until)
    if dropped:
        click.echo(f"Empty months dropped, with their room on the disk: {', '.join(dropped)}")
    if held:
        click.echo(f"Empty months that others are reading: {', '.join(held)}; to drop them, run it again later")


def _moment(text: str) -> datetime:
    try:
        return read_time(text)
    except ValueError as error:
        raise click.UsageError(f"--before {text} {error}") from None
