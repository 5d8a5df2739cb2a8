"""`sessiontree import`: records from files into the store."""

import gc
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from sessiontree.calling import as_called
from sessiontree.catalog import Catalog
from sessiontree.cli.common import account_option, given_settings, opened_store, record_type, settings_options
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.refreshing import refresh
from sessiontree.cli.removal import undo_command
from sessiontree.errors import SessiontreeError, StoreError
from sessiontree.settings import Settings
from sessiontree.store import Store, refuse_disputed

if TYPE_CHECKING:
    from sessiontree.importing import Rejects, Summary
    from sessiontree.keeping_process import KeeperProcess
    from sessiontree.store.intakes import Intake, Origin

_STDIN = "-"
_STREAM = re.compile(r"-|/dev/stdin|/dev/fd/\d+|/proc/self/fd/\d+")
"""Files with no folder of their own to put rejects into: standard input, and what a shell opens for `<(command)`."""
_STREAM_REJECTS = "import.rejected.ndjson"
_FILES_NAMED = 5
_TYPES_NAMED = 5
_SILENT = "critical"
_LARGE = 4 << 20
"""Bytes of files that take longer than starting a process."""


@click.command("import", short_help="Import records from files.")
@account_option
@click.option("--record-type", "type_name", metavar="TYPE", help="The type of all records [each names its own].")
@settings_options
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
def import_(account: str, type_name: str | None, files: tuple[str, ...]) -> None:
    """Import records from files of NDJSON, JSON or CSV, each also gzipped; - is standard input.

    It can run beside a server, and again: a record that is stored already counts as unchanged. Rejected records go to
    FILE.rejected.ndjson (import.rejected.ndjson for standard input) with the reason, and the exit status is 1 then.
    `sessiontree imports undo` takes back what it stored.
    """
    from sessiontree.importing import Rejects, finish
    from sessiontree.store.intakes import Origin, new_id

    origin = Origin(new_id(), files=_named(files))
    of_streams = Rejects(Path(_STREAM_REJECTS))
    gc.set_threshold(
        100_000
    )  # records live for one batch and are in no circles: looking for those took a tenth of the time
    settings = given_settings()
    with ExitStack() as opened:
        with stopping(lambda: "nothing is stored."):
            store = opened.enter_context(opened_store(settings, create=True))
            keeping = opened.enter_context(_Keeping(settings))
        opened.enter_context(stopping(lambda: _stopped(store, account, origin.id)))
        refuse_disputed(store)
        declared = None if type_name is None else record_type(store.catalog, type_name).name
        timeless: Counter[str] = Counter()
        failed = broken = told = False
        try:
            for file in files:
                rejects = of_streams if _STREAM.fullmatch(file) else Rejects(Path(f"{file}.rejected.ndjson"))
                ended, summary = _import_file(store, account, file, declared, rejects, origin, keeping.read)
                timeless += summary.timeless
                broken |= not ended
                failed |= bool(summary.rejected) or not ended
            for line in _without_a_time(timeless, store.catalog):
                click.echo(line, err=True)
            intake = store.intakes.get(account, origin.id)
            if intake is not None:
                if not broken:
                    finish(store, account, origin)
                click.echo(f"Import {origin.id}{_takes_back(account, intake)}")
            told = True
            refresh(store)
        except StoreError:
            if not told:
                click.echo(_stopped(store, account, origin.id), err=True)
            if not failed:  # otherwise the reason has been told
                raise
    if failed:
        raise click.exceptions.Exit(1)


