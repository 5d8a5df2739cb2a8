"""`sessiontree demo`: load example sessions, serve them, and say what to try."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import click

from sessiontree import demo as demos
from sessiontree.cli.common import given_settings, opened_store, settings_options
from sessiontree.cli.refreshing import refresh
from sessiontree.keys import digest
from sessiontree.settings import Settings
from sessiontree.store.names import shown_name


@click.command(short_help="Serve example sessions, to try it all.")
@click.option("--host", metavar="ADDRESS", help="The address to serve on [127.0.0.1].")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65_535), help="The port [8000]; 0 takes a free one.")
@settings_options
def demo(host: str | None, port: int | None) -> None:
    """Load example sessions into a store (sessiontree-demo.db, unless one is named) and serve them."""
    from sessiontree.http import serving
    from sessiontree.http.service import Service

    settings = _demo_settings(host, port)

    def ready(url: str, service: Service) -> None:
        with opened_store(settings, create=True) as store:
            demos.load(store, datetime.now(UTC))
            refresh(store)  # so that the first page shows all
            key = demos.new_key(store)
        once = service.sign_ins.invite(digest(key), leads_to=demos.START)
        for line in demos.invitation(url=url, once=once, key=key, store=shown_name(settings.store)):
            click.echo(line)

    serving.serve(settings, ready=ready)


def _demo_settings(host: str | None, port: int | None) -> Settings:
    """The settings with the demo's own store, unless one is named, and without the log of an ordinary start."""
    settings = given_settings(host=host, port=port)
    usual = Settings()
    given = click.get_current_context().ensure_object(dict)
    named = settings.store != usual.store or "store" in given or os.environ.get("SESSIONTREE_STORE")
    return replace(
        settings,
        workers=1,
        store=settings.store if named else demos.STORE,
        log_level="warning" if settings.log_level == usual.log_level else settings.log_level,
    )
