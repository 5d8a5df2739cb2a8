"""What can be wrong with a request, a file or the store: one class each, with a sentence that says what to do.

One place turns them into HTTP answers (`server`), one into exit statuses (`cli`).
"""


class SessiontreeError(Exception):
    """Something that the user can mend; the text is one sentence for them."""


class CatalogError(SessiontreeError):
    """A catalogue file that cannot be used: which file, which key, and why."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file, self.key, self.reason = file, key, reason


class UnknownRecordType(SessiontreeError):
    """A name that is no record type, alias or product of one type only."""


class RecordRejected(SessiontreeError):
    """A record that cannot be stored: which field (None: the record as a whole), a published code, and why."""

    def __init__(self, field: str | None, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


class StoreError(SessiontreeError):
    """The store cannot be read or written now."""


class StoreGone(StoreError):
    """The store cannot be reached at all now."""


class SessionsDisputed(StoreError):
    """The sessions are made by other declarations than those at hand; `outdated`: they were not when this began."""

    def __init__(self, text: str, *, outdated: bool = False) -> None:
        super().__init__(text)
        self.outdated = outdated


class EventNotFound(SessiontreeError):
    """No such event among the account's records."""

    def __init__(self, record_type: str, id: str) -> None:
        super().__init__(
            f"no {record_type} event with the id {id} was found; check the record type and id, "
            "or try again if its records are still on their way"
        )


class TreeTooLarge(SessiontreeError):
    """A tree of more events than the limit allows; no part of its sum is given."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the tree has more than {limit} events; raise the limit (SESSIONTREE_EVENTS_MAX) to read it")


class TooManyGroups(SessiontreeError):
    """An answer of more groups than the limit allows; no part of it is given."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are more than {limit} groups: ask for fewer or larger ones, or a shorter time")
