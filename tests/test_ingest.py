"""Bodies in pieces to batches of records, and the thread that writes them."""

import asyncio
import gzip
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SECONDS
from sessiontree import catalog_files
from sessiontree.errors import StoreError
from sessiontree.http.arrivals import Arrivals
from sessiontree.http.ingest import BATCH_RECORDS, Body, BodyTooLarge, BrokenBody, Gunzip
from sessiontree.http.writer import Writer
from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store import Outcome
from sessiontree.store.intakes import IntakeUndone, Origin, Share

READER = Reader(catalog_files.load())
ORIGIN = Origin("0000000000000001", key="st_12345678")


def taking_in(**more: Any) -> Body:
    options = {"lines": True, "packed": False, "unpacked_bytes_max": 10_000_000, "record_bytes_max": 1000}
    return Body(READER, **{**options, **more})


def bodies(count: int) -> list[bytes]:
    return [
        json.dumps({"record_type": "recording", "id": f"r{n}", "note": '}]{["\\n' * (n % 3)}).encode()
        for n in range(count)
    ]


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[first:last] for first, last in pairwise(places)]


@given(st.sets(st.integers(0, 900)), st.sampled_from(["lines", "array", "packed"]))
def test_where_the_pieces_end_makes_no_difference(cuts: set[int], form: str):
    sent = bodies(8)
    data = b"[" + b", ".join(sent) + b"]" if form == "array" else b"\n".join(sent)
    taking = taking_in(lines=form != "array", packed=form == "packed")
    for piece in pieces_of(gzip.compress(data) if form == "packed" else data, sorted(cuts)):
        taking.feed(piece)
    taking.finish()
    assert [record.body for batch in taking.take(rest=True) for record in batch] == sent
    assert (taking.received, taking.rejected) == (8, 0)


def test_batches_are_given_out_when_full_and_once():
    taking = taking_in()
    sent = bodies(2 * BATCH_RECORDS + 10)
    sizes = []
    for first in range(0, len(sent), 100):
        taking.feed(b"".join(body + b"\n" for body in sent[first : first + 100]))
        sizes += [len(batch) for batch in taking.take()]
    assert sizes == [BATCH_RECORDS, BATCH_RECORDS]
    assert [len(batch) for batch in taking.take(rest=True)] == [10]
    assert taking.take(rest=True) == []


def test_what_came_before_a_break_can_be_taken():
    taking = taking_in(packed=True)
    packed = gzip.compress(b"\n".join(bodies(3)) + b"\n", 0)
    taking.feed(packed[:-8])
    with pytest.raises(BrokenBody):
        taking.finish()
    assert [len(batch) for batch in taking.take(rest=True)] == [3]
    taking = taking_in()
    with pytest.raises(BodyTooLarge):
        taking.feed(bodies(1)[0] + b"\n" + b"x" * 1001 + b"\n" + bodies(1)[0])
    assert [len(batch) for batch in taking.take(rest=True)] == [1]


def test_unpacking_goes_in_small_steps():
    unpack = Gunzip(bytes_max=100_000_000)
    sizes = [len(piece) for piece in unpack.feed(gzip.compress(b" " * 20_000_000))]
    unpack.finish()
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 1 << 20


PACKED = gzip.compress(b"abc", mtime=0)


@pytest.mark.parametrize(
    "broken",
    [b"x", b"no gzip", PACKED + b"junk", PACKED[:-8] + b"\0" * 8, PACKED[:-1]],
    ids=["a letter", "text", "more after it", "wrong sum", "no end"],
)
def test_what_is_not_gzip_is_said_to_be_broken(broken: bytes):
    unpack = Gunzip(bytes_max=1000)
    with pytest.raises(BrokenBody, match="gzip"):
        list(unpack.feed(broken))
        unpack.finish()


class NoSessions:
    """Stands for sessions that are always fresh."""

    def refresh(self, limit: int) -> int:
        return 0


