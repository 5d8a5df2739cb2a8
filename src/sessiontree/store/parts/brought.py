"""What an intake brings with one call of `add`."""

from collections.abc import Sequence
from typing import NamedTuple

from sessiontree.store import Outcome
from sessiontree.store.intakes import Origin, Share, number_of

NOBODY = 0
"""Stands for the intake of a content that nobody can take back."""


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
