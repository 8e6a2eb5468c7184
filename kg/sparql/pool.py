"""Evaluates ad-hoc queries in worker processes, each of which is killed at its query's deadline.

Killing is the only way: the engine cannot cancel a query. A worker that crashed or was killed is
replaced in milliseconds by a fork of the keeper, and only the query in it is lost.
"""

import atexit
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from rdflib.query import Result as RdflibResult
from rdflib.term import Node

from kg.errors import (
    BadSparql,
    DataError,
    EngineFailed,
    EngineTimeout,
    QueryFailed,
    QueryTimeout,
    ServiceBusy,
    TryLater,
)
from kg.sparql import frames
from kg.sparql.guard import Outline, inspect
from kg.sparql.hints import explain_fault
from kg.sparql.keeper import NUMBER
from kg.sparql.results import GRAPH_FORMATS, SOLUTION_FORMATS
from kg.sparql.turns import Shares, Turn, Turns
from kg.vocabulary import VERSION_GRAPH

ROOT = Path(__file__).resolve().parents[2]
IN_MEMORY = 256 * 1024
"""A result larger than this (bytes) waits for its reader in a file."""
DUMP_SECONDS = 60.0
PROBE_SECONDS = 5.0
"""How often a remote engine is asked whether it is there, and how long it may take to say so."""
WORKERS = (os.cpu_count() or 2) + 2
"""A stopped query holds a processor until its deadline; others go on beside it."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Limits of ad-hoc queries: seconds, rows, bytes of result and of memory, workers.

    `load_memory` (bytes of address space, None for any) is for loading files that are not ours.
    """

    timeout: float = 10.0
    max_rows: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    memory: int = 1024 * 1024 * 1024
    workers: int = WORKERS
    load_memory: int | None = None
    shares: Shares = field(default_factory=Shares)


@dataclass(frozen=True, slots=True)
class Graphs:
    """The graphs (IRIs) a client wants as default graph and as named graphs; none: all."""

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A query's result in one format: in memory or, if it is large, in a file of its own."""

    content: bytes
    file: BinaryIO | None
    media_type: str
    truncated: bool

    @property
    def body(self) -> bytes:
        """All of it, in memory; a file is used up."""
        if self.file is None:
            return self.content
        with self.file:
            return self.file.read()


