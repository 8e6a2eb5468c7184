"""Compares SPARQL over HTTP: the service, and other engines on the same graph in the same run.

    .venv/bin/python benchmarks/sparql.py [--seconds N] [--connections N] [--virtuoso]
                                          [--rdflib-endpoint PYTHON]

Needs the Oxigraph server (`pip install oxigraph`), and `wrk` for trustworthy throughput. Virtuoso
(Debian's virtuoso-opensource-7) and rdflib-endpoint, in an environment of its own, are asked only
if named. Each engine gets a dump of the current snapshot; one that answers another number of rows,
or not within 10 seconds, is not timed. Run `python -m kg build` first.
"""

import argparse
import http.client
import itertools
import json
import math
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyoxigraph as ox
from peers import (
    Peer,
    etiograph,
    load_oxigraph,
    oxigraph_in_memory,
    oxigraph_on_disk,
    rdflib_endpoint,
    virtuoso,
)
from running import GENERATOR, ROOT, TIMEOUT_SECONDS, Load, Server, load

PREFIXES = """PREFIX etio: <https://w3id.org/etiograph/>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
"""
QUERIES = {
    "trivial": "SELECT (1 AS ?x) {}",
    "label of a term": "SELECT ?label { etio:Calf rdfs:label ?label }",
    "look-up": """SELECT ?symptom ?label {
        etio:DeepVeinThrombosis etio:hasSymptom ?symptom . ?symptom rdfs:label ?label }""",
    "presentations join": """SELECT DISTINCT ?label {
        ?condition etio:hasPresentation ?presentation ; rdfs:label ?label .
        ?presentation rdfs:subClassOf etio:Cramp ; etio:locatedIn etio:Calf ;
                      etio:relievedBy etio:Rest }""",
    "subclass closure": "SELECT DISTINCT ?kind { ?kind rdfs:subClassOf* etio:StructureOfTheBody }",
    "label CONTAINS": """SELECT ?term ?label {
        ?term rdfs:label ?label FILTER(CONTAINS(LCASE(STR(?label)), "knee")) }""",
    "GROUP BY count": "SELECT ?kind (COUNT(*) AS ?n) { ?thing rdf:type ?kind } GROUP BY ?kind",
    "CONSTRUCT": """CONSTRUCT { ?condition etio:hasEmergencyRedFlag ?flag }
        WHERE { ?condition etio:hasEmergencyRedFlag ?flag }""",
    "SELECT": "SELECT ?class ?super { ?class rdfs:subClassOf ?super } LIMIT 1000",
    "large SELECT": "SELECT ?class ?super { ?class rdfs:subClassOf ?super } LIMIT 20000",
}
SOLUTIONS, TRIPLES = "application/sparql-results+json", "application/n-triples"
LONGEST_TURN_SECONDS = 60


@dataclass(frozen=True)
class Query:
    """A query to time, and the rows (or triples) that it must give."""

    name: str
    text: str
    rows: int

    @property
    def accept(self) -> str:
        return TRIPLES if self.text.startswith("CONSTRUCT") else SOLUTIONS

    @property
    def title(self) -> str:
        return f"{self.name}, {self.rows:,} {'row' if self.rows == 1 else 'rows'}"


@dataclass
class Engine:
    """A peer under the queries of this comparison."""

    peer: Peer
    seconds: dict[str, float] = field(default_factory=dict)
    """Query → how long it took when it was checked."""
    failures: dict[str, str] = field(default_factory=dict)
    """Query → why it is not timed."""

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def server(self) -> Server:
        return self.peer.server

    def path(self, query: Query) -> str:
        return self.peer.address + quote(PREFIXES + query.text)

    def check(self, query: Query) -> None:
        """Ask twice, the second time with a text of its own, and note the time or the failure."""
        for mark in ("", "%20%23check"):
            before = time.perf_counter()
            failure = self._failure(query, mark)
            self.seconds[query.name] = time.perf_counter() - before
            if failure:
                self.failures[query.name] = failure
                break

    def _failure(self, query: Query, mark: str) -> str:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request("GET", self.path(query) + mark, headers={"Accept": query.accept})
            response = connection.getresponse()
            body = response.read()
        except TimeoutError:
            return f"> {TIMEOUT_SECONDS} s"
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            return f"status {response.status}"
        rows = rows_of(body, query)
        return "" if rows == query.rows else f"{rows:,} rows"

    def put_under(self, query: Query, mark: str, connections: int, folder: Path) -> Load:
        """One turn of load: a second, or longer until there is an answer."""
        seconds = max(1, math.ceil(connections * self.seconds[query.name]))
        url = f"http://127.0.0.1:{self.server.port}{self.path(query)}"
        came = Load()
        while not (came.requests or came.failed) and seconds <= LONGEST_TURN_SECONDS:
            came = load(url, query.accept, mark, connections, seconds, folder)
            mark = mark and f"{mark}again-"
            seconds *= 3
            self.settle()
        return came

    def settle(self) -> None:
        """Wait until it is idle, so that it takes no time from the next; restart it otherwise."""
        if not self.server.settles():
            self.server.stop()
            self.peer.start()


