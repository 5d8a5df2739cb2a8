"""The API's answers about imports, and about what was taken back."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sessiontree.wire import Money

State = Annotated[
    str,
    Meta(
        description="stored; rejected (every record was, and nothing is stored); unfinished (not all of it has been "
        "read: it is under way, or was stopped or broke off, and the records counted are stored); undoing (begun, and "
        "not come to its end: undo it again) or undone."
    ),
]


class Import(msgspec.Struct):
    """An import run or an ingest request: where its records came from, and what became of them.

    `source` is the files of an import, or the request; `key` the prefix of the request's key.
    """

    id: str
    state: State
    received_at: datetime
    source: str
    key: str | None
    received: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    undone_at: datetime | None


class ImportsMeta(msgspec.Struct):
    """Where the next page begins; null on the last one."""

    next_cursor: str | None


class Imports(msgspec.Struct):
    """Imports, the latest first."""

    data: list[Import]
    meta: ImportsMeta


class Undone(msgspec.Struct, omit_defaults=True):
    """What undoing an import took away now, or would (`dry_run`).

    Records were removed, or given back the content before (`records_restored`); `versions_dropped` counts contents
    that left the histories, and `cost` by how much all costs add up to less. A dry run says how many sessions change,
    and how many of these records later imports may have found unchanged, at most (`repeated_later`): they go too.
    """

    import_id: str
    state: State
    undone_at: datetime | None
    dry_run: bool
    records_removed: int
    records_restored: int
    versions_dropped: int
    cost: list[Money]
    already_undone: bool | UnsetType = UNSET
    sessions: int | UnsetType = UNSET
    repeated_later: int | UnsetType = UNSET


class UndoAnswer(msgspec.Struct):
    """An import was undone, or would be."""

    data: Undone


class DeletedSession(msgspec.Struct):
    """What deleting a session took away, or would (`dry_run`): its home records, their histories, and their costs."""

    record_type: str
    id: str
    dry_run: bool
    records_removed: int
    versions_dropped: int
    cost: list[Money]


class DeleteAnswer(msgspec.Struct):
    """A session was deleted, or would be."""

    data: DeletedSession
