"""Importing records into a store: read them, keep them in batches, put aside those that are rejected.

Each batch is one transaction, so that whatever stops an import, all of its earlier batches are stored, and running it
again is safe. Where the records come from is the affair of `sources`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import msgspec

from sessiontree.elements import Element
from sessiontree.errors import RecordRejected, StoreError
from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store import Outcome, Store
from sessiontree.store.intakes import Origin, Share

BATCH = 4000
_REASONS_MAX = 100  # that are counted: a damaged file may have as many as records


@dataclass(slots=True)
class Summary:
    """What an import has done so far. `timeless` are those of its records that have no start, by type."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    timeless: Counter[str] = field(default_factory=Counter)
    _reasons: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why most of the rejected records were, with how many those are and an example; empty if none was."""
        if not self._reasons:
            return ""
        count, example = max(self._reasons.values(), key=lambda each: each[0])
        return f"{count:,} of {self.rejected:,} for one reason: {example}"

    def reject(self, error: RecordRejected) -> None:
        """Count a rejected record. What is wrong with one field is one reason, whatever values it has."""
        self.rejected += 1
        named = error.field is None or str(error).startswith(error.field)
        example = str(error) if named else f"{error.field}: {error}"
        reason = (error.code, error.field or example)
        if reason in self._reasons or len(self._reasons) < _REASONS_MAX:
            count, example = self._reasons.get(reason, (0, example))
            self._reasons[reason] = (count + 1, example)

    @property
    def received(self) -> int:
        """All records met."""
        return self.created + self.updated + self.unchanged + self.rejected

    def count(self, records: Sequence[Record], outcomes: Iterable[Outcome]) -> None:
        """Add what a batch did."""
        self.timeless.update([record.record_type for record in records if record.start is None])
        for outcome in outcomes:
            if outcome is Outcome.CREATED:
                self.created += 1
            elif outcome is Outcome.UNCHANGED:
                self.unchanged += 1
            else:
                self.updated += 1


class Rejects:
    """The file of rejected records, made when there is a first one: a JSON line with the reason and the text each.

    Where it cannot be written it goes to the current folder; `path` says where it is, once it is `made`.
    One that is used for several sources, one after another, holds the rejects of all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._mode = "wb"
        self.made = False

    def add(self, element: Element, error: RecordRejected) -> None:
        """Put a rejected record aside."""
        if self._file is None:
            self._file = self._open()
            self.made = True
        entry = {
            "line": element.number,
            "field": error.field,
            "code": error.code,
            "message": error.message,
            "record": element.body.decode(errors="replace"),
        }
        self._file.write(msgspec.json.encode(entry) + b"\n")

    def _open(self) -> IO[bytes]:
        for path in (self.path, Path(self.path.name)):
            try:
                file = cast(IO[bytes], path.open(self._mode))
            except OSError as error:
                problem = error.strerror
            else:
                self.path = path
                return file
        raise StoreError(f"{self.path} cannot be written, and {self.path.name} here neither: {problem}")

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file, self._mode = None, "ab"


def add_all(
    store: Store,
    account: str,
    elements: Iterable[Element],
    rejects: Rejects,
    summary: Summary,
    *,
    record_type: str | None,
    origin: Origin,
) -> None:
    """Keep every record of `elements` that can be read; counts in `summary`, also when something breaks off on the way.

    The intake stays unfinished until `finish`, as there may be more sources of it.

    Raises StoreError, IntakeUndone, and what the source of the elements raises; what came before is stored then.
    """
    batch: list[Record] = []
    told = summary.rejected

    def keep(records: list[Record]) -> None:
        nonlocal told
        share, told = Share(origin, len(records), summary.rejected - told, more=True), summary.rejected
        summary.count(records, store.add(account, records, datetime.now(UTC), [share]))

    try:
        for record in _readable(Reader(store.catalog), elements, rejects, summary, record_type):
            batch.append(record)
            if len(batch) == BATCH:
                full, batch = batch, []
                keep(full)
    finally:
        rejects.close()
        if batch or summary.rejected > told:
            keep(batch)


def finish(store: Store, account: str, origin: Origin) -> None:
    """All sources of an intake that has brought something have been read to their ends. Raises IntakeUndone."""
    store.add(account, [], datetime.now(UTC), [Share(origin, 0)])


def _readable(
    reader: Reader, elements: Iterable[Element], rejects: Rejects, summary: Summary, record_type: str | None
) -> Iterator[Record]:
    read = reader.read
    for element in elements:
        try:
            if element.problem:
                raise RecordRejected(None, "10015", element.problem)
            yield read(element.body, record_type)
        except RecordRejected as error:
            summary.reject(error)
            rejects.add(element, error)
