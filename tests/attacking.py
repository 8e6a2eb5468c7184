"""What the attacks share: a service in a process of its own, raw HTTP, and proofs of no harm."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

ROOT = Path(__file__).resolve().parents[1]
QUERY_SECONDS = 2.0
"""Longest time of a query of the services that are attacked."""
WITHIN = QUERY_SECONDS + 1.0
"""Seconds within which an attack must be answered."""
READ_SIZE = 1 << 16
MEGABYTE = 1024 * 1024
SPARE = 96 * MEGABYTE
"""Memory that allocators and caches may keep, beside a tenth."""
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
CHECKSUM = (
    "SELECT (MD5(GROUP_CONCAT(?t; separator='\\n')) AS ?sum) { SELECT ?t { ?s ?p ?o "
    "FILTER(!isBlank(?s) && !isBlank(?o)) BIND(CONCAT(STR(?s), STR(?p), STR(?o)) AS ?t) } "
    "ORDER BY ?t }"
)
NORMAL = (
    "SELECT ?label { ?x etio:locatedIn etio:Calf ; rdfs:label ?label } ORDER BY ?label",
    "ASK { etio:Calf etio:partOf etio:Leg }",
)


@dataclass(frozen=True)
class Answer:
    """A response; status 0 means that the connection ended without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def problem(self) -> str:
        """What a problem document says, or '' if this is none."""
        is_problem = self.headers.get("content-type", "").startswith("application/problem+json")
        return str(json.loads(self.body)["detail"]) if is_problem else ""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Running:
    """A service process and its address; `settings` are environment variables."""

    def __init__(self, folder: Path, *arguments: str, **settings: object) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        set_here = {name: str(value) for name, value in settings.items()}
        environment = {key: value for key, value in os.environ.items() if key != "HOST"}
        environment |= {"PORT": str(self.port), "ETIOGRAPH_FOLDER": str(folder), **set_here}
        self.process = subprocess.Popen(
            [sys.executable, "server.py", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait(self, seconds: float = 20.0) -> float:
        """Seconds until it answered, SPARQL too."""
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            if self.process.poll() is not None:
                raise AssertionError(self.process.communicate()[1].decode())
            answer = self.get("/ready")
            if answer.status and b"is being loaded" not in answer.body:
                return time.monotonic() - started
            time.sleep(0.02)
        self.kill()
        raise AssertionError("the service did not come up")

    def __enter__(self) -> "Running":
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of it is left, however the block ended."""
        if self.process.poll() is None:
            self.kill()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """End all of its processes at once, as a lack of memory would."""
        for pid in self.tree():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._ended()

    def _ended(self) -> int:
        self.process.communicate(timeout=20)
        return self.process.returncode

    def send(self, message: bytes, source: str = "127.0.0.1", seconds: float = 30.0) -> Answer:
        """Send bytes and read the answer to its end."""
        return exchange(self.port, message, source, seconds)

    def get(self, path: str, source: str = "127.0.0.1", **headers: str) -> Answer:
        return self.send(request("GET", path, headers), source)

    def post(self, path: str, body: bytes, kind: str, source: str = "127.0.0.1") -> Answer:
        return self.send(request("POST", path, {"content-type": kind}, body), source)

    def ask(self, query: str | bytes, source: str = "127.0.0.1") -> Answer:
        """Send a query as the body of a POST."""
        body = query.encode() if isinstance(query, str) else query
        return self.post("/sparql", body, "application/sparql-query", source)

    def health(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/health").body))

    def tree(self) -> list[int]:
        """Its processes: the first, the one that serves, the keeper and the workers."""
        found = [self.process.pid]
        for pid in found:
            found += children(pid)
        return found

    def keeper(self) -> int:
        """The process that forks the workers."""
        return next(pid for pid in self.tree() if "kg.sparql.keeper" in command(pid))

    def workers(self) -> list[int]:
        return children(self.keeper())

    def memory(self) -> int:
        """Bytes that its processes hold, shared ones counted once."""
        return sum(map(pss, self.tree()))


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def pss(pid: int) -> int:
    """Proportional set size in bytes; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """An HTTP request as bytes; nothing in it is escaped or checked."""
    sent = {"host": "127.0.0.1", "accept": "application/json, */*;q=0.1", "connection": "close"}
    sent |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    if body or method == "POST":
        sent["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body


def exchange(port: int, message: bytes, source: str, seconds: float) -> Answer:
    """Send and receive at the same time: a refusal may come before all is sent."""
    started = time.monotonic()
    received = bytearray()
    with contextlib.suppress(ConnectionError), connect(port, source) as connection:
        connection.setblocking(False)
        ready = select.poll()
        left = memoryview(message)
        while time.monotonic() < started + seconds:
            ready.register(connection, select.POLLIN | (select.POLLOUT if left else 0))
            events = sum(event for _, event in ready.poll(500))
            if events & ~select.POLLOUT:
                part = connection.recv(READ_SIZE)
                received += part
                if not part:
                    break
            elif events:
                left = left[_sent(connection, left[:READ_SIZE]) :]
    return parse(bytes(received), time.monotonic() - started)


def _sent(connection: socket.socket, part: memoryview) -> int:
    """How much could be sent; what is not read by the other side any more counts as sent."""
    try:
        return connection.send(part)
    except ConnectionError:
        return len(part)


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    """A connection to the service from one of the machine's own addresses."""
    return socket.create_connection(("127.0.0.1", port), 30.0, (source, 0))


def parse(received: bytes, seconds: float) -> Answer:
    """An answer that came before its connection was closed."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1]) if first.startswith("HTTP/") else 0
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return Answer(status, headers, body, seconds)


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        body = rest[length + 2 :]


def form(**values: str) -> bytes:
    return urlencode(values).encode()


def query_url(query: str) -> str:
    return f"/sparql?query={quote(query, safe='')}"


@dataclass(frozen=True)
class State:
    """What must be the same before and after an attack."""

    answers: tuple[bytes, ...]
    count: bytes
    checksum: bytes

    @classmethod
    def of(cls, running: Running) -> "State":
        answers = tuple(_good(running.ask(query)) for query in NORMAL)
        return cls(answers, _good(running.ask(COUNT)), _good(running.ask(CHECKSUM)))


def _good(answer: Answer) -> bytes:
    assert answer.status == 200, (answer.status, answer.text)
    return answer.body


class Unharmed:
    """Proves that a service is after an attack what it was before.

    A worker may keep what it grew by up to a limit, so memory may exceed a tenth by SPARE.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._state = State.of(running)
        self._memory = running.memory()

    def check(self) -> None:
        """Normal answers, the data unchanged, the memory given back."""
        assert State.of(self._running) == self._state
        most = self._memory * 1.1 + SPARE
        deadline = time.monotonic() + 3.0
        while (held := self._running.memory()) > most and time.monotonic() < deadline:
            time.sleep(0.1)
        assert held <= most, f"{held // MEGABYTE} MB after {self._memory // MEGABYTE} MB"


class Listener:
    """A server at a loopback port that counts who connects, and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._socket.getsockname()[1])
        self.connections = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        held = []
        with contextlib.suppress(OSError):
            while True:
                held.append(self._socket.accept()[0])
                self.connections += 1

    def close(self) -> None:
        self._socket.close()


def all_at_once(running: Running, queries: Sequence[str], places: int = 3) -> list[Answer]:
    """The answers to queries, some at a time, each from an address of its own."""
    sources = [f"127.0.1.{number % 250 + 1}" for number in range(len(queries))]
    with ThreadPoolExecutor(places) as threads:
        return list(threads.map(running.ask, queries, sources))
