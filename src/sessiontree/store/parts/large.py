"""Records with a number beyond 64 bits, as `packing` keeps them.

In a module of its own because `packing` runs compiled where it can (compiled.py), and classes of msgspec cannot be.
"""

from datetime import datetime

import msgspec


class Large(msgspec.Struct, array_like=True, gc=False):
    """A record whose numbers may be packed as text: it cannot be read as a `Record` at once."""

    record_type: str
    id: str
    start: datetime | None
    finish: datetime | None
    cost: int | str | None
    currency: str | None
    keys: tuple[str | None, ...]
    refs: tuple[str | None, ...]
    body: bytes
    received: datetime | None
    shape: int
    quantity: int | str | None = None
