"""What a store is named by, a path or a URL: which of the two it is, and how it may be shown."""

import re
from urllib.parse import unquote, urlsplit

from sessiontree.errors import StoreError

_URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+:/")
_WORDS = r"host|hostaddr|port|dbname|user|\w*password|passfile|service|sslmode"
_CONNECTION = re.compile(rf"\s*(?:\w+\s*=.*\s)?(?:{_WORDS})\s*=", re.DOTALL)


def is_postgres(where: str) -> bool:
    """Whether this is the URL of a PostgreSQL database. Raises StoreError for one of something else, and for a
    connection string (`host=db user=me`): as the name of a file it would be shown with its password.
    """
    if where.startswith(("postgres://", "postgresql://")):
        return True
    if not where.startswith("sqlite:///"):
        if other := _URL.match(where):
            raise StoreError(f"a store is a file, or a postgresql:// URL: {other[0]}... is neither")
        if _CONNECTION.match(where):
            raise StoreError(
                "a store is a file, or a URL: write this as postgresql://user:password@host:5432/database, "
                "or a file of that name with its folder: ./..."
            )
    return False


def shown_name(where: str) -> str:
    """A store's path or URL for people to see, and to use again: without a password."""
    if not is_postgres(where):
        return where
    parts = urlsplit(where)
    user, _, host = parts.netloc.rpartition("@")
    options = [each for each in parts.query.split("&") if each and "password" not in unquote(each.partition("=")[0])]
    query = f"?{'&'.join(options)}" if options else ""
    return f"{parts.scheme}://{user.partition(':')[0]}{'@' if user else ''}{host}{parts.path}{query}"
