"""The options that select sessions, for every command that goes by sessions: the API's filters under shorter names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import click

from sessiontree.calling import as_called

Command = TypeVar("Command", bound=Callable[..., Any])
Pairs = list[tuple[str, str]]
_OPTIONS = (
    ("--since", "TIME", "filter[started_at][gte]", "That start at this date or time (UTC unless it says) or later."),
    ("--until", "TIME", "filter[started_at][lt]", "That start before this date or time."),
    ("--range", "NAME", "filter[date_range]", "That start in today, this_week, last_month, last_7_days, ... (UTC)."),
    ("--type", "TYPES", "filter[record_type]", "Whose top is of this type, or one of these with commas between."),
    ("--product", "PRODUCTS", "filter[product]", "With an event of this product."),
    ("--status", "STATUSES", "filter[status]", "That are in_progress, settling or completed."),
    ("--currency", "CODE", "filter[currency]", "With an amount in this currency; totals are ranked in it."),
    ("--min", "AMOUNT", "filter[total][gte]", "Whose total is at least this."),
    ("--max", "AMOUNT", "filter[total][lte]", "Whose total is at most this."),
)
NAMES = {parameter: option for option, _, parameter, _ in _OPTIONS}
_FILTER_HELP = "Whose top's record has this value, with --type; FIELD[gte]=VALUE and so on compare. Repeatable."


def session_options(command: Command) -> Command:
    """Add the options; the command gets them as keywords, for `parameters`."""
    command = click.option("--filter", "conditions", metavar="FIELD=VALUE", multiple=True, help=_FILTER_HELP)(command)
    for option, metavar, _, text in reversed(_OPTIONS):
        command = click.option(option, f"only_{option[2:]}", metavar=metavar, help=text)(command)
    return command


def parameters(options: Mapping[str, Any], **more: str | int | None) -> bytes:
    """The options given as the query of a request, with `more` parameters."""
    pairs: Pairs = [(name, str(value)) for name, value in more.items() if value is not None]
    for option, _, parameter, _ in _OPTIONS:
        if options[f"only_{option[2:]}"] is not None:
            pairs.append((parameter, options[f"only_{option[2:]}"]))
    pairs += conditions(options["conditions"])
    return urlencode(pairs).encode()


def conditions(texts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The values of --filter as parameters."""
    for text in texts:
        name, given, value = text.partition("=")
        field, bracket, op = name.partition("[")
        if not given or not field:
            raise click.UsageError(f"--filter {text!r} is not FIELD=VALUE or FIELD[gte]=VALUE")
        yield f"filter[{field}]{bracket}{op}", value


def as_usage(message: str, parameter: str | None, names: Mapping[str, str] = NAMES) -> click.UsageError:
    """What is wrong with a request, told of the options; `names` are these by parameter."""
    option = names.get(parameter or "", "")
    for name, shown in names.items():
        message = message.replace(name, shown)
    message = as_called(message)
    return click.UsageError(message if not option or message.startswith(option) else f"{option}: {message}")
