"""A small pool of worker processes: a query runs in one, and is killed at its deadline.

Killing is the only way: the engine cannot cancel a query. A worker that crashed or was killed is
replaced at once, and only the query in it is lost.
"""

import atexit
import os
import queue
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from kg.errors import BadSparql, QueryFailed, QueryTimeout, ServiceBusy
from kg.sparql import frames
from kg.sparql.guard import Outline, inspect
from kg.sparql.results import GRAPH_FORMATS, SOLUTION_FORMATS

READ_SIZE = 1 << 20
SHOWN_NEAR = 30
SHOWN_EXPECTED = 120


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Limits of ad-hoc queries: seconds, rows, bytes of result and of memory, workers."""

    timeout: float = 10.0
    max_rows: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    memory: int = 1024 * 1024 * 1024
    workers: int = 2
    wait: float = 2.0


@dataclass(frozen=True, slots=True)
class Graphs:
    """The graphs (IRIs) a client wants as default graph and as named graphs; none: all."""

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A query's result as bytes in one format."""

    body: bytes
    media_type: str
    rows: int
    truncated: bool


class _Worker:
    def __init__(self, store: Path, memory: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "kg.sparql.worker", str(store), str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
            process_group=0,  # Ctrl-C is for the service, which ends its workers
        )
        self._input = cast(IO[bytes], self._process.stdin)
        self._output = cast(IO[bytes], self._process.stdout)

    def ask(self, message: bytes, deadline: float) -> tuple[dict[str, Any], bytes]:
        """Send a message and read the reply; TimeoutError or EOFError end the worker's use."""
        try:
            self._input.write(message)
            self._input.flush()
        except OSError as error:
            raise EOFError from error
        header_length, body_length = frames.LENGTHS.unpack(
            self._read(frames.LENGTHS.size, deadline)
        )
        content = self._read(header_length + body_length, deadline)
        return frames.unpack(content, header_length)

    def _read(self, size: int, deadline: float) -> bytes:
        descriptor = self._output.fileno()
        parts = []
        while size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError
            part = os.read(descriptor, min(size, READ_SIZE))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._input, self._output):
            with suppress(OSError):
                stream.close()


ALL_GRAPHS = Graphs()


def result_formats(outline: Outline) -> dict[str, str]:
    """The formats, key to media type, of a query of this form."""
    return SOLUTION_FORMATS if outline.form in ("SELECT", "ASK") else GRAPH_FORMATS


def _placed(message: str, text: str) -> str:
    """The engine's complaint with the place said in words, and without an endless list."""
    found = re.fullmatch(r"error at (\d+):(\d+): (.*)", message, re.DOTALL)
    if found is None:
        return message
    line, column = int(found[1]), int(found[2])
    near = (text.splitlines() or [""])[line - 1 : line]
    rest = "".join(near)[column - 1 : column + SHOWN_NEAR]
    complaint = found[3] if len(found[3]) <= SHOWN_EXPECTED else "this is not SPARQL 1.1"
    where = f"line {line}, column {column}"
    return f"{where}: {complaint}, near {rest!r}" if rest else f"{where}: {complaint} (at the end)"


class QueryPool:
    """Evaluates ad-hoc queries over the store of one snapshot."""

    def __init__(self, store: Path, settings: PoolSettings | None = None) -> None:
        self.settings = settings or PoolSettings()
        self._store = store
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for _ in range(self.settings.workers):
            self._idle.put(self._start())
        atexit.register(self.close)

    def _start(self) -> _Worker:
        return _Worker(self._store, self.settings.memory)

    def query(
        self,
        query: str | Outline,
        form: str = "",
        timeout: float | None = None,
        graphs: Graphs = ALL_GRAPHS,
    ) -> Result:
        """Evaluate a query; `form` is a key of its `result_formats`, or '' for the first.

        A text is inspected first; who has inspected it already passes the outline.

        The caller may lower the deadline with `timeout` (seconds), not raise it. Errors: BadSparql,
        RefusedSparql, QueryTooLong, QueryTimeout, QueryFailed, ServiceBusy.
        """
        outline = inspect(query) if isinstance(query, str) else query
        formats = result_formats(outline)
        form = form or next(iter(formats))
        if form not in formats:
            raise BadSparql(f"{outline.form} has no result in {form!r}", list(formats))
        seconds = min(self.settings.timeout, timeout or self.settings.timeout)
        message = frames.pack(
            {
                "format": form,
                "seconds": seconds,
                "rows": self.settings.max_rows,
                "size": self.settings.max_bytes,
                "default_graphs": graphs.default,
                "named_graphs": graphs.named,
                "columns": outline.variables if outline.selects_all else (),
            },
            outline.text.encode(),
        )
        header, body = self._run(message, seconds)
        if header.get("error") == "syntax":
            raise BadSparql(_placed(header["message"], outline.text))
        if "error" in header:
            raise QueryFailed(header["message"])
        return Result(body, formats[form], header["rows"], header["truncated"])

    def _run(self, message: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        try:
            worker = self._idle.get(timeout=self.settings.wait)
        except queue.Empty:
            raise ServiceBusy("all query workers are busy; try again soon") from None
        try:
            reply = worker.ask(message, time.monotonic() + seconds)
        except TimeoutError:
            self._replace(worker)
            raise QueryTimeout(
                f"the query was stopped after {seconds:g} s; ask for less, or add a LIMIT"
            ) from None
        except EOFError:
            self._replace(worker)
            raise QueryFailed(
                "the query needed more memory than is allowed, or broke its worker"
            ) from None
        self._idle.put(worker)
        return reply

    def _replace(self, worker: _Worker) -> None:
        worker.kill()
        self._idle.put(self._start())

    def close(self) -> None:
        """End all idle workers."""
        atexit.unregister(self.close)
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().kill()
