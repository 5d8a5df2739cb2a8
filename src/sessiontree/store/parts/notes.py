"""Notes of what has to be computed again, as both stores keep them; how they are written and read is in `dirty`."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from sessiontree.store.parts.places import REF, place

NEW = "new"  # rows of records that have just come: those that have a home by now are done
ROWS = "rows"  # rows of records that have changed
PLACE = "place"
SESSION = "session"
SMALL_ROWS = 100
"""Notes of fewer rows come first: what one request has just sent must not wait for all that an import beside it has."""


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

    def take(self, number: int, what: str, first: int, last: int, limit: int, at_home: Collection[int]) -> int:
        """Take up as much of a note as the limit allows; of how many records that is.

        `at_home` are rows that are in a session: new ones were worked in with others of the same session.
        """
        rows: Sequence[int] = []
        if what == PLACE:
            self.places.append(first)
        elif what == SESSION:
            self.sessions.add(first)
        elif what == NEW and at_home:
            rows = [row for row in range(first, last + 1) if row not in at_home]
        else:
            rows = range(first, last + 1)
        self.rows += ranges(rows[:limit])
        if len(rows) > limit:
            self.shortened = (number, rows[limit])
            return limit
        self.numbers.append(number)
        return len(rows) if what in (NEW, ROWS) else 1

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


def of_others(notes: Notes, rows: Collection[int], noted: Iterable[tuple[str, int, int]]) -> tuple[set[int], set[int]]:
    """Those of the rows that are noted as new, and as changed, but not in these notes.

    `noted` says what each note says and its range of rows.
    """
    found = list(noted)
    mine = set(chain.from_iterable([range(first, last + 1) for first, last in notes.rows]))
    new = _among(rows, [(first, last) for what, first, last in found if what == NEW])
    changed = _among(rows, [(first, last) for what, first, last in found if what == ROWS])
    return new - mine, changed - mine


def _among(rows: Collection[int], noted: Iterable[tuple[int, int]]) -> set[int]:
    """Those of the rows that are in these ranges."""
    return {row for first, last in merged(noted) for row in range(first, last + 1) if row in rows}
