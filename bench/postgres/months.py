"""A tree's time against the number of partitions: records of 4 and of 40 months, with and without a hint of their time.

The ids are random, so that only the hint says in which month a session is.
"""

from collections.abc import Iterator
from contextlib import ExitStack

from bench.data import SESSION_RECORDS, Session
from bench.figure import Figure, median, percentile
from bench.http import SESSIONS, Measured, request
from bench.plan import Plan
from bench.postgres.databases import Databases
from bench.processes import Server, serving
from bench.trees import answer_bytes

FEW, MANY = 4, 40
UNHINTED, HINTED = 2.0, 1.0  # times the latency with few, which are asked in the same way
_MONTH_SECONDS = 30 * 86_400
TURNS = 10  # short ones: what else the machine does in a moment meets all four alike


def measure(plan: Plan, made: Databases) -> Iterator[Figure]:
    """Few months and many, without the hint and with it, in turns."""
    with ExitStack() as stack:
        few, many = (_Months(plan, made, count, stack) for count in (FEW, MANY))
        each = [months.measured(hinted=hinted) for hinted in (False, True) for months in (few, many)]
        for _ in range(TURNS * plan.repeats):
            for measured in each:
                run = measured.run(1, plan.one_client_count // TURNS)
                measured.middles.append(1e3 * percentile(run.latencies, 0.5))
    least, unhinted, least_hinted, hinted = (median(measured.middles) for measured in each)
    yield _figure(f"tree over HTTP, one client, {MANY} months, no hint, p50", unhinted, least, UNHINTED)
    yield _figure(f"tree over HTTP, one client, {MANY} months, with its date_time, p50", hinted, least_hinted, HINTED)


class _Months:
    """A store of records of so many months, and a server over it."""

    def __init__(self, plan: Plan, made: Databases, months: int, stack: ExitStack) -> None:
        size = plan.http_sizes[0]
        apart = months * _MONTH_SECONDS * SESSION_RECORDS / size
        stored, sessions = made.filled(f"months_{months}", size, seconds_apart=apart)
        self._sessions = sessions[:SESSIONS]
        self._lengths = answer_bytes(stored, stored.sample[:SESSIONS])
        self._server = stack.enter_context(serving(str(stored.path)))
        self._plan = plan

    def measured(self, *, hinted: bool) -> Measured:
        """Asking for its sessions in turn."""
        requests = [_request(self._server, session, hinted=hinted) for session in self._sessions]
        return Measured(self._plan, self._server, requests, self._lengths)


def _request(server: Server, session: Session, *, hinted: bool) -> bytes:
    return request(server, session.id, f"&date_time={session.start:%Y-%m-%dT%H:%M:%SZ}" if hinted else "")


def _figure(name: str, value: float, least: float, times: float) -> Figure:
    return Figure(
        group="months",
        name=name,
        value=value,
        unit="ms",
        bound=least,
        bound_name=f"the same with {FEW} months",
        required=times * least,
    )