def rows_of(body: bytes, query: Query) -> int:
    """How many rows or triples a result has."""
    if query.accept == SOLUTIONS:
        return len(json.loads(body)["results"]["bindings"])
    return sum(1 for _ in ox.parse(body, format=ox.RdfFormat.N_TRIPLES))


def main() -> None:
    """Load, check, measure, print."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the engines are stopped
    options = read_options()
    current = (ROOT / "build" / "CURRENT").read_text(encoding="utf-8").strip()
    store = ox.Store.read_only(str(ROOT / "build" / current / "store"))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        store.dump(folder / "graph.nq", format=ox.RdfFormat.N_QUADS)
        engines = [stack.enter_context(started(one)) for one in chosen(options, folder)]
        triples = sum(1 for _ in store.quads_for_pattern(None, None, None, ox.DefaultGraph()))
        print(
            f"Graph {current}, {triples:,} triples; {options.seconds} s for each figure, in turns;"
        )
        print(f"load by {GENERATOR} on the same machine with {os.cpu_count()} processors.")
        queries = [Query(name, text, expected(store, text)) for name, text in QUERIES.items()]
        comparison = Comparison(engines, queries, options.seconds, options.connections, folder)
        comparison.check()
        comparison.report("fresh", "%20%23")
        comparison.report("repeated", "")
        isolation(engines[0], queries[0], store, options.seconds, folder)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=3, help="of load for each figure")
    parser.add_argument("--connections", type=int, default=16, help="when throughput is measured")
    parser.add_argument("--virtuoso", action="store_true", help="compare with Virtuoso too")
    parser.add_argument("--rdflib-endpoint", metavar="PYTHON", help="which has rdflib-endpoint")
    return parser.parse_args()


def expected(store: ox.Store, text: str) -> int:
    """The rows that the engine gives in process."""
    result = store.query(PREFIXES + text)
    assert not isinstance(result, ox.QueryBoolean)  # noqa: S101 - there is no ASK
    return sum(1 for _ in result)


@contextmanager
def started(engine: Engine) -> Iterator[Engine]:
    """The engine with the graph loaded, stopped afterwards."""
    try:
        engine.peer.start()
        yield engine
    finally:
        engine.server.stop()


def chosen(options: argparse.Namespace, folder: Path) -> Iterator[Engine]:
    """The engines to compare: the service, then the one it is compared with, then others."""
    dump = folder / "graph.nq"
    yield Engine(etiograph())
    yield Engine(oxigraph_in_memory(dump))
    load_oxigraph(dump, folder / "oxigraph")
    yield Engine(oxigraph_on_disk(folder / "oxigraph"))
    if options.rdflib_endpoint:
        yield Engine(rdflib_endpoint(options.rdflib_endpoint, dump))
    if options.virtuoso:
        yield Engine(virtuoso(dump, folder))


Figures = dict[tuple[str, str], Load]
"""Query and engine → what came of the load."""


@dataclass
class Comparison:
    """Engines under the same queries; the ratio is of the first to the second."""

    engines: list[Engine]
    queries: list[Query]
    seconds: int
    connections: int
    folder: Path

    def check(self) -> None:
        """Ask every engine every query, so that only right answers are timed."""
        for query, engine in itertools.product(self.queries, self.engines):
            engine.check(query)
            engine.settle()

    def report(self, kind: str, mark: str) -> None:
        """Measure and print; a `mark` makes every text unique, so that no cache can answer."""
        alone, together = Figures(), Figures()
        for query in self.queries:
            self._measure(query, mark, ((alone, 1), (together, self.connections)))
        print(f"\nLatency, {kind} texts, 1 connection: p50 / p99 in ms; the ratio is of p50\n")
        self._print(alone, median, latency_cell)
        print(f"\nThroughput, {kind} texts, {self.connections} connections: requests/s\n")
        self._print(together, throughput, throughput_cell)

    def _measure(self, query: Query, mark: str, loads: tuple[tuple[Figures, int], ...]) -> None:
        """Load the engines in turns, so that a change of the machine's speed meets all alike."""
        engines = [engine for engine in self.engines if query.name not in engine.failures]
        for turn, engine in itertools.product(range(self.seconds), engines):
            for figures, connections in loads:
                total = figures.setdefault((query.name, engine.name), Load())
                if round(total.seconds) < self.seconds:  # a slow one has had longer turns
                    unique = f"{mark}{turn}-{connections}-" if mark else ""
                    total.add(engine.put_under(query, unique, connections, self.folder))

    def _print(
        self, figures: Figures, value: Callable[[Load], float], cell: Callable[[Load], str]
    ) -> None:
        names = [engine.name for engine in self.engines]
        print_row("query", *names, f"{names[0]} / {names[1]}")
        print_row("---", *("--:" for _ in names), "--:")
        for query in self.queries:
            came = {name: figures.get((query.name, name)) for name in names}
            cells = [
                cell(figure) if (figure := came[engine.name]) else engine.failures[query.name]
                for engine in self.engines
            ]
            first, second = (value(figure) if figure else 0 for figure in list(came.values())[:2])
            print_row(query.title, *cells, f"{first / second:.2f}" if first and second else "–")


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def percentile(came: Load, percent: int) -> float:
    """In milliseconds; not a number if nothing was answered."""
    if len(came.times) < 2:
        return came.times[0] if came.times else math.nan
    return statistics.quantiles(came.times, n=100, method="inclusive")[percent - 1]


