"""`sessiontree keys`: API keys. Only `create` ever shows one, once."""

from datetime import UTC, datetime

import click

from sessiontree.calling import as_called
from sessiontree.cli.common import account_option, given_settings, opened_store, settings_options, table
from sessiontree.cli.interrupts import stopping
from sessiontree.errors import SessiontreeError


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@account_option
@click.option("--scope", "scopes", metavar="SCOPES", help="Some of read,write,admin [read,write].")
@click.option("--name", metavar="TEXT", default="", help="What the key is for.")
@click.option("--expires", metavar="DURATION", help="When it stops working, such as 90d or 12h [never].")
@settings_options
def create(account: str, scopes: str | None, name: str, expires: str | None) -> None:
    """Make a key and print it, alone. It is not stored and cannot be shown again."""
    from sessiontree.keys import DEFAULT_SCOPES, KeyRefused, make_key, parse_duration, parse_scopes

    try:
        text, key = make_key(
            account=account,
            scopes=DEFAULT_SCOPES if scopes is None else parse_scopes(scopes),
            name=name,
            expires=None if expires is None else parse_duration(expires),
        )
    except KeyRefused as error:
        raise click.UsageError(str(error)) from None
    said = f"a key {key.prefix}... may have been made, and its text is lost: see `sessiontree keys list`"
    with stopping(lambda: as_called(said)), opened_store(given_settings(), create=True) as store:
        store.add_key(key)
        click.echo(text)


@keys.command("list")
@click.option("--account", metavar="NAME", help="Of one account only [all].")
@settings_options
def list_(account: str | None) -> None:
    """List the keys by their prefixes, oldest first, with when they were last used (up to a minute behind)."""
    from sessiontree.keys import SCOPES, state_of

    with opened_store(given_settings(), create=False) as store:
        found = store.keys(account)
    if not found:
        click.echo(as_called("There are no keys; make one with `sessiontree keys create`."), err=True)
        return
    now = datetime.now(UTC)
    rows = [("PREFIX", "ACCOUNT", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "STATE", "NAME")]
    for key in found:
        scopes = ",".join(scope for scope in SCOPES if scope in key.scopes)
        times = (_day(key.created), _day(key.expires), _day(key.used))
        rows.append((key.prefix, key.account, scopes, *times, state_of(key, now), key.name))
    for line in table(rows):
        click.echo(line)


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


@keys.command()
@click.option("--account", metavar="NAME", help="Of this account only [any].")
@settings_options
@click.argument("prefix")
def revoke(account: str | None, prefix: str) -> None:
    """Revoke the key with this PREFIX (the whole key works too). It stops working at once, also on a running server."""
    prefix = prefix[:11]
    with opened_store(given_settings(), create=False) as store:
        if store.revoke_key(prefix, datetime.now(UTC), account) is None:
            raise SessiontreeError(f"there is no key with the prefix {prefix}; see `sessiontree keys list`")
    click.echo(f"{prefix} is revoked")
