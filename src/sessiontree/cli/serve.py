"""`sessiontree serve`: the HTTP server."""

import click

from sessiontree.cli.common import given_settings, settings_options


@click.command()
@click.option("--host", metavar="ADDRESS", help="The address to serve on [127.0.0.1].")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65_535), help="The port [8000]; 0 takes a free one.")
@click.option("--workers", metavar="N", type=click.IntRange(1, 64), help="How many processes serve [1].")
@settings_options
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the API until interrupted."""
    from sessiontree.http import serving

    serving.serve(given_settings(host=host, port=port, workers=workers))
