"""What the API takes and answers about API keys."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sessiontree.keys import NAME_CHARS_MAX

Scope = Literal["read", "write", "admin"]
State = Annotated[str, Meta(description="valid, expired or revoked.")]


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key to be made, for the account of the key that asks.

    `expires` is a duration, such as 90d or 12h, or a time; null: never.
    """

    name: Annotated[str, Meta(max_length=NAME_CHARS_MAX)] = ""
    scopes: Annotated[list[Scope], Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["read", "write"])
    expires: str | None = None


class Key(msgspec.Struct):
    """A key as it is known after it was made: by its prefix. `last_used_at` is null as long as nobody has used it."""

    prefix: str
    name: str
    scopes: list[Scope]
    state: State
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeKey(Key):
    """A new key, with its text. This is the only answer that ever has it."""

    key: str


class Keys(msgspec.Struct):
    """All keys of the account, the oldest first."""

    data: list[Key]


class MadeKeyAnswer(msgspec.Struct):
    """The key that was made."""

    data: MadeKey


class KeyAnswer(msgspec.Struct):
    """One key."""

    data: Key
