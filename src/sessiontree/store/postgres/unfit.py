"""Unlinked records and problems in PostgreSQL: groups and counts over a selection of sessions, pages of problems."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sessiontree.session_query import SessionQuery
from sessiontree.store.parts import unfit
from sessiontree.store.parts.details import unpack
from sessiontree.store.parts.unfit import Listed
from sessiontree.store.postgres.amounts import from_numeric
from sessiontree.store.postgres.session_selection import PLAN_ANEW, Selection, select
from sessiontree.store.postgres.text import from_text
from sessiontree.unfit import ProblemPage, ProblemPlace, UnlinkedGroup

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot

_ROWS_AT_ONCE = 500


def groups(snapshot: "PostgresSnapshot", query: SessionQuery) -> list[UnlinkedGroup]:
    """See `Sessions.unlinked_groups`."""
    snapshot.db.execute(PLAN_ANEW)
    selection = select(snapshot, query)
    chosen = f"select number, record_type, unlinked from session where {selection.where}"  # noqa: S608
    statement = f"""with chosen as materialized ({chosen})
        select record_type, unlinked, null, count(*), null from chosen group by record_type, unlinked
        union all
        select record_type, unlinked, currency, count(*), sum(total - elsewhere)
        from chosen join session_cost as cost on cost.account = %s and session = number
        group by record_type, unlinked, currency"""  # noqa: S608 - only our own names
    rows = snapshot.db.execute(statement, [*selection.values, selection.account_id])
    return unfit.groups(
        (from_text(record_type), unlinked, currency, count, 0 if currency is None else from_numeric(amount))
        for record_type, unlinked, currency, count, amount in rows
    )


def problems(
    snapshot: "PostgresSnapshot", query: SessionQuery, codes: tuple[str, ...], after: ProblemPlace | None
) -> ProblemPage:
    """See `Sessions.problems`."""
    snapshot.db.execute(PLAN_ANEW)
    selection = select(snapshot, query)
    statement = f"""select problem ->> 0 as code, count(*)
        from session, json_array_elements(convert_from(details, 'UTF8')::json -> 3) as problem
        where {selection.where} and problem_count > 0 group by code"""  # noqa: S608 - only our own names
    counts: dict[str, int] = dict(sorted(snapshot.db.execute(statement, selection.values).fetchall()))
    with closing(_sessions(snapshot, selection, after)) as sessions:
        return unfit.page(sessions, counts, codes=codes, after=after, limit=query.limit)


def _sessions(
    snapshot: "PostgresSnapshot", selection: Selection, after: ProblemPlace | None
) -> Generator[Listed, None, None]:
    """From the session of a place on, the latest first; those without a start come last."""
    for start, number, record_type, id, packed in _rows(snapshot, selection, after):
        yield Listed(start, number, from_text(record_type), from_text(id), unpack(packed).problems)


def _rows(snapshot: "PostgresSnapshot", selection: Selection, after: ProblemPlace | None) -> Iterator[tuple[Any, ...]]:
    columns = "start, number, record_type, id, details"
    base = f"select {columns} from session where {selection.where} and problem_count > 0"  # noqa: S608 - only our own names
    if after is None or after.start is not None:
        rest, values = "", []
        if after is not None:
            rest, values = " and (start, number) <= (%s::bigint, %s::bigint)", [after.start, after.number]
        statement = f"{base} and start is not null{rest} order by start desc, number desc"
        yield from _few_at_once(snapshot, statement, [*selection.values, *values])
    rest, values = "", []
    if after is not None and after.start is None:
        rest, values = " and number <= %s::bigint", [after.number]
    statement = f"{base} and start is null{rest} order by start desc, number desc"
    yield from _few_at_once(snapshot, statement, [*selection.values, *values])


def _few_at_once(snapshot: "PostgresSnapshot", statement: str, values: list[Any]) -> Iterator[tuple[Any, ...]]:
    with closing(snapshot.db.cursor("problems", binary=True)) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        yield from cursor.execute(statement, values)
