"""Records: one usage record as it was received, with what we compute with. `reading` reads it, a store keeps it."""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

ID_CHARS_MAX = 255


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One usage record as received (`body`, JSON text), and what its type's declaration reads out of it.

    `keys` are the values by which other records (or people) find this one, in the order of `Catalog.key_fields`;
    `refs` the values by which it names its parents, in the order of `RecordType.ref_fields`; None where it has none.
    `currency` is None for a type that carries no cost. `quantity` is what the cost was charged for, in 10^-12 of its
    type's unit; None where the record does not say. `received` and `shape` are set by the store, `names` (of the fields
    in the body) by the reader.
    """

    record_type: str
    id: str
    start: datetime | None
    finish: datetime | None
    cost: int | None
    currency: str | None
    keys: tuple[str | None, ...]
    refs: tuple[str | None, ...]
    body: bytes
    received: datetime | None = None
    shape: int = 0
    quantity: int | None = None
    names: tuple[str, ...] = ()

    @property
    def cost_status(self) -> str:
        """`rated`, `unpriced` (no price so far), or `none`: its type has no costs."""
        if self.currency is None:
            return "none"
        return "unpriced" if self.cost is None else "rated"


def valid_id(value: str) -> bool:
    """Whether this can be an event's id: 1 to 255 printable characters without a slash."""
    return 0 < len(value) <= ID_CHARS_MAX and value.isprintable() and "/" not in value


@lru_cache(maxsize=4096)
def read_time(text: str) -> datetime:
    """The moment that an ISO 8601 text names, in UTC; without a zone it is read as UTC.

    Raises ValueError for anything else, also for a moment outside the years 1 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not an ISO 8601 date or time such as 2026-03-17 or 2026-03-17T10:00:00Z") from None
