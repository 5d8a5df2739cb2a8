"""Keeping the sessions of a store up to date in a process of its own, for whoever adds many records.

Building trees takes a third of the time that adding takes, and threads of one process cannot work at the same time. The
process lives as long as the line to it, its standard input: however this process ends, that one follows.
"""

import gc
import json
import logging
import select
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sessiontree.errors import SessiontreeError, StoreGone
from sessiontree.keeping import Keeper
from sessiontree.settings import LOG_FORMAT, Settings

if TYPE_CHECKING:
    from sessiontree.store import Store

AGAIN_SECONDS = 5.0
"""Before a process that ended by itself is replaced, and before a store that cannot be reached is tried again."""
STOP_SECONDS = 10.0
"""For the step that is under way."""
GARBAGE_OBJECTS = 50_000  # trees are let go of without circles; looking for those more often takes long
_COMMAND = (sys.executable, "-P", "-m", __name__)  # -P: no module of the folder that we happen to be in
log = logging.getLogger("sessiontree")


class KeeperProcess:
    """A process that keeps the sessions of the settings' store up to date until this is closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = json.dumps(asdict(settings)).encode() + b"\n"
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._start()
        self._thread = threading.Thread(target=self._look_after, name="sessiontree-keeper", daemon=True)
        self._thread.start()

    def __enter__(self) -> "KeeperProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def close(self) -> None:
        """Have it stop after what is under way. Closing twice is fine."""
        with self._lock:
            self._closing.set()
            self._cut()
        self._thread.join()

    def _start(self) -> None:
        # A group of its own: a terminal's Ctrl-C is for us, who stop it in order.
        self._process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, process_group=0)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(self._settings)
            self._process.stdin.flush()

    def _cut(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _look_after(self) -> None:
        """Wait for its end; unless that was wanted, start another."""
        while True:
            status = self._ended()
            if self._closing.is_set():
                return
            log.error("the process that refreshes sessions ended (%s): another takes its place", status)
            if self._closing.wait(AGAIN_SECONDS):
                return
            with self._lock:
                if not self._closing.is_set():
                    self._cut()
                    self._start()

    def _ended(self) -> int:
        """How the process ended; when it is told to stop and does not, it is killed."""
        while True:
            try:
                return self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                if self._closing.is_set():
                    self._process.kill()


def _keep() -> None:
    """In the new process: keep until the line is cut."""
    settings = Settings(**json.loads(sys.stdin.buffer.readline()))
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    try:
        store = _reached(settings)
        if store is None:
            return
        store.sessions.disputed()  # from now on it is known what was agreed when this began
    except SessiontreeError as error:
        log.error("sessions cannot be refreshed: %s", error)
        sys.exit(1)
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    try:
        Keeper(store, _line_cut).run()
    finally:
        store.close()


def _reached(settings: Settings) -> "Store | None":
    """The store, once it can be reached; None if the line is cut before."""
    from sessiontree import catalog_files
    from sessiontree.store import open_store

    catalog = catalog_files.load(Path(settings.catalog) if settings.catalog else None)
    gone = False
    while True:
        try:
            store = open_store(settings.store, catalog, create=False, sparing=True)
        except StoreGone as error:
            if not gone:
                log.error("sessions wait to be refreshed: %s", error)
            gone = True
        else:
            if gone:
                log.warning("the store answers again: sessions are refreshed")
            return store
        if _line_cut(AGAIN_SECONDS):
            return None


def _line_cut(seconds: float) -> bool:
    """Let so many seconds pass; whether the line has been cut."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _keep()
