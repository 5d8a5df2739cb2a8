"""Notes of what has to be computed again, as both stores keep them; how they are written and read is in `dirty`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sessiontree.store.parts.places import REF, place

ROWS = "rows"
PLACE = "place"
SESSION = "session"


@dataclass(slots=True)
class Notes:
    """Some notes of one account: ranges of rows (both ends included), places and sessions.

    `numbers` are those of notes that are done with them; `shortened` is one that is not: its number, and the row that
    it begins with then.
    """

    account_id: int
    rows: list[tuple[int, int]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)
    numbers: list[int] = field(default_factory=list)
    shortened: tuple[int, int] | None = None

    @property
    def records(self) -> int:
        """About how many records they are of."""
        return sum([last - first + 1 for first, last in self.rows]) + len(self.places) + len(self.sessions)


def lost(account_id: int, old: Sequence[str | None], new: Sequence[str | None] = ()) -> set[int]:
    """The places of records that name one by a key that it has no longer."""
    gone = {value for value in old if value is not None}.difference(new)
    return {place(account_id, REF, value) for value in gone}


def ranges(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The rows as ranges of neighbours."""
    ordered = sorted(set(rows))
    edges = [at for at, (one, next) in enumerate(pairwise(ordered), 1) if next > one + 1]
    for first, last in pairwise([0, *edges, len(ordered)]):
        if last > first:
            yield ordered[first], ordered[last - 1]


def merged(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same rows in ranges that neither touch nor overlap."""
    first = last = -1
    for each in sorted(found):
        if first >= 0 and each[0] > last + 1:
            yield first, last
        if first < 0 or each[0] > last + 1:
            first = each[0]
        last = max(last, each[1])
    if first >= 0:
        yield first, last
