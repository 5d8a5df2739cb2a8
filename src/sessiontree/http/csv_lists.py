"""The API's lists as CSV, for the command line and the pages: a line of names, then one for each row.

The values are those of the JSON; what is a list there stands in one cell. Texts end with their line.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sessiontree import csv_text, money
from sessiontree.http.session_answers import SessionRow, session_row
from sessiontree.http.unfit_answers import ProblemList, UnlinkedList, UnlinkedRow
from sessiontree.session_query import Clock
from sessiontree.sessions import Session
from sessiontree.spending import Grouping
from sessiontree.store.spend import SpendRow
from sessiontree.wire import TotalCost

Cells = Iterator[str | int | None]
SESSION_COLUMNS = (
    "record_type",
    "id",
    "status",
    "started_at",
    "finished_at",
    "duration_seconds",
    "total",
    "currency",
    "elsewhere",
    "other_currencies",
    "event_count",
    "elsewhere_count",
    "unpriced_count",
    "products",
    "problems",
    "unlinked",
    "as_of",
    "revision",
)
SPEND_COLUMNS = (
    "cost.total",
    "cost.currency",
    "event_count",
    "unpriced_count",
    "quantity",
    "unit",
    "quantity_count",
    "average_rate",
)
UNLINKED_COLUMNS = (
    "record_type",
    "id",
    "reason",
    "tried",
    "started_at",
    "received_at",
    "age_seconds",
    "total",
    "currency",
    "elsewhere",
    "other_currencies",
    "event_count",
    "unpriced_count",
)
PROBLEM_COLUMNS = (
    "code",
    "message",
    "record_type",
    "id",
    "session_record_type",
    "session_id",
    "session_started_at",
)


def session_lines(sessions: Iterable[Session], clock: Clock) -> Iterator[str]:
    """Sessions."""
    yield csv_text.line(SESSION_COLUMNS)
    for session in sessions:
        yield csv_text.line(_session(session_row(session, clock)))


def spend_lines(rows: Sequence[SpendRow], grouping: Grouping) -> Iterator[str]:
    """What was spent, by groups."""
    yield csv_text.line([*grouping.names, *SPEND_COLUMNS])
    for row in rows:
        quantity = None if row.quantity is None else money.plain(row.quantity)
        rate = None if row.average_rate is None else money.text(row.average_rate)
        counts = [row.event_count, row.unpriced_count, quantity, row.unit]
        measured = None if row.quantity is None else row.quantity_count
        yield csv_text.line([*row.group, money.text(row.amount), row.currency, *counts, measured, rate])


def unlinked_lines(answer: UnlinkedList) -> Iterator[str]:
    """Unlinked records."""
    yield csv_text.line(UNLINKED_COLUMNS)
    for row in answer.data:
        yield csv_text.line(_unlinked(row))


def problem_lines(answer: ProblemList) -> Iterator[str]:
    """Problems."""
    yield csv_text.line(PROBLEM_COLUMNS)
    for row in answer.data:
        session = row.session
        told = [row.code, row.message, row.record_type, row.id]
        yield csv_text.line([*told, session.record_type, session.id, _text(session.started_at)])


def _session(row: SessionRow) -> Cells:
    yield from (row.record_type, row.id, row.status)
    yield from (_text(row.started_at), _text(row.finished_at), row.duration_seconds)
    yield from _cost(row.cost)
    yield from (row.event_count, row.elsewhere_count, row.unpriced_count)
    yield ", ".join(sorted({each.product for each in row.cost_by_product}))
    yield from (len(row.problems), int(row.unlinked), _text(row.as_of), row.revision)


def _cost(cost: TotalCost) -> Cells:
    yield from (cost.total, cost.currency, cost.elsewhere or None)
    yield " + ".join(f"{each.total} {each.currency}" for each in cost.other_currencies or ())


def _unlinked(row: UnlinkedRow) -> Cells:
    yield from (row.record_type, row.id, row.reason)
    yield ", ".join(f"{each.parent_record_type}.{each.parent_field} = {each.value}" for each in row.tried if each.value)
    yield from (_text(row.started_at), _text(row.received_at), row.age_seconds)
    yield from _cost(row.cost)
    yield from (row.event_count, row.unpriced_count)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
