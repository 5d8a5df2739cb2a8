"""Telling what Sessiontree wrote itself from records, by the names in it.

A row of an export or of a list names the type and id of a record and not its content: taken for a record, it would
replace the real one, and its cost would be gone.
"""

from collections.abc import Collection, Set

_EXPORT = frozenset({"session_id", "session_type", "path", "depth", "cost_status"})
_FOCUS = frozenset({"BilledCost", "ChargePeriodStart", "x_SessionId", "x_EventId", "x_RecordType"})
_LISTS = (
    frozenset({"record_type", "id", "event_count", "unpriced_count", "as_of", "revision"}),
    frozenset({"record_type", "id", "reason", "tried", "age_seconds"}),
    frozenset({"record_type", "id", "code", "message", "session_record_type", "session_id"}),
    frozenset({"cost.total", "cost.currency", "event_count", "unpriced_count", "quantity_count"}),
)
ROW_OF_AN_EXPORT = "this is a row of an export and no record: send the record as it was received"


def is_export_row(names: Set[str]) -> bool:
    """Whether these are the names of a row of an export."""
    return "cost_status" in names and names >= _EXPORT


def is_own_table(names: Collection[str]) -> bool:
    """Whether these are the columns of an export (FOCUS too), or of a list of sessions, spend or what does not fit."""
    return any(each.issubset(names) for each in (_EXPORT, _FOCUS, *_LISTS))
