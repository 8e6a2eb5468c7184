"""The engines that benchmarks compare: how each is started on a dump, and how it is asked.

A peer gets the graph the way its own manual says, and whatever limits of ours one client would meet
are lifted: what is compared is the engines.
"""

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from running import Server, free_port, program, run, service

UNLIMITED = {
    "ETIOGRAPH_CLIENT_RUNNING": "1000",
    "ETIOGRAPH_CLIENT_SECONDS": "100000",
    "ETIOGRAPH_QUERY_QUEUE": "64",
}
"""One client makes all the load, so its share must not be limited."""
DEFAULT_GRAPH = "urn:default"
"""Where Virtuoso has what is in no graph: its own default graph is the union of all."""
VIRTUOSO_SETTINGS = """[Database]
DatabaseFile=v.db
TransactionFile=v.trx
[Parameters]
ServerPort=127.0.0.1:{sql}
DirsAllowed=.
NumberOfBuffers={buffers}
MaxDirtyBuffers={dirty}
MaxClientConnections=100
ThreadsPerQuery=2
[HTTPServer]
ServerPort=127.0.0.1:{http}
ServerThreads=100
MaxKeepAlives=100
KeepAliveTimeout=60
[SPARQL]
ResultSetMaxRows=1000000
"""
BUFFERS = 85_000
"""Pages of 8 KB that Virtuoso holds, as its manual advises for a gigabyte of free memory."""


def nothing() -> None:
    """Nothing is to be loaded."""


@dataclass(frozen=True)
class Peer:
    """A SPARQL endpoint; a query's text is put at the end of `address`.

    `fill` loads the graph once the server runs; `files` is where its data is on disk.
    """

    name: str
    server: Server
    address: str
    fill: Callable[[], object] = nothing
    files: Path | None = None

    def start(self) -> None:
        """Start it and load the graph; it then answers."""
        self.server.start()
        self.fill()


def etiograph(**environment: str) -> Peer:
    """The service of this checkout, its limits by client lifted."""
    return Peer("Etiograph", service(**{**UNLIMITED, **environment}), "/sparql?query=")


def oxigraph_in_memory(dump: Path) -> Peer:
    """The Oxigraph server, which loads N-Quads each time that it starts."""
    port = free_port()
    command = [program("oxigraph", "PyPI's oxigraph"), "serve", "--bind", f"127.0.0.1:{port}"]

    def fill() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        headers = {"Content-Type": "application/n-quads"}
        with dump.open("rb") as file:
            connection.request("POST", "/store?no_transaction", file, headers)
            if connection.getresponse().status != http.HTTPStatus.NO_CONTENT:
                raise SystemExit("Oxigraph did not take the graph")

    server = Server(command, port, "/")
    return Peer("Oxigraph in memory", server, "/query?query=", fill, dump)


def load_oxigraph(dump: Path, place: Path) -> int:
    """Make a store of the Oxigraph server in `place`; returns the peak of memory in MB."""
    oxigraph = program("oxigraph", "PyPI's oxigraph")
    loading = run(oxigraph, "load", "--location", str(place), "--file", str(dump))
    return max(loading, run(oxigraph, "optimize", "--location", str(place)))


def oxigraph_on_disk(place: Path) -> Peer:
    """The Oxigraph server over a store that `load_oxigraph` made."""
    port = free_port()
    where = ["--location", str(place), "--bind", f"127.0.0.1:{port}"]
    command = [program("oxigraph", "PyPI's oxigraph"), "serve-read-only", *where]
    return Peer("Oxigraph on disk", Server(command, port, "/"), "/query?query=", nothing, place)


def rdflib_endpoint(python: str, dump: Path, store: str = "default") -> Peer:
    """rdflib-endpoint in the environment of `python`; it loads the dump each time that it starts.

    Its default graph is the union of the named ones. `store` is rdflib's: default or Oxigraph.
    """
    port = free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--store", store, str(dump)]
    server = Server([python, "-m", "rdflib_endpoint", "serve", *where], port, "/")
    return Peer("rdflib-endpoint", server, "/?query=", nothing, dump)


def virtuoso(
    dump: Path, place: Path, buffers: int = BUFFERS, default_graph: str = DEFAULT_GRAPH
) -> Peer:
    """Virtuoso with a database in `place`, into which `fill` loads the dump if it is new.

    What is in no graph goes into `default_graph`, which is then asked; with '', where all is in
    named graphs, their union is.
    """
    isql, sql, port = program("isql-vt", "virtuoso-opensource-7"), free_port(), free_port()
    settings = VIRTUOSO_SETTINGS.format(sql=sql, http=port, buffers=buffers, dirty=buffers * 3 // 4)
    (place / "virtuoso.ini").write_text(settings, encoding="utf-8")
    start = [program("virtuoso-t", "virtuoso-opensource-7"), "+foreground", "+configfile"]
    server = Server([*start, "virtuoso.ini"], port, "/sparql", folder=place)
    graph = default_graph or DEFAULT_GRAPH
    loading = f"ld_dir('.', '{dump.name}', '{graph}'); rdf_loader_run(); checkpoint;"
    is_new = not (place / "v.db").exists()

    def fill() -> None:
        if is_new:
            if not (place / dump.name).exists():
                (place / dump.name).symlink_to(dump)
            run(isql, f"127.0.0.1:{sql}", "dba", "dba", f"exec={loading}")

    chosen = f"default-graph-uri={default_graph}&" if default_graph else ""
    address = f"/sparql?{chosen}query="
    return Peer("Virtuoso", server, address, fill, place)
