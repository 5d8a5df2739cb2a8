"""What time a question about spend covers: whole hours, for which sums are kept, and the rest, for which none are.

As in SQLite, but the months in which anything is are found by one statement, among the sums: these begin with the hour.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import Connection

from sessiontree.periods import Period, month_of, periods_of
from sessiontree.store.spend import SpendQuery
from sessiontree.store.sqlite.micros import to_micros
from sessiontree.store.sqlite.spend_pieces import END, FIRST, HOUR, Pieces, Span

__all__ = ["END", "Pieces", "Span", "pieces"]

# From one month to the next by the first sum that begins in it or later: a record may claim any year from 1 to 9999.
_MONTHS = """with recursive month (hour) as (
        select (select min(sums.hour) from unnest(%(kinds)s::integer[]) as kind (id), lateral (
            select hour from spend where account = %(account)s and spend.kind = kind.id and hour >= %(first)s
                order by hour limit 1) as sums)
        union all
        select (select min(sums.hour) from unnest(%(kinds)s::integer[]) as kind (id), lateral (
            select hour from spend where account = %(account)s and spend.kind = kind.id
                and hour >= extract(epoch from interval '1 month'
                    + date_trunc('month', timestamp 'epoch' + make_interval(hours => month.hour)))::bigint / 3600
                order by hour limit 1) as sums)
        from month where month.hour is not null)
    select hour from month where hour is not null and hour <= %(last)s"""
_LATEST = """select max(sums.hour) from unnest(%(kinds)s::integer[]) as kind (id), lateral (
    select hour from spend where account = %(account)s and spend.kind = kind.id and hour <= %(last)s
        order by hour desc limit 1) as sums"""


def pieces(
    db: Connection[Any], account_id: int | None, kinds: Sequence[int], query: SpendQuery, *, whole_hours: bool
) -> Pieces:
    """The pieces of the periods in which these kinds have records; all as moments unless `whole_hours`."""
    found = Pieces()
    if query.since is None and query.until is None:
        found.untimed = (None,) * len(query.units)
    for first, end, labels in _periods(db, account_id, kinds, query):
        from_hour, to_hour = (-(-first // HOUR), end // HOUR) if whole_hours else (0, 0)
        if from_hour >= to_hour:
            found.moments.append(Span(first, end, labels))
            continue
        found.hours.append(Span(from_hour, to_hour - 1, labels))
        ends = (Span(first, from_hour * HOUR, labels), Span(to_hour * HOUR, end, labels))
        found.moments += [each for each in ends if each.first < each.last]
    return found


def _periods(db: Connection[Any], account_id: int | None, kinds: Sequence[int], query: SpendQuery) -> Iterator[Period]:
    since = FIRST if query.since is None else to_micros(query.since)
    until = END if query.until is None else to_micros(query.until)
    if not query.units:
        yield Period(since, until, ())
        return
    hours = {"account": account_id, "kinds": list(kinds), "first": since // HOUR, "last": (until - 1) // HOUR}
    (latest,) = db.execute(_LATEST, hours).fetchone() or (None,)
    last = FIRST if latest is None else (latest + 1) * HOUR - 1
    for (hour,) in db.execute(_MONTHS, hours).fetchall():
        for first, end, labels in periods_of(query.units, query.zone, month_of(hour * HOUR)):
            if end > since and first < until and first <= last:
                yield Period(max(first, since), min(end, until), labels)
