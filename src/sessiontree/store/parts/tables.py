"""What `adding_up` reads of a store: the tables of one account, as they stand at one moment."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from sessiontree.sessions import Session
from sessiontree.store.parts.session_rows import Row

AT_ONCE = 200
"""Rows of a piece."""


class RecordRow(NamedTuple):
    """A record with the number of the session that it is at home in, and whether that is a session of the account."""

    record_type: str
    packed: bytes
    home: int | None
    there: bool


class CostRow(NamedTuple):
    """What a session costs in a currency, and whether it is there."""

    session: int
    currency: str
    total: int
    elsewhere: int
    there: bool


class Tables(Protocol):
    """The tables of one account as they stand at one moment. Amounts are numbers of 10^-12."""

    def records(self) -> Iterator[Sequence[RecordRow]]:
        """All records, in pieces."""

    def sessions(self) -> Iterator[Sequence[tuple[Row, Session]]]:
        """All session rows, in pieces."""

    def members(self, table: str, rows: list[int]) -> Iterable[tuple[int, int]]:
        """These rows as far as they are in the table, `home` or `visit`; each with a session's number."""

    def member_count(self, table: str) -> int:
        """How many entries of the table, `home` or `visit`, are of sessions that are there."""

    def costs(self) -> Iterator[CostRow]:
        """All costs of sessions."""

    def costs_of(self, numbers: list[int]) -> dict[int, dict[str, tuple[int, int]]]:
        """Total and elsewhere of these sessions by currency; those without costs may be left out."""

    def spend(self) -> Iterator[tuple[str, str | None, int, int]]:
        """The roll-up: record type, currency if any, amount and events."""

    def kept_counts(self) -> tuple[int, int, int]:
        """Sessions, events and unpriced ones as lists of sessions show them."""

    def kept_costs(self) -> dict[str, tuple[int, int, int]]:
        """Sessions, total and elsewhere by currency, as lists of sessions show them."""
