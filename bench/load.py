"""A load generator that costs little: a process of its own, connections kept open, one request under way on each.

Of an answer it looks at the status and the length, nothing else. `python -m bench.load` reads a Load and writes a Run.
"""

import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from itertools import cycle, islice

import msgspec

from bench.processes import ROOT

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send: `count` requests, going round in the list, by so many clients.

    Every answer must be 200, and its body as long as `lengths` says at the request's place (no lengths: any).
    """

    port: int
    requests: list[bytes]
    lengths: list[int]
    clients: int
    count: int


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a load: how long it took in all, and each request."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds


def run(load: Load) -> Run:
    """Put a load on a server, from another process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.msgpack.encode(load),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    return msgspec.msgpack.decode(done.stdout, type=Run)


class Connection:
    """One client: sends a request, then takes in the answer as it comes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes, length: int) -> None:
        """Send a request whose answer has a body of this length (0: any)."""
        self._expected = length
        self._parts: list[bytes] = []
        self._missing = 0
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take in what has come; whether the answer is complete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._parts.append(part)
        if self._missing:
            self._missing -= len(part)
            return self._missing == 0
        return self._head(b"".join(self._parts))

    def body(self) -> bytes:
        """The body of the answer, once it is complete."""
        return b"".join(self._parts).partition(_END)[2]

    def _head(self, text: bytes) -> bool:
        end = text.find(_END)
        if end < 0:
            return False
        if not text.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(text.decode(errors="replace"))
        at = text.index(_LENGTH, 0, end) + len(_LENGTH)
        length = int(text[at : text.index(b"\r", at)])
        if self._expected and length != self._expected:
            raise ConnectionError(f"an answer of {length} bytes where {self._expected} were expected")
        self._missing = end + len(_END) + length - len(text)
        return self._missing == 0


def send_all(load: Load) -> Run:
    """Send the requests from this process."""
    waiting = deque(
        islice(cycle(zip(load.requests, load.lengths or [0] * len(load.requests), strict=True)), load.count)
    )
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        connections = [Connection(load.port) for _ in range(load.clients)]
        began = time.perf_counter()
        for connection in connections[: len(waiting)]:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(*waiting.popleft())
        while len(latencies) < load.count:
            for key, _ in selector.select():
                if key.data.receive():
                    latencies.append(time.perf_counter() - key.data.began)
                    if waiting:
                        key.data.send(*waiting.popleft())
        seconds = time.perf_counter() - began
    for connection in connections:
        connection.socket.close()
    return Run(seconds, latencies)


if __name__ == "__main__":
    sys.stdout.buffer.write(
        msgspec.msgpack.encode(send_all(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Load)))
    )
