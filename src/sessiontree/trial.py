"""Trying a catalogue on real records before it is used: how many have a time and a price where it looks for them, how
many link, by which field pair, and why the others do not.

It follows the placement rules on the records at hand, all in memory, and writes nothing to any store.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sessiontree.catalog import Catalog, RecordType, Relationship, Via
from sessiontree.elements import Element
from sessiontree.errors import RecordRejected
from sessiontree.reading import Reader
from sessiontree.record import Record

EXAMPLES = 3
NO_VALUE = "no value to link by"

_Identity = tuple[str, str]


@dataclass(slots=True)
class Tally:
    """How many records something is true of, and the ids of the first few."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, id: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(id)


@dataclass(slots=True)
class RelationshipReport:
    """What became of one relationship: the records linked by each field pair, and the others by reason."""

    relationship: Relationship
    linked: dict[Via, Tally]
    unlinked: dict[str, Tally]


@dataclass(slots=True)
class TypeReport:
    """The records of one type: those that lack something, by what it is, and its relationships in declared order."""

    record_type: str
    count: int
    lacking: dict[str, Tally]
    relationships: list[RelationshipReport]


class Trial:
    """Takes in records, then reports. A record that comes again replaces the one before, as in a store."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._reader = Reader(catalog)
        self._records: dict[_Identity, Record] = {}
        self.rejected: dict[str, Tally] = {}

    def add(self, elements: Iterable[Element], *, record_type: str | None = None) -> None:
        """Read records, all of one type where it is given; a store's rejections are tallied by reason in `rejected`."""
        for element in elements:
            try:
                if element.problem:
                    raise RecordRejected(None, "10015", element.problem)
                record = self._reader.read(element.body, record_type)
                self._records[record.record_type, record.id] = record
            except RecordRejected as error:
                self.rejected.setdefault(str(error), Tally()).add(f"line {element.number}")

    def reports(self) -> Iterator[TypeReport]:
        """What became of each type that has records, by name."""
        holders = self._holders()
        by_type: dict[str, list[Record]] = {}
        for record in self._records.values():
            by_type.setdefault(record.record_type, []).append(record)
        for name, records in sorted(by_type.items()):
            declared = self._catalog.types[name]
            relationships = [self._report(each, records, holders) for each in declared.parents]
            yield TypeReport(name, len(records), _lacking(declared, records), relationships)

    def _holders(self) -> dict[tuple[str, str, str], set[str]]:
        """By type, field and value: the ids of (two of) the records that have that value."""
        holders: dict[tuple[str, str, str], set[str]] = {}
        for record in self._records.values():
            for name, value in zip(self._catalog.key_fields(record.record_type), record.keys, strict=True):
                if value is not None:
                    ids = holders.setdefault((record.record_type, name, value), set())
                    if len(ids) < 2:
                        ids.add(record.id)
        return holders

    def _report(
        self, relationship: Relationship, records: list[Record], holders: dict[tuple[str, str, str], set[str]]
    ) -> RelationshipReport:
        fields = self._catalog.types[relationship.child].ref_fields
        virtual = self._catalog.types[relationship.parent].virtual
        report = RelationshipReport(relationship, {via: Tally() for via in relationship.via}, {})
        for record in records:
            refs = dict(zip(fields, record.refs, strict=True))
            missed: list[str] = []
            for via in relationship.via:
                value = refs[via.local_field]
                if value is None:
                    continue
                if virtual or holders.get((relationship.parent, via.parent_field, value), set()) - {record.id}:
                    report.linked[via].add(record.id)
                    break
                missed.append(via.local_field)
            else:
                reason = f"no {relationship.parent} found by {', '.join(missed)}" if missed else NO_VALUE
                report.unlinked.setdefault(reason, Tally()).add(record.id)
        return report


def _lacking(declared: RecordType, records: list[Record]) -> dict[str, Tally]:
    """The records without a time or a price, where the type declares fields for it."""
    lacking: dict[str, Tally] = {}
    start_fields = () if declared.virtual else declared.start_fields  # a container has its time from what lies below
    for what, fields, ids in (
        ("without a time", start_fields, [record.id for record in records if record.start is None]),
        ("unpriced", declared.cost_fields, [record.id for record in records if record.cost is None]),
    ):
        if fields and ids:
            lacking[f"{what}: nothing in {', '.join(fields)}"] = Tally(len(ids), ids[:EXAMPLES])
    return lacking
