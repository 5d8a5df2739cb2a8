"""Answers in one piece: what goes to the connection, and when."""

import asyncio
import socket
from typing import Any

import pytest

from conftest import SECONDS, Server
from sessiontree.http.whole_answers import _Holding

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"three"


class Kept(asyncio.Transport):
    """A connection that keeps what is sent: a list of what each packet holds."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.sent.append(b"closed")

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ([HEAD], []),
        ([HEAD, BODY], [HEAD + BODY]),
        ([HEAD, BODY, b"more", HEAD, BODY], [HEAD + BODY, b"more", HEAD + BODY]),
        ([HEAD, b""], [HEAD]),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, BODY], [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + BODY]),
    ],
)
def test_a_head_goes_with_what_follows(written: list[bytes], sent: list[bytes]):
    kept = Kept()
    held = _Holding(kept)
    for each in written:
        held.write(each)
    assert kept.sent == sent


def test_a_head_that_nothing_follows_goes_in_the_end():
    kept = Kept()
    held = _Holding(kept)
    held.write(HEAD)
    held.let_go()
    held.let_go()
    held.write(HEAD)
    held.close()
    assert kept.sent == [HEAD, HEAD, b"closed"]


def test_a_head_alone_and_several_answers_at_once(server: Server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    asked = f" /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        connection.sendall(b"HEAD" + asked)
        told = b""
        while not told.endswith(b"\r\n\r\n"):
            told += connection.recv(1 << 16)
        connection.sendall((b"GET" + asked) * 3)
        while told.count(b"HTTP/1.1 200 OK") < 4:
            told += connection.recv(1 << 16)
