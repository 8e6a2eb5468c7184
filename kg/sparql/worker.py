"""A process that evaluates one query at a time over a read-only store, and can be killed.

    python -m kg.sparql.worker STORE_PATH MEMORY_BYTES

Queries come on standard input and results leave on standard output, as `kg.sparql.frames`. The
store is opened first; after that the process gives up the right to open anything, so that no
query text, whatever it is, reaches a file or a socket.
"""

import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.sparql import frames
from kg.sparql.results import Limits, Written, write_boolean, write_graph, write_solutions
from kg.vocabulary import PREFIXES

GRACE_SECONDS = 1.0
"""How long after the deadline a worker ends itself, should nobody be left to kill it."""
STACK_BYTES = 512 * 1024 * 1024
"""Stack of the evaluating thread (virtual): nested queries overflow the usual 8 MB."""


def serve(store: ox.Store) -> None:
    """Answer queries until standard input ends."""
    while (message := frames.read(sys.stdin.buffer)) is not None:
        header, body = message
        signal.setitimer(signal.ITIMER_REAL, header["seconds"] + GRACE_SECONDS)
        try:
            written = evaluate(store, body.decode(), header)
            reply: dict[str, Any] = {"rows": written.rows, "truncated": written.truncated}
            content = written.body
        except (SyntaxError, ValueError) as error:
            reply, content = {"error": "syntax", "message": str(error)}, b""
        except OSError as error:
            reply, content = {"error": "evaluation", "message": str(error)}, b""
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(frames.pack(reply, content))
        sys.stdout.buffer.flush()


def evaluate(store: ox.Store, query: str, how: dict[str, Any]) -> Written:
    """Evaluate a query; `how` is the header that `kg.sparql.pool` sends."""
    limits = Limits(how["rows"], how["size"])
    default: list[ox.NamedNode | ox.BlankNode | ox.DefaultGraph] | None = None
    named: list[ox.NamedNode | ox.BlankNode] | None = None
    if how["default_graphs"] or how["named_graphs"]:  # the protocol's dataset; none given: all
        default = [ox.NamedNode(iri) for iri in how["default_graphs"]]
        named = [ox.NamedNode(iri) for iri in how["named_graphs"]]
    result = store.query(query, prefixes=PREFIXES, default_graph=default, named_graphs=named)
    if isinstance(result, ox.QueryBoolean):
        return write_boolean(bool(result), how["format"])
    if isinstance(result, ox.QueryTriples):
        return write_graph(result, how["format"], limits)
    found = [variable.value for variable in result.variables]
    wanted = [name for name in how["columns"] if name in found] if how["columns"] else found
    columns = wanted + [name for name in found if name not in wanted]
    order = [found.index(name) for name in columns]
    rows = ([solution[place] for place in order] for solution in result)
    return write_solutions(columns, rows, how["format"], limits)


def close_in(memory: int) -> None:
    """Forbid opening files or sockets, and more than `memory` bytes beyond what is in use."""
    sizes = Path("/proc/self/statm")
    if sizes.exists():  # Linux; elsewhere address space cannot be limited reliably
        in_use = int(sizes.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        limit = in_use + STACK_BYTES + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Open the store, close the door, serve."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    store = ox.Store.read_only(sys.argv[1])
    next(store.quads_for_pattern(None, None, None), None)  # all its files are open now
    close_in(int(sys.argv[2]))
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=serve, args=(store,))
    thread.start()
    thread.join()


if __name__ == "__main__":
    main()
