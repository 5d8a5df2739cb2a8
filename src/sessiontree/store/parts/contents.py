"""What becomes of records whose contents are removed, as far as both stores agree on it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sessiontree import money
from sessiontree.money import Totals
from sessiontree.record import Record
from sessiontree.store.removing import Removal


@dataclass(frozen=True, slots=True)
class Before:
    """A content that comes back: its version and intake, and the record that the present declaration reads in it."""

    version: int
    intake: int | None
    record: Record
    received: datetime
    packed: bytes | None  # None: to be packed anew, since its type is read otherwise now


@dataclass(frozen=True, slots=True)
class Goes:
    """What becomes of one record: `present` is its content as it was packed.

    `before` is the content that comes back: None if the record goes altogether, or only contents of its history do
    (`stays`). `versions` are those that leave the history for good.
    """

    row: int
    present: Record
    stays: bool
    before: Before | None
    versions: list[int]

    @property
    def removed(self) -> bool:
        """Whether nothing is left of it."""
        return not self.stays and self.before is None


Mine = Callable[[int | None], bool]
"""Whether contents of this intake (as in the table `record`) are to go."""


def total(going: Iterable[Goes]) -> Removal:
    """What all this adds up to."""
    removed = restored = dropped = 0
    gone: Totals = {}
    for each in going:
        dropped += len(each.versions)
        if each.stays:
            continue
        removed, restored = removed + each.removed, restored + (not each.removed)
        _add(gone, each.present, 1)
        if each.before is not None:
            _add(gone, each.before.record, -1)
    return Removal(removed, restored, dropped, gone)


def _add(gone: Totals, record: Record, sign: int) -> None:
    if record.cost is not None and record.currency is not None:
        money.add(gone, {record.currency: sign * record.cost})
