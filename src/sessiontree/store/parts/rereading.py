"""A stored record as its type is declared now."""

from sessiontree.errors import RecordRejected
from sessiontree.reading import Reader
from sessiontree.record import Record


def read_again(reader: Reader, before: Record) -> Record:
    """A record as its type is declared now; as it was read before, if the declaration refuses it."""
    try:
        after = reader.read(before.body, before.record_type)
    except RecordRejected:
        return before
    return after if after.id == before.id else before
