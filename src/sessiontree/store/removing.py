"""Removing records: what goes, and the questions that remove whole sessions. Undoing an import is in `intakes`.

A removal takes away records with their links and history, and keeps everything that is derived from them right: in the
same transaction the spend is changed and what has to be computed again is noted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from sessiontree import money
from sessiontree.errors import SessiontreeError
from sessiontree.money import Totals


class NotFresh(SessiontreeError):
    """Some records of the account have not found their session yet: refresh, then ask again."""

    def __init__(self) -> None:
        super().__init__("records keep arriving that have not found their session yet; try again in a moment")


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken away, or would be.

    `removed` records went altogether, `restored` ones got back the content before; `dropped` counts contents in the
    histories. `gone` is by how much the costs of the records add up to less: below zero where a restored record costs
    more than what it gave way to.
    """

    removed: int = 0
    restored: int = 0
    dropped: int = 0
    gone: Totals = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records it touches that are, or were, there."""
        return self.removed + self.restored


def together(removals: Iterable[Removal]) -> Removal:
    """Several removals as one."""
    removed = restored = dropped = 0
    gone: Totals = {}
    for each in removals:
        removed, restored, dropped = removed + each.removed, restored + each.restored, dropped + each.dropped
        money.add(gone, each.gone)
    return Removal(removed, restored, dropped, gone)


@dataclass(frozen=True, slots=True)
class Pruned:
    """One step of pruning: how many sessions, their records, and where the next step begins (None: that was all)."""

    sessions: int
    removal: Removal
    following: int | None


class Emptied(NamedTuple):
    """Months (`2026-03`) that hold nothing: those whose room was given back, and those that somebody was reading."""

    dropped: list[str]
    held: list[str]


class Removing(Protocol):
    """The questions that remove sessions. They need what is derived to be fresh: see `NotFresh`."""

    def session(self, account: str, record_type: str, id: str, *, dry_run: bool = False) -> Removal | None:
        """Remove the records that are at home in the session of this top; None if there is no such session.

        Records that only visit it stay, and so do its records' children that are at home elsewhere. One transaction.
        Raises NotFresh. A dry run says what would go and changes nothing.
        """

    def prune(
        self,
        account: str,
        before: datetime,
        *,
        open_since: datetime,
        after: int = 0,
        limit: int = 1000,
        dry_run: bool = False,
    ) -> Pruned:
        """One step of removing all sessions that ended before a moment, in one transaction of about `limit` records.

        A session is removed when no record in its tree started or finished at `before` or later (of a record without a
        time, the time of receipt counts), and when the same holds for every session with which it shares a record, and
        so on: these go together or stay together. An event that should finish and has not, and started after
        `open_since`, keeps its session. The first step is asked for with `after` 0, the others with `following`.
        Raises NotFresh. A dry run says what would go and changes nothing.
        """

    def drop_months(self, before: datetime) -> Emptied:
        """Give back the room of the months that ended before a moment and hold nothing, of a store that has months."""
