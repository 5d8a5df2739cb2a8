"""`sessiontree spend`: what was spent, by groups, as a table with bars, as the API's JSON, or as CSV."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import click

from sessiontree.cli.common import (
    account_option,
    given_settings,
    may_paint,
    opened_store,
    settings_options,
    warn,
)
from sessiontree.cli.session_options import as_usage, conditions
from sessiontree.spending import GROUP_BY, TIME_ZONE

if TYPE_CHECKING:
    from sessiontree.http.spend import Asked
    from sessiontree.store import Store
    from sessiontree.store.spend import SpendRow

Command = TypeVar("Command", bound=Callable[..., Any])
_BY = f"By these, commas between: hour, day, week, month, product, record_type, currency, ... [{GROUP_BY}]."
_OPTIONS = (
    ("--by", "NAMES", "group_by", _BY),
    ("--time-zone", "NAME", "time_zone", f"Whose hours, days, weeks and months, such as Europe/Berlin [{TIME_ZONE}]."),
    ("--since", "TIME", "filter[started_at][gte]", "Records that start at this date or time of the zone, or later."),
    ("--until", "TIME", "filter[started_at][lt]", "Records that start before this date or time."),
    ("--range", "NAME", "filter[date_range]", "Records that start in today, this_week, last_month, last_7_days, ..."),
    ("--type", "TYPES", "filter[record_type]", "Records of this type, or one of these with commas between."),
    ("--product", "PRODUCTS", "filter[product]", "Records of this product."),
    ("--currency", "CODE", "filter[currency]", "Records with this currency."),
    ("--session-type", "TYPES", "filter[session_type]", "Records at home in sessions whose top is of this type."),
)
_NAMES = {parameter: option for option, _, parameter, _ in _OPTIONS}
_FILTER_HELP = "Records with this value, with --type; FIELD[gte]=VALUE and so on compare. Repeatable."


def _spend_options(command: Command) -> Command:
    command = click.option("--filter", "filters", metavar="FIELD=VALUE", multiple=True, help=_FILTER_HELP)(command)
    for option, metavar, _, text in reversed(_OPTIONS):
        command = click.option(option, _keyword(option), metavar=metavar, help=text)(command)
    return command


def _keyword(option: str) -> str:
    return "asked_" + option[2:].replace("-", "_")


@click.command(short_help="Add up what was spent, by day and product or by anything else.")
@account_option
@_spend_options
@click.option("--json", "as_json", is_flag=True, help="Print the JSON that the API answers.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, safe for spreadsheets.")
@settings_options
def spend(account: str, filters: tuple[str, ...], as_json: bool, as_csv: bool, **options: str | None) -> None:
    """Add up the costs of records themselves, in groups. With one --type they can be any field of its records.

    A bar shows a group's part of the largest total in its currency.
    """
    from sessiontree.cli import spend_forms
    from sessiontree.http import csv_lists

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    values = [(parameter, options[_keyword(option)]) for option, _, parameter, _ in _OPTIONS]
    given = [(parameter, value) for parameter, value in values if value is not None]
    with opened_store(given_settings(), create=False) as store:
        warn(store, account)
        asked, rows = _answer(store, account, urlencode([*given, *conditions(filters)]).encode())
    lines: Iterable[str | bytes]
    if as_json:
        lines = spend_forms.json_lines(rows, asked.grouping, asked.zone_name)
    elif as_csv:
        lines = csv_lists.spend_lines(rows, asked.grouping)
    else:
        lines = spend_forms.table_lines(rows, asked.grouping, colours=may_paint())
    for line in lines:
        click.echo(line, nl=False)


def _answer(store: "Store", account: str, given: bytes) -> "tuple[Asked, list[SpendRow]]":
    """What the options ask for, and the rows; what is wrong with an option is a wrong call."""
    from sessiontree.cli.refreshing import refresh
    from sessiontree.http.parameters import Parameters
    from sessiontree.http.refusals import RequestError
    from sessiontree.http.spend import found_rows, read_spend

    try:
        asked = read_spend(Parameters(given), store, account, datetime.now(UTC))
        if asked.query.of_sessions:
            refresh(store)
        return asked, found_rows(store, account, asked.query)
    except RequestError as error:
        raise as_usage(error.message, error.parameter, _NAMES) from None
