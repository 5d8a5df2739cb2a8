"""Several processes that serve on one socket, as one server: `serve --workers N`.

This process only looks after the others: it binds the socket, starts them, replaces one that ends by itself, and stops
them in order. What they must have in common lies in a folder of their own (see `Service`), and in the store.
"""

import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any

from sessiontree.errors import SessiontreeError
from sessiontree.http.service import Service
from sessiontree.http.serving import SHUTDOWN_SECONDS, ServerError, ServerProcess, prepare_logging
from sessiontree.http.shared_folder import shared_folder
from sessiontree.keeping_process import KeeperProcess
from sessiontree.settings import Settings
from sessiontree.store import intakes
from sessiontree.store.names import shown_name

START_SECONDS = 60
PAUSE_SECONDS = 1.0
"""Before a process that ended by itself is replaced."""
_LOOK_SECONDS = 0.2
_STARTED = ""
log = logging.getLogger("sessiontree")


def serve(settings: Settings, listening: socket.socket, url: str) -> None:
    """Serve with as many processes as the settings say, until SIGTERM or SIGINT; a second signal ends them at once.

    Raises ServerError, with what the first process says, when they cannot start.
    """
    with shared_folder() as shared, _signals() as signals:
        team = _Team(settings, listening, shared)
        try:
            team.start(signals)
            with KeeperProcess(settings):
                if not signals:
                    log.info("serving %s on %s with %d processes", shown_name(settings.store), url, settings.workers)
                while not signals:
                    team.look_after()
        finally:
            team.stop(signals)


@dataclass(slots=True)
class _Worker:
    """One process, and the line to it: it says when it has started, and stops when the line is cut."""

    process: SpawnProcess
    line: Connection
    since: float
    started: bool = False

    def says(self, seconds: float = 0) -> str | None:
        """Why it could not start, if it says so by now."""
        with suppress(EOFError, OSError):
            if not self.started and self.line.poll(seconds):
                said: str = self.line.recv()
                self.started = said == _STARTED
                return said or None
        return None


class _Team:
    """The processes of a server."""

    def __init__(self, settings: Settings, listening: socket.socket, shared: Path) -> None:
        self._settings = settings
        self._listening = listening
        self._shared = shared
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._bits = secrets.randbits(intakes.RANDOM_BITS)

    def start(self, signals: Sequence[int]) -> None:
        """Start them all; the first alone, so that what keeps it from starting is said once."""
        first = self._started()
        self._workers.append(first)
        until = time.monotonic() + START_SECONDS
        while not first.started and not signals:
            said = first.says(_LOOK_SECONDS)
            if said or first.process.exitcode is not None or time.monotonic() > until:
                raise ServerError(said or "the first process could not start")
        while len(self._workers) < self._settings.workers:
            self._workers.append(self._started())

    def _started(self) -> _Worker:
        self._bits = (self._bits + 1) % (1 << intakes.RANDOM_BITS)
        mine, its = self._context.Pipe()
        work = _Work(self._settings, self._listening, self._shared, self._bits, its, os.getpid(), not self._workers)
        process = self._context.Process(target=work.run, name="sessiontree-worker")
        process.start()
        its.close()
        return _Worker(process, mine, time.monotonic())

    def look_after(self) -> None:
        """Wait a moment; replace those that have ended."""
        living = [worker.process.sentinel for worker in self._workers if worker.process.exitcode is None]
        wait(living, timeout=_LOOK_SECONDS) if living else time.sleep(_LOOK_SECONDS)
        for at, worker in enumerate(self._workers):
            if said := worker.says():
                log.error("a process could not start: %s", said)
            if worker.process.exitcode is not None and time.monotonic() > worker.since + PAUSE_SECONDS:
                log.error("process %s ended (%s): another takes its place", worker.process.pid, worker.process.exitcode)
                worker.line.close()
                self._workers[at] = self._started()

    def stop(self, signals: Sequence[int]) -> None:
        """Let them finish what is under way, and end; all at once at a second signal, or when it takes too long."""
        for worker in self._workers:
            worker.line.close()
        until = time.monotonic() + SHUTDOWN_SECONDS + PAUSE_SECONDS
        told = min(len(signals), 1)
        left = [worker.process for worker in self._workers]
        while left and time.monotonic() < until and len(signals) == told:
            wait([process.sentinel for process in left], timeout=_LOOK_SECONDS)
            left = [process for process in left if process.exitcode is None]
        for process in left:
            process.kill()
            process.join()


@dataclass(frozen=True, slots=True)
class _Work:
    """What a process is started with."""

    settings: Settings
    listening: socket.socket
    shared: Path
    bits: int
    line: Connection
    parent: int
    is_first: bool

    def run(self) -> None:
        """Serve until the line is cut. In the new process."""
        os.setpgrp()  # a terminal's Ctrl-C is for the parent, which stops all in order
        prepare_logging(self.settings)
        intakes.tell_apart(self.bits)
        try:
            service = Service(self.settings, self.shared, kept=True)
        except SessiontreeError as error:
            self._say(str(error))
            return
        serving = ServerProcess(service)
        if self.is_first:
            serving.warn()
        Thread(target=self._obey, args=[serving], name="sessiontree-line", daemon=True).start()
        self._say(_STARTED)
        serving.run(self.listening)

    def _say(self, text: str) -> None:
        with suppress(OSError):  # the parent may be stopping already
            self.line.send(text)

    def _obey(self, serving: ServerProcess) -> None:
        """Stop when the line is cut: by the parent, or because there is none any more."""
        with suppress(EOFError, OSError):
            self.line.recv()
        serving.stop()
        if os.getppid() != self.parent:
            shutil.rmtree(self.shared, ignore_errors=True)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals to stop that have come so far."""
    come: list[int] = []

    def note(number: int, frame: FrameType | None) -> Any:
        come.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield come
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
