"""What the server holds while it runs: the store and all that answers from it. Opened once, closed once."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sessiontree import catalog_files
from sessiontree.analysis import Analysis
from sessiontree.errors import StoreError
from sessiontree.http.limits import RateLimit
from sessiontree.http.metrics import Metrics
from sessiontree.http.writer import Writer
from sessiontree.keys import KeyRing, LastUses
from sessiontree.pages.sign_ins import SignIns
from sessiontree.reading import Reader
from sessiontree.settings import Settings
from sessiontree.store import open_store

THREADS = 4  # few: each has its own connection to the store
INLINE_EVENTS_MAX = 500

T = TypeVar("T")


class Service:
    """The parts that requests are answered with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.catalog = catalog_files.load(Path(settings.catalog) if settings.catalog else None)
        self.store = open_store(settings.store, self.catalog)
        self.metrics = Metrics(Path(settings.store))
        open_for = timedelta(hours=settings.open_hours)
        self.analysis = Analysis(self.store, events_max=settings.events_max, open_for=open_for)
        events_max = min(INLINE_EVENTS_MAX, settings.events_max)
        self.quick_analysis = Analysis(self.store, events_max=events_max, open_for=open_for)
        self.limit = RateLimit(settings.requests_per_second)
        self.uses = LastUses(self._keep_uses)
        self.keys = KeyRing(self.store, self.uses.note)
        self.sign_ins = SignIns()
        self.reader = Reader(self.catalog)
        self.writer = Writer(self.store, committed=self.metrics.commit)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sessiontree")

    async def in_thread(self, work: Callable[[], T]) -> T:
        """The result of long work, done outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _keep_uses(self, uses: Mapping[str, datetime]) -> None:
        """Have the last uses of keys written. One that is lost, because the store cannot be written, is no harm."""
        with suppress(StoreError):
            self.writer.run(lambda add: self.store.note_uses(uses))

    def close(self) -> None:
        """Commit what has been accepted, then let go of everything. Closing twice is fine."""
        self.uses.keep()
        self.writer.close()
        self._threads.shutdown()
        self.store.close()
