"""Measures one engine after the other under the same work.

An answer is compared before it is timed, and what is still at work for clients that have left is
waited for, so that no figure pays for the one before.
"""

import http.client
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from contenders import Contender, Loaded, Set
from peers import Peer
from streams import Figure, stream
from work import CHECKED, JSON, LIMITED, SOLUTIONS, Work, rows_in, rows_of

SLOW_SECONDS = 10
"""What takes longer is not put under load."""
LONGEST_SECONDS = 40
"""Nor is what would need longer than this to answer every connection once."""
REPEATED = 20
"""So many different requests in turn are `repeated`."""


@dataclass
class Measured:
    """What an engine did; MB, seconds. `remarks`: work → why it is not timed, or what differs."""

    name: str
    loaded: Loaded
    start: float = 0.0
    idle: int = 0
    busy: int = 0
    disk: int = 0
    remarks: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, dict[int, Figure]]] = field(default_factory=dict)
    """fresh or repeated → work → connections → figure."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Bench:
    """The works, and how they are measured."""

    works: list[Work]
    connections: list[int]
    seconds: int
    whole: Set

    @cached_property
    def _store(self) -> ox.Store:
        return ox.Store.read_only(str(self.whole.store))

    def measure(self, make: Callable[[Set], Contender]) -> Measured:
        """Load, start, ask, stop."""
        contender = make(self.whole)
        peer = contender.peer
        measured = Measured(peer.name, contender.loaded)
        begun = time.perf_counter()
        try:
            peer.start()
            self._ask(contender, self.works[0], 0)
            measured.start = time.perf_counter() - begun
            measured.disk = size_of(peer.files)
            peer.server.settles()
            measured.idle = peer.server.memory()
            with tempfile.TemporaryDirectory() as folder:
                for work in self.works:
                    print(f"{peer.name}: {work.name} …", file=sys.stderr, flush=True)
                    self._work(contender, work, measured, Path(folder))
        finally:
            peer.server.stop()
        return measured

    def _work(self, contender: Contender, work: Work, measured: Measured, folder: Path) -> None:
        slowest = self._compare(contender, work, measured)
        for kind in ("fresh", "repeated"):
            figures = measured.figures.setdefault(kind, {}).setdefault(work.name, {})
            for connections in self.connections if slowest <= SLOW_SECONDS else ():
                if slowest * connections / (os.cpu_count() or 1) > LONGEST_SECONDS:
                    continue
                is_fresh = kind == "fresh"
                values = work.values if is_fresh else work.values[:REPEATED]
                address = contender.peer.address
                paths = [work.path_of(value, address, own=contender.own) for value in values]
                with sampled(contender.peer, self.seconds, measured):
                    figures[connections] = stream(
                        contender.peer.server.port, paths, work.accept(own=contender.own),
                        f"{connections}-" if is_fresh else "",
                        connections, self._long(slowest, connections), folder,
                    )  # fmt: skip
                self._settle(contender.peer)

    def _long(self, slowest: float, connections: int) -> int:
        """Seconds of load in which every connection is answered about twice."""
        once = slowest * max(1, connections / (os.cpu_count() or 1))
        return max(self.seconds, math.ceil(min(2 * once, LONGEST_SECONDS)))

    def _compare(self, contender: Contender, work: Work, measured: Measured) -> float:
        """Ask for the values that are compared; the median of the seconds that took."""
        spent, same = [], 0
        for number in range(CHECKED):
            begun = time.perf_counter()
            try:
                body = self._ask(contender, work, number)
            except (OSError, http.client.HTTPException, ValueError) as error:
                measured.remarks[work.name] = f"failed: {error or type(error).__name__}"
                return math.inf
            spent.append(time.perf_counter() - begun)
            same += self._is_right(contender, work, number, body)
        if same < CHECKED:
            measured.remarks[work.name] = f"{CHECKED - same} of {CHECKED} answers differ"
        typical = sorted(spent)[CHECKED // 2]
        if typical > SLOW_SECONDS:
            measured.remarks[work.name] = f"> {SLOW_SECONDS} s"
        return typical

    def _is_right(self, contender: Contender, work: Work, number: int, body: bytes) -> bool:
        query = work.query(work.values[number])
        if contender.own and work.path:
            expected = rows_in(self._store, query.removesuffix(LIMITED))
            return work.agrees is None or work.agrees(json.loads(body), expected)
        expected, rows = rows_in(self._store, query), rows_of(body)
        return sorted(rows) == sorted(expected) if work.by_rows else len(rows) == len(expected)

    def _ask(self, contender: Contender, work: Work, number: int) -> bytes:
        """The body for a value; ValueError for a status that is no success."""
        own = contender.own
        path = work.path_of(work.values[number], contender.peer.address, own=own)
        path = f"{path}check{time.monotonic_ns()}"
        port = contender.peer.server.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3 * SLOW_SECONDS)
        try:
            accept = JSON if own and work.path else SOLUTIONS
            connection.request("GET", path, headers={"Accept": accept})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"status {response.status}: {body[:150].decode(errors='replace')}")
        return body

    def _settle(self, peer: Peer) -> None:
        """Wait until it is idle; restart one that is not."""
        if not peer.server.settles():
            peer.server.stop()
            peer.start()


@contextmanager
def sampled(peer: Peer, seconds: int, measured: Measured) -> Iterator[None]:
    """Note the engine's memory once in the middle of a load, if it is the most so far."""

    def look() -> None:
        measured.busy = max(measured.busy, peer.server.memory())

    timer = threading.Timer(seconds / 2, look)
    timer.start()
    yield
    timer.join()


def size_of(path: Path | None) -> int:
    """MB that a file or the files of a folder take on disk."""
    if path is None:
        return 0
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_blocks * 512 for one in files) // 1_000_000
