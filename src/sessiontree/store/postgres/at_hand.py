"""A tree's records fetched by the event loop: one statement is sent, and others have their turn until its answer comes.

A thread would cost as much as the statement itself. What is fetched answers an ordinary tree; whoever asks for more is
told so, and asks again in a thread, of a snapshot that can go on asking the database.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection
from psycopg.pq import ExecStatus, TransactionStatus

from sessiontree.record import Record
from sessiontree.store import Asks, NotAtHand
from sessiontree.store.postgres.moments import month_between, month_of
from sessiontree.store.postgres.months import Month, Months, is_there
from sessiontree.store.postgres.neighbourhood import (
    ROWS_MAX,
    Found,
    Neighbourhood,
    is_ready,
    note_ready,
    places,
    prepare,
    rows_of,
    send,
)

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

    from sessiontree.store.postgres.store import PostgresStore

Db = Connection[Any]

_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class AtHand:
    """A snapshot of which all is in memory: of one event with all around it."""

    def __init__(self, near: Neighbourhood) -> None:
        self._near = near
        self._given: set[int] = set()

    def __enter__(self) -> "AtHand":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def find(self, asks: Asks) -> list[Record]:
        """See `Snapshot.find`. Raises NotAtHand for what only the database can answer."""
        found, left = self._near.answer(asks)
        if any(left):
            raise NotAtHand
        new = [record for row, record in found.items() if row not in self._given]
        self._given.update(found)
        return new


async def fetch(
    store: "PostgresStore", account: str, record_type: str, id: str, about: tuple[datetime, datetime] | None
) -> AtHand | None:
    """An event and all around it; None if that cannot be fetched here and now, whatever the reason."""
    account_id = store.kinds.known_account(account)
    db = None if account_id is None else store.pool.take_idle()
    if account_id is None or db is None:
        return None
    asks = Asks({(record_type, id)}, {id}, {id})
    at = places(account_id, asks)
    month = store.months.worth(month_of([id]) if about is None else month_between(*about))
    found = None
    try:
        if month is not None and await _is_there(store.months, db, month):
            found = await _walk(db, account_id, at, month)
            if found is None:
                store.months.missed(month)
        if found is None or (month is not None and any(packed is None for _, packed in found)):
            found = await _walk(db, account_id, at, None)
    finally:
        store.pool.give(db)  # closes it, if it was left in the middle
    return None if found is None or len(found) == ROWS_MAX else _read(store, asks, found)


def _read(store: "PostgresStore", asks: Asks, found: list[Found]) -> AtHand | None:
    """The records of these rows; None if one was read by another declaration, which takes a look into the database."""
    rows, unpack, present, types = [], store.packer.unpack, store.kinds.present, store.catalog.types
    for row, packed in found:
        if packed is not None:
            record = unpack(packed)
            if record.record_type not in types:
                continue
            if record.shape not in present:
                return None
            rows.append((row, record))
    return AtHand(Neighbourhood(asks, rows))


async def _is_there(months: Months, db: Db, month: Month) -> bool:
    """Whether a month has a partition; not asked by a connection that has walked there, unless it has gone since."""
    if is_ready(db, month) and months.is_known(month):
        return True
    answer = await _answer(db, lambda: db.pgconn.send_query(is_there(month).encode()))
    return answer is not None and months.found(month, answer.get_value(0, 0))


async def _walk(db: Db, account_id: int, at: list[int], month: Month | None) -> list[Found] | None:
    """What a walk finds, None if it fails. A connection that has not walked there before is made ready."""
    if not is_ready(db, month):
        if await _answer(db, lambda: db.pgconn.send_query(prepare(month).encode())) is None:
            return None
        note_ready(db, month)
    found = await _answer(db, lambda: send(db.pgconn, account_id, at, month))
    return None if found is None else rows_of(found)


async def _answer(db: Db, ask: Callable[[], None]) -> "PGresult | None":
    """What the database answers, None if that is an error."""
    loop, connection = asyncio.get_running_loop(), db.pgconn
    answered: asyncio.Future[None] = loop.create_future()
    results: list[PGresult] = []

    def receive() -> None:
        try:
            connection.consume_input()
            while not connection.is_busy():
                result = connection.get_result()
                if result is None:
                    return _settle(answered)
                results.append(result)
        except psycopg.Error as error:
            _settle(answered, error)

    socket = connection.socket
    loop.add_reader(socket, receive)
    try:
        ask()
        await answered
    except psycopg.Error:
        return None
    finally:
        loop.remove_reader(socket)
    done = connection.transaction_status == TransactionStatus.IDLE and results[-1].status in _DONE
    return results[-1] if done else None


def _settle(answered: "asyncio.Future[None]", error: Exception | None = None) -> None:
    if answered.done():  # whoever waited for it has gone
        return
    if error is None:
        answered.set_result(None)
    else:
        answered.set_exception(error)
