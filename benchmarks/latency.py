"""Measures start-up and the latency of the doors to one question, one client at a time.

    .venv/bin/python benchmarks/latency.py [REQUESTS]

Starts the service of this checkout on a free port and prints, for each address, the median and
the 99th percentile in milliseconds and the ratio of its median to that of the same question asked
as SPARQL over the same connection in the same run. Run `python -m kg build` first.
"""

import http.client
import json
import statistics
import sys
import time
from urllib.parse import quote

from running import get, service

START = "/ask?q=causes+of+calf+cramps+relieved+by+rest"
THREE = "calf pain worse with walking and numbness in the foot and swelling of the ankle"
JSON, HTML = "application/json", "text/html"


def main() -> None:
    """Start, measure, stop, print."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    server = service(ETIOGRAPH_CACHE="0")
    started = time.perf_counter()
    try:
        connection = server.start()
        print(f"start-up to the first answer: {time.perf_counter() - started:.2f} s")
        measure(connection, requests)
    finally:
        server.stop()


def measure(connection: http.client.HTTPConnection, requests: int) -> None:
    """Time every address, in turns so that a change of the machine's speed meets all alike."""
    text = json.loads(get(connection, START, JSON))["sparql"]
    peer = "the same question as SPARQL"
    doors = {
        peer: (f"/sparql?query={quote(text)}", "application/sparql-results+json"),
        "/ask, JSON": (START, JSON),
        "/ask, page": (START, HTML),
        "/ask, three findings, JSON": (f"/ask?q={quote(THREE)}", JSON),
        "/ask, treatments, JSON": ("/ask?q=treatments+for+plantar+fasciitis", JSON),
        "entity, JSON": ("/api/v1/entities/etio:PeripheralArteryDisease", JSON),
        "entity, page": ("/page/PeripheralArteryDisease", HTML),
        "search": ("/api/v1/search?q=calf", JSON),
        "autocomplete": ("/api/v1/autocomplete?q=cal", JSON),
        "named query": ("/api/v1/queries/treatments_of?condition=gout", JSON),
    }
    times: dict[str, list[float]] = {name: [] for name in doors}
    for _ in range(requests):
        for name, (path, accept) in doors.items():
            before = time.perf_counter()
            get(connection, path, accept)
            times[name].append((time.perf_counter() - before) * 1000)
    base = statistics.median(times[peer])
    print(f"{'':<30}{'median ms':>10}{'p99 ms':>10}{'ratio':>8}")
    for name, spent in times.items():
        median = statistics.median(spent)
        p99 = statistics.quantiles(spent, n=100)[98]
        print(f"{name:<30}{median:>10.2f}{p99:>10.2f}{median / base:>8.2f}")


if __name__ == "__main__":
    main()
