"""Intakes: import runs and ingest requests, what each brought, and taking one back.

Every content that a record has had belongs to the intake that brought it; a repeat of what is there already belongs to
nobody. Undoing an intake takes out the contents that it brought: the present one gives way to the one before it, with
that one's time of receipt; one in the history just goes; a record with no content left is removed.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from sessiontree.errors import SessiontreeError
from sessiontree.store.removing import Removal

REQUEST = "POST /v2/detail_records"
FILE, HTTP = SOURCES = ("file", "http")
"""Where intakes come from: an import run, or an ingest request."""
STATES = ("stored", "rejected", "unfinished", "undoing", "undone")
RANDOM_BITS = 11
_random = [secrets.randbits(RANDOM_BITS)]


class IntakeUndone(SessiontreeError):
    """Records were about to be added to an intake that is undone, or being undone."""

    def __init__(self) -> None:
        super().__init__("this import has been undone while it was under way; send the records again")


class UnknownIntake(SessiontreeError):
    """The account has no intake with this id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"there is no import with the id {id}; list the imports to see which there are")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from: the id of an intake, and the files of an import or the key of a request."""

    id: str
    files: str | None = None
    key: str | None = None


class Share(NamedTuple):
    """One intake's part of the records in an `add`: so many of them, after so many that had to be rejected.

    `more`: there is more of the intake to come; until a share says otherwise it is unfinished.
    """

    origin: Origin
    records: int
    rejected: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Intake:
    """One import run or ingest request: when its first records came, what became of all of them, whether it is undone.

    `unfinished`: not all of it has been read; it is under way, or was stopped, or broke off. An undo that has begun and
    has not come to its end has `undo_began` alone: it can be gone on with.
    """

    id: str
    received: datetime
    files: str | None
    key: str | None
    created: int
    updated: int
    unchanged: int
    rejected: int
    unfinished: bool
    undo_began: datetime | None
    undone: datetime | None

    @property
    def records(self) -> int:
        """How many records it had, rejected ones too."""
        return self.created + self.updated + self.unchanged + self.rejected

    @property
    def state(self) -> str:
        """One of STATES."""
        if self.undo_began:
            return "undone" if self.undone else "undoing"
        if self.unfinished:
            return "unfinished"
        return "stored" if self.records > self.rejected else "rejected"

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to undo: it is undone already, or all of it was rejected."""
        return self.state in ("undone", "rejected")

    @property
    def brought(self) -> int:
        """Of how many records it brought a content: undoing takes nothing else back."""
        return self.created + self.updated

    @property
    def source(self) -> str:
        """The names of the files, or the request."""
        return REQUEST if self.files is None else self.files


@dataclass(frozen=True, slots=True)
class Preview:
    """What undoing an intake would do. `sessions` is how many sessions it changes.

    `repeated` is how many of its records later intakes may have found unchanged, at most: which ones is not kept, since
    a repeat belongs to nobody. They go all the same.
    """

    removal: Removal
    sessions: int
    repeated: int


class Intakes(Protocol):
    """The questions about intakes. Ids come from `new_id`; any other text names none."""

    def page(
        self, account: str, *, limit: int, before: str | None = None, source: str | None = None
    ) -> Sequence[Intake]:
        """The latest intakes, newest first; those before the one of an id, and of one of SOURCES, if it is given."""

    def get(self, account: str, id: str) -> Intake | None:
        """The intake of this id, None if there is none."""

    def preview(self, account: str, id: str, looked: Callable[[int], None] = lambda records: None) -> Preview:
        """What undoing an intake (or going on with it) would do now; `looked` is told how many records were looked at.

        Raises UnknownIntake.
        """

    def undo(self, account: str, id: str, at: datetime, *, limit: int = 500) -> Removal | None:
        """Take out some of what an intake brought, about `limit` records, in one transaction; what that did.

        To be called again until it answers None: then nothing is left and the intake is undone. From the first call on
        nothing more can be added to it. Stopped in between, it is gone on with by calling again. Undone already: None.
        One that was rejected, of which nothing is stored, stays what it is: None at once.
        Raises UnknownIntake.
        """


def new_id() -> str:
    """A new intake's id, 16 hex digits: the time in microseconds, so that later ones sort last, and random bits.

    Within a process each is later than the one before; the bits are the same ones and tell processes apart.
    """
    with _lock:
        _latest[0] = micros = max(_latest[0] + 1, time.time_ns() // 1000)
    return f"{micros << RANDOM_BITS | _random[0]:016x}"


def tell_apart(bits: int) -> None:
    """Have these bits in the ids of this process from now on: processes of one server have different ones."""
    _random[0] = bits


def number_of(id: str) -> int | None:
    """The number that an id stands for; None for text that is no id."""
    if len(id) != 16 or id.strip("0123456789abcdef"):
        return None
    number = int(id, 16)
    return number if number < 1 << 63 else None


def id_of(number: int) -> str:
    """The id of a number."""
    return f"{number:016x}"


_lock = threading.Lock()
_latest = [0]
