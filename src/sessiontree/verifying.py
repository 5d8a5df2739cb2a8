"""The proof that no cent is lost: the records, the sessions and the spend roll-up of an account say the same.

Sums are compared as of one moment, so that what arrives meanwhile cannot make a difference; then session by session the
row is compared with a fresh computation (`afresh`). What is noted as changed is worked in first. Reading the tables is
left to a store (`store.checks`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

from sessiontree import money, working_in
from sessiontree.afresh import Afresh
from sessiontree.errors import StoreError
from sessiontree.store import Store, refuse_disputed
from sessiontree.store.checks import DIFFERENCES_MAX, Difference, Moment, Sums

PATIENCE_SECONDS = 60
"""How long a moment is sought at which every change is worked in."""
_LOOKS = 20
_LOOK_SECONDS = 0.002
SESSIONS_AT_ONCE = 200

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows progress: called with what is counted and how many (None: unknown), gives what is told of each step."""


def quiet(what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    """Shows no progress."""
    return nullcontext(lambda count: None)


@dataclass(slots=True)
class Verification:
    """What was found out about an account. `sums` is None when no moment without waiting changes was found.

    `compared` counts the session rows that were computed afresh. The first DIFFERENCES_MAX differences are kept.
    """

    account: str
    sums: Sums | None = None
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    difference_count: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything agrees."""
        return not self.difference_count

    def differ(self, *differences: Difference) -> None:
        """Add differences."""
        self.difference_count += len(differences)
        self.differences += differences[: max(0, DIFFERENCES_MAX - len(self.differences))]


def work_in(store: Store) -> None:
    """Bring everything that is derived from records up to date with what is noted as changed, if that can be done.

    While others write as fast it may not come to an end.
    """
    with suppress(StoreError):
        working_in.work_in(store)


def verify(
    store: Store,
    account: str,
    *,
    sample: int | None = None,
    progress: Progress = quiet,
    refresh: Callable[[Store], None] = work_in,
) -> Verification:
    """Compare everything that is kept of an account; of the session rows all, or `sample` chosen at random.

    `refresh` works in what waits. Raises SessionsDisputed: by other declarations, everything would differ.
    """
    refuse_disputed(store)
    found = Verification(account)
    chosen = _compare_sums(store, found, sample, progress, refresh)
    if found.sums is None:
        return found
    afresh = Afresh(store.catalog, account)
    with progress("sessions", found.sums.session_count if chosen is None else len(chosen)) as advance:
        for numbers in _all(store, account) if chosen is None else _pieces(chosen):
            _compare_rows(store, found, afresh, numbers, refresh)
            advance(len(numbers))
    return found


@contextmanager
def _settled(store: Store, account: str, refresh: Callable[[Store], None]) -> Iterator[Moment]:
    """A moment at which everything is worked in; any other one (it says what waits) when none was found in time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        for _ in range(_LOOKS):
            with store.checks.moment(account) as moment:
                if not moment.waiting or time.monotonic() > until:
                    yield moment
                    return
            time.sleep(_LOOK_SECONDS)
        refresh(store)


def _compare_sums(
    store: Store, found: Verification, sample: int | None, progress: Progress, refresh: Callable[[Store], None]
) -> list[int] | None:
    """Compare the sums of one moment; gives the sessions to be looked at, None for all."""
    with ExitStack() as stack:
        with progress("looking", None):
            moment = stack.enter_context(_settled(store, found.account, refresh))
            total = store.count() + moment.session_count()
        if moment.waiting:
            text = "changed records wait to be worked in, and more keep arriving; try again later"
            found.differ(Difference("unsettled", f"{store.sessions.waiting()} {text}"))
            return []
        with progress("records and sessions", total) as advance:
            found.sums = moment.sums(advance)
        found.differ(*found.sums.differences, *_sum_differences(found.sums))
        found.difference_count += found.sums.difference_count - len(found.sums.differences)
        return None if sample is None else moment.sample(sample)


def _sum_differences(sums: Sums) -> Iterator[Difference]:
    for currency in currencies(sums):
        records, sessions, spend = (each.get(currency, 0) for each in (sums.records, sums.sessions, sums.spend))
        if not records == sessions == spend:
            amounts = f"{money.text(records)}, the sessions to {money.text(sessions)}, the spend to {money.text(spend)}"
            yield Difference("sums", f"in {currency} the records add up to {amounts}")
    if sums.spend_count != sums.record_count:
        yield Difference("sums", f"there are {sums.record_count} records, and the spend counts {sums.spend_count}")


def currencies(sums: Sums) -> list[str]:
    """Every currency that any of the sums has, by name."""
    return sorted(sums.records.keys() | sums.sessions.keys() | sums.spend.keys())


def _all(store: Store, account: str) -> Iterator[list[int]]:
    numbers = [0]
    while True:
        with store.checks.moment(account) as moment:
            numbers = moment.numbers(after=numbers[-1], limit=SESSIONS_AT_ONCE)
        if not numbers:
            return
        yield numbers


def _pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(numbers), SESSIONS_AT_ONCE):
        yield numbers[first : first + SESSIONS_AT_ONCE]


def _compare_rows(
    store: Store, found: Verification, afresh: Afresh, numbers: Sequence[int], refresh: Callable[[Store], None]
) -> None:
    """Compare some session rows with fresh computations; those that differ again at a moment when nothing waits."""
    found.compared += len(numbers)
    with store.checks.moment(found.account) as moment:
        differing = [row.number for row in moment.rows(numbers) if afresh.differences(moment, row)]
    if not differing:
        return
    with _settled(store, found.account, refresh) as moment:
        for row in moment.rows(differing):
            if moment.waiting:
                text = "changes all the time, and could not be compared; try again later"
                found.differ(Difference("unsettled", text, row.session.record_type, row.session.id))
            else:
                found.differ(*afresh.differences(moment, row))
