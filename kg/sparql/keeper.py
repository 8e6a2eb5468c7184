"""A process that holds a graph and forks query workers from it, each in milliseconds.

    python -m kg.sparql.keeper DESCRIPTOR SOURCE

DESCRIPTOR is its end of a socket pair; SOURCE is a JSON object, see `hold`. It has one thread and
evaluates nothing, so a fork is always safe, and memory is shared with the workers until written to.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.errors import DataError
from kg.sparql import frames
from kg.sparql.data import load_files, load_snapshot
from kg.sparql.worker import Evaluate, StoreEvaluator, run
from kg.vocabulary import PREFIXES

NUMBER = struct.Struct("!q")
FIRST_FILES = 16
"""Files of a store that the engine opens with it; it opens the others as queries need them."""


class Held:
    """What the workers evaluate over.

    `evaluator` is called in each worker; `facts` tell the service what is held; `files` is how many
    files a worker may still open after that, and no socket; None is any number of both.
    """

    def __init__(
        self, evaluator: Callable[[], Evaluate], facts: dict[str, Any], *, files: int | None = 0
    ) -> None:
        self.evaluator = evaluator
        self.facts = facts
        self.files = files


def hold(source: dict[str, Any]) -> Held:
    """Take what a source names: `quads` and `graphs` of a snapshot, `files` of any RDF to load, a
    `store` on disk, or a remote `endpoint`.

    A store on disk is opened in each worker: its threads would not survive a fork.
    """
    prefixes = dict(PREFIXES)
    if "endpoint" in source:
        from kg.sparql.remote import RemoteEvaluator  # a client library, for this case only

        return Held(lambda: RemoteEvaluator(source, prefixes), {"prefixes": prefixes}, files=None)
    if "store" in source:
        path = source["store"]
        files = sum(1 for _ in Path(path).glob("*.sst"))
        return Held(
            lambda: _opened(path, prefixes),
            {"prefixes": prefixes},
            files=files if files > FIRST_FILES else 0,
        )
    if "quads" in source:
        store = load_snapshot(Path(source["quads"]), source["graphs"])
    else:
        _cap(source["memory"])
        store, declared = load_files([Path(name) for name in source["files"]])
        prefixes |= declared
    evaluator = StoreEvaluator(store, prefixes)
    return Held(lambda: evaluator, {"prefixes": prefixes, "quads": len(store)})


def _opened(path: str, prefixes: dict[str, str]) -> StoreEvaluator:
    store = ox.Store.read_only(path)
    next(store.quads_for_pattern(None, None, None), None)  # those it opens with it are open now
    return StoreEvaluator(store, prefixes)


def _cap(memory: int | None) -> None:
    """The most address space that loading may take; files from outside are not trusted."""
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))


def keep(channel: socket.socket, held: Held, memory: int) -> None:
    """Fork a worker for each number that comes: 0, or the worker that it replaces."""
    while len(message := channel.recv(NUMBER.size)) == NUMBER.size:
        (replaced,) = NUMBER.unpack(message)
        if replaced:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(replaced, 0)
        theirs, ours = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            channel.close()
            theirs.close()
            run(ours, held.evaluator(), memory, held.files)
        ours.close()
        socket.send_fds(channel, [NUMBER.pack(pid)], [theirs.fileno()])
        theirs.close()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """An engine out of memory writes a page on standard error; DataError says it in a line."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def main() -> None:
    """Load, say so, keep."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends when it is told to, and we then
    channel = socket.socket(fileno=int(sys.argv[1]))
    source = json.loads(sys.argv[2])
    try:
        with _silence():
            held = hold(source)
    except DataError as error:
        channel.sendall(frames.pack({"error": str(error)}))
        return
    with contextlib.suppress(BrokenPipeError):  # the service has ended meanwhile
        channel.sendall(frames.pack(held.facts))
        keep(channel, held, source["worker_memory"])


if __name__ == "__main__":
    main()
