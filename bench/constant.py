"""A server whose every reply is the same, run as the program runs its own: what HTTP alone costs.

python -m bench.constant PORT BYTES
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn


class Constant:
    """The least application: it looks at nothing and sends the same bytes."""

    def __init__(self, length: int) -> None:
        body = b"x" * length
        headers = [(b"content-type", b"application/json"), (b"content-length", str(length).encode())]
        self._start = {"type": "http.response.start", "status": 200, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer one request."""
        await send(self._start)
        await send(self._body)


def main() -> None:
    """Serve until stopped."""
    port, length = map(int, sys.argv[1:])
    uvicorn.run(
        Constant(length),
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
