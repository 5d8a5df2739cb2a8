"""The questions a store answers about sessions: keeping their rows up to date, and finding them.

Rows are derived from the records. What a change of records makes out of date is noted in the transaction that changes
them, so nothing that stops a process loses it; `refresh` works through those notes.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from sessiontree.session_query import SessionChange, SessionPage, SessionQuery
from sessiontree.sessions import Session
from sessiontree.unfit import ProblemPage, ProblemPlace, UnlinkedGroup


class Sessions(Protocol):
    """The session rows of a store."""

    def refresh(self, limit: int = 2000) -> int:
        """Bring the sessions that some notes concern up to date, in one transaction; how much is still waiting.

        Takes notes of about `limit` records or, where those would take long, of fewer: the oldest, but those of few
        records before those of many. 0 says that the row of every session was exactly right. May be called at any
        time, by any process and thread; called again it does the rest. While another process works on the same, it
        does nothing for a moment. Raises SessionsDisputed, with nothing written, where any type
        is `disputed`.
        """

    def disputed(self) -> list[str]:
        """The stored types of which the sessions are made by another declaration than this catalogue's, by name.

        Sessions are made by one set of declarations, those of the last re-read; a type that nobody has re-read by those
        of the first refresh that met it. Undeclared types are disputed until a re-read without them lets them go.
        """

    @property
    def agreed(self) -> Collection[str]:
        """The types that nobody had declared otherwise at some look since this store was opened.

        Where such a type is disputed, another declaration has been applied meanwhile.
        """

    def settle(self) -> None:
        """Refresh what waits, if that is not very much, while nobody else can add: nothing waits then, for a moment.

        For when `refresh` does not come to an end because others add as fast.
        """

    def waiting(self) -> int:
        """About how many changed records wait for `refresh`; 0 exactly when every row is right."""

    def find(self, account: str, record_type: str, id: str) -> Session | None:
        """The row of the session whose top this is; None if no session has that top."""

    def of_record(self, account: str, record_type: str, id: str) -> list[tuple[str, str]]:
        """The tops of the sessions that hold a record: first the one it is at home in. Empty if there is none."""

    def count_tops(self, account: str, record_type: str) -> int:
        """How many sessions have a top of this type."""

    def page(self, account: str, query: SessionQuery) -> SessionPage:
        """The sessions that a query asks for, from its cursor on, and what its whole selection adds up to.

        Sessions of equal value come in the order in which their rows were made (turned around when descending). Going
        on by the cursor gives every session whose sorting value stays as it is exactly once, whatever else happens; one
        whose value changes meanwhile may come again or be missed.
        """

    def walk(self, account: str, query: SessionQuery) -> Iterator[Session]:
        """Every session of a query from its cursor on, whatever its limit, as by pages; nothing is held in between."""

    def currencies(self, account: str) -> list[str]:
        """The currencies that the account's sessions have amounts in, that of most sessions first, then by alphabet."""

    def changes(self, account: str, since: int, limit: int) -> Sequence[SessionChange]:
        """The sessions that changed or went after the change of this number, as they are now, in the order of changes.

        0 begins before the first. A session that changed several times comes once, at its last change. Raises
        ValueError for a number that no change of the account has reached yet.
        """

    def last_change(self, account: str) -> int:
        """The number of the account's last change so far; 0 before the first."""

    def unlinked_groups(self, account: str, query: SessionQuery) -> list[UnlinkedGroup]:
        """The unlinked records of a query by type and reason, the largest group first; order and place do not matter.

        The query must be for unlinked records.
        """

    def problems(
        self, account: str, query: SessionQuery, codes: tuple[str, ...] = (), after: ProblemPlace | None = None
    ) -> ProblemPage:
        """As many problems as the query's limit says (of any of these codes), from the sessions that it selects.

        Those of the latest start come first; within a session they go by code. The query must be for sessions with
        problems; its own order and cursor do not matter. Going on by the place repeats and skips nothing that stays as
        it is.
        """
