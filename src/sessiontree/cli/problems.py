"""`sessiontree problems`: everything odd that was met in sessions."""

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
from sessiontree.placement import PROBLEM_CODES
from sessiontree.session_query import LIMIT, LIMIT_MAX

if TYPE_CHECKING:
    from sessiontree.http.unfit_answers import ProblemList


@click.command()
@account_option
@session_options
@click.option("--code", metavar="CODES", help=f"Of this, or these with commas between: {', '.join(PROBLEM_CODES)}.")
@click.option("--limit", metavar="N", type=click.IntRange(1, LIMIT_MAX), default=LIMIT, help=f"How many [{LIMIT}].")
@click.option("--cursor", metavar="TEXT", help="Go on where a list ended that said this.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON that the API answers.")
@settings_options
def problems(account: str, code: str | None, limit: int, cursor: str | None, as_json: bool, **options: Any) -> None:
    """List the problems of all sessions: how many there are of each code, and one by one, newest session first."""
    import msgspec

    from sessiontree.cli.refreshing import refresh
    from sessiontree.http import unfit
    from sessiontree.http.parameters import Parameters
    from sessiontree.http.refusals import RequestError

    settings = given_settings()
    given = parameters(options, limit=limit, cursor=cursor, **{unfit.CODE: code})
    with opened_store(settings, create=False) as store:
        warn(store, account)
        refresh(store)
        try:
            answer = unfit.problems(store, account, Parameters(given), settings, datetime.now(UTC))
        except RequestError as error:
            names = {**NAMES, unfit.CODE: "--code"}
            raise as_usage(error.message, error.parameter, names) from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(answer)))
    else:
        for line in _lines(answer):
            click.echo(line)


def _lines(answer: "ProblemList") -> Iterator[str]:
    if not any(each.count for each in answer.meta.counts):
        yield "There are no problems."
        return
    yield from table([("CODE", "PROBLEMS"), *((each.code, f"{each.count:,}") for each in answer.meta.counts)])
    yield ""
    rows = [("CODE", "SESSION", "EVENT", "PROBLEM")]
    for row in answer.data:
        session, event = f"{row.session.record_type} {row.session.id}", f"{row.record_type} {row.id}"
        rows.append((row.code, session, event, row.message))
    yield from table(rows)
    if answer.meta.next_cursor:
        yield f"... more with --cursor {answer.meta.next_cursor}"
