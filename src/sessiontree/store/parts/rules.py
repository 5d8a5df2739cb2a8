"""By which declarations sessions are made: by those last applied, and by no others.

Two processes with different declarations of a type would put its records into different sessions, now the one and now
the other, and nothing would tell. So the store says of each type by which reading its records were put into sessions,
and a refresh looks at that in the transaction in which it writes. The first that meets a type enters its own reading;
after that only `apply` (a re-read) puts another in its place. How the rules are read and written is in each store's
`rules`.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from sessiontree.store import refusal

SETTING = "session rules"


class Kept(msgspec.Struct, frozen=True):
    """What a store says: the reading of each type, null where it was let go and stands in no session.

    `left` are types that got another reading, and whose records no re-read has noted all since.
    """

    readings: dict[str, str | None] = {}
    left: list[str] = []


class Table(Protocol):
    """The rules in one transaction of a store."""

    def read(self) -> tuple[str | None, Collection[str]]:
        """The setting, None if there is none, and the types that records have been read by."""

    def stored(self, names: Collection[str]) -> set[str]:
        """Those of the types that any record has."""

    def write(self, value: str) -> None:
        """Set it."""


class Rules:
    """The rules of a store, and what one catalogue's readings, by type, have to do with them.

    `agreed` gets the types that they do not read otherwise, see `Sessions.agreed`.
    """

    def __init__(self, table: Table, mine: Mapping[str, str], agreed: set[str]) -> None:
        value, self._types = table.read()
        self._kept = Kept() if value is None else msgspec.json.decode(value, type=Kept)
        self._table = table
        self._mine = mine
        self._agreed = agreed
        self._compare()

    @property
    def left(self) -> list[str]:
        """The types whose records a re-read has still to note."""
        return self._kept.left

    def disputed(self) -> list[str]:
        """The types of which records are stored and whose reading is another one, by name.

        So are those that are not declared, until they were let go: whoever declares them may put them into sessions.
        """
        readings, mine = self._kept.readings, self._mine
        names = [name for name in self._types if readings.get(name, mine.get(name, "")) != mine.get(name)]
        return sorted(self._table.stored(names)) if names else []

    def vacant(self) -> bool:
        """Whether a type has another reading of which, where nothing is disputed, no record is left."""
        return any(name in self._mine and self._mine[name] != reading for name, reading in self._kept.readings.items())

    def enter(self) -> None:
        """Enter the types that nobody has, or whose records are all gone. Raises SessionsDisputed where any is."""
        if disputed := self.disputed():
            raise refusal(disputed, self._mine, self._agreed)
        let_go = [name for name, reading in self._kept.readings.items() if reading is None and name not in self._mine]
        entered = {name: self._mine[name] for name in self._types if name in self._mine}
        self._keep(Kept(entered | dict.fromkeys(let_go), self.left))

    def apply(self) -> bool:
        """Let sessions be made by this catalogue from now on; whether any type got another reading by that."""
        disputed = self.disputed()
        readings = {name: self._mine.get(name) for name in self._table.stored(self._types)}
        self._keep(Kept(readings, sorted({*self.left, *disputed})))
        return bool(disputed)

    def noted(self) -> None:
        """All records of the types that were left are noted."""
        self._keep(Kept(self._kept.readings))

    def _keep(self, kept: Kept) -> None:
        if kept != self._kept:
            self._kept = kept
            self._table.write(msgspec.json.encode(kept, order="sorted").decode())
            self._compare()

    def _compare(self) -> None:
        readings, mine = self._kept.readings, self._mine
        self._agreed.update(
            name for name in mine.keys() | readings if readings.get(name, mine.get(name)) == mine.get(name)
        )
