"""`sessiontree imports`: which import runs and ingest requests there were, and taking one back."""

from datetime import UTC, datetime

import click

from sessiontree.cli.common import account_option, given_settings, opened_store, settings_options, table
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.cli.refreshing import refresh
from sessiontree.cli.removal import confirm, dry_run_option, lines, undo_command, yes_option
from sessiontree.store import Store, refuse_disputed
from sessiontree.store.intakes import FILE, HTTP, SOURCES, Intake, Preview, UnknownIntake
from sessiontree.taking_back import undo as undo_all

_LISTED = 50
_MORE = "Note: there are more; --limit shows others"
_ONLY_FILES = ", --source file only what was imported from files"


@click.group()
def imports() -> None:
    """List import runs and ingest requests, and take one back."""


@imports.command("list")
@account_option
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=_LISTED, help="How many [50].")
@click.option("--source", type=click.Choice(SOURCES), help="Only imports of files, or only requests over HTTP [both].")
@settings_options
def list_(account: str, limit: int, source: str | None) -> None:
    """List imports and ingest requests, the latest first."""
    with opened_store(given_settings(), create=False) as store:
        found = store.intakes.page(account, limit=limit + 1, source=source)
    if not found:
        whence = {FILE: " from files", HTTP: " over HTTP", None: ""}[source]
        click.echo(f"Nothing has been imported{whence} for the account {account}.", err=True)
        return
    rows: list[tuple[str, ...]] = [("ID", "RECEIVED", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "STATE", "SOURCE")]
    rows += [_row(each) for each in found[:limit]]
    for line in table(rows):
        click.echo(line)
    if len(found) > limit:
        click.echo(f"{_MORE}{'' if source else _ONLY_FILES}.", err=True)


def _row(intake: Intake) -> tuple[str, ...]:
    counts = (intake.created, intake.updated, intake.unchanged, intake.rejected)
    source = intake.source if intake.key is None else f"{intake.source} ({intake.key})"
    return (intake.id, _moment(intake.received), *(f"{count:,}" for count in counts), intake.state, source)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@imports.command()
@account_option
@dry_run_option
@yes_option
@settings_options
@click.argument("id")
def undo(account: str, dry_run: bool, yes: bool, id: str) -> None:
    """Take back what the import with this ID brought, after saying what that does.

    Records that it created are removed, and those that it changed get back the content before. It may run beside a
    server; stopped, it is gone on with by calling it again. The files can be imported again afterwards.
    """
    with opened_store(given_settings(), create=False) as store:
        found = store.intakes.get(account, id)
        if found is None:
            raise UnknownIntake(id)
        if found.undone is not None:
            click.echo(f"{id} is undone already, since {_moment(found.undone)} UTC")
            return
        if found.is_over:
            click.echo(f"nothing of {id} is stored, so there is nothing to take back: all of its records were rejected")
            return
        refuse_disputed(store)
        with stopping(lambda: _stopped(store, account, id)):
            refresh(store)
            with progress("looking", found.created + found.updated) as advance:
                preview = store.intakes.preview(account, id, advance)
            for line in _preview_lines(found, preview):
                click.echo(line)
            if dry_run:
                return
            confirm("Take it back?", yes)
            with progress("undoing", preview.removal.records) as advance:
                removal = undo_all(store, account, id, datetime.now(UTC), advance)
            refresh(store)
        click.echo(f"{id} is undone; records removed: {removal.removed:,}, restored: {removal.restored:,}")


def _stopped(store: Store, account: str, id: str) -> str:
    """What an undo that was interrupted leaves."""
    found = store.intakes.get(account, id)
    if found is None or found.undo_began is None:
        return "nothing is taken back."
    if found.undone is None:
        return f"{id} is taken back in part. To go on: {undo_command(account, id)}"
    return f"{id} is undone; its sessions are brought up to date when somebody asks for them."


def _preview_lines(intake: Intake, preview: Preview) -> list[str]:
    went_on = " (going on with an undo that was stopped)" if intake.undo_began else ""
    said = [f"{intake.id}: {intake.source}, {_moment(intake.received)} UTC{went_on}"]
    said += lines(preview.removal)
    said.append(f"  sessions that change: {preview.sessions:,}")
    if preview.repeated:
        said.append(f"  of these, sent again unchanged by later imports: at most {preview.repeated:,}; they go too")
    return said
