"""Sums of spend over records that are alike, as they are added to the roll-up by the hour."""

from collections.abc import Iterable

from sessiontree.record import Record

NO_HOUR = -(10**9)
"""Stands for the hour of records without a start."""
_EPOCH_HOURS = 719_163 * 24  # of 1970-01-01, by its ordinal

Key = tuple[str, int, str | None, bool, bool]
"""Record type, hour (counted since 1970 in UTC), currency, whether there is a cost, whether a quantity."""


def add_up(sums: dict[Key, list[int]], records: Iterable[Record], sign: int) -> None:
    """Add records to amount, events and quantity, or take them away (`sign`). One pass: all ingest goes through it."""
    for record in records:
        start, cost, quantity = record.start, record.cost, record.quantity
        hour = NO_HOUR if start is None else start.toordinal() * 24 + start.hour - _EPOCH_HOURS
        key = (record.record_type, hour, record.currency, cost is not None, quantity is not None)
        found = sums.get(key)
        if found is None:
            sums[key] = [sign * (cost or 0), sign, sign * (quantity or 0)]
        else:
            found[0] += sign * (cost or 0)
            found[1] += sign
            found[2] += sign * (quantity or 0)
