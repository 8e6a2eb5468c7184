"""A snapshot in real engines: the same triples in the same graphs, replaced whole or not at all."""

import base64
import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg.client import EndpointError, select
from kg.remote_load import (
    Remote,
    _Engine,
    batches,
    load_remote,
)
from kg.snapshot import Snapshot, open_snapshot
from kg.vocabulary import ALL_GRAPH, NAMED_GRAPHS, VERSION_GRAPH
from tests.conftest import quietly
from tests.engines import OXIGRAPH, VIRTUOSO, Engine, free_port, oxigraph, virtuoso

GRAPHS = tuple(map(str, NAMED_GRAPHS))
TERMS = GRAPHS[0]
NAME, LABEL = ox.NamedNode("urn:a"), ox.Literal('é "quoted"\n\\ line', language="en")
needs_oxigraph = pytest.mark.skipif(not OXIGRAPH.exists(), reason="no Oxigraph server")
needs_virtuoso = pytest.mark.skipif(VIRTUOSO is None, reason="no Virtuoso")


@pytest.fixture(
    scope="module",
    params=[pytest.param(oxigraph, marks=needs_oxigraph, id="oxigraph"),
            pytest.param(virtuoso, marks=needs_virtuoso, id="virtuoso")],
)  # fmt: skip
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with request.param() as running:
        yield running


@pytest.fixture(params=["graph store", "update"])
def remote(engine: Engine, request: pytest.FixtureRequest) -> Remote:
    """The engine, to be loaded in either way."""
    return engine.remote if request.param == "graph store" else replace(
        engine.remote, graph_store=None
    )  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(small_build: Path) -> Snapshot:
    return open_snapshot(small_build)


def made(folder: Path, triples: list[ox.Triple], version: str, *, united: bool = True) -> Snapshot:
    """A snapshot of the given terms; unless `united` its default graph lacks them."""
    folder.mkdir(exist_ok=True)
    graphs: list[ox.NamedNode | ox.DefaultGraph] = [ox.NamedNode(TERMS)]
    if united:
        graphs.append(ox.DefaultGraph())
    store = ox.Store(str(folder / "store"))
    store.extend(
        ox.Quad(triple.subject, triple.predicate, triple.object, graph)
        for triple in triples
        for graph in graphs
    )
    store.flush()
    return Snapshot(folder, {"version": version, "files": {}})


def contents(remote: Remote, graph: str) -> Counter[tuple[str, ...]]:
    """The triples of a graph, blank nodes without their names."""
    shown = " ".join(f'(IF(isBlank(?{v}), "", STR(?{v})) AS ?{v}_text)' for v in "spo")
    _, rows = select(remote.query, f"SELECT {shown} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")
    return Counter(map(tuple, rows))


def expected(snapshot: Snapshot, graph: ox.NamedNode | ox.DefaultGraph) -> Counter[tuple[str, ...]]:
    store = ox.Store.read_only(str(snapshot.store_path))
    return Counter(
        tuple("" if isinstance(term, ox.BlankNode) else getattr(term, "value", "")
              for term in quad.triple)
        for quad in store.quads_for_pattern(None, None, None, graph)
    )  # fmt: skip


def count(remote: Remote, pattern: str) -> int:
    _, rows = select(remote.query, f"SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}")
    return int(rows[0][0])


def version(remote: Remote) -> list[list[str]]:
    query = f"SELECT ?v WHERE {{ GRAPH <{VERSION_GRAPH}> {{ ?s ?p ?v }} }}"
    return select(remote.query, query)[1]


def test_every_graph_holds_what_it_holds_in_the_snapshot(
    remote: Remote, snapshot: Snapshot
) -> None:
    total = load_remote(snapshot, remote, quietly)
    assert total == expected(snapshot, ox.DefaultGraph()).total()
    assert contents(remote, str(ALL_GRAPH)) == expected(snapshot, ox.DefaultGraph())
    for graph in GRAPHS:
        assert contents(remote, graph) == expected(snapshot, ox.NamedNode(graph)), graph


def test_a_blank_node_is_the_same_in_its_graph_and_in_the_united_one(
    remote: Remote, snapshot: Snapshot
) -> None:
    load_remote(snapshot, remote, quietly)
    own = f"GRAPH <{GRAPHS[1]}> {{ ?class ?p ?r . ?r ?q ?value . FILTER(isBlank(?r)) }}"
    both = f"GRAPH <{GRAPHS[1]}> {{ ?class ?p ?r }} GRAPH <{ALL_GRAPH}> {{ ?r ?q ?value }}"
    assert count(remote, own) == count(remote, f"{both} FILTER(isBlank(?r))") > 0


def test_loading_again_changes_nothing_and_leaves_nothing_beside(
    remote: Remote, snapshot: Snapshot
) -> None:
    load_remote(snapshot, remote, quietly)
    before = {graph: contents(remote, graph) for graph in (*GRAPHS, str(ALL_GRAPH))}
    load_remote(snapshot, remote, quietly)
    assert before == {graph: contents(remote, graph) for graph in before}
    assert not any(contents(remote, f"{graph}/loading") for graph in before)
    assert version(remote) == [[snapshot.version]]


