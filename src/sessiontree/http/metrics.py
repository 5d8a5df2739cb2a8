"""What the server counts about itself, for Prometheus. No label ever carries an id, an account or a key."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_RECORDS = (1, 2, 5, 10, 50, 200, 1000, 2000, 4000)


FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes count together; must be set before this module is loaded."""


class Metrics:
    """The counters of one server; `sizes` says how many bytes the parts of the store have.

    A `folder` is for all processes of a server (see FOLDER_VARIABLE): each tells what all of them have counted.
    """

    def __init__(self, sizes: Callable[[], Mapping[str, int]], folder: Path | None = None) -> None:
        self._registry = CollectorRegistry()
        self._told = self._registry
        self._requests: _Requests | _SharedRequests
        if folder is None:
            self._requests = _Requests()
            self._registry.register(self._requests)
        else:
            self._told = CollectorRegistry()
            MultiProcessCollector(self._told, str(folder))  # type: ignore[no-untyped-call]
            self._requests = _SharedRequests(self._registry)
        self._told.register(_StoreSize(sizes))
        self._records = Counter("sessiontree_records", "Records received.", ["outcome"], registry=self._registry)
        self._commits = Histogram(
            "sessiontree_commit_records", "Records in one commit.", buckets=_RECORDS, registry=self._registry
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        self._requests.count(route, status, seconds)

    def records(self, outcome: str, count: int) -> None:
        """So many records had this outcome."""
        if count:
            self._records.labels(outcome).inc(count)

    def commit(self, records: int) -> None:
        """So many records were committed together."""
        self._commits.observe(records)

    def text(self) -> bytes:
        """Everything counted, as Prometheus reads it."""
        return generate_latest(self._told)


ANSWERS = ("sessiontree_http_requests", "Requests answered.", ["route", "status"])
TIMES = ("sessiontree_http_request_seconds", "Time to answer.", ["route"])


class _Requests(Collector):
    """Answers and the time that they took. The library's counters cost ten times as much, for every request."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], int] = {}
        self._times: dict[str, list[int]] = {}  # by route, how many took up to each of _SECONDS but not the one before
        self._seconds: dict[str, float] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """A request has been answered. For one thread, as `collect` is."""
        self._answers[route, status] = self._answers.get((route, status), 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = [0] * (len(_SECONDS) + 1)
            self._seconds[route] = 0.0
        times[bisect_left(_SECONDS, seconds)] += 1
        self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(*ANSWERS[:2], labels=ANSWERS[2])
        for (route, status), count in self._answers.items():
            counter.add_metric([route, str(status)], count)
        yield counter
        histogram = HistogramMetricFamily(*TIMES[:2], labels=TIMES[2])
        bounds = [*map(str, _SECONDS), "+Inf"]
        for route, times in self._times.items():
            buckets = list(zip(bounds, accumulate(times), strict=True))
            histogram.add_metric([route], buckets, self._seconds[route])
        yield histogram


class _SharedRequests:
    """The same by the library's counters, which all processes of a server have in common."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(*ANSWERS, registry=registry)
        self._seconds = Histogram(*TIMES, buckets=_SECONDS, registry=registry)

    def count(self, route: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class _StoreSize(Collector):
    def __init__(self, sizes: Callable[[], Mapping[str, int]]) -> None:
        self._sizes = sizes

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily("sessiontree_store_bytes", "Size of the store's files.", labels=["file"])
        for name, size in self._sizes().items():
            gauge.add_metric([name], size)
        yield gauge
