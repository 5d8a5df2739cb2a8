"""API keys: making one, what a caller may say about one, and finding the key of a request.

A key is 32 random bytes as text. The store has its SHA-256 digest and a short visible prefix, never the key itself.
"""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sessiontree.errors import SessiontreeError
from sessiontree.store import ApiKey, Store

SCOPES = ("read", "write", "admin")
DEFAULT_SCOPES = frozenset({"read", "write"})
DEFAULT_ACCOUNT = "default"
ASK_SECONDS = 0.001
_PREFIX_CHARS = 11
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class KeyRefused(SessiontreeError):
    """A key that cannot be made as asked."""


def make_key(
    *,
    account: str = DEFAULT_ACCOUNT,
    scopes: frozenset[str] = DEFAULT_SCOPES,
    name: str = "",
    expires: timedelta | None = None,
) -> tuple[str, ApiKey]:
    """A new key: its text, to be shown once, and what the store keeps of it. `expires` counts from now."""
    if not 0 < len(account) <= 255 or not account.isprintable():
        raise KeyRefused("an account's name is 1 to 255 printable characters")
    if not name.isprintable() or len(name) > 255:
        raise KeyRefused("a key's name is at most 255 printable characters")
    text = "st_" + secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    try:
        until = None if expires is None else now + expires
    except OverflowError:
        raise KeyRefused("a key cannot expire after the year 9999") from None
    return text, ApiKey(text[:_PREFIX_CHARS], digest(text), account, scopes, name, now, until)


def digest(text: str) -> bytes:
    """What the store knows a key by."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def parse_scopes(text: str) -> frozenset[str]:
    """Scopes as people write them: `read,write`."""
    scopes = frozenset(part.strip() for part in text.split(","))
    unknown = sorted(scopes - set(SCOPES))
    if unknown:
        raise KeyRefused(f"{unknown[0]!r} is no scope: name some of {', '.join(SCOPES)}, with commas between them")
    return scopes


def parse_duration(text: str) -> timedelta:
    """A duration as people write it: `90d`, `12h`, `30m`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise KeyRefused(f"{text!r} is no duration: write a number and one of s, m, h, d, w, such as 90d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


class KeyRing:
    """The keys that requests come with, remembered until any process may have changed one. For one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes = -1
        self._asked = -ASK_SECONDS
        self._known: dict[bytes, ApiKey] = {}

    def find(self, text: str, now: datetime) -> ApiKey | None:
        """The key of this text; None when there is none, or it has been revoked or has expired."""
        self._forget_changed()
        name = digest(text)
        key = self._known.get(name) or self._look_up(name)
        if key is None or key.revoked is not None or (key.expires is not None and key.expires <= now):
            return None
        return key

    def _forget_changed(self) -> None:
        """Asking the store lets other threads in, so that it is asked no more than once in a thousandth of a second."""
        moment = time.monotonic()
        if moment - self._asked < ASK_SECONDS:
            return
        self._asked = moment
        changes = self._store.changes()
        if changes != self._changes:
            self._changes = changes
            self._known.clear()

    def _look_up(self, name: bytes) -> ApiKey | None:
        key = self._store.find_key(name)
        if key is not None:
            self._known[name] = key
        return key
