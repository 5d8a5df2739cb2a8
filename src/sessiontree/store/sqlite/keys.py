"""API keys in SQLite: statements and rows."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sessiontree.store import ApiKey
from sessiontree.store.parts.micros import from_micros, to_micros

SELECT = """select prefix, digest, account.name, scopes, api_key.name, created, expires, revoked, used
    from api_key join account on account.id = api_key.account """
ORDER = " order by created, prefix"


def key(row: tuple[Any, ...]) -> ApiKey:
    """The key in one row of SELECT."""
    prefix, digest, account, scopes, name, created, expires, revoked, used = row
    return ApiKey(
        prefix=prefix,
        digest=bytes(digest),
        account=account,
        scopes=frozenset(scopes.split(",") if scopes else ()),
        name=name,
        created=from_micros(created),
        expires=None if expires is None else from_micros(expires),
        revoked=None if revoked is None else from_micros(revoked),
        used=None if used is None else from_micros(used),
    )


def add(db: sqlite3.Connection, key: ApiKey) -> None:
    """Keep a key, and its account if it is new. Inside a writing transaction."""
    db.execute("insert or ignore into account (name) values (?)", [key.account])
    db.execute(
        "insert into api_key (prefix, digest, account, scopes, name, created, expires, revoked, used)"
        " values (?, ?, (select id from account where name = ?), ?, ?, ?, ?, ?, ?)",
        [
            key.prefix,
            key.digest,
            key.account,
            ",".join(sorted(key.scopes)),
            key.name,
            to_micros(key.created),
            None if key.expires is None else to_micros(key.expires),
            None if key.revoked is None else to_micros(key.revoked),
            None if key.used is None else to_micros(key.used),
        ],
    )


def revoke(db: sqlite3.Connection, prefix: str, at: int, account: str | None) -> None:
    """Revoke a key (of one account) unless it is revoked already. Inside a writing transaction."""
    db.execute(
        "update api_key set revoked = ? where prefix = ? and revoked is null"
        " and (? is null or account = (select id from account where name = ?))",
        [at, prefix, account, account],
    )


def note_uses(db: sqlite3.Connection, uses: Mapping[str, datetime]) -> None:
    """Note when keys were last used, unless a later use is noted already. Inside a writing transaction."""
    db.executemany(
        "update api_key set used = :at where prefix = :prefix and (used is null or used < :at)",
        [{"prefix": prefix, "at": to_micros(at)} for prefix, at in uses.items()],
    )
