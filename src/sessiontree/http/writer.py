"""The one thread that writes: it takes all jobs that are waiting and commits them together.

Small bodies of many clients share one commit that way; a job is done only when its records are durable. The sessions
are brought up to date by somebody else, see `keeping`; where that cannot keep pace, many records wait for it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol

from sessiontree.errors import SessiontreeError, StoreError
from sessiontree.record import Record
from sessiontree.store import Outcome, Store
from sessiontree.store.intakes import IntakeUndone, Origin, Share

COMMIT_RECORDS_MAX = 4000
SMALL_RECORDS = 100
GATHER_JOBS = 4
GATHER_SECONDS_MAX = 0.004
GATHER_STEP_SECONDS = 0.0005
BEHIND_SECONDS = 0.7
"""How far the sessions may be behind before many records wait, so that what they bring shows within a second or so."""
FAR_BEHIND_SECONDS = 3.0
"""When all records wait, however few come at a time."""
BEHIND_WAIT_SECONDS = 1.0  # at most, for each commit: others may note more than anybody can refresh
BEHIND_STEP_SECONDS = 0.01
log = logging.getLogger("sessiontree")


class Done(Protocol):
    """Who is told what became of a job: a `Future`, or somebody in an event loop (see `arrivals`)."""

    def set_result(self, result: Any) -> None:
        """It is done, and this came of it."""

    def set_exception(self, exception: BaseException) -> None:
        """It failed."""


class Job(NamedTuple):
    """Records of one account to add (of one intake, after so many it had to reject), and where the outcomes go."""

    account: str
    records: Sequence[Record]
    share: Share
    done: Done


Add = Callable[[str, Sequence[Record], Share], Sequence[Outcome]]
"""Adds records of an account in one commit, now; what became of each."""


class Work(NamedTuple):
    """Something that writes by itself, in the writer's thread."""

    work: Callable[[Add], Any]
    done: Done


class Behind:
    """How long ago the oldest of the records was added that wait to be refreshed, as far as they were added here."""

    def __init__(self) -> None:
        self.records = 0
        self._commits: deque[tuple[float, int]] = deque(maxlen=1000)  # when, and how many records by then

    def add(self, records: int) -> None:
        """So many have just been added."""
        self.records += records
        self._commits.append((time.monotonic(), self.records))

    def seconds(self, waiting: int) -> float:
        """How long it is ago, while so many wait."""
        while self._commits and self._commits[0][1] <= self.records - waiting:
            self._commits.popleft()
        return time.monotonic() - self._commits[0][0] if self._commits else 0.0


