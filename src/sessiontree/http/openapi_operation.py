"""What the API's description says of one operation; `openapi` makes the document of all."""

from dataclasses import dataclass
from typing import Any

import msgspec

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `answer` is the struct of its 200 (`status`), or the media type of one that is not JSON.

    `files` are the media types it can be answered in beside that; `takes` is the struct of its body, if that is JSON.
    """

    name: str
    summary: str
    description: str
    answer: type[msgspec.Struct] | str
    example: Any = None
    parameters: tuple[Json, ...] = ()
    errors: tuple[int, ...] = ()
    key: bool = True
    takes_records: bool = False
    files: tuple[str, ...] = ()
    status: int = 200
    takes: type[msgspec.Struct] | None = None
    takes_example: Any = None
