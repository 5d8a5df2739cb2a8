"""Who is signed in to the pages, as long as the server runs: a restart signs everybody out.

A browser holds a random token in a cookie; here are its digest and that of the key it stands for. The key itself is
looked up again for every page, so that a revoked key loses the pages at once. Kept in a small database in memory; or in
a file, where several processes answer the same browsers.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

from sessiontree.keys import digest

IDLE_SECONDS = 12 * 3600
LINK_SECONDS = 600
SIGN_INS_MAX = 10_000  # beyond, the one that was used longest ago is signed out
_WAIT_SECONDS = 5.0

_TABLES = """
    create table if not exists sign_in (number integer primary key, token blob not null unique, key blob not null,
        used real not null);
    create index if not exists sign_in_by_use on sign_in (used, number);
    create table if not exists invitation (token blob primary key, key blob not null, leads_to text not null,
        until real not null) without rowid;"""
_USE = "update sign_in set used = ? where token = ? and used > ?"
_TOO_MANY = "select count(*) - ? from sign_in"
_FORGET_FIRST = "delete from sign_in where number in (select number from sign_in order by used, number limit ?)"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser: the digest of its key, and what its forms must carry."""

    key: bytes
    form_token: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that signs in once: with which key, and where it leads."""

    key: bytes
    leads_to: str


class SignIns:
    """All who are signed in, and the links that sign somebody in; `file` is for all processes of a server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, file: Path | None = None) -> None:
        self._clock = clock
        self._db = sqlite3.connect(
            ":memory:" if file is None else file, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")  # nobody needs it after a restart
        self._db.executescript(_TABLES)

    def begin(self, key: bytes) -> str:
        """Sign a browser in with the key of this digest; the token that it is to hold."""
        now, token = self._clock(), token_urlsafe(32)
        self._db.execute("delete from sign_in where used <= ?", [now - IDLE_SECONDS])
        (too_many,) = self._db.execute(_TOO_MANY, [SIGN_INS_MAX - 1]).fetchone()
        if too_many > 0:
            self._db.execute(_FORGET_FIRST, [too_many])
        self._db.execute("insert into sign_in (token, key, used) values (?, ?, ?)", [digest(token), key, now])
        return token

    def find(self, token: str) -> SignIn | None:
        """The sign-in of this token, used now; None when there is none (any more)."""
        now, name = self._clock(), digest(token)
        if not self._db.execute(_USE, [now, name, now - IDLE_SECONDS]).rowcount:
            return None
        found = self._db.execute("select key from sign_in where token = ?", [name]).fetchone()
        return SignIn(found[0], digest(f"form {token}").hex()) if found else None

    def end(self, token: str) -> None:
        """Sign out."""
        self._db.execute("delete from sign_in where token = ?", [digest(token)])

    def invite(self, key: bytes, *, leads_to: str) -> str:
        """The token of a link that signs in with the key of this digest, once and within ten minutes."""
        token = token_urlsafe(16)
        values = [digest(token), key, leads_to, self._clock() + LINK_SECONDS]
        self._db.execute("insert into invitation values (?, ?, ?, ?)", values)
        return token

    def accept(self, token: str) -> Invitation | None:
        """The invitation of this token, which is used up now; None when there is none."""
        name, now = digest(token), self._clock()
        found = self._db.execute("select key, leads_to, until from invitation where token = ?", [name]).fetchone()
        mine = self._db.execute("delete from invitation where token = ?", [name]).rowcount  # not another process's
        return Invitation(*found[:2]) if mine and found is not None and found[2] > now else None

    def close(self) -> None:
        """Let go of the database. Closing twice is fine."""
        self._db.close()
