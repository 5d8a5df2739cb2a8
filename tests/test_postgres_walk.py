"""How PostgreSQL finds the records of a tree: one statement and one round trip, first where they probably are."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sessiontree.analysis import Analysis
from sessiontree.errors import EventNotFound
from sessiontree.record import Record
from sessiontree.store import Asks, NotAtHand, Snapshot
from sessiontree.store.parts.places import REF, place
from sessiontree.store.postgres import months, neighbourhood
from sessiontree.store.postgres.moments import made, month_between, month_of
from sessiontree.store.postgres.store import PostgresStore
from sessiontree.store.suite import ACCOUNT, add, found, get, record, shipped

CALL, MONTH = datetime(2026, 3, 17, 10, tzinfo=UTC), timedelta(days=31)


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres, shipped())
    yield store
    store.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the database is asked, statement by statement."""
    sent: list[str] = []
    execute, walk = psycopg.Connection.execute, neighbourhood.walk

    def noting(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(query if isinstance(query, str) else query.decode())
        return execute(self, query, *arguments, **options)

    def walking(db: Any, statements: str) -> list[neighbourhood.Found]:
        sent.append(statements)
        return walk(db, statements)

    monkeypatch.setattr(psycopg.Connection, "execute", noting)
    monkeypatch.setattr(neighbourhood, "walk", walking)
    return sent


def uuid(at: datetime, version: int, low: int = 0) -> str:
    """A UUID of version 1 or 7 that was made then."""
    if version == 7:
        millis = int(at.timestamp() * 1000)
        return str(UUID(int=millis << 80 | 7 << 76 | 2 << 62 | low))
    ticks = (at - datetime(1582, 10, 15, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    return str(UUID(fields=(ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 | 1 << 12, 0x80, 0, low)))


def call(
    store: PostgresStore, session: str, *, start: datetime = CALL, later: timedelta = timedelta(0)
) -> list[Record]:
    """A leg, its assistant, and that one's five turns, which begin so much later."""
    leg, talk, at = f"leg of {session}", f"talk of {session}", start.isoformat()
    made = [
        record(store, "call-control", leg, telnyx_leg_id=leg, telnyx_session_id=session, started_at=at),
        record(store, "ai-voice-assistant", talk, telnyx_leg_id=leg, conversation_id=talk, created_at=at),
    ]
    turn_at = (start + later).isoformat()
    turns = [
        record(store, "inference", f"{n} of {session}", conversation_id=talk, created_at=turn_at, cost="1")
        for n in range(5)
    ]
    return made + turns


def ids(store: PostgresStore, session: str) -> list[str]:
    tree = Analysis(store).tree(ACCOUNT, store.catalog.types["call-session"], session)
    return sorted(node.id for node in tree.nodes)


def test_a_tree_is_one_round_trip(store: PostgresStore, asked: list[str]) -> None:
    session = uuid(CALL, 1)
    events = call(store, session)
    add(store, *events, *call(store, "another"))
    expected = sorted([session, *(each.id for each in events)])
    assert ids(store, session) == expected  # this connection learns the statement
    asked.clear()
    assert ids(store, session) == expected
    assert [statement.partition(" (")[0] for statement in asked] == [
        "begin isolation level repeatable read, read only; execute walk_2026_03"
    ]


def test_from_the_middle_it_is_one_too(store: PostgresStore, asked: list[str]) -> None:
    add(store, *call(store, "s"))
    for name, id, count in (("ai-voice-assistant", "talk of s", 6), ("inference", "3 of s", 1)):
        assert len(Analysis(store).tree(ACCOUNT, store.catalog.types[name], id).nodes) == count
        asked.clear()
        assert len(Analysis(store).tree(ACCOUNT, store.catalog.types[name], id).nodes) == count
        assert ["execute walk" in statement for statement in asked] == [True]


@pytest.mark.parametrize("version", [1, 7])
@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=1), MONTH, -MONTH, 14 * MONTH])
def test_what_lies_elsewhere_than_the_id_says_belongs_to_the_tree_all_the_same(
    store: PostgresStore, asked: list[str], version: int, later: timedelta
) -> None:
    session = uuid(CALL, version)
    events = call(store, session, later=later)
    add(store, *events)
    ids(store, session)
    asked.clear()
    assert ids(store, session) == sorted([session, *(each.id for each in events)])
    walks = sum("execute walk" in statement for statement in asked)
    assert walks == (1 if abs(later) < MONTH else 2), "a miss is followed by a full look"


