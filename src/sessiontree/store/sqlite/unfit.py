"""Unlinked records and problems in SQLite: groups and counts over a selection of sessions, and pages of problems."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sessiontree import money
from sessiontree.placement import Problem
from sessiontree.session_query import SessionQuery
from sessiontree.sessions import Unlinked
from sessiontree.store.parts.micros import from_micros
from sessiontree.store.sqlite.session_selection import SUMS, Selection, amount_of, select
from sessiontree.unfit import FoundProblem, ProblemPage, ProblemPlace, UnlinkedGroup

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
    counts: dict[tuple[str, int], int] = {}
    totals: dict[tuple[str, int], money.Totals] = {}
    for record_type, unlinked, currency, count, *parts in snapshot.db.execute(statement, selection.values):
        if currency is None:
            counts[record_type, unlinked] = count
        else:
            amount = amount_of(*parts[:4]) - amount_of(*parts[4:])
            totals.setdefault((record_type, unlinked), {})[currency] = amount
    return [
        UnlinkedGroup(key[0], Unlinked(key[1]), counts[key], totals.get(key, {}))
        for key in sorted(counts, key=lambda key: (-counts[key], key))
    ]


def problems(
    snapshot: "SqliteSnapshot", query: SessionQuery, codes: tuple[str, ...], after: ProblemPlace | None
) -> ProblemPage:
    """See `Sessions.problems`."""
    selection = select(snapshot, query)
    statement = f"""select json_extract(problem.value, '$[0]') as code, count(*) from {selection.source}, {_PROBLEMS}
        where {selection.where} group by code order by code"""  # noqa: S608 - only our own names
    counts = dict(snapshot.db.execute(statement, selection.values).fetchall())
    if codes:
        counts = {code: counts.get(code, 0) for code in codes}
    found: list[tuple[ProblemPlace, FoundProblem]] = []
    for place, problem in _problems(snapshot, selection, after):
        if codes and problem.problem.code not in codes:
            continue
        if len(found) == query.limit:
            return ProblemPage([each for _, each in found], found[-1][0], counts)
        found.append((place, problem))
    return ProblemPage([each for _, each in found], None, counts)


def _problems(
    snapshot: "SqliteSnapshot", selection: Selection, after: ProblemPlace | None
) -> Iterator[tuple[ProblemPlace, FoundProblem]]:
    """The problems of all sessions of a selection: of the latest session first, in order within each."""
    for start, number, record_type, id, listed in _sessions(snapshot, selection, after):
        moment = None if start is None else from_micros(start)
        passed: Counter[tuple[str, str, str]] = Counter()
        for problem in sorted((Problem(*each) for each in json.loads(listed)), key=_order):
            event = (problem.code, problem.record_type, problem.id)
            place = ProblemPlace(start, number, *event, passed[event])
            passed[event] += 1
            if after is None or number != after.number or place.within > after.within:
                yield place, FoundProblem(problem, record_type, id, moment)


def _order(problem: Problem) -> tuple[str, ...]:
    return problem.code, problem.record_type, problem.id, problem.message


def _sessions(
    snapshot: "SqliteSnapshot", selection: Selection, after: ProblemPlace | None
) -> Iterator[tuple[Any, ...]]:
    """From the session of a place on; those without a start come last."""
    columns = "start, number, record_type, id, json_extract(cast(details as text), '$[3]')"
    base = f"select {columns} from {selection.source} where {selection.where}"  # noqa: S608 - only our own names
    if after is None or after.start is not None:
        rest, values = ("", []) if after is None else (" and (start, number) <= (?, ?)", [after.start, after.number])
        statement = f"{base} and start is not null{rest} order by start desc, number desc"
        yield from snapshot.db.execute(statement, [*selection.values, *values])
    rest, values = (" and number <= ?", [after.number]) if after is not None and after.start is None else ("", [])
    yield from snapshot.db.execute(f"{base} and start is null{rest} order by number desc", [*selection.values, *values])
