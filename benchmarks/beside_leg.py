"""Compares the service over the whole set with the service over the leg graph, door by door.

Both run, and are asked in turns, so that a change of the machine's speed meets both alike.
"""

import http.client
import statistics
import time
from pathlib import Path
from urllib.parse import quote

from reporting import table
from running import get, service

LEG_QUESTIONS = ("causes of calf cramps relieved by rest", "treatments for plantar fasciitis")
RARE = ("exercise-induced muscle cramps", "lower limb muscle weakness", "pes cavus")
JSON, HTML = "application/json", "text/html"
BOTH = {
    "entity of the leg graph, JSON": [f"/api/v1/entities/etio:{name}" for name in (
        "PeripheralArteryDisease", "Gout", "DeepVeinThrombosis")],
    "entity of the leg graph, page": ["/page/PeripheralArteryDisease", "/page/Gout"],
    "search in the leg graph": ["/api/v1/search?q=calf", "/api/v1/search?q=vein"],
    "autocomplete": ["/api/v1/autocomplete?q=cal", "/api/v1/autocomplete?q=thro"],
    "leg question, JSON": [f"/ask?q={quote(text)}" for text in LEG_QUESTIONS],
    "leg question, page": [f"/ask?q={quote(text)}" for text in LEG_QUESTIONS],
}  # fmt: skip
"""Door → its addresses, which both have."""
WHOLE = {
    "imported term, JSON": ("entity of the leg graph, JSON", [
        f"/api/v1/terms/{name}" for name in ("HP:0003394", "MONDO:0005148", "UBERON:0000978")]),
    "imported term, page": ("entity of the leg graph, page", [
        "/term/HP:0003394", "/term/MONDO:0005148"]),
    "search in all imports": ("search in the leg graph", [
        "/api/v1/terms/search?q=calf", "/api/v1/terms/search?q=vein"]),
    "rare-disease question, JSON": ("leg question, JSON", [
        f"/ask?q={quote(f'rare diseases with {text}')}" for text in RARE]),
    "rare-disease question, page": ("leg question, page", [
        f"/ask?q={quote(f'rare diseases with {text}')}" for text in RARE]),
}  # fmt: skip
"""Door of imports → the door of the leg graph it is compared with, and its addresses."""
ALLOWED = 3
"""The whole set should answer within so many times the leg graph's time."""


def compare_with_leg(leg: Path, whole: Path, requests: int) -> str:
    """A table of the median latency of both, and the ratio."""
    servers = {
        folder: service(ETIOGRAPH_FOLDER=str(folder.resolve()), ETIOGRAPH_CACHE="0")
        for folder in (leg, whole)
    }
    try:
        asked = {folder: server.start() for folder, server in servers.items()}
        spent = measure(asked[leg], asked[whole], requests)
        memory = {folder: server.memory() for folder, server in servers.items()}
    finally:
        for server in servers.values():
            server.stop()
    head = ["", "leg graph p50 / p99", "whole set p50 / p99", "ratio of p50"]
    lines = table(head, list(rows(spent)))
    told = f"Memory after it: {memory[leg]} MB over the leg graph, {memory[whole]} MB over all."
    return "\n".join(["", "The whole set beside the leg graph, 1 connection, no cache: ms", "",
                      *lines, "", told, ""])  # fmt: skip


Times = dict[tuple[str, str], list[float]]
"""Door and graph (leg or whole) → milliseconds."""


def measure(
    leg: http.client.HTTPConnection, whole: http.client.HTTPConnection, requests: int
) -> Times:
    """Time each door of both in turns; the first round is not counted."""
    spent: Times = {}
    for number in range(requests + 1):
        for door, paths in BOTH.items():
            for graph, connection in (("leg", leg), ("whole", whole)):
                taken = timed(connection, paths[number % len(paths)], kind_of(door))
                spent.setdefault((door, graph), []).append(taken)
        for door, (_, paths) in WHOLE.items():
            taken = timed(whole, paths[number % len(paths)], kind_of(door))
            spent.setdefault((door, "whole"), []).append(taken)
    return {key: times[1:] for key, times in spent.items()}


def kind_of(door: str) -> str:
    return HTML if door.endswith("page") else JSON


def timed(connection: http.client.HTTPConnection, path: str, accept: str) -> float:
    begun = time.perf_counter()
    get(connection, path, accept)
    return (time.perf_counter() - begun) * 1000


def rows(spent: Times) -> list[list[str]]:
    """Each door with its time over both, or that of the door it is compared with."""
    compared = {**dict.fromkeys(BOTH, ""), **{door: like for door, (like, _) in WHOLE.items()}}
    found = []
    for door, like in compared.items():
        before, after = spent[like or door, "leg"], spent[door, "whole"]
        ratio = statistics.median(after) / statistics.median(before)
        mark = "" if ratio <= ALLOWED else f" (more than {ALLOWED})"
        shown = f"{cell(before)} ({like})" if like else cell(before)
        found.append([door, shown, cell(after), f"{ratio:.2f}{mark}"])
    return found


def cell(times: list[float]) -> str:
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return f"{cuts[49]:.1f} / {cuts[98]:.1f}"
