"""`sessiontree serve`: the HTTP server."""

import click

from sessiontree.cli.common import given_settings, settings_options


@click.command()
@click.option("--host", metavar="ADDRESS", help="The address to serve on [127.0.0.1].")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65_535), help="The port [8000]; 0 takes a free one.")
@settings_options
def serve(host: str | None, port: int | None) -> None:
    """Serve the API until interrupted."""
    from sessiontree.http import server

    server.serve(given_settings(host=host, port=port))
