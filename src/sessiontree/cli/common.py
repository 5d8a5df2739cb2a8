"""What the commands share: the options that name the store and the catalogue, and opening both."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from sessiontree.calling import as_called
from sessiontree.catalog import Catalog, RecordType
from sessiontree.errors import UnknownRecordType
from sessiontree.settings import Settings, load
from sessiontree.store import Store, open_store, warning_of_stale, warning_of_undeclared

Command = TypeVar("Command", bound=Callable[..., Any])


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    given = ctx.ensure_object(dict)
    if value is not None and param.name is not None:
        given[param.name] = value


def settings_options(command: Command) -> Command:
    """Add the options that every command has, wherever on the line they are given."""
    for name, metavar, text in (
        ("--config", "FILE", "A TOML file of settings [SESSIONTREE_CONFIG]."),
        ("--catalog", "FOLDER", "A folder of record types of your own [SESSIONTREE_CATALOG]."),
        ("--store", "PATH_OR_URL", "A SQLite file or a postgresql:// URL [SESSIONTREE_STORE; sessiontree.db]."),
    ):
        command = click.option(name, metavar=metavar, help=text, callback=_keep, expose_value=False)(command)
    return command


account_option = click.option("--account", metavar="NAME", default="default", help="Whose records [default].")


def given_settings(**more: Any) -> Settings:
    """The settings by file, environment and options; `more` comes from a command's own options."""
    given = dict(click.get_current_context().ensure_object(dict))
    config = given.pop("config", None)
    return load(given | more, config=config)


def opened_catalog(settings: Settings) -> Catalog:
    """The catalogue with the operator's folder."""
    from sessiontree import catalog_files

    return catalog_files.load(Path(settings.catalog) if settings.catalog else None)


@contextmanager
def opened_store(settings: Settings, *, create: bool) -> Iterator[Store]:
    """The store that the settings name, closed in the end."""
    store = open_store(settings.store, opened_catalog(settings), create=create)
    try:
        yield store
    finally:
        store.close()


def warn(store: Store, account: str) -> None:
    """Say all that may make an answer about an account other than expected."""
    warn_of_account(store, account)
    warn_of_undeclared(store)
    warn_of_stale(store)


def warn_of_undeclared(store: Store) -> None:
    """Say so when the catalogue lacks types of stored records: every sum is without them."""
    warning = warning_of_undeclared(store)
    if warning:
        click.echo(f"Note: {as_called(warning)}.", err=True)


def warn_of_account(store: Store, account: str) -> None:
    """Say so when nobody has records under this name: a list that is empty for that reason looks like any other."""
    accounts = store.accounts()
    if accounts and account not in accounts:
        shown = ", ".join(accounts[:10])
        click.echo(f"Note: the account {account} has no records; there are {shown}.", err=True)


def warn_of_stale(store: Store) -> None:
    """Say so when stored records were read by other declarations than the present ones."""
    warning = warning_of_stale(store)
    if warning:
        click.echo(f"Note: {as_called(warning)}.", err=True)


def record_type(catalog: Catalog, name: str) -> RecordType:
    """The record type of this name; a name that is none is a wrong call."""
    try:
        return catalog.resolve(name)
    except UnknownRecordType as error:
        raise click.UsageError(as_called(str(error))) from None


_COLORS = {"type": "1;36", "id": "2", "amount": "32", "note": "2", "problem": "33", "title": "1"}


def paint(role: str, text: str) -> str:
    """Text in its role's colour, for a terminal."""
    return f"\x1b[{_COLORS[role]}m{text}\x1b[0m" if text else text


def may_paint() -> bool:
    """Whether standard output is a terminal whose user wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows with their columns in line; the last column is free."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()
