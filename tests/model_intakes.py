"""A naive model of taking things back: every content that each record has had, and which import brought it.

What is present follows from that alone: the last content of each record. Sessions, and so what deleting or pruning them
takes, are those of the naive model of trees.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from messy import Record, ndjson
from model import Key, Model
from model_reading import UNITS, as_written, read_record
from sessiontree.catalog import Catalog

Amounts = dict[str, int]


@dataclass(frozen=True)
class Content:
    """A record as it was sent, when, and by which import (None: by none)."""

    record: Record
    received: datetime
    intake: str | None

    @property
    def body(self) -> bytes:
        return ndjson([self.record]).strip()


@dataclass
class Taken:
    """What was taken away; amounts in units of 10^-12, currencies that come to nothing left out."""

    removed: int = 0
    restored: int = 0
    dropped: int = 0
    gone: Amounts = field(default_factory=dict)


class Kept:
    """What one account has been sent and still has."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.contents: dict[Key, list[Content]] = {}

    def add(self, records: Iterable[Record], *, intake: str | None, received: datetime) -> list[str]:
        """Take records of one import; what became of each."""
        return [self._add(record, intake, received) for record in records]

    def _add(self, record: Record, intake: str | None, received: datetime) -> str:
        had = self.contents.setdefault(read_record(self._catalog, record, None).key, [])
        if had and as_written(had[-1].record) == as_written(record):
            return "unchanged"
        had.append(Content(record, received, intake))
        return "created" if len(had) == 1 else "updated"

    def undo(self, intake: str) -> Taken:
        """Forget all contents that an import brought."""
        return self._forget(lambda key, content: content.intake == intake)

    def remove(self, keys: Sequence[Key]) -> Taken:
        """Forget these records."""
        return self._forget(lambda key, content: key in keys)

    def _forget(self, goes) -> Taken:
        taken = Taken()
        for key, had in list(self.contents.items()):
            left = [content for content in had if not goes(key, content)]
            if len(left) == len(had):
                continue
            in_history = [content for content in had[:-1] if goes(key, content)]
            taken.dropped += len(in_history)
            if not left:
                taken.removed += 1
                del self.contents[key]
            else:
                taken.restored += left[-1] is not had[-1]
                self.contents[key] = left
            self._subtract(taken.gone, had[-1], 1)
            if left:
                self._subtract(taken.gone, left[-1], -1)
        taken.gone = {currency: amount for currency, amount in taken.gone.items() if amount}
        return taken

    def _subtract(self, gone: Amounts, content: Content, sign: int) -> None:
        event = read_record(self._catalog, content.record, None)
        if event.cost is not None and event.currency is not None:
            gone[event.currency] = gone.get(event.currency, 0) + sign * int(Fraction(event.cost) * UNITS)

    def model(self) -> Model:
        """The naive model of the present records."""
        model = Model(self._catalog)
        for had in self.contents.values():
            model.add(had[-1].record)
        return model

    def at_home(self, top: Key) -> list[Key]:
        """The records that are at home in the session of a top."""
        model = self.model()
        return [key for key in self.contents if top_of(model, key) == top]

    def received(self) -> dict[Key, datetime]:
        """When each record got its present content."""
        return {key: had[-1].received for key, had in self.contents.items()}

    def over(self, before: datetime, *, open_since: datetime) -> list[Key]:
        """The tops of the sessions that ended before a moment, and that share records with no other than such."""
        model = self.model()
        shown = {top: self._records_shown(model, top) for top in model.sessions()}
        ended = {top for top in shown if self._ended(model, top, shown[top], before, open_since)}
        while True:
            kept = set().union(*(shown[top] for top in shown if top not in ended))
            bound = {top for top in ended if shown[top] & kept}
            if not bound:
                return sorted(ended)
            ended -= bound

    def _records_shown(self, model: Model, top: Key) -> set[Key]:
        tree = model.tree(*top)
        assert tree is not None
        return {node.key for node in tree.root.walk()} & self.contents.keys()

    def _ended(self, model: Model, top: Key, records: set[Key], before: datetime, open_since: datetime) -> bool:
        tree = model.tree(*top)
        assert tree is not None
        for node in tree.root.walk():
            may_finish = bool(self._catalog.types[node.key.type].finish_fields)
            if may_finish and node.finish is None and node.start is not None and node.start > open_since:
                return False
        return all(self._last_moment(key) < before for key in records)

    def _last_moment(self, key: Key) -> datetime:
        content = self.contents[key][-1]
        event = read_record(self._catalog, content.record, None)
        return max((each for each in (event.start, event.finish) if each is not None), default=content.received)


def top_of(model: Model, key: Key) -> Key:
    """The top of the session in which an event is at home."""
    tree = model.tree(*key)
    assert tree is not None
    return tree.ancestors[-1].parent if tree.ancestors else key
