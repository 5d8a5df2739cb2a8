"""`sessiontree export`: the events of many sessions into a file, which gets its name only when it is whole."""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from sessiontree.cli.common import (
    account_option,
    given_settings,
    opened_store,
    settings_options,
    warn,
)
from sessiontree.cli.fields import chosen, fields_option
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.cli.refreshing import refresh
from sessiontree.cli.session_options import as_usage, parameters, session_options
from sessiontree.errors import SessiontreeError
from sessiontree.export import Export
from sessiontree.export.columns import Layout, sums_text
from sessiontree.export.forms import FORMATS, form
from sessiontree.export.sessions import session_trees
from sessiontree.export.tally import Tally
from sessiontree.session_query import SessionQuery
from sessiontree.settings import Settings
from sessiontree.store import Store
from sessiontree.tree import Tree

_STDOUT = "-"
_ENDINGS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet", ".focus.csv": "focus"}


@click.command(short_help="Export the events of sessions to a file.")
@account_option
@click.option(
    "-o", "--output", "file", metavar="FILE", required=True, type=click.Path(dir_okay=False, allow_dash=True),
    help="The file to write; - is standard output.",
)  # fmt: skip
@click.option("--format", "format_name", type=click.Choice(FORMATS), help="The format [by FILE's name, else csv].")
@fields_option
@session_options
@settings_options
def export(account: str, file: str, format_name: str | None, fields: str | None, **filters: Any) -> None:
    """Export the events of all sessions, or of those that the filters select, oldest session first.

    Every record is in it once, in the session it is at home in. FILE appears when it is complete; until then it is
    called FILE.part.
    """
    settings = given_settings()
    name = format_name or _format_of(file)
    with stopping(lambda: _stopped(file)), opened_store(settings, create=False) as store:
        warn(store, account)
        layout = Layout(chosen(fields, store, account))
        query = _query(store, account, settings, parameters(filters))
        made = Export(form(name, layout, catalog=store.catalog, account=account, provider=settings.provider))
        refresh(store)
        count = store.sessions.page(account, query).totals.session_count
        with progress("sessions", count) as advance, _opened(file) as sink:
            trees = _told(session_trees(store, account, query, made.tally), advance)
            for piece in made.chunks(trees):
                sink.write(piece)
    _say(file, made.tally)


def _query(store: Store, account: str, settings: Settings, given: bytes) -> SessionQuery:
    """What the options select; what is wrong with one is a wrong call."""
    from sessiontree.http.parameters import Parameters
    from sessiontree.http.refusals import RequestError
    from sessiontree.http.session_filters import read_query

    try:
        return read_query(Parameters(given), store, account, settings, datetime.now(UTC))
    except RequestError as error:
        raise as_usage(error.message, error.parameter) from None


def _format_of(file: str) -> str:
    """By the longest ending that a file's name has; a name with another ending asks for what there is not."""
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if file.lower().endswith(ending):
            return _ENDINGS[ending]
    if file != _STDOUT and (unknown := Path(file).suffix):
        known = ", ".join(_ENDINGS)
        raise click.UsageError(f"{file}: {unknown} is no format of an export; end it in {known}, or name a --format")
    return FORMATS[0]


def _told(trees: Iterable[Tree], advance: Callable[[int], None]) -> Generator[Tree, None, None]:
    for tree in trees:
        yield tree
        advance(1)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The file to write, under another name until it is whole; what is no plain file is written as it is."""
    path, part = Path(file), Path(f"{file}.part")
    if file == _STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as sink:
                yield sink
            return
        try:
            with part.open("wb") as sink:
                yield sink
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SessiontreeError(f"{file} cannot be written: {error.strerror}") from None


def _stopped(file: str) -> str:
    """What an export that was interrupted leaves."""
    return "what has been written is not whole." if file == _STDOUT else f"{file} is not written."


def _say(file: str, tally: Tally) -> None:
    name = "standard output" if file == _STDOUT else file
    click.echo(
        f"{name}: {tally.rows:,} rows of {tally.sessions:,} sessions, {sums_text(tally.sums) or 'no costs'}", err=True
    )
    if tally.changed:
        click.echo(
            "Note: sessions changed while they were exported, so an event may be there twice or not at all; "
            "export again when nothing arrives.",
            err=True,
        )
