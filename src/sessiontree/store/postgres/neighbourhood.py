"""The records around those that a tree is asked for, fetched by one recursive statement before they are asked for.

A record's `hops` name the places of its neighbours: from record to record, the statement walks over all that may belong
to one session. What a tree asks for next is nearly always among them, so that an ordinary tree is one round trip. It
changes no answer: what the walk has not seen to the end is asked of the database.
"""

from binascii import unhexlify
from collections.abc import Iterable
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import Connection
from psycopg.pq import ConnStatus, ExecStatus, Format

from sessiontree.record import Record
from sessiontree.store import Asks
from sessiontree.store.parts.places import KEY, REF, place
from sessiontree.store.postgres.binary import int8s_column
from sessiontree.store.postgres.connection import ready
from sessiontree.store.postgres.months import Month, partition

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

ROWS_MAX: Final = 2000
"""Beyond so many records a walk is given up."""
ASKS_MAX: Final = 50
"""For more values than that no walk is begun: it would rather be a list than a tree."""

# In this order whatever the planner knows of the tables: a plan is made once, often while they are still empty. A link
# whose record is not in the table gives a row without a record: whoever sees one has to look into all of them.
_WALK: Final = """with recursive near (row, packed, hops) as (
        select null::bigint, null::bytea, $2::bigint[]
        union
        select link.row, record.packed, record.hops from (select distinct unnest(hops) as place from near) as following
        cross join lateral (
            select row, start from link where account = $1 and link.place = following.place offset 0) as link
        left join lateral (
            select packed, hops from {record} as record
            where account = $1 and record.row = link.row and record.start = link.start offset 0
        ) as record on true
    )
    select row, packed from near where row is not null limit {limit}"""

_ACCOUNT: Final = Struct("!i")
_BINARY: Final = (Format.BINARY, Format.BINARY)

Row = tuple[int, Record]
Found = tuple[int, bytes | None]
"""A row and the packed record; None: it lies in another month."""


def places(account_id: int, asks: Asks) -> list[int]:
    """Where what is asked for stands in the table of links."""
    ids, keys, refs = asks
    at = [place(account_id, record_type, id) for record_type, id in ids]
    at += [place(account_id, KEY, value) for value in keys]
    return at + [place(account_id, REF, value) for value in refs]


def is_ready(db: Connection[Any], month: Month | None) -> bool:
    """Whether a connection has been prepared for walks over the records of a month, or over all."""
    return _name(month) in ready(db)


def note_ready(db: Connection[Any], month: Month | None) -> None:
    """A connection has been prepared."""
    ready(db).add(_name(month))


def forget(db: Connection[Any], month: Month | None) -> None:
    """A connection has turned out not to be ready after all."""
    ready(db).discard(_name(month))


def prepare(month: Month | None) -> str:
    """Makes a connection ready for walks over the records of a month that has a partition, or over all.

    A walk over a month names its partition: with all of them in the statement, the database would lock them all.
    """
    return f"prepare {_name(month)} (integer, bigint[]) as {walk_over(month)}"


def walk_over(month: Month | None) -> str:
    """The walk itself, from an account's ($1) places ($2) over the records of a month, or over all."""
    return _WALK.format(record="record" if month is None else partition("record", month), limit=ROWS_MAX)


def statement(account_id: int, at: Iterable[int], month: Month | None) -> str:
    """The walk from these places over the records of a month, or over all."""
    return f"execute {_name(month)} ({account_id}, '{{{','.join(map(str, at))}}}')"


def send(connection: "PGconn", account_id: int, at: Iterable[int], month: Month | None) -> None:
    """Ask for a walk on a connection that is ready for it, in binary form: that takes a fifth less than as text."""
    values = [_ACCOUNT.pack(account_id), int8s_column(at)]
    connection.send_query_prepared(_name(month).encode(), values, _BINARY, Format.BINARY)


def _name(month: Month | None) -> str:
    return "walk" if month is None else partition("walk", month)


def walk(db: Connection[Any], statements: str) -> list[Found]:
    """What the last of these statements, a walk, finds. By libpq itself, which takes half the time of a cursor."""
    result = db.pgconn.exec_(statements.encode())
    if result.status != ExecStatus.TUPLES_OK:
        if db.pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError(db.pgconn.get_error_message())
        raise psycopg.errors.error_from_result(result)
    return rows_of(result)


def rows_of(result: "PGresult") -> list[Found]:
    """The rows of a result of libpq's."""
    value = result.get_value
    found = [(value(at, 0) or b"", value(at, 1)) for at in range(result.ntuples)]
    if result.ntuples and result.fformat(0) == Format.BINARY:
        return [(int.from_bytes(row, "big"), packed) for row, packed in found]
    return [(int(row), None if packed is None else unhexlify(packed[2:])) for row, packed in found]  # after "\\x"


class Neighbourhood:
    """Records by all their values, and the values of which all records are here."""

    def __init__(self, asked: Asks, rows: Iterable[Row]) -> None:
        """Those that a walk has found that began with these asks and came to its end."""
        self._by_id: dict[tuple[str, str], Row] = {}
        self._by_key: dict[str | None, list[Row]] = {}
        self._by_ref: dict[str | None, list[Row]] = {}
        for found in rows:
            record = found[1]
            self._by_id[record.record_type, record.id] = found
            for value in set(record.keys):
                self._by_key.setdefault(value, []).append(found)
            for value in set(record.refs):
                self._by_ref.setdefault(value, []).append(found)
        # The hops of each record lead to all that have one of its keys, or name it by one, and to its parents.
        self._ids = asked.ids | self._by_id.keys()
        self._keys: set[str | None] = {*asked.keys, *self._by_key, *self._by_ref}
        self._refs: set[str | None] = {*asked.refs, *self._by_key}

    def answer(self, asks: Asks) -> tuple[dict[int, Record], Asks]:
        """By row, those of the records asked for that are here; and the asks that only the database can answer."""
        ids, keys, refs = asks
        found: list[Row] = [self._by_id[each] for each in ids if each in self._by_id]
        for value in keys:
            found += self._by_key.get(value, ())
        for value in refs:
            found += self._by_ref.get(value, ())
        return dict(found), Asks(ids - self._ids, keys - self._keys, refs - self._refs)
