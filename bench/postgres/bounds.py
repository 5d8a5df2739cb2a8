"""What nothing of ours could beat: the statement of a tree, and the bytes of records, by plain psycopg alone."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import islice
from typing import Any

import psycopg
from psycopg import Connection, RawCursor

from bench.load import Run
from bench.trees import ROOT_TYPE
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.store import Asks
from sessiontree.store.postgres import neighbourhood
from sessiontree.store.postgres.store import PostgresStore

_OPTIONS = "-c plan_cache_mode=force_generic_plan -c jit=off -c random_page_cost=1.1"


class Walks:
    """The statement that fetches a tree's records, for each session in turn, over so many connections at once."""

    def __init__(self, url: str, sessions: Sequence[str], clients: int) -> None:
        with closing(PostgresStore(url, catalog_files.load())) as store:
            (account,) = store.ask("select id from account where name = %s", [DEFAULT_ACCOUNT])[0]
        self._statement = neighbourhood.walk_over(None)
        asks = [Asks({(ROOT_TYPE, id)}, {id}, {id}) for id in sessions]
        self._values = [[account, neighbourhood.places(account, each)] for each in asks]
        self._stack = ExitStack()
        self._connections = [
            self._stack.enter_context(closing(psycopg.connect(url, autocommit=True, options=_OPTIONS)))
            for _ in range(clients)
        ]

    def run(self, clients: int, count: int) -> Run:
        """So many statements by so many threads: how long all took, and each."""
        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as threads:
            parts = threads.map(self._some, self._connections[:clients], [count // clients] * clients)
            latencies = [each for part in parts for each in part]
        return Run(time.perf_counter() - began, latencies)

    def _some(self, db: Connection[Any], count: int) -> list[float]:
        taken = []
        cursor = RawCursor(db)
        for values in islice(self._around(), count):
            began = time.perf_counter()
            cursor.execute(self._statement, values, prepare=True, binary=True).fetchall()
            taken.append(time.perf_counter() - began)
        return taken

    def _around(self) -> Iterator[list[object]]:
        while True:
            yield from self._values

    def close(self) -> None:
        """Let go of the connections."""
        self._stack.close()