class SlowStore:
    """Stands for a store whose first commit lasts until it is let go; a record named `poison` makes it fail."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.entered = threading.Event()
        self.sessions = NoSessions()
        self.commits: list[tuple[str, list[str]]] = []

    def add(
        self, account: str, records: Sequence[Record], received: datetime, shares: Sequence[Share]
    ) -> list[Outcome]:
        self.entered.set()
        assert self.let_go.wait(SECONDS)
        ids = [record.id for record in records]
        assert sum(share.records for share in shares) == len(ids)
        if "undone" in ids:
            raise IntakeUndone
        if "poison" in ids:
            raise ValueError("poison")
        if "full" in ids:
            raise StoreError("the disk is full")
        self.commits.append((account, ids))
        return [Outcome.CREATED] * len(ids)


def one(id: str) -> list[Record]:
    return [READER.read(json.dumps({"record_type": "recording", "id": id}).encode())]


def add(writer: Writer, account: str, records: list[Record]) -> "Future[Any]":
    done: Future[Any] = Future()
    writer.add(account, records, ORIGIN, done)
    return done


def written(*jobs: tuple[str, str]) -> tuple[SlowStore, list[Any]]:
    """A store after these (account, id) jobs, which came while a first one was being committed; and what they got."""
    store = SlowStore()
    writer = Writer(store)  # type: ignore[arg-type]
    first = add(writer, "a", one("first"))
    assert store.entered.wait(SECONDS)
    waiting = [add(writer, account, one(id)) for account, id in jobs]
    store.let_go.set()
    writer.close()
    assert first.result(0) == [Outcome.CREATED]
    return store, [job.exception(0) or job.result(0) for job in waiting]


def test_jobs_that_wait_share_a_commit_for_each_account():
    store, got = written(("a", "1"), ("b", "2"), ("a", "3"))
    assert store.commits == [("a", ["first"]), ("a", ["1", "3"]), ("b", ["2"])]
    assert got == [[Outcome.CREATED]] * 3


def test_a_store_that_fails_is_an_error_for_all_of_the_commit():
    store, got = written(("a", "1"), ("a", "full"), ("b", "2"))
    assert store.commits == [("a", ["first"]), ("b", ["2"])]
    assert [type(each) for each in got] == [StoreError, StoreError, list]


def test_one_job_that_the_store_chokes_on_does_not_harm_the_others():
    store, got = written(("a", "1"), ("a", "poison"), ("a", "3"))
    assert store.commits == [("a", ["first"]), ("a", ["1"]), ("a", ["3"])]
    assert [type(each) for each in got] == [list, ValueError, list]


def test_one_job_whose_import_is_undone_does_not_harm_the_others():
    store, got = written(("a", "1"), ("a", "undone"), ("a", "3"))
    assert store.commits == [("a", ["first"]), ("a", ["1"]), ("a", ["3"])]
    assert [type(each) for each in got] == [list, IntakeUndone, list]


def test_a_closed_writer_takes_nothing():
    store = SlowStore()
    writer = Writer(store)  # type: ignore[arg-type]
    writer.close()
    writer.close()
    with pytest.raises(StoreError):
        add(writer, "a", one("1"))


def test_who_stops_waiting_does_not_stop_the_writer():
    store = SlowStore()
    writer = Writer(store)  # type: ignore[arg-type]

    async def stop_waiting() -> list[Outcome]:
        arrivals = Arrivals(asyncio.get_running_loop())
        given_up, other = arrivals.expect(), arrivals.expect()
        writer.add("a", one("1"), ORIGIN, given_up)
        given_up.future.cancel()
        writer.add("a", one("2"), ORIGIN, other)
        store.let_go.set()
        return await other.future

    assert asyncio.run(stop_waiting()) == [Outcome.CREATED]
    writer.close()
    assert sorted(id for _, ids in store.commits for id in ids) == ["1", "2"]


def test_results_that_come_together_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch):
    async def wait() -> tuple[list[Any], int]:
        loop = asyncio.get_running_loop()
        arrivals, woken = Arrivals(loop), []
        real = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call, *rest: woken.append(1) or real(call, *rest))
        expected = [arrivals.expect() for _ in range(100)]
        for number, each in enumerate(expected):
            each.set_exception(StoreError("odd")) if number % 2 else each.set_result(number)
        got = await asyncio.gather(*[each.future for each in expected], return_exceptions=True)
        once = len(woken)
        late = arrivals.expect()
        threading.Thread(target=late.set_result, args=["late"]).start()
        return [*got, await late.future], once

    got, woken = asyncio.run(wait())
    assert [str(each) for each in got] == [*(str(at) if at % 2 == 0 else "odd" for at in range(100)), "late"]
    assert woken == 1


def test_a_result_for_a_loop_that_has_ended_is_nobodys():
    async def leave() -> Any:
        return Arrivals(asyncio.get_running_loop()).expect()

    asyncio.run(leave()).set_result(1)
