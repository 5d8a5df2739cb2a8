"""Which query parameters a path takes: a misspelt filter must not answer with everything.

The description of the API is where they are declared. Paths that Telnyx publishes take unknown ones, as its clients
expect; filters by field names are judged by whoever reads them.
"""

import difflib
from functools import lru_cache

from sessiontree.http.openapi import OPERATIONS
from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import BAD_REQUEST, RequestError

PUBLISHED = ("/v2/session_analysis", "/v2/detail_records")
_FILTER = "filter"


@lru_cache(maxsize=64)
def known_parameters(method: str, path: str) -> tuple[str, ...] | None:
    """The names that a path takes, as they are described; None where unknown ones are left alone."""
    if path.startswith(PUBLISHED) or not path.startswith("/v2/"):
        return None
    return tuple(each["name"] for each in OPERATIONS[method, path].parameters if each["in"] == "query")


def refuse_unknown(method: str, path: str, query: bytes) -> None:
    """Raise RequestError for the first parameter of a query that the path does not take."""
    known = known_parameters(method, path)
    if not query or known is None:
        return
    filters = [name for name in known if name.startswith(_FILTER)]
    for name in Parameters(query).names():
        if name not in known and not (filters and name.startswith(_FILTER)):
            raise RequestError(400, BAD_REQUEST, _told(name, known), parameter=name[:80])


def _told(name: str, known: tuple[str, ...]) -> str:
    if not known:
        return f"there is no parameter {name[:80]!r} here; this path takes none"
    near = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.7)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"there is no parameter {name[:80]!r} here{meant}; there are {', '.join(known)}"
