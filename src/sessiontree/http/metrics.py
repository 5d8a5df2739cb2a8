"""What the server counts about itself, for Prometheus. No label ever carries an id, an account or a key."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_RECORDS = (1, 2, 5, 10, 50, 200, 1000, 2000, 4000)


class Metrics:
    """The counters of one server; `store` is the file whose size is told."""

    def __init__(self, store: Path) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_StoreSize(store))
        self._requests = Counter(
            "sessiontree_http_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "sessiontree_http_request_seconds",
            "Time to answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._records = Counter("sessiontree_records", "Records received.", ["outcome"], registry=self._registry)
        self._commits = Histogram(
            "sessiontree_commit_records", "Records in one commit.", buckets=_RECORDS, registry=self._registry
        )
        self._request_children: dict[tuple[str, int], Counter] = {}
        self._second_children: dict[str, Histogram] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        counter = self._request_children.get((route, status))
        if counter is None:
            counter = self._request_children[route, status] = self._requests.labels(route, str(status))
        counter.inc()
        histogram = self._second_children.get(route)
        if histogram is None:
            histogram = self._second_children[route] = self._seconds.labels(route)
        histogram.observe(seconds)

    def records(self, outcome: str, count: int) -> None:
        """So many records had this outcome."""
        if count:
            self._records.labels(outcome).inc(count)

    def commit(self, records: int) -> None:
        """So many records were committed together."""
        self._commits.observe(records)

    def text(self) -> bytes:
        """Everything counted, as Prometheus reads it."""
        return generate_latest(self._registry)


class _StoreSize(Collector):
    def __init__(self, store: Path) -> None:
        self._paths = {"records": store, "log": store.with_name(store.name + "-wal")}

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily("sessiontree_store_bytes", "Size of the store's files.", labels=["file"])
        for name, path in self._paths.items():
            try:
                gauge.add_metric([name], path.stat().st_size)
            except OSError:
                gauge.add_metric([name], 0)
        yield gauge
