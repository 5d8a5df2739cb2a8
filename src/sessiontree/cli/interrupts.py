"""Ctrl-C: what a command says that it stops (`stopping`), and how it gets there where modules are compiled.

There it breaks a command off between two steps of plain Python (`take_over`). Python looks for signals in the middle of
multiplying large integers, too. An exception from there is taken for a lack of memory by code that mypyc has compiled,
which ends the process at once, with nothing said and the terminal as it was. So the signal goes to a thread of its own,
which asks for the exception. What waits for input does not see that: a second Ctrl-C ends the process.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import click

from sessiontree import is_compiled


@contextmanager
def stopping(say: Callable[[], str]) -> Iterator[None]:
    """Where Ctrl-C, or a no to a question, ends the command with a sentence: what stands now, and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        click.echo(f"Stopped: {say()}", err=True)
        raise click.exceptions.Exit(1) from None


@cache
def take_over() -> None:
    """Have the first Ctrl-C break off where that is safe; nothing to do where no module is compiled."""
    if is_compiled() and threading.current_thread() is threading.main_thread():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        threading.Thread(target=_wait, name="sessiontree-interrupts", daemon=True).start()


def _wait() -> None:
    import ctypes

    signal.sigwait({signal.SIGINT})
    thread = ctypes.c_ulong(threading.main_thread().ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(KeyboardInterrupt))
    signal.sigwait({signal.SIGINT})
    os.kill(os.getpid(), signal.SIGTERM)