class _Spool:
    """Takes the parts of a body, and moves them to a file when they become many."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._file: BinaryIO | None = None

    def write(self, part: bytes) -> None:
        if self._file is None and len(self._buffer) + len(part) > IN_MEMORY:
            self._file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 - the Result's
            self._file.write(self._buffer)
        if self._file is None:
            self._buffer += part
        else:
            self._file.write(part)

    def result(self, media_type: str, *, truncated: bool) -> Result:
        if self._file is None:
            return Result(bytes(self._buffer), None, media_type, truncated)
        self._file.flush()
        self._file.seek(0)
        return Result(b"", self._file, media_type, truncated)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Worker:
    """A worker process, as the pool sees it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._connection = connection

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
        return frames.receive(self._connection, body, deadline)

    def kill(self) -> None:
        """End the process; the keeper buries it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._connection.close()


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

    def wait(self) -> dict[str, Any]:
        """What the keeper tells of its graph, once it holds it."""
        try:
            facts = frames.receive(self._channel, BytesIO())
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
        self._channel.close()
        self._process.kill()
        self._process.wait()


ALL_GRAPHS = Graphs()

Solutions = tuple[list[str], list[list[Node | None]]]
"""Columns and rows; None where a variable is unbound."""


def result_formats(outline: Outline) -> dict[str, str]:
    """The formats, key to media type, of a query of this form."""
    return SOLUTION_FORMATS if outline.form in ("SELECT", "ASK") else GRAPH_FORMATS


class QueryPool:
    """Evaluates ad-hoc queries over what a source names.

    The keeper starts to load at once, beside what the caller does next; `ready` waits for it.
    """

    def __init__(self, source: Mapping[str, Any], settings: PoolSettings | None = None) -> None:
        self.settings = settings or PoolSettings()
        self._source = source
        self._turns = Turns(self.settings.workers, self.settings.shares)
        self._lock = threading.Lock()
        self._keeper = self._start()
        self._facts: dict[str, Any] | None = None
        self._idle: list[Worker] = []
        self._fault: str | None = None
        self._probed = -PROBE_SECONDS
        atexit.register(self.close)

    def _start(self) -> Keeper:
        return Keeper(self._source, self.settings.memory)

    def ready(self) -> dict[str, Any]:
        """Facts of what is held, once it is: `prefixes` and, of a store in memory, `quads`.

        DataError tells why it cannot be held.
        """
        with self._lock:
            if self._facts is None:
                try:
                    self._facts = self._keeper.wait()
                except DataError:
                    self._keeper.close()
                    raise
                self._idle = [self._keeper.fork() for _ in range(self.settings.workers)]
            return self._facts

    def query(
        self,
        query: str | Outline,
        form: str = "",
        timeout: float | None = None,
        graphs: Graphs = ALL_GRAPHS,
        client: str = "",
        max_rows: int | None = None,
        base: str | None = None,
    ) -> Result:
        """Evaluate a query; `form` is a key of its `result_formats`, or '' for the first.

        A text is inspected first; who has inspected it already passes the outline. The caller may
        lower the limits with `timeout` (seconds) and `max_rows`, not raise them; `client` is whose
        share it takes; `base` completes relative IRIs.
        Errors: BadSparql, RefusedSparql, QueryTooLong and those of TryLater.
        """
        outline = inspect(query) if isinstance(query, str) else query
        formats = result_formats(outline)
        form = form or next(iter(formats))
        if form not in formats:
            raise BadSparql(f"{outline.form} has no result in {form!r}", list(formats))
        seconds = min(self.settings.timeout, timeout or self.settings.timeout)
        how = {
            "start": outline.start,
            "star": outline.star,
            "variables": outline.variables if outline.star is not None else (),
            "default_graphs": graphs.default,
            "named_graphs": graphs.named,
            "names_graphs": outline.names_graphs,
            "base": base,
            "rows": min(self.settings.max_rows, max_rows or self.settings.max_rows),
        }
        return self._result(outline.text, formats, form, seconds, client, **how)

    def select(
        self,
        query: str,
        client: str = "",
        timeout: float | None = None,
        graphs: Graphs = ALL_GRAPHS,
        base: str | None = None,
    ) -> Solutions:
        """The solutions of a SELECT as RDF terms of rdflib."""
        result = self.query(query, "json", timeout, graphs, client, base=base)
        solutions = RdflibResult.parse(BytesIO(result.body), format="json")
        names = solutions.vars or []
        return [str(name) for name in names], [
            [row.get(name) for name in names] for row in solutions.bindings
        ]

    def fault(self) -> str | None:
        """What is wrong with a remote engine at the moment; None if all is well."""
        if "endpoint" not in self._source:
            return None
        now = time.monotonic()
        if now - self._probed > PROBE_SECONDS:
            self._probed = now
            self._fault = self._probe()
        return self._fault

    def _probe(self) -> str | None:
        version = Graphs(default=(str(VERSION_GRAPH),))
        query = "SELECT ?version { ?ontology owl:versionInfo ?version }"
        try:
            _, rows = self.select(query, timeout=PROBE_SECONDS, graphs=version)
        except (EngineFailed, EngineTimeout, BadSparql) as error:
            return str(error)
        found = ", ".join(str(row[0]) for row in rows) or "nothing"
        if found == self._source["version"]:
            return None
        return (
            f"the SPARQL engine holds {found}, not version {self._source['version']}: "
            "run `python -m kg load-remote`"
        )

    @property
    def is_busy(self) -> bool:
        """Whether a query runs or waits."""
        return self._turns.are_taken

    def dump(self, graph: str, form: str, client: str = "") -> Result:
        """A whole graph, '' for the default graph, in one of GRAPH_FORMATS; no limit on rows."""
        return self._result("", GRAPH_FORMATS, form, DUMP_SECONDS, client, dump=graph)

    def _result(
        self,
        text: str,
        formats: Mapping[str, str],
        form: str,
        seconds: float,
        client: str,
        **how: Any,
    ) -> Result:
        header = {
            "format": form,
            "seconds": seconds,
            "rows": self.settings.max_rows,
            "size": self.settings.max_bytes,
            "dump": None,
            **how,
        }
        body = _Spool()
        try:
            reply = self._run(frames.pack(header, text.encode()), body, seconds, client)
        except TryLater:
            body.close()
            raise
        if "error" in reply:
            raise _error(reply, text)
        return body.result(formats[form], truncated=reply["truncated"])

    def _run(
        self, message: bytes, body: frames.Writable, seconds: float, client: str
    ) -> dict[str, Any]:
        self.ready()
        turn = self._turns.take(client)
        try:
            worker = self._worker()
            turn.stop = worker.kill
            return self._ask(worker, turn, message, body, seconds)
        finally:
            self._turns.give_back(turn)

    def _ask(
        self, worker: Worker, turn: Turn, message: bytes, body: frames.Writable, seconds: float
    ) -> dict[str, Any]:
        try:
            reply = worker.ask(message, body, time.monotonic() + seconds)
        except TimeoutError:
            self._replace(worker)
            if "endpoint" in self._source:
                raise EngineTimeout(
                    f"the SPARQL engine did not answer within {seconds:g} s"
                ) from None
            raise QueryTimeout(
                f"the query was stopped after {seconds:g} s; ask for less, or add a LIMIT"
            ) from None
        except EOFError:
            self._replace(worker)
            if turn.stopped:
                raise ServiceBusy("the query was stopped to let others be answered") from None
            raise QueryFailed(
                "the query needed more memory than is allowed, or broke its worker"
            ) from None
        if reply["spent"]:
            self._replace(worker)
        else:
            turn.stop = _nothing  # should it be stopped now, the next query must not be
            with self._lock:
                self._idle.append(worker)
        return reply

    def _worker(self) -> Worker:
        """An idle worker; one that was killed from outside is replaced on the way."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None and worker.is_alive():
            return worker
        return self._forked(worker)

    def _replace(self, worker: Worker) -> None:
        forked = self._forked(worker)
        with self._lock:
            self._idle.append(forked)

    def _forked(self, replaced: Worker | None) -> Worker:
        """A new worker, from a new keeper where the old one was killed from outside."""
        if replaced is not None:
            replaced.kill()
            replaced.close()
        keeper = self._keeper
        try:
            return keeper.fork(replaced)
        except EOFError:
            with self._lock:
                if self._keeper is keeper:
                    keeper.close()
                    self._keeper = self._start()
                    self._keeper.wait()
            return self._keeper.fork()

    def close(self) -> None:
        """End the keeper and all workers."""
        atexit.unregister(self.close)
        self._keeper.close()
        with self._lock:
            for worker in self._idle:
                worker.kill()
                worker.close()
            self._idle.clear()


def _nothing() -> None:
    """There is nothing to stop."""


def _error(reply: Mapping[str, Any], text: str) -> Exception:
    message = reply["message"]
    if reply["error"] == "syntax":
        return explain_fault(message, text)
    kinds = {"late": EngineTimeout, "engine": EngineFailed}
    return kinds.get(reply["error"], QueryFailed)(message)
