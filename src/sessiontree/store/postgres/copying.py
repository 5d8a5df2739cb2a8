"""Rows of records and links into PostgreSQL: a few by a statement, many by COPY in its binary form."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from struct import Struct
from typing import Any, Final, NamedTuple

from psycopg import Connection

from sessiontree.store.postgres.months import time_text
from sessiontree.store.postgres.text import numbers

FEW: Final = 20
_AT_ONCE: Final = 256  # rows sent at once
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL's times in binary form
_NONE: Final = -(1 << 63)  # -infinity
_RECORD: Final = Struct("!h ii iq iq ii")  # each column after its length; intake and packed follow
_INTAKE: Final = Struct("!iqi")
_NO_INTAKE: Final = Struct("!ii")
_INT8: Final = 20  # the type's number
_EMPTY: Final = Struct("!iiii").pack(12, 0, 0, _INT8)
_LINK: Final = Struct("!h ii iq iq iq")

_INSERT_RECORDS = """insert into record (account, row, start, kind, intake, packed, hops)
    select %s, row, start, kind, intake, packed, hops::bigint[]
    from unnest(%s::bigint[], %s::timestamptz[], %s::integer[], %s::bigint[], %s::bytea[], %s::text[])
    as new (row, start, kind, intake, packed, hops)"""
_INSERT_LINKS = """insert into link (account, place, row, start)
    select %s, * from unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])"""
_COPY_RECORDS = "copy record (account, row, start, kind, intake, packed, hops) from stdin (format binary)"
_COPY_LINKS = "copy link (account, place, row, start) from stdin (format binary)"


class RecordRow(NamedTuple):
    """A row of the table `record`, but for the account."""

    row: int
    start: datetime | None
    kind: int
    intake: int | None
    packed: bytes
    hops: list[int]


Link = tuple[int, int, datetime | None]
"""Place, row and start."""


def put_records(db: Connection[Any], account_id: int, count: int, rows: Iterable[RecordRow]) -> None:
    """Insert so many new records. Many are sent as they are made, so that the database works meanwhile."""
    if count <= FEW:
        columns: list[list[Any]] = [list(each) for each in zip(*rows, strict=True)]
        columns[1] = [time_text(start) for start in columns[1]]
        columns[5] = [numbers(hops) for hops in columns[5]]
        db.execute(_INSERT_RECORDS, [account_id, *columns])
        return
    _copy(db, _COPY_RECORDS, (_packed_record(account_id, *each) for each in rows))


def put_links(db: Connection[Any], account_id: int, links: list[Link]) -> None:
    """Insert links that are not there."""
    if len(links) <= 4 * FEW:
        places, rows, starts = zip(*links, strict=True)
        db.execute(_INSERT_LINKS, [account_id, list(places), list(rows), [time_text(start) for start in starts]])
        return
    pack = _LINK.pack
    _copy(db, _COPY_LINKS, (pack(4, 4, account_id, 8, place, 8, row, 8, _micros(start)) for place, row, start in links))


def _packed_record(
    account_id: int, row: int, start: datetime | None, kind: int, intake: int | None, packed: bytes, hops: list[int]
) -> bytes:
    head = _RECORD.pack(7, 4, account_id, 8, row, 8, _micros(start), 4, kind)
    size = len(packed)
    owned = _NO_INTAKE.pack(-1, size) if intake is None else _INTAKE.pack(8, intake, size)
    return b"".join([head, owned, packed, _packed_array(hops)])


def _packed_array(values: list[int]) -> bytes:
    count = len(values)
    if not count:
        return _EMPTY
    pairs = [part for value in values for part in (8, value)]
    return _array(count).pack(20 + 12 * count, 1, 0, _INT8, count, 1, *pairs)


@cache
def _array(count: int) -> Struct:
    """An array of so many numbers: its length, dimensions, nulls, type, count and first index; then the numbers."""
    return Struct("!iiiiii" + "iq" * count)


def _micros(start: datetime | None) -> int:
    if start is None:
        return _NONE
    since = start - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _copy(db: Connection[Any], statement: str, parts: Iterable[bytes]) -> None:
    with db.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        left = iter(parts)
        while some := b"".join(islice(left, _AT_ONCE)):
            copy.write(some)
        copy.write(_TRAILER)
