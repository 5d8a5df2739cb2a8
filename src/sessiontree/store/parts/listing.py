"""Lists of records, as far as both stores agree on them: what to look for, and which of the candidates match."""

import heapq
from collections.abc import Iterable, Iterator, Mapping

from sessiontree.catalog import Catalog
from sessiontree.query import SAME, Matcher, Query
from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.micros import to_micros

_LATEST = 1 << 63  # behind every start

Row = tuple[int, Record]


def quick_asks(catalog: Catalog, query: Query) -> Asks | None:
    """What to look for by the index of ids and link values, if a condition names one."""
    declared = catalog.types[query.record_type]
    for condition in query.conditions:
        if condition.op not in ("eq", SAME):
            continue
        if condition.field == declared.id_field:
            return Asks({(declared.name, condition.value)}, set(), set())
        if declared.fields.get(condition.field) != "string":
            continue
        if condition.field in declared.ref_fields:
            return Asks(set(), set(), {condition.value})
        if condition.field in catalog.key_fields(declared.name):
            return Asks(set(), {condition.value}, set())
    return None


def within(query: Query, record: Record) -> bool:
    """Whether a record starts within the query's bounds."""
    if query.since is not None and (record.start is None or record.start < query.since):
        return False
    return query.until is None or (record.start is not None and record.start < query.until)


def choose(query: Query, fields: Mapping[str, str], candidates: Iterable[Row]) -> tuple[list[int], int]:
    """The rows on the query's page, of the candidates that match, in order; and how many match.

    `fields` are those of the type by name, each with its JSON type.
    """
    matcher = Matcher(query, fields)
    total = 0

    def keyed() -> Iterator[tuple[object, int]]:
        nonlocal total
        for row, record in candidates:
            if matcher.matches(record.body):
                total += 1
                yield (matcher.sort_key(record.body), row) if query.sort else (_newest(record), -row)

    first = (query.page - 1) * query.size
    return [abs(row) for _, row in heapq.nsmallest(first + query.size, keyed())[first:]], total


def _newest(record: Record) -> int:
    return _LATEST if record.start is None else -to_micros(record.start)
