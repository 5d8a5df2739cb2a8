"""The web pages: what the page of a session weighs and how long it and the list of sessions take, beside a constant
reply of the same size; and how soon a browser shows a session of 10,000 events.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count as counting
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

from bench import chromium, load
from bench.data import FIRST_START, SESSION_EVENTS
from bench.figure import Figure, median, percentile
from bench.load import Load
from bench.plan import Plan
from bench.processes import Server, constant_reply, serving
from bench.stores import Stores
from bench.trees import ROOT_TYPE
from sessiontree import catalog_files
from sessiontree.keys import DEFAULT_ACCOUNT
from sessiontree.pages.session_rows import GROUP_FROM
from sessiontree.reading import Reader
from sessiontree.store import open_store

PAGE_BYTES = 15_000
PAGE_MS, LIST_MS, PAINT_MS = 3, 20, 1_000
SESSIONS = 200
LARGE_EVENTS = 10_000
LARGE_SESSIONS = {"a run of like siblings": "run", "no runs": "branches"}
_OF_A_LEG = ("amd", "media-streaming", "noise-suppression", "speech-to-text", "text-to-speech")
_TURNS = 7


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """The pages over HTTP, then the large sessions in a browser."""
    stored = stores.at(plan.trees_size)
    paths = [f"/sessions/{ROOT_TYPE}/{id}" for id, _ in stored.sample[:SESSIONS]]
    where = f"{stored.size:,} records"
    with serving(stored.path) as server:
        visitor = Visitor(server)
        yield Figure(
            group="pages",
            name=f"page of a session of {SESSION_EVENTS} events with style sheet, scripts and icon, compressed",
            value=median([visitor.weight(path) for path in paths]),
            unit="bytes",
            required=PAGE_BYTES,
        )
        session = f"page of a session of {SESSION_EVENTS} events, {where}, p50"
        yield _timed(session, visitor, paths, plan.one_client_count, required=PAGE_MS, repeats=plan.repeats)
        list_ = f"page of 50 sessions with the sums of all, {where}, p50"
        yield _timed(list_, visitor, ["/sessions"], plan.pages_count, required=LIST_MS, repeats=plan.repeats)
    yield from _paints(stores.fresh("large"), plan)
    stores.fresh("large")


class Visitor:
    """Somebody who is signed in to a server, and reads gzip as browsers do."""

    def __init__(self, server: Server) -> None:
        self.port = server.port
        connection = HTTPConnection("127.0.0.1", server.port)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/sign-in", urlencode({"key": server.key}), form)
        self._headers = {
            "Cookie": (connection.getresponse().getheader("set-cookie") or "").partition(";")[0],
            "Accept-Encoding": "gzip",
            "Accept": "text/html",
        }
        connection.close()

    def request(self, path: str) -> bytes:
        """The bytes that ask for a page."""
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in self._headers.items()), "", ""]).encode()

    def length(self, path: str) -> int:
        """How many bytes of body an answer has as it is sent."""
        return len(self._body(path, self._headers))

    def weight(self, path: str) -> int:
        """The same of a page and all that a browser loads with it."""
        plain = self._body(path, {**self._headers, "Accept-Encoding": "identity"}).decode()
        assets = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', plain))
        assert len(assets) == 4, assets
        return self.length(path) + sum(map(self.length, assets))

    def _body(self, path: str, headers: dict[str, str]) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, (path, answer.status)
        return body


def _timed(name: str, visitor: Visitor, paths: list[str], count: int, *, required: float, repeats: int) -> Figure:
    """The time of a page with one client, in turns with that of its bound."""
    length = int(median([visitor.length(path) for path in paths]))
    requests = [visitor.request(path) for path in paths]
    ours, bound = [], []
    with constant_reply(length) as constant:
        for _ in range(repeats):
            ours.append(_middle(visitor.port, requests, count))
            bound.append(_middle(constant.port, requests, count))
    return Figure(
        group="pages",
        name=name,
        value=1e3 * median(ours),
        unit="ms",
        bound=1e3 * median(bound),
        bound_name=f"the same reply of {length:,} bytes every time",
        required=required,
    )


def _middle(port: int, requests: list[bytes], count: int) -> float:
    run = load.run(Load(port=port, requests=requests, lengths=[], clients=1, count=count))
    return percentile(run.latencies, 0.5)


def _paints(path: Path, plan: Plan) -> Iterator[Figure]:
    """How soon a browser that has nothing of ours yet shows the page of a large session."""
    _make_large(path, plan.large_events)
    with serving(path) as server:
        for name, id in LARGE_SESSIONS.items():
            page, times = f"/sessions/{ROOT_TYPE}/{id}", 2 * plan.repeats + 1
            taken = chromium.first_paints(f"http://127.0.0.1:{server.port}", server.key, page, times=times)
            if taken:
                about = f"first paint of a session of {plan.large_events:,} events, {name}"
                yield Figure(group="pages", name=about, value=median(taken), unit="ms", required=PAINT_MS)


def _make_large(path: Path, events: int) -> None:
    """A store with one session whose events are nearly all turns of one talk, and one without long runs."""
    catalog = catalog_files.load()
    reader, store = Reader(catalog), open_store(str(path), catalog)
    records = [*_run(events), *_branches(events)]
    store.add(DEFAULT_ACCOUNT, [reader.read(json.dumps(record).encode()) for record in records], datetime.now(UTC))
    while store.sessions.refresh():
        pass
    store.close()


def _record(record_type: str, id: str, **more: str) -> dict[str, str]:
    at = FIRST_START.isoformat()
    return {"record_type": record_type, "id": id, "started_at": at, "created_at": at, "cost": "0.001", **more}


def _run(events: int) -> Iterator[dict[str, str]]:
    yield _record("call-control", "run-leg", telnyx_session_id="run", telnyx_leg_id="run-leg")
    yield _record("ai-voice-assistant", "run-talk", telnyx_leg_id="run-leg", conversation_id="run-talk")
    for number in range(events - 3):
        at = FIRST_START.replace(microsecond=number).isoformat()
        yield _record("inference", f"run-{number}", conversation_id="run-talk", created_at=at, model="some/model")


def _branches(events: int) -> Iterator[dict[str, str]]:
    """Call legs with fewer children of each type, and fewer below those, than are put together as a run."""
    return islice(_legs(), events - 1)


def _legs() -> Iterator[dict[str, str]]:
    for leg in map("leg-{}".format, counting()):
        yield _record("call-control", leg, telnyx_session_id="branches", telnyx_leg_id=leg)
        for number in range(GROUP_FROM - 1):
            id = f"{leg}-{number}"
            yield _record("ai-voice-assistant", id, telnyx_leg_id=leg, conversation_id=id)
            yield from (_record("inference", f"{id}-{turn}", conversation_id=id) for turn in range(_TURNS))
            yield from (_record(name, id, call_leg_id=leg) for name in _OF_A_LEG)
