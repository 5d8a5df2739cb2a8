"""What a refresh has to write: which session rows differ from those that are stored, and which records they hold.

A row whose numbers are as they were keeps its revision and its place in the list of changes.
"""

from collections.abc import Mapping

from sessiontree.sessions import Session
from sessiontree.store.parts.session_rows import Row

Identity = tuple[str, str]
Held = dict[str, list[tuple[int, int]]]
"""Rows of records with the numbers of sessions, by table: `home` and `visit`."""


class Changes:
    """The differences between sessions as they were, `old`, and as they are, `new`; both by the top's identity.

    `number` is the last session's number so far, `sequence` that of the account's last change; both go on from there.
    `replaced` are rows that give way, `written` those that come, each with its session; `gone` are the tops that are no
    more, each with its place in the list of changes.
    """

    def __init__(
        self,
        old: Mapping[Identity, Row],
        new: Mapping[Identity, tuple[Row, Session]],
        *,
        number: int,
        sequence: int,
    ) -> None:
        self.number = number
        self.sequence = sequence
        self.replaced: list[Row] = []
        self.gone: list[tuple[int, Identity]] = []
        self.written: list[tuple[Row, Session]] = []
        for identity, before in old.items():
            if identity not in new:
                self.sequence += 1
                self.gone.append((self.sequence, identity))
                self.replaced.append(before)
        for identity, (row, session) in new.items():
            self._compare(old.get(identity), row, session)
        self.came_or_went = [identity for identity in new if identity not in old]
        self.came_or_went += [identity for _, identity in self.gone]

    def _compare(self, present: Row | None, row: Row, session: Session) -> None:
        if present is None:
            self.number += 1
            row.number = self.number
        else:
            row.number, row.revision, row.sequence = present.number, present.revision, present.sequence
            if row.equals(present):
                return
            self.replaced.append(present)
        if present is None or row.numbers != present.numbers:
            self.sequence += 1
            row.revision, row.sequence = row.revision + 1, self.sequence
        self.written.append((row, session))


def held(old: Mapping[Identity, Row], new: Mapping[Identity, tuple[Row, Session]]) -> tuple[Held, Held]:
    """Which records leave which sessions, and which come; the new rows must have their numbers."""
    left: Held = {"home": [], "visit": []}
    come: Held = {"home": [], "visit": []}
    for identity, (row, _) in new.items():
        before = old.get(identity)
        for table, now, then in _tables(row, before):
            if not then:
                come[table] += [(each, row.number) for each in now]
            elif now != then:
                come[table] += [(each, row.number) for each in set(now).difference(then)]
                left[table] += [(each, row.number) for each in set(then).difference(now)]
    for identity, before in old.items():
        if identity not in new:
            left["home"] += [(each, before.number) for each in before.homes]
            left["visit"] += [(each, before.number) for each in before.visits]
    return left, come


def _tables(row: Row, before: Row | None) -> list[tuple[str, list[int], list[int]]]:
    if before is None:
        return [("home", row.homes, []), ("visit", row.visits, [])]
    return [("home", row.homes, before.homes), ("visit", row.visits, before.visits)]
