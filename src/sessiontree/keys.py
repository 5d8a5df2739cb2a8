"""API keys: making one, what a caller may say about one, finding the key of a request, and when it was last used.

A key is 32 random bytes as text. The store has its SHA-256 digest and a short visible prefix, never the key itself.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sessiontree.errors import SessiontreeError, StoreError
from sessiontree.record import read_time
from sessiontree.store import ApiKey, Store

SCOPES = ("read", "write", "admin")
DEFAULT_SCOPES = frozenset({"read", "write"})
DEFAULT_ACCOUNT = "default"
ASK_SECONDS = 0.001
WAIT_SECONDS = 5.0  # for another thread that asks the store
NAME_CHARS_MAX = 255
KEEP_EVERY = timedelta(minutes=1)
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
    expires: timedelta | datetime | None = None,
) -> tuple[str, ApiKey]:
    """A new key: its text, to be shown once, and what the store keeps of it. A duration counts from now."""
    if not 0 < len(account) <= 255 or not account.isprintable():
        raise KeyRefused("an account's name is 1 to 255 printable characters")
    if not name.isprintable() or len(name) > NAME_CHARS_MAX:
        raise KeyRefused(f"a key's name is at most {NAME_CHARS_MAX} printable characters")
    text = "st_" + secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    try:
        until = now + expires if isinstance(expires, timedelta) else expires
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


def state_of(key: ApiKey, now: datetime) -> str:
    """valid, expired or revoked."""
    if key.revoked is not None:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "valid"


def parse_expiry(text: str, now: datetime) -> timedelta | datetime:
    """Until when a key is to be valid, written as a duration from now or as a time (UTC where it has no zone)."""
    if _DURATION.fullmatch(text):
        return parse_duration(text)
    try:
        until = read_time(text)
    except ValueError:
        text = f"{text[:80]!r} is neither a duration such as 90d nor a time such as 2026-12-31T00:00:00Z"
        raise KeyRefused(text) from None
    if until <= now:
        raise KeyRefused(f"{text} has passed: a key expires in the future")
    return until


class LastUses:
    """When each key was last used: every use is noted, and handed on to be kept once a minute."""

    def __init__(self, keep: Callable[[Mapping[str, datetime]], None]) -> None:
        self._keep = keep
        self._latest: dict[str, datetime] = {}
        self._kept: dict[str, datetime] = {}

    def note(self, prefix: str, now: datetime) -> None:
        """The key of this prefix is used now."""
        self._latest[prefix] = now
        kept = self._kept.get(prefix)
        if kept is None or now - kept >= KEEP_EVERY:
            self._kept[prefix] = now
            self._keep({prefix: now})

    def keep(self) -> None:
        """Hand on what has not been handed on yet."""
        left = {prefix: at for prefix, at in list(self._latest.items()) if at != self._kept.get(prefix)}
        self._kept |= left
        if left:
            self._keep(left)

    def of(self, key: ApiKey) -> datetime | None:
        """The last use of a key that is known here or in the store."""
        noted = [at for at in (key.used, self._latest.get(key.prefix)) if at is not None]
        return max(noted, default=None)


class KeyRing:
    """The keys that requests come with, remembered until any process may have changed one.

    `used` is told the prefix of every key that is found, and when.
    """

    def __init__(self, store: Store, used: Callable[[str, datetime], None] = lambda prefix, now: None) -> None:
        self._store = store
        self._used = used
        self._changes = -1
        self._asked = -ASK_SECONDS
        self._known: dict[bytes, ApiKey] = {}
        self._lock = threading.Lock()

    def find(self, text: str, now: datetime) -> ApiKey | None:
        """The key of this text; None when there is none, or it has been revoked or has expired."""
        return self.find_digest(digest(text), now)

    def find_digest(self, name: bytes, now: datetime) -> ApiKey | None:
        """As `find`, by the key's digest."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise StoreError("the store does not say whether a key is valid; try again in a moment")
        try:  # one at a time: what one thread finds out must not undo what another has found out since
            self._forget_changed()
            return self._valid(self._known.get(name) or self._look_up(name), now)
        finally:
            self._lock.release()

    def recall(self, name: bytes, now: datetime) -> ApiKey | None:
        """As `find_digest`, without asking the store: None also when that would be needed."""
        if time.monotonic() - self._asked >= ASK_SECONDS and not self._store.silent():
            return None
        return self._valid(self._known.get(name), now)

    def _valid(self, key: ApiKey | None, now: datetime) -> ApiKey | None:
        if key is None or key.revoked is not None or (key.expires is not None and key.expires <= now):
            return None
        self._used(key.prefix, now)
        return key

    def forget(self) -> None:
        """Ask the store about every key again: one has just been revoked here."""
        with self._lock:
            self._known.clear()

    def _forget_changed(self) -> None:
        """Asking the store lets other threads in, so that it is asked no more than once in a thousandth of a second."""
        moment = time.monotonic()
        if moment - self._asked < ASK_SECONDS:
            return
        changes = self._store.changes()
        if changes != self._changes:
            self._changes = changes
            self._known.clear()
        self._asked = moment

    def _look_up(self, name: bytes) -> ApiKey | None:
        key = self._store.find_key(name)
        if key is not None:
            self._known[name] = key
        return key