class Writer:
    """Adds records to a store, in order, in a thread of its own. `committed` is told the records of each commit."""

    def __init__(self, store: Store, *, committed: Callable[[int], None] = lambda records: None) -> None:
        self._store = store
        self._committed = committed
        self._jobs: SimpleQueue[Job | Work] = SimpleQueue()
        self._held: deque[Job | Work] = deque()  # what came while sessions were far behind; before what came since
        self._closed = False
        self._end = Work(lambda add: None, Future())
        self._together = 0
        self._behind = Behind()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sessiontree-writer", daemon=True)
        self._thread.start()

    def add(
        self,
        account: str,
        records: Sequence[Record],
        origin: Origin,
        done: Done,
        *,
        rejected: int = 0,
        more: bool = False,
    ) -> None:
        """Tell the outcomes of these records, once they are durable.

        `rejected` counts those that cannot be added; `more`: the intake goes on, or should have gone on.
        """
        self._put(Job(account, records, Share(origin, len(records), rejected, more), done))

    def run(self, work: Callable[[Add], Any], done: Done) -> None:
        """Tell what this work, which writes by itself, answers; it has its turn among the other jobs."""
        self._put(Work(work, done))

    def _put(self, job: Job | Work) -> None:
        with self._lock:
            if self._closed:
                raise StoreError("the server is shutting down")
            self._jobs.put(job)

    def close(self) -> None:
        """Write what is waiting, and stop. Closing twice is fine."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(self._end)
        self._thread.join()

    def _run(self) -> None:
        following, paced = None, 0
        while following is not self._end:
            jobs, following = self._waiting()
            by_account: dict[str, list[Job]] = {}
            for job in jobs:
                by_account.setdefault(job.account, []).append(job)
            for account, together in by_account.items():
                self._write(account, together)
            if following is not None:
                self._do(following)
            if self._behind.records - paced >= SMALL_RECORDS:
                self._keep_pace()
                paced = self._behind.records

    def _waiting(self) -> tuple[list[Job], Work | None]:
        """Wait for a job, then take those that wait too, up to work that comes after them."""
        jobs: list[Job] = []
        records = 0
        while records < COMMIT_RECORDS_MAX and (not jobs or self._held or not self._jobs.empty()):
            job = self._held.popleft() if self._held else self._jobs.get()
            if isinstance(job, Work):
                return jobs, job
            if not jobs and len(job.records) < SMALL_RECORDS:
                self._gather()
            jobs.append(job)
            records += len(job.records)
        self._together = len(jobs)
        return jobs, None

    def _add(self, account: str, records: Sequence[Record], *shares: Share) -> Sequence[Outcome]:
        outcomes = self._store.add(account, records, datetime.now(UTC), shares)
        self._committed(len(records))
        self._behind.add(len(records))
        return outcomes

    def _keep_pace(self) -> None:
        """Wait while the sessions are behind; unless they are far behind, few records are added meanwhile."""
        until = time.monotonic() + BEHIND_WAIT_SECONDS
        with suppress(StoreError):
            while (seconds := self._behind.seconds(self._store.sessions.waiting())) > BEHIND_SECONDS:
                if time.monotonic() >= until:
                    return
                time.sleep(BEHIND_STEP_SECONDS)
                if seconds < FAR_BEHIND_SECONDS:
                    self._write_small()

    def _write_small(self) -> None:
        """Do the jobs of few records that are waiting, and hold the others."""
        by_account: dict[str, list[Job]] = {}
        while not self._jobs.empty():
            job = self._jobs.get()
            if isinstance(job, Work) or len(job.records) >= SMALL_RECORDS:
                self._held.append(job)
            else:
                by_account.setdefault(job.account, []).append(job)
        for account, together in by_account.items():
            self._write(account, together)

    def _do(self, work: Work) -> None:
        try:
            result = work.work(self._add)
        except BaseException as error:
            work.done.set_exception(error)
        else:
            work.done.set_result(result)

    def _gather(self) -> None:
        """Many jobs came together last time, so many are about to come: a moment's wait saves them commits."""
        if self._together < GATHER_JOBS:
            return
        until = time.monotonic() + GATHER_SECONDS_MAX
        while self._jobs.qsize() < self._together * 3 // 4 and time.monotonic() < until:
            time.sleep(GATHER_STEP_SECONDS)

    def _write(self, account: str, jobs: Sequence[Job]) -> None:
        records = [record for job in jobs for record in job.records]
        try:
            outcomes = self._add(account, records, *(job.share for job in jobs))
        except IntakeUndone as error:
            self._write_singly(account, jobs, error)
            return
        except SessiontreeError as error:
            for job in jobs:
                job.done.set_exception(error)
            return
        except Exception as error:
            self._write_singly(account, jobs, error)
            return
        at = 0
        for job in jobs:
            job.done.set_result(outcomes[at : at + len(job.records)])
            at += len(job.records)

    def _write_singly(self, account: str, jobs: Sequence[Job], error: Exception) -> None:
        """One job has something in it that the store chokes on: let the others not suffer for it."""
        if len(jobs) == 1:
            if not isinstance(error, SessiontreeError):
                log.error("records could not be added", exc_info=error)
            jobs[0].done.set_exception(error)
            return
        for job in jobs:
            self._write(account, [job])
