"""The audit: records whose cost is not what their own rate and quantity give, and records that look like doubles.

It judges what providers sent, not what Sessiontree made of it (that is `verifying`). Records are read one after another
and let go; what doubles need is kept in a temporary file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from sessiontree.catalog import Catalog
from sessiontree.doubles import Double, Doubles
from sessiontree.rating import Rated, Unchecked, rate
from sessiontree.record import Record

LISTED_MAX = 1000
"""So many differing records and groups of doubles are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A record whose cost is not what its rate and quantity give."""

    record_type: str
    id: str
    currency: str
    rated: Rated


@dataclass(slots=True)
class Findings:
    """What an audit found so far. `unchecked` counts records by (type, reason)."""

    records: int = 0
    agreeing: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)
    unchecked: Counter[tuple[str, str]] = field(default_factory=Counter)
    double_groups: int = 0
    doubles: list[Double] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing differs and nothing looks like a double."""
        return not self.differing and not self.double_groups


class Audit:
    """Takes in the records of one account, then says what it found. To be closed: it keeps a temporary file."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._doubles = Doubles(catalog)
        self._findings = Findings()

    def __enter__(self) -> "Audit":
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._doubles.close()

    def add(self, records: Iterable[Record]) -> Iterator[int]:
        """Look at records; yields how many so far, for each."""
        found = self._findings
        for record in records:
            found.records += 1
            self._judge(record)
            self._doubles.add(record)
            yield found.records

    def _judge(self, record: Record) -> None:
        found = self._findings
        rated = rate(self._catalog.types[record.record_type], record)
        if isinstance(rated, Unchecked):
            found.unchecked[record.record_type, rated.reason] += 1
        elif rated.agrees:
            found.agreeing += 1
        else:
            found.differing += 1
            if len(found.differences) < LISTED_MAX:
                found.differences.append(Difference(record.record_type, record.id, record.currency or "", rated))

    def findings(self) -> Findings:
        """All that was found, with the doubles; the order is that of arrival."""
        self._findings.double_groups = self._doubles.count()
        self._findings.doubles = list(self._doubles.groups(LISTED_MAX))
        return self._findings


def as_json(findings: Findings, differing_fields: Mapping[Double, list[str]]) -> dict[str, object]:
    """The findings in the form that `--json` prints."""
    return {
        "records": findings.records,
        "agreeing": findings.agreeing,
        "differing": findings.differing,
        "unchecked": [
            {"record_type": record_type, "reason": reason, "count": count}
            for (record_type, reason), count in sorted(findings.unchecked.items())
        ],
        "differences": [
            {
                "record_type": each.record_type,
                "id": each.id,
                "cost": each.rated.shown,
                "currency": each.currency,
                "expected": each.rated.expected_text,
                "quantity": each.rated.quantity,
                "unit": each.rated.unit,
                "rate": each.rated.rate,
                "rate_per": each.rated.rate_per,
            }
            for each in findings.differences
        ],
        "double_groups": findings.double_groups,
        "doubles": [
            {"record_type": each.record_type, "ids": list(each.ids), "differ_in": differing_fields[each]}
            for each in findings.doubles
        ],
    }
