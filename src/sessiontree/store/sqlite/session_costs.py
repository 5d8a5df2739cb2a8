"""The costs of a session as rows of SQLite's table: whole units and the rest, each within 64 bits."""

from collections.abc import Iterable
from typing import Any

from sessiontree import money
from sessiontree.sessions import Session
from sessiontree.store.parts.session_rows import MINUTE, Row

_LATEST = (1 << 63) - 1


def costs_of(account_id: int, row: Row, session: Session) -> Iterable[tuple[Any, ...]]:
    """The rows of `session_cost`, one for each currency."""
    duration = row.numbers[2]
    for currency, amount in session.totals.items():
        minute = _split(amount * MINUTE // duration) if duration is not None and duration > 0 else (None, None)
        elsewhere = _split(session.elsewhere.get(currency, 0))
        yield (account_id, currency, row.number, *_split(amount), *elsewhere, *minute)


def _split(amount: int) -> tuple[int, int]:
    """Whole units and the rest; what 64 bits cannot hold is as much as they can."""
    whole, rest = divmod(amount, money.UNIT)
    return (whole, rest) if -_LATEST <= whole <= _LATEST else (_LATEST if whole > 0 else -_LATEST, 0)
