"""`sessiontree unlinked`: records that should have a parent and have none."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sessiontree.cli.common import (
    account_option,
    given_settings,
    opened_store,
    settings_options,
    table,
    warn,
)
from sessiontree.cli.session_options import NAMES, as_usage, parameters, session_options
from sessiontree.session_query import LIMIT, LIMIT_MAX, SORT, SORTS
from sessiontree.unfit import REASONS

if TYPE_CHECKING:
    from sessiontree.http.unfit_answers import UnlinkedList, UnlinkedRow

_SORTS = ", ".join(SORTS)


@click.command()
@account_option
@session_options
@click.option("--reason", metavar="REASON", help=f"That are so for this reason: {' or '.join(REASONS)}.")
@click.option("--sort", metavar="NAME", default=f"-{SORT}", help=f"By {_SORTS}; - in front for falling [-{SORT}].")
@click.option("--limit", metavar="N", type=click.IntRange(1, LIMIT_MAX), default=LIMIT, help=f"How many [{LIMIT}].")
@click.option("--cursor", metavar="TEXT", help="Go on where a list ended that said this.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON that the API answers.")
@settings_options
def unlinked(
    account: str, reason: str | None, sort: str, limit: int, cursor: str | None, as_json: bool, **options: Any
) -> None:
    """List the records that belong under another and have found none, by type and reason and one by one."""
    import msgspec

    from sessiontree.cli.refreshing import refresh
    from sessiontree.http import unfit
    from sessiontree.http.parameters import Parameters
    from sessiontree.http.refusals import RequestError

    settings = given_settings()
    given = parameters(options, sort=sort, limit=limit, cursor=cursor, **{unfit.REASON: reason})
    with opened_store(settings, create=False) as store:
        warn(store, account)
        refresh(store)
        try:
            answer = unfit.unlinked(store, account, Parameters(given), settings, datetime.now(UTC))
        except RequestError as error:
            names = {**NAMES, unfit.REASON: "--reason"}
            raise as_usage(error.message, error.parameter, names) from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(answer)))
    else:
        for line in _lines(answer):
            click.echo(line)


def _lines(answer: "UnlinkedList") -> Iterator[str]:
    if not answer.meta.groups:
        yield "There are no unlinked records."
        return
    groups = [("TYPE", "REASON", "RECORDS", "COST")]
    for each in answer.meta.groups:
        cost = " + ".join(f"{part.total} {part.currency}" for part in each.cost)
        groups.append((each.record_type, each.reason, f"{each.count:,}", cost))
    yield from table(groups)
    yield ""
    yield from table([("AGE", "TYPE", "ID", "COST", "LOOKED FOR"), *map(_row, answer.data)])
    if answer.meta.next_cursor:
        yield f"... more with --cursor {answer.meta.next_cursor}"


def _row(row: "UnlinkedRow") -> tuple[str, ...]:
    tried = [f"{each.parent_record_type} with {each.parent_field} {each.value}" for each in row.tried if each.value]
    empty = [f"{name} is empty" for name in dict.fromkeys(each.local_field for each in row.tried)]
    return _age(row.age_seconds), row.record_type, row.id, _cost(row), ", ".join(tried or empty)


def _cost(row: "UnlinkedRow") -> str:
    if row.unpriced:
        return "unpriced"
    costs = [(row.cost.total, row.cost.currency)]
    costs += [(each.total, each.currency) for each in row.cost.other_currencies or ()]
    cost = " + ".join(f"{total} {currency}" for total, currency in costs)
    return f"{cost} ({row.unpriced_count:,} unpriced)" if row.unpriced_count else cost


def _age(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
