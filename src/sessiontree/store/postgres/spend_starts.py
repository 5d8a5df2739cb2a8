"""When records start: the months that a question about spend has to look at, found by one statement.

It looks among the sums: they begin with the hour.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import Connection

from sessiontree.periods import month_of
from sessiontree.store.parts.spend_pieces import FIRST, HOUR

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


def starts(
    db: Connection[Any], account_id: int | None, kinds: Sequence[int], since: int, until: int
) -> tuple[Iterator[int], int]:
    """The months in which records of these kinds start, and the end of the last hour with one: see `Starts`."""
    hours = {"account": account_id, "kinds": list(kinds), "first": since // HOUR, "last": (until - 1) // HOUR}
    (latest,) = db.execute(_LATEST, hours).fetchone() or (None,)
    months = db.execute(_MONTHS, hours).fetchall()
    return (month_of(hour * HOUR) for (hour,) in months), FIRST if latest is None else (latest + 1) * HOUR - 1
