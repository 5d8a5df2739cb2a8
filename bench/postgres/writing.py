"""One process that writes: `python -m bench.postgres.writing URL FILE add|copy`.

It says when it is ready, begins when its standard input ends, and says what CPU time that took. `add` does what ingest
does but for HTTP and the refresh of sessions; `copy` sends the bytes into a table `raw` without an index: the bound.
"""

import gc
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from sessiontree import catalog_files
from sessiontree.http.serving import GARBAGE_OBJECTS
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.reading import Reader
from sessiontree.store import open_store

COMMIT_RECORDS = 4_000  # as a server's writer does


def main() -> None:
    """Write, once told to."""
    url, file, what = sys.argv[1:]
    parts = _parts(Path(file).read_bytes().splitlines())
    gc.set_threshold(GARBAGE_OBJECTS)
    print((_add if what == "add" else _copy)(url, parts))


def _parts(bodies: list[bytes]) -> list[list[bytes]]:
    return [bodies[first : first + COMMIT_RECORDS] for first in range(0, len(bodies), COMMIT_RECORDS)]


def _wait() -> float:
    """Wait for the word to begin; the CPU time until then."""
    print("ready", flush=True)
    sys.stdin.read()
    return time.process_time()


def _add(url: str, parts: list[list[bytes]]) -> float:
    store = open_store(url, catalog_files.load())
    reader = Reader(store.catalog)
    before = _wait()
    for part in parts:
        store.add(DEFAULT_ACCOUNT, [reader.read(body) for body in part], datetime.now(UTC))
    store.close()
    return time.process_time() - before


def _copy(url: str, parts: list[list[bytes]]) -> float:
    with psycopg.connect(url) as db:
        before = _wait()
        for part in parts:
            with db.cursor() as cursor, cursor.copy("copy raw (body) from stdin (format binary)") as copy:
                copy.set_types(["bytea"])
                for body in part:
                    copy.write_row((body,))
            db.commit()
    return time.process_time() - before


if __name__ == "__main__":
    main()
