"""What the commands that take something away share: saying what goes, and asking first."""

import shlex
from collections.abc import Iterator

import click

from sessiontree import money
from sessiontree.calling import program
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.store.names import shown_name
from sessiontree.store.removing import Removal

dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask first.")


def lines(removal: Removal) -> Iterator[str]:
    """What goes, as lines of text."""
    yield f"  records removed: {removal.removed:,}"
    if removal.restored:
        yield f"  records that get back the content before: {removal.restored:,}"
    if removal.dropped:
        yield f"  contents that leave the histories: {removal.dropped:,}"
    for currency, amount in sorted(removal.gone.items()):
        yield f"  {'less' if amount >= 0 else 'more'} in all: {money.text(abs(amount))} {currency}"


def confirm(question: str, yes: bool) -> None:
    """Ask, unless told not to; ends the command when the answer is no."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def undo_command(account: str, id: str) -> str:
    """The command that takes an import back. No password is repeated."""
    given = click.get_current_context().ensure_object(dict)
    options = {name: given[name] for name in ("config", "catalog", "store") if name in given}
    if "store" in options:
        options["store"] = shown_name(options["store"])
    if account != DEFAULT_ACCOUNT:
        options["account"] = account
    said = [f" --{name} {shlex.quote(value)}" for name, value in options.items()]
    return f"{program()} imports undo {id}" + "".join(said)
