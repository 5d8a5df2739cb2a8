"""The command line: `sessiontree COMMAND`. Each command lives in a module of its own, loaded when it is called.

Exit statuses: 0 it worked, 1 something failed or was rejected (one sentence says what), 2 the call itself is wrong,
130 interrupted with nothing to say about it (where there is, a sentence, and 1: `interrupts.stopping`).
"""

import importlib
import logging
import os
import sys
from typing import Any

import click

from sessiontree import edition
from sessiontree.calling import as_called
from sessiontree.cli.common import settings_options
from sessiontree.cli.interrupts import take_over
from sessiontree.errors import SessiontreeError

_COMMANDS = {
    "audit": "audit:audit",
    "catalog": "catalog:catalog",
    "demo": "demo:demo",
    "export": "export:export",
    "import": "importing:import_",
    "imports": "imports:imports",
    "keys": "keys:keys",
    "problems": "problems:problems",
    "serve": "serve:serve",
    "sessions": "sessions:sessions",
    "spend": "spend:spend",
    "store": "store:store",
    "tree": "tree:tree",
    "unlinked": "unlinked:unlinked",
    "verify": "verify:verify_",
}

_INTERRUPTED = 130  # as a shell says of a program that the signal ended
_SERVING = ("demo", "serve")  # which take signals in their own way
_LOGGING = ("sessiontree", "psycopg")
"""Who logs. A command that keeps no log shows none of it among its own lines: what matters comes as an error."""


class _Program(click.Group):
    """Loads commands when they are called, and turns errors into one sentence and an exit status."""

    takes_signals = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"sessiontree.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        found = super().resolve_command(ctx, args)
        if self.takes_signals and found[0] not in _SERVING:
            take_over()
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SessiontreeError as error:
            raise click.ClickException(as_called(str(error))) from None
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # after the ^C
            raise click.exceptions.Exit(_INTERRUPTED) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'standard output'}: {error.strerror}") from None
        except Exception as error:
            if os.environ.get("SESSIONTREE_LOG_LEVEL") == "debug":
                raise
            text = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise click.ClickException(
                f"this should not have happened ({text}); set SESSIONTREE_LOG_LEVEL=debug to see where, and report it"
            ) from None


@click.command(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(edition(), prog_name="sessiontree")
@settings_options
def main() -> None:
    """Exact cost trees for voice and AI sessions, from any provider's usage records."""


def program() -> None:
    """The command line as a process of its own, whose signals are its own affair."""
    for name in _LOGGING:
        logging.getLogger(name).addHandler(logging.NullHandler())
    _Program.takes_signals = True
    main()
