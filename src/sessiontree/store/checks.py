"""The questions by which a store is checked: everything that was stored and derived, as it stands at one moment.

What the answers mean, and when they are differences, is judged in `verifying`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sessiontree.money import Totals
from sessiontree.record import Record
from sessiontree.sessions import Session

if TYPE_CHECKING:
    from sessiontree.store import Snapshot


DIFFERENCES_MAX = 1000
"""So many differences are named; all are counted."""

Identity = tuple[str, str]
"""Record type and id."""


class Difference(NamedTuple):
    """Something stored that contradicts another: a code, a sentence, and what it is about where that is one thing."""

    code: str
    message: str
    record_type: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """What an account's records come to, added up from three places, by currency, and how many records and sessions.

    `records` adds up the records themselves, `sessions` total minus elsewhere of every session row, `spend` the
    roll-up. `undeclared` counts the records of types that the catalogue lacks, which no sum holds. `differences` are
    records without one home, and tables of which one says what another denies; `difference_count` is of all of them.
    """

    records: Totals
    sessions: Totals
    spend: Totals
    record_count: int
    home_count: int
    spend_count: int
    session_count: int
    undeclared: dict[str, int]
    differences: tuple[Difference, ...]
    difference_count: int


class Row(NamedTuple):
    """A session row with the records that are noted as at home in it, and those noted as shown there as well."""

    number: int
    session: Session
    homes: frozenset[Identity]
    visits: frozenset[Identity]


class Moment(Protocol):
    """One account's records, and what is derived of them, as they stand at one moment."""

    waiting: int
    """How many notes of changes are not worked in yet; with 0 everything derived must be right."""

    def session_count(self) -> int:
        """How many session rows there are."""

    def snapshot(self) -> "Snapshot":
        """The records of this moment, as if never asked for."""

    def sums(self, advance: Callable[[int], None]) -> Sums:
        """All sums and contradictions; `advance` is told of progress, in records and sessions looked at."""

    def numbers(self, *, after: int, limit: int) -> list[int]:
        """The numbers of the next sessions after one, in order."""

    def sample(self, count: int) -> list[int]:
        """The numbers of so many sessions chosen at random, in order; of all if there are fewer."""

    def rows(self, numbers: Sequence[int]) -> list[Row]:
        """The session rows of these numbers; those that are not there any more are left out."""


class Checks(Protocol):
    """Looking at all that a store has."""

    def moment(self, account: str) -> AbstractContextManager[Moment]:
        """Everything of one account as it is now. Held open, it keeps the store from reclaiming space."""

    def records(self, account: str, record_type: str | None = None) -> Iterator[Record]:
        """All records of an account (of one type), in order of arrival; those of undeclared types are left out.

        Not of one moment: a record that arrives meanwhile may or may not be among them.
        """

    def count(self, account: str, record_type: str | None = None) -> int:
        """How many records `records` gives now."""
