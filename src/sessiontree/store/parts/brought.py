"""What an intake brings with one call of `add`, and how that is counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sessiontree.store import Outcome
from sessiontree.store.intakes import Origin, Share, number_of
from sessiontree.store.parts.micros import to_micros

NOBODY = 0
"""Stands for the intake of a content that nobody can take back."""
COLUMNS = "account, number, received, files, key, created, updated, unchanged, rejected, first, last"
"""Of the table `intake`, in the order in which a new one is written."""
_OUTCOMES = tuple(Outcome)


class Brought(NamedTuple):
    """What became of an intake's share of a batch, and the rows from `first` to `last` that it made, if any."""

    share: Share
    number: int
    outcomes: Sequence[Outcome]
    first: int
    last: int


def number(origin: Origin) -> int:
    """The number of an intake in the tables."""
    found = number_of(origin.id)
    assert found is not None, "ids of intakes come from new_id"
    return found


@dataclass(slots=True)
class Counted:
    """What is to be written of intakes.

    `new` are their rows, as in COLUMNS; `more` are what others come to have more of (created, updated, unchanged,
    rejected; then account and number); `rows` are ranges of records that those made: account, number, first, last.
    Of the new ones those come to be `unfinished` that there is more of, and of the others those `finished` that there
    is no more of (account, number).
    """

    new: list[tuple[Any, ...]] = field(default_factory=list)
    more: list[tuple[int, ...]] = field(default_factory=list)
    rows: list[tuple[int, ...]] = field(default_factory=list)
    unfinished: list[tuple[int, int]] = field(default_factory=list)
    finished: list[tuple[int, int]] = field(default_factory=list)


def count(
    account_id: int, received: datetime, brought: Sequence[Brought], known: set[int], text: Callable[[str], str] = str
) -> Counted:
    """What intakes have brought, as it is written; `known` are those that have brought something before.

    `text` is how the store writes text.
    """
    found, seen, at = Counted(), set(known), to_micros(received)
    for (origin, _, rejected, more), intake, outcomes, first, last in brought:
        counts = (*map(outcomes.count, _OUTCOMES), rejected)
        made = (first, last) if first <= last else (None, None)
        if intake not in seen:
            seen.add(intake)
            files = None if origin.files is None else text(origin.files)
            found.new.append((account_id, intake, at, files, origin.key, *counts, *made))
            if more:
                found.unfinished.append((account_id, intake))
        else:
            found.more.append((*counts, account_id, intake))
            if first <= last:
                found.rows.append((account_id, intake, first, last))
            if not more:
                found.finished.append((account_id, intake))
    return found
