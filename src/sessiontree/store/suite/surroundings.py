"""What surrounds a store makes no difference: the machine's clock and language, and who else is at it meanwhile."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sessiontree.query import Condition, Query
from sessiontree.record import read_time
from sessiontree.session_query import SessionQuery
from sessiontree.store import Asks, Store
from sessiontree.store.spend import SpendQuery
from sessiontree.store.suite.helpers import ACCOUNT, RECEIVED, Opening, add, as_stored, get, history, record

# Languages sort these otherwise: digits and signs last or not at all, letters of both cases and accents together.
TEXTS = [
    "!",
    "#1",
    "-",
    "10",
    "9",
    "A",
    "Z",
    "_",
    "a",
    "a b",
    "a-b",
    "aa",
    "ab",
    "z",
    "~",
    "é",
    "ÿ",
    "Ω",
    "漢",
    "ﬀ",
    "👩",
]
MOMENTS = ["2026-03-28T23:30:00Z", "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00Z", "2026-10-25T01:30:00+02:00"]


@pytest.fixture(params=["UTC", "America/St_Johns", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The time zone of this process, and of what it connects to."""
    with monkeypatch.context() as patch:
        for name in ("TZ", "PGTZ"):
            patch.setenv(name, request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_the_zone_of_the_machine_makes_no_difference(opening: Opening, zone: str) -> None:
    assert os.environ["TZ"] == zone
    store = opening()
    made = [record(store, "recording", str(at), started_at=each, cost="1") for at, each in enumerate(MOMENTS)]
    add(store, *made)
    while store.sessions.refresh():
        pass
    for each in made:
        assert get(store, "recording", each.id) == as_stored(each)
        assert [received for received, _ in history(store, "recording", each.id)] == [RECEIVED]
    since, until = read_time("2026-03-29T00:00:00Z"), read_time("2026-03-29T01:00:00Z")
    assert records_of(store, Query("recording", since=since, until=until)) == ["1"]
    assert records_of(store, Query("recording")) == ["3", "2", "1", "0"]
    days = store.spend.table(ACCOUNT, SpendQuery(by=("day",)))
    assert [(row.group[0], row.event_count) for row in days] == [
        ("2026-03-28", 1),
        ("2026-03-29", 2),
        ("2026-10-24", 1),
    ]
    found = {each.id: each.start for each in store.sessions.walk(ACCOUNT, SessionQuery())}
    assert found == {each.id: each.start for each in made}
    assert {each.utcoffset() for each in found.values() if each} == {timedelta()}


def records_of(store: Store, query: Query) -> list[str]:
    return [each.id for each in store.page(ACCOUNT, query).records]


@pytest.mark.parametrize("descending", [False, True])
def test_text_sorts_by_code_point(store: Store, descending: bool) -> None:
    """Ids, and the values of a field, whatever order they came in."""
    assert sorted(TEXTS) == TEXTS
    odd = ["a\0", "a\x01", "a\x1a", "a\x1a0000"]  # such values may stand in a field, though in no id
    add(store, *(record(store, "recording", text, note=text) for text in TEXTS[::2] + TEXTS[1::2]))
    add(store, *(record(store, "webrtc", str(at), note=text) for at, text in enumerate(reversed(odd))))
    wanted = TEXTS[::-1] if descending else TEXTS
    for name in ("id", "note"):
        assert records_of(store, Query("recording", sort=((name, descending),), size=50)) == wanted
    notes = records_of(store, Query("webrtc", sort=(("note", descending),)))
    assert notes == (["0", "1", "2", "3"] if descending else ["3", "2", "1", "0"])
    for at, text in enumerate(TEXTS):
        above = Query("recording", (Condition("id", "gte", text),), sort=(("id", False),), size=50)
        assert records_of(store, above) == TEXTS[at:]


def test_groups_of_texts_come_in_the_order_of_code_points(store: Store) -> None:
    add(store, *(record(store, "recording", f"r{at}", note=text, cost="1") for at, text in enumerate(TEXTS[::-1])))
    chosen = frozenset({"recording"})
    rows = store.spend.table(ACCOUNT, SpendQuery(by=("record.note",), record_types=chosen))
    assert [row.group[0] for row in rows] == TEXTS
    again = store.spend.table(ACCOUNT, SpendQuery(by=("record.note",), record_types=chosen), from_records=True)
    assert rows == again


def test_who_reads_sees_batches_whole(opening: Opening) -> None:
    """Of what another adds, changes and adds up meanwhile, each snapshot has all of a batch or nothing."""
    writer, reader = opening(), opening()
    done = threading.Event()
    turns, size = 25, 20

    def write() -> None:
        try:
            for turn in range(turns):
                add(writer, *(record(writer, "recording", f"{at}", turn=turn, cost=f"{turn}") for at in range(size)))
        finally:
            done.set()

    wanted = Asks({("recording", f"{at}") for at in range(size)}, set(), set())
    thread = threading.Thread(target=write)
    thread.start()
    seen: list[set[int | None]] = []
    while not done.is_set() or not seen:
        with reader.snapshot(ACCOUNT) as snapshot:
            found = snapshot.find(wanted)
            assert len(found) in (0, size)
            seen.append({each.cost for each in found})
        spent = reader.spend.table(ACCOUNT, SpendQuery(by=()))
        assert sum(row.event_count for row in spent) in (0, size)
        assert not spent or spent[0].amount % (size * 10**12) == 0
        assert reader.page(ACCOUNT, Query("recording")).total in (0, size)
    thread.join()
    assert {len(costs) for costs in seen} <= {0, 1}
    assert get(reader, "recording", "7").cost == (turns - 1) * 10**12