def test_records_without_a_time_are_found_by_an_id_with_one(store: PostgresStore) -> None:
    session = uuid(CALL, 7)
    add(store, record(store, "recording", "r", telnyx_session_id=session))
    assert ids(store, session) == sorted([session, "r"])


def test_a_walk_that_would_be_endless_is_given_up(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    events = call(store, "s")
    add(store, *events)
    monkeypatch.setattr(neighbourhood, "ROWS_MAX", 7)  # as many as there are: whether there were more, nobody knows
    assert ids(store, "s") == sorted(["s", *(each.id for each in events)])


def test_random_questions_are_answered_as_by_a_plain_look(store: PostgresStore) -> None:
    """Whatever is asked first, and then: what the walk has seen answers as the database itself does."""
    rng = random.Random(5)
    values = [f"v{at}" for at in range(12)]
    some = [
        record(store, name, f"{name}{at}", **{field: rng.choice(values) for field in fields if rng.random() < 0.8})
        for at in range(60)
        for name, fields in (
            ("call-control", ("telnyx_leg_id", "telnyx_session_id", "call_session_id")),
            ("ai-voice-assistant", ("telnyx_leg_id", "conversation_id", "telnyx_session_id")),
            ("inference", ("conversation_id",)),
        )
    ]
    add(store, *some)
    everything = [(each.record_type, each.id) for each in some] + [("inference", "nobody")]
    for _ in range(40):
        with store.snapshot(ACCOUNT) as snapshot:
            given: set[tuple[str, str]] = set()
            for _ in range(4):
                parts = (
                    rng.sample(everything, rng.randrange(3)),
                    *(rng.sample(values, rng.randrange(3)) for _ in "kr"),
                )
                asks = Asks(set(parts[0]), set(parts[1]), set(parts[2]))
                expected = set(found(store, ids=asks.ids, keys=asks.keys, refs=asks.refs)) - given
                answer = identities(snapshot, asks)
                assert sorted(expected) == answer
                given |= expected


def identities(snapshot: Snapshot, asks: Asks) -> list[tuple[str, str]]:
    return sorted((each.record_type, each.id) for each in snapshot.find(asks))


# Partitions


def test_a_record_lies_in_the_partition_of_its_month(store: PostgresStore) -> None:
    times = {"a": "2026-03-31T23:59:59.999999Z", "b": "2026-04-01T00:00:00Z", "c": "2026-04-01T01:00:00+02:00"}
    odd = {"d": None, "e": "1999-12-31T23:59:59Z", "f": "2101-01-01", "g": "0001-01-01", "h": "9999-12-31"}
    add(store, *(record(store, "recording", id, started_at=at) for id, at in (times | odd).items()))
    with store.alone() as db:
        assert months.made(db, "record") == ["record_2026_03", "record_2026_04"]
    assert [partition_of(store, id) for id in times] == ["record_2026_03", "record_2026_04", "record_2026_03"]
    assert {partition_of(store, id) for id in odd} == {"record_default"}
    add(store, record(store, "recording", "a", started_at="2026-05-01"))
    assert partition_of(store, "a") == "record_2026_05"
    assert get(store, "recording", "a").start == datetime(2026, 5, 1, tzinfo=UTC)
    assert store.count() == 8


def partition_of(store: PostgresStore, id: str) -> str:
    statement = """select record.tableoid::regclass::text from record
        join identity on record.account = identity.account and record.row = identity.row where id = %s"""
    ((name,),) = store.ask(statement, [id])
    return str(name)


def test_months_are_those_of_utc_whatever_the_database_is_set_to(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as db:
        db.execute(f"alter database {db.info.dbname} set timezone = 'Asia/Tokyo'".encode())
        db.execute(f"alter database {db.info.dbname} set datestyle = 'SQL, DMY'".encode())
    store = PostgresStore(empty_database, shipped())
    add(store, record(store, "recording", "a", started_at="2026-03-31T23:00:00Z"))
    add(store, *(record(store, "recording", f"{at}", started_at="2026-03-02T23:00:00Z") for at in range(50)))
    assert partition_of(store, "a") == "record_2026_03"
    with store.alone() as db:
        assert months.made(db, "record") == ["record_2026_03"]
    assert get(store, "recording", "7").start == datetime(2026, 3, 2, 23, tzinfo=UTC)
    store.close()


def test_a_month_that_is_being_read_goes_to_the_default_partition(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "_PATIENCE", "50ms")
    add(store, record(store, "recording", "first"))
    with store.snapshot(ACCOUNT) as snapshot:
        assert len(snapshot.find(Asks(set(), set(), {"s"}))) == 0
        snapshot.db.execute("select count(*) from record")
        add(store, record(store, "recording", "r", started_at="2026-03-01", telnyx_session_id="s"))
    assert partition_of(store, "r") == "record_default"
    other = PostgresStore(store.url, shipped())
    add(other, record(store, "recording", "q", started_at="2026-03-01", telnyx_session_id="s"))
    assert found(other, refs=["s"]) == [("recording", "q"), ("recording", "r")]
    other.close()


def test_a_hint_touches_only_the_partitions_it_should(store: PostgresStore) -> None:
    for at in range(40):
        start = datetime(2023 + at // 12, 1 + at % 12, 17, tzinfo=UTC)
        add(store, *call(store, uuid(start, 1), start=start))
    session = uuid(datetime(2026, 3, 17, tzinfo=UTC), 1)
    every = {f"record_{2023 + at // 12}_{1 + at % 12:02}" for at in range(40)}
    with store.alone() as db:
        account_id = store.kinds.account_id(db, ACCOUNT)
        assert account_id is not None
        assert set(months.made(db, "record")) == every
        for month, touched in ((month_of([session]), {"record_2026_03"}), (None, every | {"record_default"})):
            db.execute(neighbourhood.prepare(month))
            neighbourhood.note_ready(db, month)
            asked = neighbourhood.statement(account_id, [place(account_id, REF, session)], month)
            plan = "\n".join(line for (line,) in db.execute(f"explain (analyze, costs off) {asked}".encode()))
            assert {name for name in every | {"record_default"} if f" on {name} " in plan} == touched, plan
    assert len(ids(store, session)) == 8


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("f54f0dae-21e2-11f1-8b1c-02420aef92a0", datetime(2026, 3, 17, 9, 23, 28, 712030, tzinfo=UTC)),
        (uuid(CALL, 1), CALL),
        (uuid(CALL, 7), CALL),
        ("019cfc5d-b5ee-7c3a-a7b4-e2c1f1d1f0aa", datetime(2026, 3, 17, 15, 15, 25, 806000, tzinfo=UTC)),
        *(
            (odd, None)
            for odd in ("", "x", "ffffffff-ffff-7fff-ffff-ffffffffffff", "zzzzzzzz-zzzz-1zzz-zzzz-zzzzzzzzzzzz")
        ),
        ("00000000-0000-1000-0000-000000000000", None),
        ("12345678-1234-4123-8123-123456789012", None),
        ("٣٣٣٣٣٣٣٣-٣٣٣٣-1٣٣٣-٣٣٣٣-٣٣٣٣٣٣٣٣٣٣٣٣", None),
    ],
)
def test_when_an_id_was_made(value: str, expected: datetime | None) -> None:
    assert made(value) == expected


def test_the_month_of_several_ids() -> None:
    april = datetime(2026, 4, 1, tzinfo=UTC)
    assert month_of([uuid(CALL, 1)]) == month_of([uuid(CALL, 1), uuid(CALL, 7)]) == (2026, 3)
    assert month_of([uuid(CALL, 1), "v3:abc"]) is month_of([]) is month_of([uuid(CALL, 1), uuid(april, 1)]) is None
    assert month_between(CALL, april + timedelta(days=1)) == (2026, 3)
    assert month_between(april - timedelta(days=1), april + timedelta(days=1)) == (2026, 4)


def test_a_month_that_has_no_partition_is_looked_for_everywhere(store: PostgresStore, asked: list[str]) -> None:
    session = uuid(CALL + 5 * MONTH, 1)
    add(store, *call(store, session))
    assert [len(ids(store, session)) for _ in range(2)] == [8, 8]
    asked.clear()
    assert len(ids(store, session)) == 8
    assert len(asked) == 1, "that it is missing is remembered for a while"


def test_a_month_that_was_dropped_while_in_use(store: PostgresStore) -> None:
    session = uuid(CALL, 1)
    add(store, *call(store, session))
    assert len(ids(store, session)) == 8
    with store.alone() as db:
        db.execute("delete from record; delete from link; delete from identity; drop table record_2026_03")
    with pytest.raises(EventNotFound):
        ids(store, session)
    store.months = months.Months()
    add(store, *call(store, session))
    assert [len(ids(store, session)) for _ in range(2)] == [8, 8]


def test_no_walk_is_thought_ready_that_the_server_has_forgotten(store: PostgresStore) -> None:
    """psycopg has the server forget all statements after a rollback: those too that it knows nothing of."""
    with store.pool.using() as db:
        db.execute(neighbourhood.prepare(None), prepare=False)
        neighbourhood.note_ready(db, None)
        for statement in ("select 1", "begin", "select 1", "rollback", "select 1"):
            db.execute(statement, prepare=statement == "select 1")
        held = {name for (name,) in db.execute("select name from pg_prepared_statements")}
        assert neighbourhood.is_ready(db, None) == ("walk" in held)


# In the event loop


def at_hand(store: PostgresStore, record_type: str, id: str, near: Any = None) -> list[str] | None:
    """The ids of a tree made of what was fetched beforehand; None if that was not to be had, or not enough."""
    snapshot = asyncio.run(store.at_hand(ACCOUNT, record_type, id, near))
    if snapshot is None:
        return None
    try:
        tree = Analysis(store).tree(ACCOUNT, store.catalog.types[record_type], id, snapshot)
    except NotAtHand:
        return None
    return sorted(node.id for node in tree.nodes)


def test_what_is_fetched_beforehand_makes_the_same_tree_without_a_question(
    store: PostgresStore, asked: list[str]
) -> None:
    session = uuid(CALL, 1)
    add(store, *call(store, session), *call(store, "other"))
    for record_type, id in (("call-session", session), ("call-session", "other"), ("inference", "2 of other")):
        expected = sorted(node.id for node in Analysis(store).tree(ACCOUNT, shipped().types[record_type], id).nodes)
        asked.clear()
        assert at_hand(store, record_type, id) == expected
        assert asked == []
    with pytest.raises(EventNotFound):
        at_hand(store, "inference", "nobody")


@pytest.mark.parametrize("later", [MONTH, -MONTH])
def test_beforehand_too_a_miss_is_followed_by_a_full_look(store: PostgresStore, later: timedelta) -> None:
    session = uuid(CALL, 1)
    add(store, *call(store, session, later=later))
    assert ids(store, session) == at_hand(store, "call-session", session)
    assert len(ids(store, session)) == 8


@pytest.mark.parametrize("near", [CALL, CALL + 3 * MONTH])
def test_a_time_hint_changes_no_tree(store: PostgresStore, near: datetime) -> None:
    add(store, *call(store, "s"), *call(store, "t", start=CALL + MONTH))
    assert len(ids(store, "s")) == 8
    assert at_hand(store, "call-session", "s", (near - timedelta(days=1), near + timedelta(days=1))) == ids(store, "s")


def test_more_than_was_fetched_is_asked_of_the_database(store: PostgresStore) -> None:
    add(store, *call(store, "s"))
    assert len(ids(store, "s")) == 8
    snapshot = asyncio.run(store.at_hand(ACCOUNT, "call-session", "s"))
    assert snapshot is not None
    with snapshot as known:
        with pytest.raises(NotAtHand):
            known.find(Asks({("recording", "nobody")}, set(), set()))
        assert [each.id for each in known.find(Asks(set(), set(), {"s"}))] == ["leg of s"]
        assert known.find(Asks(set(), set(), {"s"})) == []


def test_without_a_connection_at_hand_nobody_waits(store: PostgresStore) -> None:
    add(store, *call(store, "s"))
    ids(store, "s")
    taken = []
    while (db := store.pool.take_idle()) is not None:
        taken.append(db)
    assert at_hand(store, "call-session", "s") is None
    for db in taken:
        store.pool.give(db)
    assert len(at_hand(store, "call-session", "s") or ()) == 8


def test_whoever_stops_waiting_leaves_no_connection_in_the_middle(store: PostgresStore) -> None:
    add(store, *call(store, "s"))
    ids(store, "s")

    async def stop() -> None:
        task = asyncio.ensure_future(store.at_hand(ACCOUNT, "call-session", "s"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stop())
    assert len(ids(store, "s")) == 8
    assert store.count() == 7


def test_many_ask_at_once(store: PostgresStore) -> None:
    add(store, *(each for at in range(20) for each in call(store, f"s{at}")))
    for at in range(6):
        with ExitStack() as stack:  # so many connections that have walked before
            for _ in range(at):
                stack.enter_context(store.snapshot(ACCOUNT)).find(Asks(set(), set(), {"s0"}))

    async def ask() -> list[Any]:
        return await asyncio.gather(*(store.at_hand(ACCOUNT, "call-session", f"s{at}") for at in range(20)))

    snapshots = enumerate(asyncio.run(ask()))
    counts = [len(known.find(Asks(set(), set(), {f"s{at}"}))) for at, known in snapshots if known is not None]
    assert counts == [1] * len(counts)
    assert len(counts) >= 5
