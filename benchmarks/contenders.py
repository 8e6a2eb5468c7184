"""The engines of benchmarks/whole.py on the whole set: how each is loaded once and then started.

Loading is timed with the peak memory of the process that does it. What is loaded is kept in the
working folder with those figures beside it, so a later run loads nothing.
"""

import gzip
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import pyoxigraph as ox
from peers import (
    Peer,
    etiograph,
    load_oxigraph,
    oxigraph_in_memory,
    oxigraph_on_disk,
    rdflib_endpoint,
    virtuoso,
)
from running import ROOT, run

sys.path.insert(0, str(ROOT))

from kg import layout
from kg.quads import open_quads

REQUIREMENTS = Path(__file__).with_name("requirements-peers.txt")
BUFFERS = 170_000
"""As Virtuoso's manual advises for two gigabytes of free memory: the database fits in."""
SETTINGS = {
    "ETIOGRAPH_QUERY_QUEUE": "200",
    "ETIOGRAPH_QUERY_WAIT": "60",
    "ETIOGRAPH_QUERY_TIMEOUT": "60",
    "ETIOGRAPH_LOG": "off",
}
"""Peers have no such limits and write no log."""
REBUILD = """
import sys
from pathlib import Path
from kg.builder.snapshot import change_imports
change_imports(Path(sys.argv[1]), {}, (), print)
"""


class Absent(Exception):
    """An engine is not installed."""


@dataclass(frozen=True)
class Set:
    """The whole set: a snapshot, and the folder for what is made of it."""

    folder: Path
    snapshot: Path
    work: Path

    @classmethod
    def of(cls, folder: Path, work: Path) -> "Set":
        """That of a build folder; its version has a part of `work` to itself."""
        version = (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
        mine = work.resolve() / version
        mine.mkdir(parents=True, exist_ok=True)
        return cls(folder.resolve(), (folder / version).resolve(), mine)

    @property
    def store(self) -> Path:
        return self.snapshot / layout.STORE

    @property
    def imports(self) -> list[str]:
        manifest = json.loads((self.snapshot / layout.MANIFEST).read_text(encoding="utf-8"))
        return list(manifest["imports"])

    def dump(self) -> Path:
        """The dataset as N-Quads, its default graph and its named graphs."""
        path = self.work / "graph.nq"
        if not path.exists():
            with path.with_suffix(".new").open("wb") as out:
                with gzip.open(self.snapshot / layout.QUADS) as file:
                    shutil.copyfileobj(file, out, 1 << 20)
                for name, graph in layout.imported_graphs(self.imports):
                    with open_quads(self.snapshot / name, graph) as quads:
                        shutil.copyfileobj(quads, out, 1 << 20)
            path.with_suffix(".new").rename(path)
        return path

    def named(self) -> Path:
        """The named graphs alone, for an engine whose default graph is their union."""
        path = self.work / "named.nq"
        if not path.exists():
            with path.with_suffix(".new").open("wb") as out:
                with gzip.open(self.snapshot / layout.QUADS) as file:
                    quads = ox.parse(cast(IO[bytes], file), format=ox.RdfFormat.N_QUADS)
                    named = (quad for quad in quads if quad.graph_name != ox.DefaultGraph())
                    ox.serialize(named, out, ox.RdfFormat.N_QUADS)
                for name, graph in layout.imported_graphs(self.imports):
                    with gzip.open(self.snapshot / name) as triples:
                        out.writelines(
                            b"%s<%b> .\n" % (one[:-2], graph.encode()) for one in triples
                        )
            path.with_suffix(".new").rename(path)
        return path


@dataclass(frozen=True)
class Loaded:
    """How long loading took, and its peak of memory in MB; 0 where it is at every start."""

    seconds: float = 0.0
    peak: int = 0


@dataclass(frozen=True)
class Contender:
    """An engine that is ready to be started; `own` is ours."""

    peer: Peer
    loaded: Loaded
    own: bool = False


def once(folder: Path, load: Callable[[Path], int]) -> Loaded:
    """Load into a folder, unless that was done before; `load` returns its peak of memory."""
    told = folder.with_suffix(".json")
    if not told.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        begun = time.perf_counter()
        peak = load(folder)
        told.write_text(json.dumps([time.perf_counter() - begun, peak]), encoding="utf-8")
    return Loaded(*json.loads(told.read_text(encoding="utf-8")))


def ours(whole: Set) -> Contender:
    """The service; loading is putting all graphs together anew from the snapshot's files."""

    def load(folder: Path) -> int:
        version = whole.snapshot.name
        shutil.copytree(whole.snapshot, folder / version, copy_function=os.link)
        (folder / layout.CURRENT).write_text(version, encoding="utf-8")
        return run(sys.executable, "-c", REBUILD, str(folder))

    loaded = once(whole.work / "etiograph", load)
    folder = whole.work / "etiograph"
    peer = etiograph(ETIOGRAPH_FOLDER=str(folder), **SETTINGS)
    return Contender(replace(peer, files=folder / whole.snapshot.name), loaded, own=True)


def oxigraph_disk(whole: Set) -> Contender:
    place = whole.work / "oxigraph"
    loaded = once(place, lambda folder: load_oxigraph(whole.dump(), folder))
    return Contender(oxigraph_on_disk(place), loaded)


def oxigraph_memory(whole: Set) -> Contender:
    return Contender(oxigraph_in_memory(whole.dump()), Loaded())


def rdflib_endpoint_oxigraph(whole: Set) -> Contender:
    """Over rdflib's store on Oxigraph: its own store would need more memory than machines have."""
    place = whole.work.parent / "peers-environment"
    python = place / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", str(place))
        run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(REQUIREMENTS))
    return Contender(rdflib_endpoint(str(python), whole.named(), "Oxigraph"), Loaded())


def virtuoso_disk(whole: Set) -> Contender:
    """With the named graphs alone: asked for a default graph, it lets a query name no other."""
    if shutil.which("virtuoso-t") is None:
        raise Absent("virtuoso-t is not on the PATH (Debian's virtuoso-opensource-7)")
    place = whole.work / "virtuoso"

    def load(folder: Path) -> int:
        peer = virtuoso(whole.named(), folder, BUFFERS, "")
        try:
            peer.start()
            return peer.server.memory()
        finally:
            peer.server.stop()

    loaded = once(place, load)
    return Contender(virtuoso(whole.named(), place, BUFFERS, ""), loaded)


CONTENDERS: dict[str, Callable[[Set], Contender]] = {
    "etiograph": ours,
    "oxigraph-disk": oxigraph_disk,
    "oxigraph-memory": oxigraph_memory,
    "rdflib-endpoint": rdflib_endpoint_oxigraph,
    "virtuoso": virtuoso_disk,
}
"""Name on the command line → what makes the engine ready."""
