"""Evaluates ad-hoc queries in worker processes, each of which is killed at its query's deadline.

Killing is the only way: the engine cannot cancel a query. A worker that crashed or was killed is
replaced in milliseconds by a fork of the keeper, and only the query in it is lost.
"""

import atexit
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

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
    TooManyRequests,
    TryLater,
)
from kg.sparql import frames
from kg.sparql.counts import Counts, Event
from kg.sparql.guard import Outline, inspect
from kg.sparql.hints import explain_fault
from kg.sparql.processes import Keeper, Worker
from kg.sparql.results import GRAPH_FORMATS, SOLUTION_FORMATS
from kg.sparql.spool import Result, Spool
from kg.sparql.turns import Shares, Turn, Turns
from kg.vocabulary import VERSION_GRAPH

DUMP_SECONDS = 60.0
PROBE_SECONDS = 5.0
"""How often a remote engine is asked whether it is there, and how long it may take to say so."""
GROWN_BYTES = 32 * 1024 * 1024
"""A worker that has grown by more than this is let go, so that the memory comes back."""
CACHED_BYTES = 128 * 1024 * 1024
"""What it may grow beyond that over a store on disk, whose caches make it four times as fast."""
IDLE_SECONDS = 30.0
"""How long such a worker keeps its caches when nobody asks."""
WORKERS = (os.cpu_count() or 2) + 2
"""A stopped query holds a processor until its deadline; others go on beside it."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Limits of ad-hoc queries: seconds, rows, bytes of result and of memory, workers.

    `load_memory` (bytes of address space, None for any) and `load_seconds` are for loading.
    """

    timeout: float = 10.0
    max_rows: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    memory: int = 1024 * 1024 * 1024
    workers: int = WORKERS
    load_memory: int | None = None
    load_seconds: float = 600.0
    shares: Shares = field(default_factory=Shares)


@dataclass(frozen=True, slots=True)
class Graphs:
    """The graphs (IRIs) a client wants as default graph and as named graphs; none: all."""

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


ALL_GRAPHS = Graphs()

Solutions = tuple[list[str], list[list[Node | None]]]
"""Columns and rows; None where a variable is unbound."""


def result_formats(outline: Outline) -> dict[str, str]:
    """The formats, key to media type, of a query of this form."""
    return SOLUTION_FORMATS if outline.form in ("SELECT", "ASK") else GRAPH_FORMATS


class QueryPool:
    """Evaluates ad-hoc queries over what a source names.

    The keeper starts to load at once, beside what the caller does next; `ready` waits for it.
    `counts` may be those of the pool that this one replaces, which go on.
    """

    def __init__(
        self,
        source: Mapping[str, Any],
        settings: PoolSettings | None = None,
        counts: Counts | None = None,
    ) -> None:
        self.settings = settings or PoolSettings()
        self.counts = counts or Counts()
        self._source = source
        self._may_grow = GROWN_BYTES + (CACHED_BYTES if "store" in source else 0)
        self._turns = Turns(self.settings.workers, self.settings.shares)
        self._lock = threading.RLock()
        self._keeper = self._start()
        self._facts: dict[str, Any] | None = None
        self._broken: DataError | None = None
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
            if self._broken is not None:
                raise self._broken
            if self._facts is None:
                try:
                    facts = self._keeper.wait(self.settings.load_seconds)
                except DataError as error:
                    self._keeper.close()
                    self._broken = error
                    raise
                self._idle = [self._keeper.fork() for _ in range(self.settings.workers)]
                self._facts = facts
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
    def is_loading(self) -> bool:
        """Whether the keeper does not hold yet what it should."""
        return self._facts is None and self._broken is None

    @property
    def keeper(self) -> int:
        """The process that the workers are forked from."""
        return self._keeper.pid

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
        body = Spool()
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
        turn = self._turn(client)
        try:
            worker = self._worker()
            turn.stop = worker.kill
            return self._ask(worker, turn, message, body, seconds)
        finally:
            self._turns.give_back(turn)

    def _turn(self, client: str) -> Turn:
        self.counts.add(Event.ASKED)
        try:
            return self._turns.take(client)
        except TooManyRequests:
            self.counts.add(Event.OVER_SHARE)
            raise
        except ServiceBusy:
            self.counts.add(Event.BUSY)
            raise

    def _ask(
        self, worker: Worker, turn: Turn, message: bytes, body: frames.Writable, seconds: float
    ) -> dict[str, Any]:
        try:
            reply = worker.ask(message, body, turn.asked + seconds)  # waiting counts
        except TimeoutError:
            self._replace(worker, Event.LATE)
            if "endpoint" in self._source:
                raise EngineTimeout(
                    f"the SPARQL engine did not answer within {seconds:g} s"
                ) from None
            raise QueryTimeout(
                f"the query was stopped after {seconds:g} s; ask for less, or add a LIMIT"
            ) from None
        except EOFError:
            self._replace(worker, Event.MADE_WAY if turn.stopped else Event.BROKE)
            if turn.stopped:
                raise ServiceBusy("the query was stopped to let others be answered") from None
            raise QueryFailed(
                "the query needed more memory than is allowed, or broke its worker"
            ) from None
        if worker.grown > self._may_grow:
            self._replace(worker, Event.RENEWED)
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
        if worker is not None:
            self.counts.add(Event.LOST)
        return self._forked(worker)

    def _replace(self, worker: Worker, event: Event) -> None:
        self.counts.add(event)
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
                    self.counts.add(Event.LOST)
                    keeper.close()
                    started = self._start()
                    started.wait(self.settings.load_seconds)
                    self._keeper = started
            return self._keeper.fork()

    def let_go(self) -> None:
        """Replace the workers that have grown and that nobody needs at the moment."""
        latest = time.monotonic() - IDLE_SECONDS
        with self._lock:
            for worker in [w for w in self._idle if w.grown > GROWN_BYTES and w.used < latest]:
                self._idle.remove(worker)
                self._replace(worker, Event.RENEWED)

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
