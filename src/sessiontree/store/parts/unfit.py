"""Unlinked records and problems of a selection of sessions: groups and pages, made of the rows that a store finds."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sessiontree import money
from sessiontree.placement import Problem
from sessiontree.sessions import Unlinked
from sessiontree.store.parts.micros import from_micros
from sessiontree.unfit import FoundProblem, ProblemPage, ProblemPlace, UnlinkedGroup


class Listed(NamedTuple):
    """A session's start and number, its top, and the problems that its row lists."""

    start: int | None
    number: int
    record_type: str
    id: str
    problems: Iterable[tuple[str, str, str, str]]


def groups(rows: Iterable[tuple[str, int, str | None, int, int]]) -> list[UnlinkedGroup]:
    """The groups, largest first, of rows: record type, reason, and either a count without a currency, or an amount."""
    counts: dict[tuple[str, int], int] = {}
    totals: dict[tuple[str, int], money.Totals] = {}
    for record_type, unlinked, currency, count, amount in rows:
        if currency is None:
            counts[record_type, unlinked] = count
        else:
            totals.setdefault((record_type, unlinked), {})[currency] = amount
    return [
        UnlinkedGroup(key[0], Unlinked(key[1]), counts[key], totals.get(key, {}))
        for key in sorted(counts, key=lambda key: (-counts[key], key))
    ]


def page(
    sessions: Iterable[Listed],
    counts: dict[str, int],
    *,
    codes: tuple[str, ...],
    after: ProblemPlace | None,
    limit: int,
) -> ProblemPage:
    """The problems after a place, of these codes if any are named. `counts` are those of all problems, by code.

    `sessions` begin with the session of the place; no more of them are asked for than are looked at.
    """
    if codes:
        counts = {code: counts.get(code, 0) for code in codes}
    found: list[tuple[ProblemPlace, FoundProblem]] = []
    for place, problem in _problems(sessions, after):
        if codes and problem.problem.code not in codes:
            continue
        if len(found) == limit:
            return ProblemPage([each for _, each in found], found[-1][0], counts)
        found.append((place, problem))
    return ProblemPage([each for _, each in found], None, counts)


def _problems(sessions: Iterable[Listed], after: ProblemPlace | None) -> Iterator[tuple[ProblemPlace, FoundProblem]]:
    """The problems of these sessions, in order within each."""
    for start, number, record_type, id, listed in sessions:
        moment = None if start is None else from_micros(start)
        passed: Counter[tuple[str, str, str]] = Counter()
        for problem in sorted((Problem(*each) for each in listed), key=_order):
            event = (problem.code, problem.record_type, problem.id)
            place = ProblemPlace(start, number, *event, passed[event])
            passed[event] += 1
            if after is None or number != after.number or place.within > after.within:
                yield place, FoundProblem(problem, record_type, id, moment)


def _order(problem: Problem) -> tuple[str, ...]:
    return problem.code, problem.record_type, problem.id, problem.message
