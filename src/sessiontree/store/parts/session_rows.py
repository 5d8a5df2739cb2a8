"""Session rows: a `Session` as columns and back, and what of two of them is compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sessiontree.placement import Problem
from sessiontree.sessions import Session, Unlinked
from sessiontree.store.parts import details
from sessiontree.store.parts.micros import from_micros, to_micros

COLUMNS = """number, account, record_type, id, start, finish, duration, currency, event_count, elsewhere_count,
    unpriced_count, problem_count, unlinked, open_start, changed, as_of, revision, sequence, details, rows"""
MINUTE = 60_000_000  # microseconds

_encode = msgspec.json.Encoder().encode
_decode_rows = msgspec.json.Decoder(tuple[list[int], list[int]]).decode


@dataclass(slots=True)
class Row:
    """A session as it is written: its number, what compares equal while nothing changed, and its records' rows."""

    number: int
    identity: tuple[str, str]
    numbers: tuple[Any, ...]
    changed: int
    as_of: int
    revision: int
    sequence: int
    homes: list[int]
    visits: list[int]

    def equals(self, other: "Row") -> bool:
        """Whether both say the same, whenever they were written."""
        mine = (self.numbers, self.changed, self.homes, self.visits)
        return mine == (other.numbers, other.changed, other.homes, other.visits)

    def values(self, account_id: int) -> tuple[Any, ...]:
        """Its columns."""
        times = (self.changed, self.as_of, self.revision, self.sequence)
        *columns, packed = self.numbers
        rows = _encode((self.homes, self.visits))
        return (self.number, account_id, *self.identity, *columns, *times, packed, rows)


def row_of(session: Session, homes: list[int], visits: list[int]) -> Row:
    """A session that has no number, revision and sequence yet."""
    start, finish = _micros(session.start), _micros(session.finish)
    packed = details.pack(
        {currency: str(amount) for currency, amount in sorted(session.totals.items())},
        {currency: str(amount) for currency, amount in sorted(session.elsewhere.items())},
        [(product, currency, str(amount), events) for product, currency, amount, events in session.products],
        session.problems,
        session.elsewhere_unpriced_count,
    )
    numbers = (
        start,
        finish,
        None if start is None or finish is None else finish - start,
        session.currency,
        session.event_count,
        session.elsewhere_count,
        session.unpriced_count - session.elsewhere_unpriced_count,
        len(session.problems),
        int(session.unlinked),
        _micros(session.open_start),
        packed,
    )
    changed, as_of = to_micros(session.changed), to_micros(session.as_of)
    return Row(0, (session.record_type, session.id), numbers, changed, as_of, 0, 0, homes, visits)


def read_row(values: Sequence[Any]) -> Row:
    """A row from its columns."""
    number, _, record_type, id, *columns, changed, as_of, revision, sequence, packed, rows = values
    homes, visits = _decode_rows(rows)
    numbers = (*columns, packed)
    return Row(number, (record_type, id), numbers, changed, as_of, revision, sequence, homes, visits)


def read_session(values: Sequence[Any]) -> Session:
    """A session from its columns."""
    _, _, record_type, id, start, finish, _, currency, events, elsewhere_events, unpriced, *others = values
    _, unlinked, open_start, changed, as_of, revision, _, packed, _ = others
    more = details.unpack(packed)
    return Session(
        record_type=record_type,
        id=id,
        start=_moment(start),
        finish=_moment(finish),
        currency=currency,
        totals={currency: int(amount) for currency, amount in more.totals.items()},
        elsewhere={currency: int(amount) for currency, amount in more.elsewhere.items()},
        event_count=events,
        elsewhere_count=elsewhere_events,
        unpriced_count=unpriced + more.elsewhere_unpriced_count,
        elsewhere_unpriced_count=more.elsewhere_unpriced_count,
        products=tuple((product, currency, int(amount), count) for product, currency, amount, count in more.products),
        problems=tuple(Problem(*problem) for problem in more.problems),
        unlinked=Unlinked(unlinked),
        open_start=_moment(open_start),
        changed=from_micros(changed),
        as_of=from_micros(as_of),
        revision=revision,
    )


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
