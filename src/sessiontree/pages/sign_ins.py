"""Who is signed in to the pages. Kept in memory: a restart of the server signs everybody out.

A browser holds a random token in a cookie; here are its digest and that of the key it stands for. The key itself is
looked up again for every page, so that a revoked key loses the pages at once.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sessiontree.keys import digest

IDLE_SECONDS = 12 * 3600
LINK_SECONDS = 600
SIGN_INS_MAX = 10_000  # beyond, the one that was used longest ago is signed out


@dataclass(slots=True)
class SignIn:
    """One browser: the digest of its key, what its forms must carry, when it was last here."""

    key: bytes
    form_token: str
    used: float


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that signs in once: with which key, where it leads, until when."""

    key: bytes
    leads_to: str
    until: float


class SignIns:
    """All who are signed in, and the links that sign somebody in. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sign_ins: dict[bytes, SignIn] = {}  # the one used last is the last
        self._invitations: dict[bytes, Invitation] = {}

    def begin(self, key: bytes) -> str:
        """Sign a browser in with the key of this digest; the token that it is to hold."""
        self._forget_idle()
        token = secrets.token_urlsafe(32)
        self._sign_ins[digest(token)] = SignIn(key, secrets.token_urlsafe(32), self._clock())
        return token

    def find(self, token: str) -> SignIn | None:
        """The sign-in of this token, used now; None when there is none (any more)."""
        name = digest(token)
        found = self._sign_ins.pop(name, None)
        now = self._clock()
        if found is None or found.used + IDLE_SECONDS <= now:
            return None
        found.used = now
        self._sign_ins[name] = found
        return found

    def end(self, token: str) -> None:
        """Sign out."""
        self._sign_ins.pop(digest(token), None)

    def invite(self, key: bytes, *, leads_to: str) -> str:
        """The token of a link that signs in with the key of this digest, once and within ten minutes."""
        token = secrets.token_urlsafe(16)
        self._invitations[digest(token)] = Invitation(key, leads_to, self._clock() + LINK_SECONDS)
        return token

    def accept(self, token: str) -> Invitation | None:
        """The invitation of this token, which is used up now; None when there is none."""
        found = self._invitations.pop(digest(token), None)
        return found if found is not None and found.until > self._clock() else None

    def _forget_idle(self) -> None:
        oldest = self._clock() - IDLE_SECONDS
        while self._sign_ins:
            name, first = next(iter(self._sign_ins.items()))
            if first.used > oldest and len(self._sign_ins) < SIGN_INS_MAX:
                return
            del self._sign_ins[name]