def test_a_later_version_replaces_the_earlier(
    remote: Remote, snapshot: Snapshot, tmp_path: Path
) -> None:
    load_remote(snapshot, remote, quietly)
    load_remote(made(tmp_path, [ox.Triple(NAME, NAME, LABEL)], "later"), remote, quietly)
    assert version(remote) == [["later"]]
    row = Counter([("urn:a", "urn:a", LABEL.value)])
    assert contents(remote, str(ALL_GRAPH)) == contents(remote, TERMS) == row
    assert not any(contents(remote, graph) for graph in GRAPHS[1:])


def test_what_others_keep_in_the_engine_stays(remote: Remote, tmp_path: Path) -> None:
    _Engine(remote).update("INSERT DATA { GRAPH <urn:other> { <urn:a> <urn:b> <urn:c> } }")
    load_remote(made(tmp_path, [ox.Triple(NAME, NAME, LABEL)], "ours"), remote, quietly)
    assert contents(remote, "urn:other") == Counter([("urn:a", "urn:b", "urn:c")])


def test_a_load_that_fails_leaves_the_version_before(remote: Remote, tmp_path: Path) -> None:
    load_remote(made(tmp_path / "a", [ox.Triple(NAME, NAME, NAME)], "good"), remote, quietly)
    torn = made(tmp_path / "b", [ox.Triple(NAME, NAME, LABEL)], "torn", united=False)
    with pytest.raises(EndpointError, match=r"1 triples in <.*all/loading> where 0 were sent"):
        load_remote(torn, remote, quietly)
    assert version(remote) == [["good"]]
    assert contents(remote, TERMS) == Counter([("urn:a", "urn:a", "urn:a")])


def test_progress_names_every_graph(remote: Remote, snapshot: Snapshot) -> None:
    said: list[str] = []
    load_remote(snapshot, remote, said.append)
    assert all(any(graph in line for line in said) for graph in (TERMS, ALL_GRAPH))
    assert snapshot.version in said[-1]


def test_a_wrong_password_is_named_with_its_endpoint(engine: Engine, snapshot: Snapshot) -> None:
    if engine.remote.user is None:
        pytest.skip(f"{engine.name} asks for no password")
    for wrong in (replace(engine.remote, password="no"), replace(engine.remote, user=None)):  # noqa: S106
        with pytest.raises(EndpointError, match=rf"{wrong.update} answered 401"):
            load_remote(snapshot, wrong, quietly)


def test_an_engine_that_is_down_is_named(snapshot: Snapshot) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(EndpointError, match=rf"{address}/update cannot be reached: .*refused"):
        load_remote(snapshot, Remote(f"{address}/query", f"{address}/update"), quietly)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "ftp://127.0.0.1/"])
def test_only_http_is_spoken(snapshot: Snapshot, url: str) -> None:
    with pytest.raises(EndpointError, match="cannot be"):
        load_remote(snapshot, Remote(url, url), quietly)


class Page(http.server.BaseHTTPRequestHandler):
    """A web page at every address; below /private for one user, below /moved elsewhere."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        login = "Basic " + base64.b64encode("us:p:ä".encode()).decode()
        status = 302 if self.path.startswith("/moved") else 200
        if self.path.startswith("/private") and self.headers.get("Authorization") != login:
            status = 401
        self.send_response(status)
        self.send_header("WWW-Authenticate", 'Basic realm="engine"')
        self.send_header("Location", "/")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>Welcome</p>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_is_no_sparql_engine_is_named(snapshot: Snapshot, site: str) -> None:
    with pytest.raises(EndpointError, match=rf"{site}/ did not answer with a table of solutions"):
        load_remote(snapshot, Remote(f"{site}/", f"{site}/"), quietly)


def test_a_basic_password_is_given_when_asked_for(snapshot: Snapshot, site: str) -> None:
    remote = Remote(f"{site}/", f"{site}/private", user="us", password="p:ä")  # noqa: S106
    with pytest.raises(EndpointError, match="table of solutions"):
        load_remote(snapshot, remote, quietly)
    with pytest.raises(EndpointError, match=r"/private answered 401 Unauthorized$"):
        load_remote(snapshot, replace(remote, password="other"), quietly)  # noqa: S106


def test_a_redirection_is_refused(snapshot: Snapshot, site: str) -> None:
    with pytest.raises(EndpointError, match="/moved answered 302"):
        load_remote(snapshot, Remote(f"{site}/", f"{site}/moved"), quietly)


def test_triples_that_share_a_blank_node_go_together() -> None:
    nodes = [ox.BlankNode(f"b{number}") for number in range(12)]
    chains = [ox.Triple(nodes[i], NAME, nodes[i + 1]) for i in (0, 4, 8, 2, 6, 10, 1, 5, 9)]
    ground = [ox.Triple(NAME, NAME, ox.Literal(str(number))) for number in range(10)]
    sent = list(batches([*chains, *ground], 4))
    assert Counter(triple for batch in sent for triple in batch) == Counter([*chains, *ground])
    homes = [
        {node for triple in batch for node in (triple.subject, triple.object)} & set(nodes)
        for batch in sent
    ]
    assert sum(map(len, homes)) == len(set().union(*homes))
    assert all(len(batch) <= 4 for batch in sent)
