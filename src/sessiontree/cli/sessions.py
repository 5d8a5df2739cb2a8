"""`sessiontree sessions`: what sessions add up to, as a table, as the API's JSON, or as CSV."""

import dataclasses
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sessiontree.cli.common import (
    account_option,
    given_settings,
    may_paint,
    opened_store,
    settings_options,
    warn,
)
from sessiontree.cli.session_delete import delete
from sessiontree.cli.session_options import as_usage, parameters, session_options
from sessiontree.session_query import LIMIT, LIMIT_MAX, SORT, SORTS, SessionPage, SessionQuery

if TYPE_CHECKING:
    from sessiontree.settings import Settings
    from sessiontree.store import Store

_SORTS = ", ".join(SORTS)


@click.group(invoke_without_command=True, short_help="List sessions and what they cost.")
@account_option
@session_options
@click.option("--sort", metavar="NAME", default=f"-{SORT}", help=f"By {_SORTS}; - in front for falling [-{SORT}].")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=LIMIT, help=f"How many [{LIMIT}].")
@click.option("--all", "wants_all", is_flag=True, help="All of them.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON that the API answers.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, safe for spreadsheets.")
@settings_options
@click.pass_context
def sessions(
    context: click.Context,
    /,
    account: str,
    sort: str,
    limit: int,
    wants_all: bool,
    as_json: bool,
    as_csv: bool,
    **options: Any,
) -> None:
    """List sessions with their totals, and what all of them that the options select add up to."""
    if context.invoked_subcommand is not None:
        return
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    from sessiontree.cli import session_forms
    from sessiontree.cli.refreshing import refresh

    settings = given_settings()
    with opened_store(settings, create=False) as store:
        warn(store, account)
        refresh(store)
        now = datetime.now(UTC)
        query = _query(store, account, settings, now, parameters(options, sort=sort))
        assert query.clock is not None
        pages = _pages(store, account, query, sys.maxsize if wants_all else limit)
        lines: Iterator[str] | Iterator[bytes]
        if as_json:
            lines = session_forms.json_pieces(pages, query.clock)
        elif as_csv:
            lines = session_forms.csv_lines(pages, query.clock)
        else:
            lines = session_forms.table_lines(pages, query.clock, colours=may_paint())
        for line in lines:
            click.echo(line, nl=False)


sessions.add_command(delete)


def _query(store: "Store", account: str, settings: "Settings", now: datetime, given: bytes) -> SessionQuery:
    """What the options select; what is wrong with one is a wrong call."""
    from sessiontree.http.parameters import Parameters
    from sessiontree.http.refusals import RequestError
    from sessiontree.http.session_filters import read_page_query

    try:
        return read_page_query(Parameters(given), store, account, settings, now)
    except RequestError as error:
        raise as_usage(error.message, error.parameter) from None


def _pages(store: "Store", account: str, query: SessionQuery, count: int) -> Iterator[SessionPage]:
    """Pages with so many sessions together; at least one."""
    while True:
        query = dataclasses.replace(query, limit=min(count, LIMIT_MAX))
        page = store.sessions.page(account, query)
        yield page
        count -= len(page.sessions)
        if page.next is None or not count:
            return
        query = dataclasses.replace(query, cursor=page.next)
