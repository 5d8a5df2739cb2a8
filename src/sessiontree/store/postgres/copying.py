"""Rows of records and links into PostgreSQL: a few by a statement, many by COPY in its binary form."""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

from psycopg import Connection

from sessiontree.store.postgres.binary import int8s, int8s_column, times
from sessiontree.store.postgres.text import numbers

FEW: Final = 20
_RECORDS_AT_ONCE: Final = 256  # so many are sent at once: about 100 kB
_LINKS_AT_ONCE: Final = 2048
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_RECORD: Final = Struct("!h ii iq iq ii")  # each column after its length; intake, packed and hops follow
_INTAKE: Final = Struct("!iqi")
_NO_INTAKE: Final = Struct("!ii")
_LENGTH: Final = Struct("!i")
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
    """A row of the table `record`, but for the account; `start` as `binary.micros` has it."""

    row: int
    start: int
    kind: int
    intake: int | None
    packed: bytes | bytearray
    hops: list[int]


def links_of(account_id: int, row: int, start: int, places: Iterable[int]) -> list[bytes]:
    """The links of a record, as `put_links` takes them; `start` as `binary.micros` has it."""
    pack = _LINK.pack
    return [pack(4, 4, account_id, 8, place, 8, row, 8, start) for place in places]


def put_records(db: Connection[Any], account_id: int, rows: Sequence[RecordRow]) -> None:
    """Insert new records. Many are sent as they are made, so that the database works meanwhile."""
    if len(rows) <= FEW:
        made, starts, kinds, intakes, packed, hops = map(list, zip(*rows, strict=True))
        values = [int8s(made), times(starts), kinds, intakes, packed, [numbers(each) for each in hops]]
        db.execute(_INSERT_RECORDS, [account_id, *values])
        return
    with db.cursor() as cursor, cursor.copy(_COPY_RECORDS) as copy:
        copy.write(_HEADER)
        for first in range(0, len(rows), _RECORDS_AT_ONCE):
            some = rows[first : first + _RECORDS_AT_ONCE]
            copy.write(b"".join([_record(account_id, *each) for each in some]))
        copy.write(_TRAILER)


def put_links(db: Connection[Any], links: list[bytes]) -> None:
    """Insert links of one account that are not there, in the order of the index: neighbours share a page."""
    links.sort()
    if len(links) <= 4 * FEW:
        accounts, places, rows, starts = zip(*map(_columns, links), strict=True)
        db.execute(_INSERT_LINKS, [accounts[0], int8s(places), int8s(rows), times(starts)])
        return
    with db.cursor() as cursor, cursor.copy(_COPY_LINKS) as copy:
        copy.write(_HEADER)
        for first in range(0, len(links), _LINKS_AT_ONCE):
            copy.write(b"".join(links[first : first + _LINKS_AT_ONCE]))
        copy.write(_TRAILER)


def _columns(link: bytes) -> tuple[int, ...]:
    return _LINK.unpack(link)[2::2]


def _record(
    account_id: int, row: int, start: int, kind: int, intake: int | None, packed: bytes | bytearray, hops: list[int]
) -> bytes:
    head = _RECORD.pack(7, 4, account_id, 8, row, 8, start, 4, kind)
    size = len(packed)
    owned = _NO_INTAKE.pack(-1, size) if intake is None else _INTAKE.pack(8, intake, size)
    array = int8s_column(hops)
    return b"".join([head, owned, packed, _LENGTH.pack(len(array)), array])
