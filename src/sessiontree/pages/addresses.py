"""The address of a list as a reader has it: it says what they selected, and a link changes one thing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sessiontree.http.parameters import Parameters
from sessiontree.rendering import links

PLACE = ("cursor", "format", "rows")
"""Parameters that say where in a list a reader is, or in which form: other selections begin without them."""


@dataclass(frozen=True, slots=True)
class Address:
    """A path, and the parameters behind it in order."""

    path: str
    given: Mapping[str, str]

    def but(self, changes: Mapping[str, str | None] | None = None, /, **more: str | None) -> str:
        """With these values (None: without them), from the beginning of the list."""
        return self._with(PLACE, {**(changes or {}), **more})

    def here(self, **changes: str | None) -> str:
        """With these values, at the same place of the list."""
        return self._with(PLACE[1:], changes)

    def _with(self, dropped: Sequence[str], changes: Mapping[str, str | None]) -> str:
        return address(
            self.path, {name: self.given[name] for name in self.given if name not in dropped} | dict(changes)
        )


def address_of(path: str, parameters: Parameters) -> Address:
    """The address with these parameters. Raises RequestError for one that is given twice."""
    return Address(path, {name: parameters.text(name) or "" for name in parameters.names()})


def address(path: str, values: Mapping[str, str | None]) -> str:
    """A path with parameters; those without a value are left out."""
    query = urlencode([(name, value) for name, value in values.items() if value is not None], safe=",:")
    return f"{path}?{query}" if query else path


def path_of(record_type: str, id: str) -> str:
    """The page of the session below an event."""
    return links(record_type, id).self.replace("/v2/session_analysis/", "/sessions/", 1)
