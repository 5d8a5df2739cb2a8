"""What one call of `add` will write: which records are new, which have changed, and which are as they were."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sessiontree.record import Record
from sessiontree.store import Outcome
from sessiontree.store.intakes import Share
from sessiontree.store.parts.brought import NOBODY, Brought, number
from sessiontree.store.parts.packing import same_content

Identity = tuple[str, str]

_CREATED, _UNCHANGED = Outcome.CREATED, Outcome.UNCHANGED  # looking up a member of an enumeration takes long


@dataclass(slots=True)
class Batch:
    """Records by row, and the contents that were replaced.

    `rows` are those of records that are new in the store, rising in the order in which they come; `known` are the
    records as they stand so far, with those that were there before.
    """

    account_id: int
    received: datetime
    rows: dict[Identity, int]
    known: dict[Identity, tuple[int, Record]]
    created: dict[int, Record] = field(default_factory=dict)
    changed: dict[int, tuple[Record, Record]] = field(default_factory=dict)  # as stored, as it shall be
    replaced: list[tuple[int, Record, int | None]] = field(default_factory=list)  # with the intake; see `owners`
    intake: int = NOBODY
    owners: dict[int, int] = field(default_factory=dict)  # who brought the present content, where that is not as stored
    brought: list[Brought] = field(default_factory=list)
    _made: list[int] = field(default_factory=list)  # the rows that the present share has made

    @property
    def changed_now(self) -> list[Record]:
        """The records that were stored before, as they shall be."""
        return [new for _, new in self.changed.values()]

    def sort_in(self, records: Sequence[Record], shares: Sequence[Share]) -> list[Outcome]:
        """What becomes of each record, in order; and what each intake brought."""
        if not shares:
            return [self._sort_in(record) for record in records]
        outcomes: list[Outcome] = []
        for share in shares:
            self.intake = number(share.origin)
            self._made.clear()
            some = [self._sort_in(record) for record in records[len(outcomes) : len(outcomes) + share.records]]
            first, last = (self._made[0], self._made[-1]) if self._made else (1, 0)
            self.brought.append(Brought(share, self.intake, some, first, last))
            outcomes += some
        assert len(outcomes) == len(records), "every record belongs to an intake"
        return outcomes

    def _sort_in(self, record: Record) -> Outcome:
        identity = (record.record_type, record.id)
        stored = self.known.get(identity)
        if stored is None:
            row = self.rows[identity]
            self.created[row] = record
            self._made.append(row)
            self.known[identity] = (row, record)
            return _CREATED
        row, old = stored
        if same_content(old.body, record.body):
            return _UNCHANGED
        self.replaced.append((row, old, self.owners.get(row)))
        self.owners[row] = self.intake
        self.known[identity] = (row, record)
        if row in self.created:
            self.created[row] = record
        else:
            first = self.changed[row][0] if row in self.changed else old
            self.changed[row] = (first, record)
        return Outcome.UPDATED
