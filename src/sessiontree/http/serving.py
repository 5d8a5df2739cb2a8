"""Serving: from the settings to a process, or several (see `workers`), that answer on a socket until told to stop."""

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

import uvicorn

from sessiontree.calling import as_called
from sessiontree.errors import SessiontreeError
from sessiontree.http.server import App
from sessiontree.http.service import Service
from sessiontree.http.whole_answers import WholeAnswers
from sessiontree.keeping_process import KeeperProcess
from sessiontree.settings import LOG_FORMAT, Settings
from sessiontree.store import warning_of_stale, warning_of_undeclared
from sessiontree.store.names import shown_name

SHUTDOWN_SECONDS = 30
GARBAGE_OBJECTS = 50_000  # answers and batches hold no circles; looking for those more often costs a tenth of the time
SWITCH_SECONDS = 0.0005
"""How long a thread that reads or writes many records may keep the interpreter from the event loop."""
log = logging.getLogger("sessiontree")


class ServerError(SessiontreeError):
    """The server cannot start."""


class _Server(uvicorn.Server):
    """Says what it waits for when it is told to stop; a second Ctrl-C ends the process as it stands."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        count = len(self.server_state.tasks)
        if count:
            requests = "1 request" if count == 1 else f"{count} requests"
            log.warning("waiting for %s, %d s at most; Ctrl-C again stops at once", requests, SHUTDOWN_SECONDS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            os._exit(1)  # threads that are at work cannot be broken off; what was acknowledged is stored
        super().handle_exit(sig, frame)


class ServerProcess:
    """One process that serves on a socket with what a service holds, and lets go of that in the end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        config = uvicorn.Config(
            App(service),
            http=WholeAnswers,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        self._server = _Server(config)

    def warn(self) -> None:
        """Say what makes answers other than the operator may expect."""
        store = self._service.store
        for warning in (warning_of_undeclared(store), warning_of_stale(store)):
            if warning:
                log.warning("%s", as_called(warning))

    def run(self, listening: socket.socket) -> None:
        """Serve until a signal or `stop`; then finish what is under way."""
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        try:
            self._server.run(sockets=[listening])
        except KeyboardInterrupt:
            pass
        finally:
            self._service.close()

    def stop(self) -> None:
        """Have `run` come to its end. From any thread."""
        self._server.should_exit = True


def prepare_logging(settings: Settings) -> None:
    """Log to standard error, as much as the settings say."""
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def serve(settings: Settings, *, ready: Callable[[str, Service], None] = lambda url, service: None) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way, or end at once at a second SIGINT.

    `ready` is told the address once it can be used, and given the service, unless several processes serve.

    Raises ServerError when the port is taken, and whatever keeps the store or the catalogue from being opened.
    """
    prepare_logging(settings)
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        if settings.workers > 1:
            from sessiontree.http import workers

            workers.serve(settings, listening, url)
        else:
            _serve_alone(settings, listening, url, ready)
    finally:
        listening.close()


def _serve_alone(settings: Settings, listening: socket.socket, url: str, ready: Callable[[str, Service], None]) -> None:
    with (
        suppress(KeyboardInterrupt),
        _told_to_stop(),
        closing(Service(settings, kept=True)) as service,
        KeeperProcess(settings),
    ):
        process = ServerProcess(service)
        process.warn()
        log.info("serving %s on %s", shown_name(settings.store), url)
        ready(url, service)
        process.run(listening)


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: uvicorn repeats it when it has finished, before we have closed all."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(settings: Settings) -> socket.socket:
    """The socket, bound before anything else is opened, so that a taken port is known at once."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ServerError(f"{settings.host} is no address to serve on: {error.strerror}") from None
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        text = f"{settings.host}:{settings.port} cannot be served on ({error.strerror}): choose another with --port"
        raise ServerError(text) from None
    return listening
