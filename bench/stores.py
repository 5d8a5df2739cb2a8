"""Stores of several sizes, made once: they grow as one, and a copy is kept at each size.

Their ids are random, which is the harder case for a store: the links of one session lie anywhere.
"""

import json
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.data import WINDOW, Maker
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.reading import Reader
from sessiontree.store import open_store

SAMPLE = 5_000
SEED_STORED = 1
SEED_ADDED = 2  # of records that are in no store yet


@dataclass(frozen=True, slots=True)
class Stored:
    """A store of some size; `sample` are sessions in it, each by its id and its conversation's."""

    path: Path | str
    size: int
    sample: list[tuple[str, str]]


class Stores:
    """The stores in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(self, sizes: list[int]) -> None:
        """Make those of these sizes that are not in the folder yet."""
        missing = [size for size in sizes if not self._sample_path(size).exists()]
        assert not any(size % WINDOW for size in sizes)
        if missing:
            growing = self.folder / "growing.db"
            discard(growing)
            self._grow(growing, missing)
            discard(growing)

    def _grow(self, path: Path, sizes: list[int]) -> None:
        catalog = catalog_files.load()
        reader, store = Reader(catalog), open_store(str(path), catalog)
        sessions: list[tuple[str, str]] = []
        size = 0
        for group, bodies in Maker(seed=SEED_STORED, timed=False).windows():
            store.add(DEFAULT_ACCOUNT, [reader.read(body) for body in bodies], datetime.now(UTC))
            store.sessions.refresh(WINDOW)
            sessions += [(session.id, session.conversation) for session in group]
            size += WINDOW
            if size in sizes:
                self._keep(path, size, sessions)
            if size >= max(sizes):
                break
        store.close()

    def _keep(self, path: Path, size: int, sessions: list[tuple[str, str]]) -> None:
        kept = self.path(size)
        discard(kept)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(kept)) as target:
            source.backup(target)
        sample = random.Random(size).sample(sessions, min(SAMPLE, len(sessions)))
        self._sample_path(size).write_text(json.dumps(sample))

    def path(self, size: int) -> Path:
        """Where the store of this size is."""
        return self.folder / f"store-{size}.db"

    def _sample_path(self, size: int) -> Path:
        return self.folder / f"store-{size}.json"

    def at(self, size: int) -> Stored:
        """The store of this size, to be read only."""
        sample = [(id, conversation) for id, conversation in json.loads(self._sample_path(size).read_text())]
        return Stored(self.path(size), size, sample)

    def copy(self, size: int) -> Path:
        """A copy of the store of this size, to be written; the last such copy is gone."""
        path = self.fresh("copy")
        shutil.copy(self.path(size), path)
        return path

    def fresh(self, name: str) -> Path:
        """Where a new store can be made; what was there is gone."""
        path = self.folder / f"{name}.db"
        discard(path)
        return path


def discard(path: Path) -> None:
    """Remove a store, if it is there."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
