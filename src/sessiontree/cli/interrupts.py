"""Ctrl-C where modules are compiled: it breaks a command off between two steps of plain Python.

Python looks for signals in the middle of multiplying large integers, too. An exception from there is taken for a lack
of memory by code that mypyc has compiled, which ends the process at once, with nothing said and the terminal as it was.
So the signal goes to a thread of its own, which asks for the exception. What waits for input does not see that: a
second Ctrl-C ends the process.
"""

import os
import signal
import threading
from functools import cache

from sessiontree import is_compiled


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
