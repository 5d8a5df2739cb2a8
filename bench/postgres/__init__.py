"""What `./run bench --store URL` measures: what is promised of a store in PostgreSQL, beside plain psycopg's rate."""

from collections.abc import Callable, Iterator

from bench.figure import Figure
from bench.plan import Plan
from bench.postgres import ingest, months, trees
from bench.postgres.databases import Databases

GROUPS: dict[str, Callable[[Plan, Databases], Iterator[Figure]]] = {
    "trees": trees.measure,
    "ingest": ingest.measure,
    "months": months.measure,
}
