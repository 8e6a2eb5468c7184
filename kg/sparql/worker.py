"""What a query worker does in its process: one query at a time, until it is killed or let go.

Before its first query the process gives up the right to open anything but the files of its store,
and to take more than its share of memory; no query text, whatever it is, reaches a socket.
"""

import io
import os
import re
import resource
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import pyoxigraph as ox

from kg.errors import EngineFailed, EngineTimeout
from kg.sparql import frames
from kg.sparql.guard import with_columns
from kg.sparql.results import RDF_FORMATS, Limits, Written, write_result
from kg.sparql.seccomp import forbid_sockets

GRACE_SECONDS = 1.0
"""How long after the deadline a worker ends itself, should nobody be left to kill it."""
STACK_BYTES = 512 * 1024 * 1024
"""Stack of the evaluating thread (virtual): nested queries overflow the usual 8 MB."""

_UNKNOWN_FUNCTION = re.compile(r"custom function <([^>]*)> is not supported")

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Outcome = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples
Evaluate = Callable[[str, dict[str, Any]], Written]


def run(connection: socket.socket, evaluate: Evaluate, memory: int, files: int | None) -> NoReturn:
    """Answer the queries that come through `connection`; does not return.

    `memory` is in bytes beyond what is in use. `files` is how many files may still be opened, and
    no socket; with None, any number of both.

    The thread that evaluates may lose its priority for good, so it is followed by another then;
    what the engine has read stays.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.stack_size(STACK_BYTES)
    _limit(memory, files)
    base = _peak(resource.getrusage(resource.RUSAGE_SELF))
    has_yielded = threading.Event()
    while True:
        thread = threading.Thread(target=_serve, args=(connection, evaluate, base, has_yielded))
        thread.start()
        thread.join()
        if not has_yielded.is_set():
            os._exit(0)
        has_yielded.clear()


def _limit(memory: int, files: int | None) -> None:
    with open("/proc/self/statm", encoding="ascii") as sizes:  # noqa: PTH123 - no import here
        in_use = int(sizes.read().split()[0]) * resource.getpagesize()
    limit = in_use + STACK_BYTES + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if files:
        most = max(map(int, os.listdir("/dev/fd"))) + files  # noqa: PTH208 - no import here
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        forbid_sockets()
    elif files == 0:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _serve(
    connection: socket.socket, evaluate: Evaluate, base: int, has_yielded: threading.Event
) -> None:
    """Answer until the connection ends, or this thread is found to have yielded."""
    priority = _priority()
    while not has_yielded.is_set():
        text = io.BytesIO()
        try:
            how = frames.receive(connection, text)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, how["seconds"] + GRACE_SECONDS)
        reply, body = _answer(evaluate, text.getvalue().decode(), how)
        signal.setitimer(signal.ITIMER_REAL, 0)
        use = resource.getrusage(resource.RUSAGE_SELF)
        cost = {"grown": _peak(use) - base, "cpu": use.ru_utime + use.ru_stime}
        connection.sendall(frames.pack({**reply, **cost}, body))
        if _priority() != priority:
            has_yielded.set()


def _answer(
    evaluate: Evaluate, text: str, how: dict[str, Any]
) -> tuple[dict[str, Any], bytes | bytearray]:
    """The header and body of a reply. A MemoryError is left to end the process."""
    try:
        written = evaluate(text, how)
    except (SyntaxError, ValueError) as error:
        return {"error": "syntax", "message": str(error)}, b""
    except EngineTimeout as error:
        return {"error": "late", "message": str(error)}, b""
    except EngineFailed as error:
        return {"error": "engine", "message": str(error)}, b""
    except OSError as error:
        return {"error": "evaluation", "message": str(error)}, b""
    return {"truncated": written.truncated}, written.body


def _priority() -> int:
    """That of the calling thread."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def _peak(use: resource.struct_rusage) -> int:
    """The most memory that the process has had resident, in bytes."""
    return use.ru_maxrss * 1024


def query_store(store: ox.Store, text: str, **options: Any) -> Outcome:
    """Evaluate; a function that the engine does not know is an error of its expression alone."""
    unknown: dict[ox.NamedNode, Callable[..., Term | None]] = {}
    while True:
        try:
            return store.query(text, custom_functions=unknown, **options)
        except RuntimeError as error:
            name = _UNKNOWN_FUNCTION.search(str(error))
            if name is None:
                raise
            unknown[ox.NamedNode(name[1])] = _no_value


def _no_value(*_: object) -> Term | None:
    return None


class StoreEvaluator:
    """Evaluates over a store; called with a query and the header that the pool sends."""

    def __init__(self, store: ox.Store, prefixes: Mapping[str, str]) -> None:
        self._store = store
        self._prefixes = dict(prefixes)

    def __call__(self, text: str, how: dict[str, Any]) -> Written:
        limits = Limits(how["rows"], how["size"])
        if how["dump"] is not None:
            return self._dump(how)
        result = self._query(text, how)
        if how["star"] is not None and isinstance(result, ox.QuerySolutions):
            found = {variable.value for variable in result.variables}
            if columns := [name for name in how["variables"] if name in found]:
                result = self._query(with_columns(text, how["star"], columns), how)
        return write_result(result, how["format"], limits, self._prefixes)

    def _query(self, text: str, how: dict[str, Any]) -> Outcome:
        default: list[ox.NamedNode | ox.BlankNode | ox.DefaultGraph] | None = None
        named: list[ox.NamedNode | ox.BlankNode] | None = None
        if how["default_graphs"] or how["named_graphs"]:  # the protocol's dataset; none: all
            default = [ox.NamedNode(iri) for iri in how["default_graphs"]]
            named = [ox.NamedNode(iri) for iri in how["named_graphs"]]
        return query_store(
            self._store,
            text,
            base_iri=how["base"],
            prefixes=self._prefixes,
            default_graph=default,
            named_graphs=named,
        )

    def _dump(self, how: dict[str, Any]) -> Written:
        """A whole graph; '' is the default graph."""
        graph = ox.NamedNode(how["dump"]) if how["dump"] else ox.DefaultGraph()
        body = self._store.dump(
            format=RDF_FORMATS[how["format"]], from_graph=graph, prefixes=self._prefixes
        )
        return Written(body or b"")
