"""What does not fit: unlinked records and problems, as a store answers about them.

An unlinked record is the top of a session whose type declares a parent. Both questions take the selections of the list
of sessions; how a parent was looked for follows from the record and the catalogue.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from sessiontree.catalog import Catalog
from sessiontree.money import Totals
from sessiontree.placement import Problem
from sessiontree.record import Record
from sessiontree.sessions import Session, Unlinked

REASONS = {"no_such_parent": Unlinked.NO_SUCH_PARENT, "null_link": Unlinked.NULL_LINK}
"""Why a record is unlinked: the parents it names are not there; or it names none, its link fields being empty."""
_INTEGER = 1 << 63


class Tried(NamedTuple):
    """A field pair by which a parent was looked for in vain; without a value there was nothing to look for."""

    field: str
    value: str | None
    parent_field: str
    parent_type: str


@dataclass(frozen=True, slots=True)
class UnlinkedGroup:
    """The unlinked records of one type for one reason, and what their sessions come to without what is elsewhere."""

    record_type: str
    reason: Unlinked
    count: int
    totals: Totals


class ProblemPlace(NamedTuple):
    """The place after a problem in the list: its session's start (microseconds) and number, code, event, and which.

    `nth` counts, from 0, the problems of one code that one event has in a session.
    """

    start: int | None
    number: int
    code: str
    record_type: str
    id: str
    nth: int

    @property
    def within(self) -> tuple[str, str, str, int]:
        """The place within the session."""
        return self[2:]


class FoundProblem(NamedTuple):
    """A problem, and the top and start of the session in which it was met."""

    problem: Problem
    record_type: str
    id: str
    start: datetime | None


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Some problems, the place after them (None: that was all), and how many there are of each code in all."""

    problems: Sequence[FoundProblem]
    next: ProblemPlace | None
    counts: dict[str, int]


def reason(session: Session) -> str:
    """The name of the reason why a session's top is unlinked."""
    return next(name for name, reason in REASONS.items() if reason is session.unlinked)


def tried(catalog: Catalog, record_type: str, record: Record | None) -> list[Tried]:
    """Every field pair by which a record could have found a parent, with its value, in order of preference.

    None for a type that has gone from the catalogue.
    """
    declared = catalog.types.get(record_type)
    if declared is None:
        return []
    refs = {} if record is None else dict(zip(declared.ref_fields, record.refs, strict=True))
    return [
        Tried(via.local_field, refs.get(via.local_field), via.parent_field, relationship.parent)
        for relationship in declared.parents
        for via in relationship.via
    ]


def write_place(place: ProblemPlace) -> str:
    """A place as text that fits an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_place(text: str) -> ProblemPlace:
    """The place of a text. Raises ValueError for what is none."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(data, type=ProblemPlace)
    except (binascii.Error, ValueError):
        raise ValueError("is no cursor that a list has given") from None
    if any(not -_INTEGER <= value < _INTEGER for value in (place.start or 0, place.number)):
        raise ValueError("is no cursor that a list has given")
    return place
