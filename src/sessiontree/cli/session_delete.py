"""`sessiontree sessions delete`: a session, whole."""

import click

from sessiontree.cli.common import given_settings, opened_store, record_type, settings_options
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.cli.refreshing import refresh
from sessiontree.cli.removal import confirm, dry_run_option, lines, yes_option
from sessiontree.errors import SessiontreeError
from sessiontree.taking_back import when_fresh


@click.command()
@click.option("--account", metavar="NAME", help="Whose records [default].")
@dry_run_option
@yes_option
@settings_options
@click.argument("type_name", metavar="TYPE")
@click.argument("id")
@click.pass_context
def delete(context: click.Context, account: str | None, dry_run: bool, yes: bool, type_name: str, id: str) -> None:
    """Remove the session whose top is the event of this TYPE and ID, after saying what that does.

    All records that are at home in it go, with their histories; those that are only shown there stay.
    """
    assert context.parent is not None
    owner: str = account or context.parent.params["account"]
    with opened_store(given_settings(), create=False) as store:
        declared = record_type(store.catalog, type_name)
        with stopping(lambda: "nothing is removed."):
            refresh(store)
            with progress("looking", None):
                would = when_fresh(store, lambda: store.removing.session(owner, declared.name, id, dry_run=True))
            if would is None:
                raise SessiontreeError(f"there is no session of {declared.name} {id}; name it by its top")
            click.echo(f"Session of {declared.name} {id}")
            for line in lines(would):
                click.echo(line)
            if dry_run:
                return
            confirm("Remove it?", yes)
            with progress("removing", None):
                removal = when_fresh(store, lambda: store.removing.session(owner, declared.name, id))
        click.echo(f"The session is removed; records removed: {removal.removed if removal else 0:,}")
        with stopping(lambda: "the session is removed, and others are brought up to date when they are asked for."):
            refresh(store)
