"""`./run bench [GROUP...]`: measure, and print each figure beside its bound and what is required of it."""

import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import click
import msgspec

from bench import http, ingest, lists, pages, postgres, sessions, sizes, spend, trees
from bench.figure import Figure, lines
from bench.plan import DEFAULT, FULL_FILE_BYTES, QUICK, Plan
from bench.postgres.databases import databases
from bench.stores import Stores
from sessiontree import edition

GROUPS: dict[str, Callable[[Plan, Stores], Iterator[Figure]]] = {
    "trees": trees.measure,
    "http": http.measure,
    "ingest": ingest.measure,
    "sizes": sizes.measure,
    "spend": spend.measure,
    "lists": lists.measure,
    "sessions": sessions.measure,
    "pages": pages.measure,
}


@click.command()
@click.argument("groups", metavar="[GROUP]...", nargs=-1, type=click.Choice([*GROUPS, "months"]))
@click.option("--store", metavar="URL", help="Measure PostgreSQL instead, on this server; `postgresql:` starts one.")
@click.option("--quick", is_flag=True, help="Small stores and few repeats: half a minute, and rough figures.")
@click.option("--full", is_flag=True, help="Memory with a file of 1 GB instead of 200 MB.")
@click.option("--json", "json_path", metavar="FILE", type=click.Path(path_type=Path), help="Write the figures there.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to keep the stores and find them again.")
def main(
    groups: tuple[str, ...],
    store: str | None,
    quick: bool,
    full: bool,
    json_path: Path | None,
    folder: Path | None,
) -> None:
    """Measure all, or only these groups: trees, http, ingest, sizes, spend, lists, sessions, pages; with --store those
    of PostgreSQL: trees, ingest, months.
    """
    plan = QUICK if quick else DEFAULT
    if full:
        plan = replace(plan, file_bytes=FULL_FILE_BYTES)
    began = time.monotonic()
    with _measuring(groups, store, plan, folder) as (about, measured):
        click.echo(", ".join(f"{name} {value}" for name, value in about.items()))
        figures = list(_shown(measured))
    click.echo(f"\n{_missed(figures)}; {time.monotonic() - began:.0f} s in all")
    if json_path is not None:
        entries = [asdict(figure) | {"ratio": figure.ratio, "verdict": figure.verdict} for figure in figures]
        answer = msgspec.json.encode({"environment": about, "figures": entries})
        json_path.write_bytes(msgspec.json.format(answer) + b"\n")


@contextmanager
def _measuring(
    groups: tuple[str, ...], store: str | None, plan: Plan, folder: Path | None
) -> Iterator[tuple[dict[str, str], Iterator[Figure]]]:
    """What the figures depend on, and the figures of these groups, measured one after the other."""
    about = environment()
    known = list(GROUPS if store is None else postgres.GROUPS)
    if unknown := [group for group in groups if group not in known]:
        raise click.UsageError(f"there is no group {unknown[0]} of this store, but {', '.join(known)}")
    if store is None:
        with _stores(folder) as stores:
            yield about, run(groups or tuple(known), plan, stores)
    elif folder is not None:
        raise click.UsageError("--folder keeps SQLite's files: leave it out with --store")
    else:
        with databases(store) as made:
            figures = (each for group in groups or known for each in postgres.GROUPS[group](plan, made))
            yield about | made.about(), figures


def run(groups: tuple[str, ...], plan: Plan, stores: Stores) -> Iterator[Figure]:
    """Make the stores that these groups need, then measure, one figure after the other."""
    stores.build(plan.sizes(groups))
    for group in groups:
        yield from GROUPS[group](plan, stores)


def environment() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "Sessiontree": edition(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "CPUs": str(os.cpu_count()),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


@contextmanager
def _stores(folder: Path | None) -> Iterator[Stores]:
    """The stores, in a folder that stays if it was named."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield Stores(folder)
        return
    with tempfile.TemporaryDirectory(prefix="sessiontree-bench-") as temporary:
        yield Stores(Path(temporary))


def _shown(figures: Iterator[Figure]) -> Iterator[Figure]:
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            click.echo(f"\n{group}")
        for line in lines(figure):
            click.echo(line)
        yield figure


def _missed(figures: list[Figure]) -> str:
    asked = [figure for figure in figures if figure.verdict]
    missed = [figure for figure in asked if figure.verdict == "MISSED"]
    return f"{len(asked) - len(missed)} of {len(asked)} requirements reached"


if __name__ == "__main__":
    main()
