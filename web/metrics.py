"""What is counted of the service, in Prometheus's terms; several processes add up.

`prometheus_client` decides as it is imported whether processes share their counts in the folder
PROMETHEUS_MULTIPROC_DIR: nothing may import this module before `server.main` has named that.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from kg.sparql.counts import Event
from web.serving import Current, Serving

PUBLISH_SECONDS = 2.0
"""How old the figures of another process may be: queries, reloads and memory."""
_MILLISECONDS = (0.2, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
BUCKETS = tuple(number / 1000 for number in _MILLISECONDS)
"""Seconds: from an answer that is kept to a query at its deadline."""
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KILLED = (Event.LATE, Event.MADE_WAY, Event.BROKE, Event.RENEWED, Event.LOST)


def method_of(name: str) -> str:
    """A method as it may be a label: clients can send any word."""
    return name if name in METHODS else "other"


class Answered(NamedTuple):
    """A request and its answer, without a word of the client's.

    `route` is a pattern; `kept` says whether the answer was one kept, None where none was looked
    for; `problem` is the class of the error that was met, or "".
    """

    route: str
    method: str
    status: int
    seconds: float
    size: int
    kept: bool | None
    problem: str = ""


class Metrics:
    """The counters of one process, and the exposition of those of all.

    `dropped` tells how many lines the log has left out.
    """

    def __init__(self, current: Current) -> None:
        self._current = current
        self.dropped: Callable[[], int] = int
        self._lock = threading.Lock()
        self._seen: dict[object, int] = {}
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "etiograph_requests", "Requests answered.", ("route", "method", "status"),
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "etiograph_request_duration_seconds", "From a request read to its answer.", ("route",),
            buckets=BUCKETS, registry=registry,
        )  # fmt: skip
        self._problems = Counter(
            "etiograph_problems", "Errors answered, by kind; NotUnderstood: questions unread.",
            ("problem",), registry=registry,
        )  # fmt: skip
        self._replaced = Counter(
            "etiograph_query_workers_replaced", "Query workers replaced, by why.", ("reason",),
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "etiograph_queries_refused", "Queries refused: all busy, or a client over its share.",
            ("reason",), registry=registry,
        )  # fmt: skip
        self._memory = Gauge(
            "etiograph_memory_bytes", "Memory by part, shared memory counted once.", ("part",),
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._hits = self._counter("cache_hits", "Requests answered with a kept answer.")
        self._misses = self._counter("cache_misses", "Requests whose answer was not kept.")
        self._limited = self._counter("rate_limited", "Requests refused by the rate limit.")
        self._queries = self._counter("queries", "SPARQL queries asked.")
        self._timeouts = self._counter("query_timeouts", "Queries stopped at their deadline.")
        self._reloads = self._counter("reloads", "Times that something newer was taken.")
        self._not_whole = self._counter("reloads_refused", "Times that it was not whole.")
        self._dropped = self._counter("log_lines_dropped", "Log lines that nobody read in time.")
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"etiograph_{name}", text, registry=self._registry)

    def answered(self, one: Answered) -> None:
        """Count a request; what its labels lead to is looked up once."""
        key = one.route, one.method, one.status
        known = self._known.get(key)
        if known is None:
            labels = one.route, one.method, str(one.status)
            known = self._requests.labels(*labels), self._seconds.labels(one.route)
            self._known[key] = known
        known[0].inc()
        known[1].observe(one.seconds)
        if one.kept is not None:
            (self._hits if one.kept else self._misses).inc()
        if one.problem:
            self._problems.labels(one.problem).inc()

    def limited(self) -> None:
        """Count a request that the rate limit refused."""
        self._limited.inc()

    def publish(self) -> None:
        """Bring up to date what is counted elsewhere in this process."""
        counts = self._current.counts.read()
        with self._lock:
            self._raise(self._queries, counts[Event.ASKED])
            self._raise(self._timeouts, counts[Event.LATE])
            for event in (Event.BUSY, Event.OVER_SHARE):
                self._raise(self._refused.labels(event), counts[event])
            for event in KILLED:
                self._raise(self._replaced.labels(event), counts[event])
            self._raise(self._reloads, self._current.reloads)
            self._raise(self._not_whole, self._current.refusals)
            self._raise(self._dropped, self.dropped())
            self._memory.labels("web").set(_held("self"))
            self._memory.labels("queries").set(_held_below(self._current.serving.pool.keeper))

    def _raise(self, counter: Counter, number: int) -> None:
        counter.inc(number - self._seen.get(counter, 0))
        self._seen[counter] = number

    def exposition(self) -> bytes:
        """All metrics as text: of this process what is served, of all processes what is counted."""
        registry = self._registry
        if values.ValueClass._multiprocess:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(_registry_of(self._current))


class _Snapshot(Collector):
    """What the process that is asked serves."""

    def __init__(self, current: Current) -> None:
        self._current = current

    def collect(self) -> Iterator[Metric]:
        now = self._current.serving
        version = {"version": now.version}
        yield InfoMetricFamily("etiograph_snapshot", "What is served.", value=version)
        ready = not self._current.unready()
        yield GaugeMetricFamily("etiograph_ready", "Whether /ready says yes.", value=ready)
        triples, age = figures(now)
        if triples is not None:
            yield GaugeMetricFamily("etiograph_snapshot_triples", "Its triples.", value=triples)
        if age is not None:
            yield GaugeMetricFamily(
                "etiograph_snapshot_age_seconds", "Time since it was built.", value=age
            )


def _registry_of(current: Current) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Snapshot(current))
    return registry


def figures(now: Serving) -> tuple[int | None, float | None]:
    """Triples and age in seconds of what is served; None where that is not known."""
    if now.service is None:
        return now.pool.ready().get("quads"), None
    snapshot = now.service.snapshot
    created = datetime.fromisoformat(snapshot.manifest["created"]).timestamp()
    return snapshot.triples, time.time() - created


def _held(process: int | str) -> int:
    """Bytes that a process holds (its proportional set size); 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _held_below(process: int) -> int:
    """Bytes that a process and its children hold."""
    children: list[str] = []
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return _held(process) + sum(map(_held, children))
