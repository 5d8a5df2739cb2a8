"""Answers in one piece: the head of an answer is sent together with the first part of its body.

uvicorn writes each by itself, and each costs a packet, which the kernel carries and for which the client wakes up.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1.1 "
_GO_ON = _HEAD + b"100"  # which a client waits for before it sends its body


class _Holding:
    """A transport that holds the head of an answer back until more is written, or told that nothing more comes."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, after a head that was held; or hold it, if it is one."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(_HEAD) and not data.startswith(_GO_ON):
            self._head = data
        else:
            self._transport.write(data)

    def let_go(self) -> None:
        """Send a head that nothing followed."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self.let_go()
        self._transport.close()


class WholeAnswers(HttpToolsProtocol):
    """uvicorn's HTTP over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Holding(transport)))

    def on_response_complete(self) -> None:
        cast(_Holding, self.transport).let_go()
        super().on_response_complete()