def median(came: Load) -> float:
    return percentile(came, 50)


def throughput(came: Load) -> float:
    return came.requests / came.seconds


def latency_cell(came: Load) -> str:
    return f"{median(came):.2f} / {percentile(came, 99):.2f}{failures(came)}"


def throughput_cell(came: Load) -> str:
    rate = throughput(came)
    if not rate:
        return f"none in {came.seconds:.0f} s"
    return (f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}") + failures(came)


def failures(came: Load) -> str:
    return f" ({came.failed:,} failed)" if came.failed else ""


def isolation(engine: Engine, query: Query, store: ox.Store, turns: int, folder: Path) -> None:
    """Print what a query pays for the process that evaluates it, on the median.

    It is the time of the trivial query over HTTP without that of its evaluation in this process
    and without that of another route of the service.
    """
    over_http, other = Load(), Load()
    in_process: list[float] = []
    page = f"http://127.0.0.1:{engine.server.port}/health"
    for turn in range(turns):
        over_http.add(engine.put_under(query, f"%20%23isolation{turn}-", 1, folder))
        other.add(load(page, "application/json", "", 1, 1, folder))
        in_process += evaluations(store, PREFIXES + query.text, 2000)
    whole, route, evaluation = (
        statistics.median(times) for times in (over_http.times, other.times, in_process)
    )
    print(f"\nIsolation overhead: {whole - evaluation - route:.2f} ms ({whole:.2f} ms of the")
    print(f"{query.name} query over HTTP - {evaluation:.3f} in process - {route:.2f} of /health)")


def evaluations(store: ox.Store, text: str, times: int) -> list[float]:
    """The milliseconds of evaluating and serialising a query here, so many times."""
    spent = []
    for number in range(times):
        before = time.perf_counter()
        result = store.query(f"{text} #{number}")
        assert isinstance(result, ox.QuerySolutions)  # noqa: S101 - it is a SELECT
        result.serialize(format=ox.QueryResultsFormat.JSON)
        spent.append((time.perf_counter() - before) * 1000)
    return spent


if __name__ == "__main__":
    main()
