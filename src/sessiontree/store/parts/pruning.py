"""Which sessions a step of pruning takes: those that ended before a moment, with all that they share records with.

How sessions and records are found is the store's affair (`Stored`), and so is removing them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from sessiontree.record import Record

_NUMBERS = 10_000  # of sessions that one step looks at
_COMPUTED_MAX = 1000  # of them, those whose records it reads

read_rows = msgspec.json.Decoder(tuple[list[int], list[int]]).decode
"""The rows of the records that are at home in a session, and of those that visit it, from its column."""


class Candidate(NamedTuple):
    """A session by its number, with the rows of its records as they are stored; see `read_rows`."""

    number: int
    rows: bytes


class Stored(Protocol):
    """An account's sessions and records, inside one transaction."""

    def candidates(self, after: int, until: int) -> Iterable[Candidate]:
        """Sessions whose rows do not speak against it, of the numbers after one up to another, in order."""

    def records(self, rows: list[int]) -> Iterable[Record]:
        """The records of these rows."""

    def sessions_of(self, rows: list[int]) -> set[int]:
        """The sessions in which any of these records is shown."""


class Step(NamedTuple):
    """How many sessions go, the rows of their records, and the last session's number that was looked at."""

    sessions: int
    rows: list[int]
    until: int


def step(stored: Stored, before: datetime, *, after: int, limit: int) -> Step:
    """What goes next, of the sessions after one, in about `limit` records."""
    ended = _Ended(stored, before)
    sessions, rows, until = 0, list[int](), after + _NUMBERS
    for number, packed in stored.candidates(after, until):
        if len(rows) >= limit or len(ended.known) >= _COMPUTED_MAX:
            until = number - 1
            break
        if ended.for_good(number):
            sessions += 1
            rows += read_rows(packed)[0]
    return Step(sessions, rows, until)


class _Ended:
    """Which of an account's sessions ended before a moment and reach no record after it."""

    def __init__(self, stored: Stored, before: datetime) -> None:
        self._stored, self._before = stored, before
        self.known: dict[int, bool] = {}
        """What has been found out so far, by the sessions' numbers."""

    def for_good(self, number: int) -> bool:
        """Whether a session has ended, and so have all that are bound to it by records that they share."""
        if number not in self.known:
            bound, queue, ended = {number}, [number], True
            for each in queue:
                rows = self._ended(each)
                if rows is None:
                    ended = False
                    break
                more = self._stored.sessions_of(rows) - bound
                bound |= more
                queue += more
            self.known.update(dict.fromkeys(bound, ended))
        return self.known[number]

    def _ended(self, number: int) -> list[int] | None:
        """The rows of all records in a session's tree, None if it has not ended before the moment."""
        for _, packed in self._stored.candidates(number - 1, number):  # one, if any
            homes, visits = read_rows(packed)
            rows = homes + visits
            if all(_last_moment(record) < self._before for record in self._stored.records(rows)):
                return rows
        return None


def _last_moment(record: Record) -> datetime:
    """The latest moment known of a record: when it was received only if it says none itself."""
    moments = [moment for moment in (record.start, record.finish) if moment is not None]
    assert record.received is not None
    return max(moments, default=record.received)
