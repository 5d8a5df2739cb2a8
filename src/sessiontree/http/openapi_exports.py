"""Exports in the API's description: the operation, their parameters, and the media types of their answers."""

from sessiontree.export.forms import FORMATS
from sessiontree.export.lines import Csv, Ndjson
from sessiontree.export.parquet import Parquet
from sessiontree.http.export_parameters import TREE_FORMATS
from sessiontree.http.openapi_operation import Json, Operation
from sessiontree.http.openapi_parameters import query
from sessiontree.http.openapi_sessions import FILTERS

LINES = (Csv.media_type.partition(";")[0], Ndjson.media_type)
"""What one session can be answered as, beside JSON."""
_FILES = (*LINES, Parquet.media_type)
_FIELDS = query(
    "fields",
    "Fields of the records to be columns too, with commas between; not for JSON.",
    {"type": "string", "minLength": 1},
    example="model,tokens",
)
_TREE_FORMAT = "`csv` and `ndjson` have a row for each event of the whole tree, and an end that says so."
_FORMAT = "`focus` is a CSV line for each charge, in FOCUS 1.2. `parquet` needs pyarrow on the server."


def _format(names: tuple[str, ...], description: str) -> Json:
    return query("format", description, {"type": "string", "enum": list(names), "default": names[0]})


TREE_EXPORT = (_format(TREE_FORMATS, _TREE_FORMAT), _FIELDS)
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/v2/export"): Operation(
        "exportSessions",
        "Export sessions",
        "The events of all sessions that the filters select (those of the list of sessions), oldest session first, "
        "every record once in the session it is at home in. It is sent while it is made: only the last line, or the "
        "footer of Parquet, says that it is whole.",
        _FILES[0],
        parameters=(_format(FORMATS, _FORMAT), _FIELDS, *FILTERS),
        errors=(400,),
        files=_FILES[1:],
    ),
}


def contents(media_types: tuple[str, ...]) -> Json:
    """The answers in these media types: text, but for what is binary."""
    return {each: {"schema": {} if each == Parquet.media_type else {"type": "string"}} for each in media_types}
