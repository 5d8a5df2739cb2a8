"""Unlinked records and problems in SQLite: groups and counts over a selection of sessions, and pages of problems."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sessiontree.session_query import SessionQuery
from sessiontree.store.parts import unfit
from sessiontree.store.parts.unfit import Listed
from sessiontree.store.sqlite.session_selection import SUMS, Selection, amount_of, select
from sessiontree.unfit import ProblemPage, ProblemPlace, UnlinkedGroup

if TYPE_CHECKING:
    from sessiontree.store.sqlite.snapshot import SqliteSnapshot

_PROBLEMS = "json_each(cast(session.details as text), '$[3]') as problem"


def groups(snapshot: "SqliteSnapshot", query: SessionQuery) -> list[UnlinkedGroup]:
    """See `Sessions.unlinked_groups`."""
    selection = select(snapshot, query)
    chosen = f"select number, record_type, unlinked from {selection.source} where {selection.where}"  # noqa: S608
    statement = f"""with chosen as materialized ({chosen})
        select record_type, unlinked, null, count(*), 0, 0, 0, 0, 0, 0, 0, 0 from chosen group by record_type, unlinked
        union all
        select record_type, unlinked, currency, count(*), {SUMS} from chosen cross join session_cost on session = number
        group by record_type, unlinked, currency"""  # noqa: S608 - only our own names
    rows = snapshot.db.execute(statement, selection.values)
    return unfit.groups((*row[:4], amount_of(*row[4:8]) - amount_of(*row[8:])) for row in rows)


def problems(
    snapshot: "SqliteSnapshot", query: SessionQuery, codes: tuple[str, ...], after: ProblemPlace | None
) -> ProblemPage:
    """See `Sessions.problems`."""
    selection = select(snapshot, query)
    statement = f"""select json_extract(problem.value, '$[0]') as code, count(*) from {selection.source}, {_PROBLEMS}
        where {selection.where} group by code order by code"""  # noqa: S608 - only our own names
    counts = dict(snapshot.db.execute(statement, selection.values).fetchall())
    return unfit.page(_sessions(snapshot, selection, after), counts, codes=codes, after=after, limit=query.limit)


def _sessions(snapshot: "SqliteSnapshot", selection: Selection, after: ProblemPlace | None) -> Iterator[Listed]:
    """From the session of a place on, the latest first; those without a start come last."""
    for start, number, record_type, id, problems in _rows(snapshot, selection, after):
        yield Listed(start, number, record_type, id, json.loads(problems))


def _rows(snapshot: "SqliteSnapshot", selection: Selection, after: ProblemPlace | None) -> Iterator[tuple[Any, ...]]:
    columns = "start, number, record_type, id, json_extract(cast(details as text), '$[3]')"
    base = f"select {columns} from {selection.source} where {selection.where}"  # noqa: S608 - only our own names
    if after is None or after.start is not None:
        rest, values = ("", []) if after is None else (" and (start, number) <= (?, ?)", [after.start, after.number])
        statement = f"{base} and start is not null{rest} order by start desc, number desc"
        yield from snapshot.db.execute(statement, [*selection.values, *values])
    rest, values = (" and number <= ?", [after.number]) if after is not None and after.start is None else ("", [])
    yield from snapshot.db.execute(f"{base} and start is null{rest} order by number desc", [*selection.values, *values])
