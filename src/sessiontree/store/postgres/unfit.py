"""Unlinked records and problems in PostgreSQL: groups and counts over a selection of sessions, pages of problems."""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sessiontree import money
from sessiontree.placement import Problem
from sessiontree.session_query import SessionQuery
from sessiontree.sessions import Unlinked
from sessiontree.store.parts.micros import from_micros
from sessiontree.store.postgres.amounts import from_numeric
from sessiontree.store.postgres.session_rows import details_of
from sessiontree.store.postgres.session_selection import PLAN_ANEW, Selection, select
from sessiontree.store.postgres.text import from_text
from sessiontree.unfit import FoundProblem, ProblemPage, ProblemPlace, UnlinkedGroup

if TYPE_CHECKING:
    from sessiontree.store.postgres.snapshot import PostgresSnapshot

_ROWS_AT_ONCE = 500


def groups(snapshot: "PostgresSnapshot", query: SessionQuery) -> list[UnlinkedGroup]:
    """See `Sessions.unlinked_groups`."""
    snapshot.db.execute(PLAN_ANEW)
    selection = select(snapshot, query)
    chosen = f"select account, number, record_type, unlinked from session where {selection.where}"  # noqa: S608
    statement = f"""with chosen as materialized ({chosen})
        select record_type, unlinked, null, count(*), null from chosen group by record_type, unlinked
        union all
        select record_type, unlinked, currency, count(*), sum(total - elsewhere)
        from chosen join session_cost as cost on cost.account = chosen.account and session = number
        group by record_type, unlinked, currency"""  # noqa: S608 - only our own names
    counts: dict[tuple[str, int], int] = {}
    totals: dict[tuple[str, int], money.Totals] = {}
    for stored, unlinked, currency, count, amount in snapshot.db.execute(statement, selection.values):
        record_type = from_text(stored)
        if currency is None:
            counts[record_type, unlinked] = count
        else:
            totals.setdefault((record_type, unlinked), {})[currency] = from_numeric(amount)
    return [
        UnlinkedGroup(key[0], Unlinked(key[1]), counts[key], totals.get(key, {}))
        for key in sorted(counts, key=lambda key: (-counts[key], key))
    ]


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
    if codes:
        counts = {code: counts.get(code, 0) for code in codes}
    found: list[tuple[ProblemPlace, FoundProblem]] = []
    with closing(_problems(snapshot, selection, after)) as following:
        for place, problem in following:
            if codes and problem.problem.code not in codes:
                continue
            if len(found) == query.limit:
                return ProblemPage([each for _, each in found], found[-1][0], counts)
            found.append((place, problem))
    return ProblemPage([each for _, each in found], None, counts)


def _problems(
    snapshot: "PostgresSnapshot", selection: Selection, after: ProblemPlace | None
) -> Generator[tuple[ProblemPlace, FoundProblem], None, None]:
    """The problems of all sessions of a selection: of the latest session first, in order within each."""
    for start, number, record_type, id, details in _sessions(snapshot, selection, after):
        moment = None if start is None else from_micros(start)
        passed: Counter[tuple[str, str, str]] = Counter()
        _, _, _, listed = details_of(details)
        for problem in sorted((Problem(*each) for each in listed), key=_order):
            event = (problem.code, problem.record_type, problem.id)
            place = ProblemPlace(start, number, *event, passed[event])
            passed[event] += 1
            if after is None or number != after.number or place.within > after.within:
                yield place, FoundProblem(problem, from_text(record_type), from_text(id), moment)


def _order(problem: Problem) -> tuple[str, ...]:
    return problem.code, problem.record_type, problem.id, problem.message


def _sessions(
    snapshot: "PostgresSnapshot", selection: Selection, after: ProblemPlace | None
) -> Iterator[tuple[Any, ...]]:
    """From the session of a place on; those without a start come last."""
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
