"""`sessiontree verify`: the proof that records, sessions and spend say the same."""

from collections.abc import Iterator

import click
import msgspec

from sessiontree import money
from sessiontree.cli.common import (
    given_settings,
    opened_store,
    settings_options,
    table,
    warn_of_stale,
    warn_of_undeclared,
)
from sessiontree.cli.interrupts import stopping
from sessiontree.cli.progress import progress
from sessiontree.errors import SessiontreeError
from sessiontree.http.proof_answers import proof
from sessiontree.store.checks import DIFFERENCES_MAX, Sums
from sessiontree.verifying import Verification, currencies, verify

_SHOWN = 20  # differences: as a rule many have one cause


@click.command("verify")
@click.option("--account", metavar="NAME", help="Of one account only [all].")
@click.option("--sample", metavar="N", type=click.IntRange(min=1), help="Compare N random sessions only [all].")
@click.option("--json", "wants_json", is_flag=True, help="As JSON.")
@settings_options
def verify_(account: str | None, sample: int | None, wants_json: bool) -> None:
    """Prove that the sums over records, sessions and spend are equal, and every session is as its records make it.

    It can run beside a server. The exit status is 1 if anything differs.
    """
    with opened_store(given_settings(), create=False) as store:
        warn_of_undeclared(store)
        warn_of_stale(store)
        accounts = store.accounts()
        if account is not None and account not in accounts:
            raise SessiontreeError(f"there is no account {account}; there are {', '.join(accounts) or 'none'}")
        with stopping(lambda: "nothing is proved, and nothing was changed. --sample N looks at some sessions only."):
            results = [
                verify(store, each, sample=sample, progress=progress) for each in accounts if account in (None, each)
            ]
    if wants_json:
        click.echo(msgspec.json.format(msgspec.json.encode([proof(each) for each in results])))
    else:
        for result in results:
            for line in _lines(result):
                click.echo(line)
    if not all(result.holds for result in results):
        raise click.exceptions.Exit(1)


def _lines(result: Verification) -> Iterator[str]:
    sums = result.sums
    yield f"Account {result.account}"
    if sums is not None:
        yield f"  {sums.record_count:,} records in {sums.session_count:,} sessions, {result.compared:,} computed afresh"
        if currencies(sums):
            yield from (f"  {line}" for line in table(list(_sums(sums))))
        for name, count in sorted(sums.undeclared.items()):
            yield f"  {count:,} records of {name}, which the catalogue does not have, are in no sum"
    if result.holds:
        yield "  Everything agrees."
        return
    yield f"  {result.difference_count:,} differences:"
    for each in result.differences[:_SHOWN]:
        about = " ".join(part for part in (each.record_type, each.id) if part)
        yield f"  {about + ': ' if about else ''}{each.message} ({each.code})"
    if result.difference_count > _SHOWN:
        which = "them" if result.difference_count <= DIFFERENCES_MAX else f"the first {DIFFERENCES_MAX:,}"
        yield f"  ... and {result.difference_count - _SHOWN:,} more; --json shows {which}"


def _sums(sums: Sums) -> Iterator[tuple[str, ...]]:
    yield "CURRENCY", "RECORDS", "SESSIONS", "SPEND", ""
    for currency in currencies(sums):
        amounts = [each.get(currency, 0) for each in (sums.records, sums.sessions, sums.spend)]
        equal = "equal" if len(set(amounts)) == 1 else "NOT EQUAL"
        yield currency, *(money.text(amount) for amount in amounts), equal