class _Keeping:
    """Has another process refresh the sessions once so much has been read that it is worth it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left = _LARGE
        self._keeper: KeeperProcess | None = None

    def __enter__(self) -> "_Keeping":
        return self

    def __exit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.close()

    def read(self, count: int) -> None:
        """So many bytes have been read."""
        from sessiontree.keeping_process import KeeperProcess

        self._left -= count
        if self._left < 0 and self._keeper is None:
            # What keeps it from its work is met by the import, too, or by the refresh in the end, which say so.
            self._keeper = KeeperProcess(replace(self._settings, log_level=_SILENT))


def _stopped(store: Store, account: str, id: str) -> str:
    """What an import that did not come to its end leaves, and the two ways on from there."""
    try:
        intake = store.intakes.get(account, id)
    except StoreError:
        return (
            f"Some of it may be stored, as import {id}. Run it again to go on, what is stored counts as unchanged "
            f"then; or take it back: {undo_command(account, id)}"
        )
    if intake is None or not intake.brought:
        return "nothing new is stored."
    return (
        f"{intake.brought:,} records are stored, as import {id}. Run it again to go on, those count as unchanged then; "
        f"or take them back: {undo_command(account, id)}"
    )


def _takes_back(account: str, intake: "Intake") -> str:
    """How an import is taken back, if there is anything to take back; what was stored before it is not."""
    if intake.brought:
        take_back = "take back what this import stored" if intake.unchanged else "take it back"
        return f"; to {take_back}: {undo_command(account, intake.id)}"
    return ": nothing new, all of it was stored before" if intake.unchanged else ": nothing is stored"


def _named(files: tuple[str, ...]) -> str:
    """The files as the list of imports shall show them."""
    shown = ", ".join(files[:_FILES_NAMED])
    return shown if len(files) <= _FILES_NAMED else f"{shown} and {len(files) - _FILES_NAMED} more"


def _import_file(
    store: Store,
    account: str,
    file: str,
    declared: str | None,
    rejects: "Rejects",
    origin: "Origin",
    read: Callable[[int], None],
) -> tuple[bool, "Summary"]:
    """Import one file and say what became of it; whether it was read to its end, and what it has done.

    `read` is told of the bytes read.
    """
    from sessiontree.importing import Summary, add_all
    from sessiontree.sources import elements

    summary = Summary()
    problem: SessiontreeError | None = None
    try:
        with _opened(file) as stream, _progress(file) as advance:

            def passed(count: int) -> None:
                advance(count)
                read(count)

            add_all(
                store, account, elements(stream, file, passed), rejects, summary, record_type=declared, origin=origin
            )
    except SessiontreeError as error:
        problem = error
    click.echo(
        f"{file}: {summary.created:,} created, {summary.updated:,} updated, "
        f"{summary.unchanged:,} unchanged, {summary.rejected:,} rejected"
    )
    if summary.reason:
        click.echo(f"Rejected: {as_called(summary.reason)}", err=True)
    if rejects.made:
        click.echo(f"Rejected records, with the reasons, are in {rejects.path}", err=True)
    if problem is not None:
        stored = " (the records counted above are stored)" if summary.received > summary.rejected else ""
        click.echo(f"Error: {as_called(str(problem))}{stored}", err=True)
    return problem is None, summary


def _without_a_time(timeless: Counter[str], catalog: Catalog) -> Iterator[str]:
    """How many records of each type have nothing in the fields that are declared as their time.

    A container has its time from what lies below it.
    """
    looked_in = {name: catalog.types[name].start_fields for name in timeless if not catalog.types[name].virtual}
    found = [(name, count) for name, count in timeless.most_common() if looked_in.get(name)]
    for name, count in found[:_TYPES_NAMED]:
        yield f"{count:,} without a time ({name}: nothing in {', '.join(looked_in[name])})"
    more = len(found) - _TYPES_NAMED
    if more > 0:
        yield f"and {more} more {'type' if more == 1 else 'types'}"


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == _STDIN:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise SessiontreeError(f"{file} cannot be read: {error.strerror}") from None
        yield stream


@contextmanager
def _progress(file: str) -> Iterator[Callable[[int], None]]:
    """A progress bar over the bytes of a file, on a terminal only."""
    if not sys.stderr.isatty() or _STREAM.fullmatch(file):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(Path(file).name, total=Path(file).stat().st_size)
        yield lambda count: bar.advance(task, count)
