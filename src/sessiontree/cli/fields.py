"""The option by which exports take fields of the records."""

import click

from sessiontree.store import Store

fields_option = click.option("--fields", metavar="NAMES", help="Record fields to add, with commas between [none].")


def chosen(text: str | None, store: Store, account: str) -> tuple[str, ...]:
    """The fields that --fields names; one that no record type has is a wrong call."""
    from sessiontree.export.forms import chosen_fields

    if text is None:
        return ()
    try:
        return chosen_fields(text, store, account)
    except ValueError as error:
        raise click.UsageError(f"--fields {error}") from None
