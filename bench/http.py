"""Trees over HTTP, from one server process: how many, how fast, and at what cost in CPU."""

from collections.abc import Iterator

from bench import load
from bench.figure import Figure, median, percentile
from bench.load import Load
from bench.plan import Plan
from bench.processes import Server, constant_reply, serving
from bench.stores import Stores
from bench.trees import DEPTH, ROOT_TYPE, answer_bytes

CLIENTS = 8
RATES = {20_000: 5_000, 400_000: 4_500}  # requests per second that are required, by records stored
P50_MS = 0.4
SESSIONS = 2_000
_CPU_REQUIRED, _CPU_GOAL = 8, 6  # times the constant reply


def measure(plan: Plan, stores: Stores) -> Iterator[Figure]:
    """The figures at each size of store."""
    for size in plan.http_sizes:
        yield from _at(size, plan, stores)


def _at(size: int, plan: Plan, stores: Stores) -> Iterator[Figure]:
    stored = stores.at(size)
    sessions = stored.sample[:SESSIONS]
    lengths = answer_bytes(stored, sessions)
    middle = int(median(lengths))
    with serving(stored.path) as ours, constant_reply(middle) as bound:
        requests = [request(ours, id) for id, _ in sessions]
        ours_measured, bound_measured = Measured(plan, ours, requests, lengths), Measured(plan, bound, requests, [])
        for _ in range(plan.repeats):
            ours_measured.repeat()
            bound_measured.repeat()
    where = f"{size:,} records"
    name = f"the same reply of {middle:,} bytes every time"
    yield Figure(
        group="http",
        name=f"trees over HTTP, {CLIENTS} clients, {where}",
        value=median(ours_measured.rates),
        unit="requests/s",
        bound=median(bound_measured.rates),
        bound_name=name,
        required=RATES.get(size),
        more_is_better=True,
    )
    yield Figure(
        group="http",
        name=f"tree over HTTP, one client, {where}, p50",
        value=1e3 * median(ours_measured.middles),
        unit="ms",
        bound=1e3 * median(bound_measured.middles),
        bound_name=name,
        required=P50_MS if size == min(RATES) else None,
    )
    cpu = 1e6 * median(bound_measured.cpu)
    yield Figure(
        group="http",
        name=f"server's CPU per tree, {CLIENTS} clients, {where}",
        value=1e6 * median(ours_measured.cpu),
        unit="µs",
        bound=cpu,
        bound_name=name,
        required=_CPU_REQUIRED * cpu if size == min(RATES) else None,
        goal=_CPU_GOAL * cpu if size == min(RATES) else None,
    )


class Measured:
    """Measurements of one server, repeated; the first is preceded by a warm-up."""

    def __init__(self, plan: Plan, server: Server, requests: list[bytes], lengths: list[int]) -> None:
        self._plan = plan
        self._server = server
        self._requests = requests
        self._lengths = lengths
        self.rates: list[float] = []
        self.middles: list[float] = []
        self.cpu: list[float] = []
        self.run(CLIENTS, len(requests))

    def run(self, clients: int, count: int) -> load.Run:
        """So many trees for so many clients."""
        return load.run(
            Load(
                port=self._server.port,
                requests=self._requests,
                lengths=self._lengths,
                clients=clients,
                count=count,
            )
        )

    def repeat(self) -> None:
        """Measure once more."""
        before = self._server.cpu_seconds()
        many = self.run(CLIENTS, self._plan.http_count)
        self.cpu.append((self._server.cpu_seconds() - before) / self._plan.http_count)
        self.rates.append(many.rate)
        self.middles.append(percentile(self.run(1, self._plan.one_client_count).latencies, 0.5))


def request(server: Server, id: str, more: str = "") -> bytes:
    """The request for a whole tree; `more` goes to the end of the query."""
    return (
        f"GET /v2/session_analysis/{ROOT_TYPE}/{id}?max_depth={DEPTH}{more} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.key}\r\nAccept: application/json\r\n\r\n"
    ).encode()
