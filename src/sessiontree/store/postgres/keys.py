"""API keys in PostgreSQL: statements and rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection

from sessiontree.store import ApiKey
from sessiontree.store.parts.micros import from_micros, to_micros
from sessiontree.store.postgres.text import from_text, to_text

SELECT = """select prefix, digest, account.name, scopes, api_key.name, created, expires, revoked, used
    from api_key join account on account.id = api_key.account """
ORDER = " order by created, prefix"
_REVOKE = """update api_key set revoked = %s where prefix = %s and revoked is null
    and (%s::text is null or account = (select id from account where name = %s))"""
_ADD = """insert into api_key (prefix, digest, account, scopes, name, created, expires, revoked, used)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""


def key(row: tuple[Any, ...]) -> ApiKey:
    """The key in one row of SELECT."""
    prefix, digest, account, scopes, name, created, expires, revoked, used = row
    return ApiKey(
        prefix=from_text(prefix),
        digest=bytes(digest),
        account=from_text(account),
        scopes=frozenset(scopes.split(",") if scopes else ()),
        name=from_text(name),
        created=from_micros(created),
        expires=None if expires is None else from_micros(expires),
        revoked=None if revoked is None else from_micros(revoked),
        used=None if used is None else from_micros(used),
    )


def add(db: Connection[Any], account_id: int, key: ApiKey) -> None:
    """Keep a key of this account. Inside a writing transaction."""
    times = [None if at is None else to_micros(at) for at in (key.created, key.expires, key.revoked, key.used)]
    scopes = ",".join(sorted(key.scopes))
    db.execute(_ADD, [to_text(key.prefix), key.digest, account_id, scopes, to_text(key.name), *times])


def revoke(db: Connection[Any], prefix: str, at: datetime, account: str | None) -> None:
    """Revoke a key (of one account) unless it is revoked already. Inside a writing transaction."""
    name = None if account is None else to_text(account)
    db.execute(_REVOKE, [to_micros(at), to_text(prefix), name, name])


def note_uses(db: Connection[Any], uses: Mapping[str, datetime]) -> None:
    """Note when keys were last used, unless a later use is noted already. Inside a writing transaction."""
    statement = "update api_key set used = %s where prefix = %s and (used is null or used < %s)"
    values = [(to_micros(at), to_text(prefix), to_micros(at)) for prefix, at in sorted(uses.items())]
    if values:
        with db.cursor() as cursor:
            cursor.executemany(statement, values)
