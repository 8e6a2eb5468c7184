"""The processes behind the pool, as the pool sees them: a keeper, and the workers it forks."""

import contextlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from kg.errors import DataError
from kg.sparql import frames
from kg.sparql.keeper import NUMBER

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 0.2
"""A query that has had a processor for longer (seconds) yields to those that have not, and to the
web process; waiting for a processor, or for the disk, does not count."""
LOOK_SECONDS = 0.02
"""How often that is looked at, when it may be so soon."""
NICENESS = 5
_TICKS = os.sysconf("SC_CLK_TCK")


class Worker:
    """A worker process, as the pool sees it.

    `grown` is by how many bytes it has grown at most, `used` when it answered last (monotonic).
    """

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.grown = 0
        self.used = time.monotonic()
        self._connection = connection
        self._cpu = 0.0

    def is_alive(self) -> bool:
        """An idle worker has nothing to say: what can be read is its end."""
        return not select.select([self._connection], [], [], 0)[0]

    def ask(self, message: bytes, body: frames.Writable, deadline: float) -> dict[str, Any]:
        """Send a message and read the reply; TimeoutError or EOFError end the worker's use."""
        try:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            self._connection.sendall(message)
        except TimeoutError:
            raise
        except OSError as error:
            raise EOFError from error
        if not self._is_prompt(deadline):
            self._yield()
        reply = frames.receive(self._connection, body, deadline)
        self.grown, self._cpu, self.used = reply["grown"], reply["cpu"], time.monotonic()
        return reply

    def _is_prompt(self, deadline: float) -> bool:
        """Whether it answers, or the deadline comes, before its query has used up PATIENCE."""
        left = PATIENCE
        while not select.select([self._connection], [], [], max(left, LOOK_SECONDS))[0]:
            left = PATIENCE - (_cpu_seconds(self.pid) - self._cpu)
            if left <= 0:
                return False
            if time.monotonic() > deadline:
                break
        return True

    def _yield(self) -> None:
        """Lower the priority of what evaluates: all threads but the first; there is no way back."""
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                if thread.name != str(self.pid):
                    os.setpriority(os.PRIO_PROCESS, int(thread.name), NICENESS)

    def kill(self) -> None:
        """End the process; the keeper buries it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._connection.close()


def _cpu_seconds(pid: int) -> float:
    """How long a process has had a processor; without end where this cannot be told."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except OSError:
        return math.inf
    user, system = after_name.split()[11:13]
    return (int(user) + int(system)) / _TICKS


class Keeper:
    """The process that holds the graph; started here, it forks workers on demand.

    DataError tells why it cannot hold what `source` names (see `kg.sparql.keeper.hold`).
    """

    def __init__(self, source: Mapping[str, Any], worker_memory: int) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        text = json.dumps({**source, "worker_memory": worker_memory})
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "kg.sparql.keeper", str(theirs.fileno()), text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            process_group=0,  # Ctrl-C is for the service, which ends its keeper
        )
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, seconds: float) -> dict[str, Any]:
        """What the keeper tells of its graph, once it holds it."""
        try:
            facts = frames.receive(self._channel, BytesIO(), time.monotonic() + seconds)
            self._channel.settimeout(None)
        except TimeoutError:
            raise DataError(f"the graph could not be loaded within {seconds:g} s") from None
        except EOFError:
            raise DataError(
                "the graph took more memory than is allowed, or broke its loader"
            ) from None
        if "error" in facts:
            raise DataError(facts["error"])
        return facts

    def fork(self, replaced: Worker | None = None) -> Worker:
        """A new worker; EOFError if the keeper is no more."""
        with self._lock:
            try:
                self._channel.sendall(NUMBER.pack(replaced.pid if replaced else 0))
                message, descriptors, _, _ = socket.recv_fds(self._channel, NUMBER.size, 1)
            except OSError as error:
                raise EOFError from error
        if not descriptors:
            raise EOFError
        return Worker(NUMBER.unpack(message)[0], socket.socket(fileno=descriptors[0]))

    def close(self) -> None:
        """End the keeper; its workers end when their connections do."""
        self._process.kill()  # first, or it complains of the message that nobody read
        self._process.wait()
        self._channel.close()
