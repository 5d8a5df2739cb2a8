"""What the server holds while it runs: the store and all that answers from it. Opened once, closed once."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sessiontree import catalog_files
from sessiontree.analysis import Analysis
from sessiontree.catalog import RecordType
from sessiontree.errors import StoreError
from sessiontree.http.arrivals import Arrival, Arrivals
from sessiontree.http.limits import RateLimit
from sessiontree.http.metrics import Metrics
from sessiontree.http.writer import Add, Writer
from sessiontree.keeping import KeeperThread
from sessiontree.keys import KeyRing, LastUses
from sessiontree.outages import Outages
from sessiontree.pages.sign_ins import SignIns
from sessiontree.reading import Reader
from sessiontree.settings import Settings
from sessiontree.store import ApiKey, NotAtHand, open_store, refusal
from sessiontree.tree import Tree

THREADS = 4  # few: each has its own connection to the store
READERS = 8  # that wait for a store's answers to short questions, while the others are busy with long ones
INLINE_EVENTS_MAX = 500
METRICS = "metrics"
"""The folder in the shared one in which the processes of a server count."""

T = TypeVar("T")


class Service:
    """The parts that requests are answered with. In the folder `shared` are those that all processes of a server have
    in common, where they are several. `kept`: another process keeps the sessions up to date, otherwise a thread of this
    one does. Raises StoreError, also where types of stored records
    are not declared.
    """

    def __init__(self, settings: Settings, shared: Path | None = None, *, kept: bool = False) -> None:
        self.settings = settings
        self.catalog = catalog_files.load(Path(settings.catalog) if settings.catalog else None)
        self.store = open_store(settings.store, self.catalog)
        try:
            self._refuse_lacking()
        except StoreError:
            self.store.close()
            raise
        self.outages = Outages(self.store)
        self.metrics = Metrics(self._sizes, None if shared is None else shared / METRICS)
        open_for = timedelta(hours=settings.open_hours)
        self.analysis = Analysis(self.store, events_max=settings.events_max, open_for=open_for)
        events_max = min(INLINE_EVENTS_MAX, settings.events_max)
        self.quick_analysis = Analysis(self.store, events_max=events_max, open_for=open_for)
        self.limit = RateLimit(settings.requests_per_second, None if shared is None else shared / "limits")
        self.uses = LastUses(self._keep_uses)
        self.keys = KeyRing(self.store, self.uses.note)
        self.sign_ins = SignIns(file=None if shared is None else shared / "sign-ins.db")
        self.reader = Reader(self.catalog)
        self.writer = Writer(self.store, committed=self.metrics.commit)
        self._arrivals: Arrivals | None = None
        self._keeper = None if kept else KeeperThread(self.store)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sessiontree")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sessiontree-reader")

    def _refuse_lacking(self) -> None:
        """A server without its folder was started by mistake; one whose types have changed waits for a re-read."""
        lacking = [name for name in self.store.sessions.disputed() if name not in self.catalog.types]
        if lacking:
            raise refusal(lacking, self.catalog.types, self.store.sessions.agreed)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """The result of long work, done outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def expect(self) -> Arrival[Any]:
        """A result that this event loop waits for, from another thread."""
        loop = asyncio.get_running_loop()
        if self._arrivals is None or self._arrivals.loop is not loop:
            self._arrivals = Arrivals(loop)
        return self._arrivals.expect()

    def write(self, work: Callable[[Add], T]) -> "asyncio.Future[T]":
        """The result of work that writes, done by the writer when it has its turn."""
        arrival = self.expect()
        self.writer.run(work, arrival)
        return arrival.future

    async def short_read(self, work: Callable[[], T]) -> T:
        """The result of a short read: found right here, or in a thread where the store may have to be waited for."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work) if self.store.waits else work()

    async def short_tree(
        self,
        account: str,
        declared: RecordType,
        id: str,
        use: Callable[[Tree], T],
        near: tuple[datetime, datetime] | None = None,
    ) -> T:
        """What is made of the tree of an event, if that is no large one; `near` as `Store.at_hand` has it.

        Raises TreeTooLarge.
        """
        analysis = self.quick_analysis
        if self.store.waits:
            at_hand = await self.store.at_hand(account, declared.name, id, near)
            if at_hand is not None:
                with suppress(NotAtHand):
                    return use(analysis.tree(account, declared, id, at_hand))
        return await self.short_read(lambda: use(analysis.tree(account, declared, id)))

    async def find_key(self, name: bytes) -> ApiKey | None:
        """The valid key of this digest, None if there is none."""
        now = datetime.now(UTC)
        known = self.keys.recall(name, now) if self.store.waits else None
        return known or await self.short_read(lambda: self.keys.find_digest(name, now))

    def _sizes(self) -> Mapping[str, int]:
        """How large the store is; nothing while it cannot be asked."""
        try:
            return self.store.sizes()
        except StoreError:
            return {}

    def _keep_uses(self, uses: Mapping[str, datetime]) -> None:
        """Have the last uses of keys written. One that is lost, because the store cannot be written, is no harm."""
        with suppress(StoreError):
            self.writer.run(lambda add: self.store.note_uses(uses), Future())

    def close(self) -> None:
        """Commit what has been accepted, then let go of everything. Closing twice is fine."""
        if self._keeper is not None:
            self._keeper.close()
        self.uses.keep()
        self.writer.close()
        self._threads.shutdown()
        self._readers.shutdown()
        self.sign_ins.close()
        self.store.close()
