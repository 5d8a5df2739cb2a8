"""Session rows in PostgreSQL: as in SQLite, but for odd text, and with each amount as one number."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sessiontree import money
from sessiontree.sessions import Session
from sessiontree.store.parts import session_rows as shared
from sessiontree.store.parts.details import unpack
from sessiontree.store.parts.session_rows import COLUMNS, MINUTE, Row
from sessiontree.store.postgres.amounts import to_numeric
from sessiontree.store.postgres.text import from_text, to_text

__all__ = ["COLUMNS", "COSTS", "WRITTEN", "costs_of", "read_row", "read_session", "sums_of", "values_of"]

WRITTEN = f"{COLUMNS}, products"
COSTS = "account, session, currency, total, elsewhere, minute"
_AMOUNT_MAX = ((1 << 63) - 1) * money.UNIT  # of what a cursor has to name


def values_of(row: Row, account_id: int) -> tuple[Any, ...]:
    """The columns of a row, as in WRITTEN."""
    number, _, record_type, id, *others = row.values(account_id)
    names = sorted({to_text(product) for product, *_ in unpack(row.numbers[-1]).products})
    return (number, account_id, to_text(record_type), to_text(id), *others, names)


def read_row(values: Sequence[Any]) -> Row:
    """A row from its columns."""
    return shared.read_row(_decoded(values))


def read_session(values: Sequence[Any]) -> Session:
    """A session from its columns."""
    return shared.read_session(_decoded(values))


def _decoded(values: Sequence[Any]) -> Sequence[Any]:
    number, account_id, record_type, id, *others = values
    return (number, account_id, from_text(record_type), from_text(id), *others)


def costs_of(account_id: int, row: Row, session: Session) -> Iterator[tuple[Any, ...]]:
    """The rows of `session_cost`, one for each currency."""
    duration = row.numbers[2]
    for currency, amount in session.totals.items():
        minute = None
        if duration is not None and duration > 0:
            minute = to_numeric(max(-_AMOUNT_MAX, min(_AMOUNT_MAX, amount * MINUTE // duration)))
        elsewhere = session.elsewhere.get(currency, 0)
        yield (account_id, row.number, currency, to_numeric(amount), to_numeric(elsewhere), minute)


def sums_of(before: Iterable[Row], after: Iterable[Row]) -> dict[str, list[int]]:
    """By how much the rows of `session_sum` change: sessions, events, unpriced, total, elsewhere, by currency."""
    sums: dict[str, list[int]] = {}
    for sign, rows in ((-1, before), (1, after)):
        for row in rows:
            *_, events, elsewhere_events, unpriced, _, _, _, packed = row.numbers
            details = unpack(packed)
            _add(sums, "", (sign, sign * (events - elsewhere_events), sign * unpriced, 0, 0))
            for currency, amount in details.totals.items():
                _add(sums, currency, (sign, 0, 0, sign * int(amount), sign * int(details.elsewhere.get(currency, "0"))))
    return {currency: numbers for currency, numbers in sums.items() if any(numbers)}


def _add(sums: dict[str, list[int]], currency: str, numbers: tuple[int, ...]) -> None:
    found = sums.setdefault(currency, [0] * len(numbers))
    for at, number in enumerate(numbers):
        found[at] += number
