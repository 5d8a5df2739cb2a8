"""The folder of what the processes of one server have in common: locked while the server lives, gone when it ends.

One that was killed with all its processes leaves its folder behind: the next server that starts takes it away.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from sessiontree.http.metrics import FOLDER_VARIABLE
from sessiontree.http.service import METRICS

_PREFIX = "sessiontree-serve-"


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A new folder; processes that are started meanwhile count in it."""
    _remove_left_over()
    shared = Path(mkdtemp(prefix=_PREFIX))
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = str(shared / METRICS)
    try:
        with _locked(shared, wait=True):  # for another that starts, and looks whether this is left over
            (shared / METRICS).mkdir()  # after it has been locked: without it nobody takes it for left over
            yield shared
    finally:
        if before is None:
            del os.environ[FOLDER_VARIABLE]
        else:
            os.environ[FOLDER_VARIABLE] = before
        shutil.rmtree(shared, ignore_errors=True)


def _remove_left_over() -> None:
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(folder) as held:  # that of a living server cannot be locked
            if os.fstat(held).st_uid == os.getuid() and (folder / METRICS).exists():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool = False) -> Iterator[int]:
    """Lock a folder, opened, for as long as this lasts or the process lives.

    Raises OSError if another has it, unless it is to `wait`.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield held
    finally:
        os.close(held)
