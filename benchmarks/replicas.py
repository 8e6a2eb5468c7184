"""What clients notice when one of three replicas behind nginx is killed, hangs or is replaced.

    .venv/bin/python benchmarks/replicas.py [--clients N] [--seconds N] [--folder FOLDER]

Runs deploy/nginx.conf itself (nginx must be installed) over the snapshot in build/. Clients,
services and nginx share this machine's processors: compare the rows of one run, not the figures of
two machines. Run `python -m kg build` first.
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.loading import Answered, Load, anything, lookup  # noqa: E402
from tests.replicas import NGINX, Nginx, Replica, stack  # noqa: E402

PAUSE = 0.02
"""Seconds between two requests of a client: without, what is seen is the lack of processors."""
COLUMNS = ("", "s", "requests", "requests/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "retried")


class Phases:
    """Times what happens under a load, and prints a row for each part of it."""

    def __init__(self, nginx: Nginx, replica: Replica) -> None:
        self._nginx = nginx
        self._replica = replica
        self._parts: list[tuple[str, float, float, int]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begun, logged = time.monotonic(), len(self._nginx.requests())
        yield
        retried = self._nginx.retried(self._replica, logged)
        self._parts.append((name, begun, time.monotonic(), retried))

    def report(self, answered: list[Answered]) -> None:
        """A request belongs to the part in which it was sent."""
        for name, begun, ended, retried in self._parts:
            within = [one for one in answered if begun <= one.sent < ended]
            row(name, *figures(within, ended - begun), str(retried), failed(within))


def figures(answered: list[Answered], seconds: float) -> Iterator[str]:
    """The cells of a part that took so many seconds."""
    yield f"{seconds:.1f}"
    yield f"{len(answered):,}"
    yield f"{len(answered) / seconds:,.0f}"
    times = sorted(one.seconds * 1000 for one in answered)
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [0.0] * 99
    yield from (f"{cuts[percent - 1]:.1f}" for percent in (50, 95, 99))
    yield f"{max(times, default=0.0):.0f}"


def failed(answered: list[Answered]) -> str:
    return str(sum(bool(one.failure) for one in answered))


def row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def killed(nginx: Nginx, victim: Replica, clients: int, seconds: float) -> None:
    """One ends without a chance to finish anything, and is started again."""
    phases = Phases(nginx, victim)
    with Load(nginx.port, anything, clients, PAUSE).running() as load:
        with phases.part("three replicas"):
            time.sleep(seconds)
        with phases.part("one is killed"):
            victim.kill()
            time.sleep(seconds)
        with phases.part("it starts again"):
            victim.start()
            nginx.wait_for(victim)
        with phases.part("it serves again"):
            time.sleep(seconds)
    phases.report(load.answered)


def hung(nginx: Nginx, victim: Replica, clients: int, seconds: float) -> None:
    """One stops answering without ending, which only a time-out can tell."""
    phases = Phases(nginx, victim)
    with Load(nginx.port, lookup, clients, PAUSE).running() as load:
        with phases.part("lookups, three replicas"):
            time.sleep(seconds)
        with phases.part("one hangs"):
            victim.signal(signal.SIGSTOP)
            time.sleep(max(seconds, 12.0))
        with phases.part("it goes on"):
            victim.signal(signal.SIGCONT)
            nginx.wait_for(victim)
            time.sleep(seconds)
    phases.report(load.answered)


def replaced(nginx: Nginx, replicas: list[Replica], clients: int) -> None:
    """Each is told to end and started again, one after the other."""
    for number, replica in enumerate(replicas, 1):
        phases = Phases(nginx, replica)
        with (
            Load(nginx.port, anything, clients, PAUSE).running() as load,
            phases.part(f"replica {number} is replaced"),
        ):
            replica.stop()
            replica.start()
            nginx.wait_for(replica)
        phases.report(load.answered)


def main() -> None:
    """Start the stack, disturb it, print."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all of it is stopped
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=4, help="that ask at the same time")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each quiet part")
    parser.add_argument("--folder", type=Path, default=ROOT / "build", help="of snapshots")
    options = parser.parse_args()
    if NGINX is None:
        raise SystemExit("nginx is not installed")
    with (
        tempfile.TemporaryDirectory() as files,
        stack(options.folder, Path(files)) as (nginx, replicas),
    ):
        row(*COLUMNS, "failed")
        row("---", *("--:" for _ in COLUMNS))
        killed(nginx, replicas[0], options.clients, options.seconds)
        hung(nginx, replicas[1], options.clients, options.seconds)
        replaced(nginx, replicas, options.clients)


if __name__ == "__main__":
    main()
