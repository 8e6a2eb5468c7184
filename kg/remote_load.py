"""Loads a snapshot into a remote engine, over SPARQL 1.1 Update and the Graph Store Protocol.

The new triples are written beside the old, counted, and only then moved into place: what fails
before that leaves the old version as it was.
"""

import base64
import http.client
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib import request as web
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode

import pyoxigraph as ox
from rdflib.namespace import OWL

from kg.client import EndpointError
from kg.snapshot import Snapshot
from kg.vocabulary import ALL_GRAPH, ETIO, NAMED_GRAPHS, VERSION_GRAPH

VERSION_SUBJECT = str(ETIO).rstrip("/")
BATCH = 1000
"""Triples of one insertion; Virtuoso takes no longer texts than some 1,500 make."""
TIMEOUT_SECONDS = 600
LONGEST_REASON = 300


@dataclass(frozen=True)
class Remote:
    """The URLs of an engine, and who may write to it.

    With `graph_store` (of the SPARQL 1.1 Graph Store Protocol) a graph is sent in one piece,
    else by insertions. A password is given when the engine asks for it, by Basic or Digest.
    """

    query: str
    update: str
    graph_store: str | None = None
    user: str | None = None
    password: str = field(default="", repr=False)


def load_remote(snapshot: Snapshot, remote: Remote, say: Callable[[str], None] = print) -> int:
    """Make the engine hold the snapshot's dataset in place of an earlier one; returns its triples.

    Graphs of other names are left alone. EndpointError names the URL and the reason.
    """
    snapshot.check_rest()
    engine = _Engine(remote)
    store = ox.Store.read_only(str(snapshot.store_path))
    names = sorted({*map(str, NAMED_GRAPHS), *_names(store)})
    sizes = {name: _size(store, ox.NamedNode(name)) for name in names}
    filled = [name for name, size in sizes.items() if size]
    for name in filled:
        say(f"sending {sizes[name]:,} triples of <{name}> …")
        _send_graph(engine, store, name)
        _expect(engine, _beside(name), sizes[name])
    total = _size(store, ox.DefaultGraph())
    say(f"putting {total:,} triples together in <{ALL_GRAPH}> …")
    _unite(engine, filled)
    _expect(engine, _beside(str(ALL_GRAPH)), total)
    engine.update(_exchange(sizes, snapshot.version))
    say(f"{remote.update} holds version {snapshot.version}")
    return total


def _names(store: ox.Store) -> Iterator[str]:
    return (name.value for name in store.named_graphs() if isinstance(name, ox.NamedNode))


def _size(store: ox.Store, graph: ox.NamedNode | ox.DefaultGraph) -> int:
    return sum(1 for _ in store.quads_for_pattern(None, None, None, graph))


def _beside(graph: str) -> str:
    """The name of a graph while it is not in its place yet."""
    return f"{graph}/loading"


def _send_graph(engine: "_Engine", store: ox.Store, name: str) -> None:
    graph = ox.NamedNode(name)
    engine.update(f"DROP SILENT GRAPH <{_beside(name)}>")
    if engine.remote.graph_store:
        text = store.dump(format=ox.RdfFormat.N_TRIPLES, from_graph=graph)
        engine.put(_beside(name), text or b"")
        return
    triples = [quad.triple for quad in store.quads_for_pattern(None, None, None, graph)]
    for batch in batches(triples, BATCH):
        lines = "\n".join(f"{triple} ." for triple in batch)
        # not INSERT DATA: Virtuoso takes no blank nodes there
        engine.update(f"INSERT {{ GRAPH <{_beside(name)}> {{\n{lines}\n}} }} WHERE {{}}")


def batches(triples: Iterable[ox.Triple], size: int) -> Iterator[list[ox.Triple]]:
    """The triples in lists of about `size`; those that share a blank node are in the same one.

    A blank node is the same only within one request.
    """
    batch: list[ox.Triple] = []
    for cluster in _clusters(triples):
        if batch and len(batch) + len(cluster) > size:
            yield batch
            batch = []
        batch += cluster
    if batch:
        yield batch


def _clusters(triples: Iterable[ox.Triple]) -> Iterator[list[ox.Triple]]:
    """The triples in groups that share no blank node."""
    groups: dict[ox.BlankNode, list[ox.Triple]] = {}
    for triple in triples:
        nodes = [node for node in (triple.subject, triple.object) if isinstance(node, ox.BlankNode)]
        if not nodes:
            yield [triple]
            continue
        joined = sorted((groups.get(node, []) for node in nodes), key=len)
        smaller, larger = joined[0], joined[-1]
        if smaller is not larger:
            larger += smaller
            groups.update(dict.fromkeys(_blank_nodes(smaller), larger))
        larger.append(triple)
        groups.update(dict.fromkeys(nodes, larger))
    yield from {id(group): group for group in groups.values()}.values()


def _blank_nodes(triples: Iterable[ox.Triple]) -> Iterator[ox.BlankNode]:
    for triple in triples:
        for node in (triple.subject, triple.object):
            if isinstance(node, ox.BlankNode):
                yield node


def _unite(engine: "_Engine", graphs: Iterable[str]) -> None:
    """Copy within the engine, so that a blank node stays the same in the united graph."""
    everything = _beside(str(ALL_GRAPH))
    engine.update(f"DROP SILENT GRAPH <{everything}>")
    for graph in graphs:
        engine.update(f"ADD GRAPH <{_beside(graph)}> TO GRAPH <{everything}>")


def _expect(engine: "_Engine", graph: str, size: int) -> None:
    found = engine.count(graph)
    if found != size:
        raise EndpointError(
            f"{engine.remote.update} holds {found:,} triples in <{graph}> where {size:,} were sent;"
            " what it held before is left as it was"
        )


def _exchange(sizes: dict[str, int], version: str) -> str:
    """One request, which most engines run as one transaction; the version is written last."""
    places = {**sizes, str(ALL_GRAPH): 1}
    steps = [f"DROP SILENT GRAPH <{VERSION_GRAPH}>"]
    for graph, size in places.items():
        move = f"MOVE GRAPH <{_beside(graph)}> TO GRAPH <{graph}>"
        steps.append(move if size else f"DROP SILENT GRAPH <{graph}>")
    marker = f"<{VERSION_SUBJECT}> <{OWL.versionInfo}> {ox.Literal(version)}"
    steps.append(f"INSERT DATA {{ GRAPH <{VERSION_GRAPH}> {{ {marker} }} }}")
    return " ;\n".join(steps)


class _Engine:
    """Requests to one engine; every failure is an EndpointError."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._challenges: dict[str, str] = {}
        self._passwords = web.HTTPPasswordMgrWithDefaultRealm()
        self._digest = web.HTTPDigestAuthHandler(self._passwords)
        self._opener = web.OpenerDirector()  # follows no redirection and opens no file
        for handler in (web.HTTPHandler, web.HTTPSHandler, web.HTTPDefaultErrorHandler,
                        web.HTTPErrorProcessor, web.UnknownHandler):  # fmt: skip
            self._opener.add_handler(handler())

    def update(self, text: str) -> None:
        self._send("POST", self.remote.update, text.encode(), "application/sparql-update")

    def put(self, graph: str, triples: bytes) -> None:
        """Replace a graph by N-Triples."""
        store = self.remote.graph_store
        url = f"{store}?graph={quote(graph, safe='')}"
        if self.remote.user is not None and store not in self._challenges:
            # under a long body, an engine that wants a password closes the connection unheard
            self._send("PUT", url, b"", "text/turtle")
        self._send("PUT", url, triples, "text/turtle")

    def count(self, graph: str) -> int:
        query = f"SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
        body = urlencode({"query": query}).encode()
        url = self.remote.query
        answer = self._send("POST", url, body, "application/x-www-form-urlencoded")
        try:
            found: Any = json.loads(answer)
            return int(found["results"]["bindings"][0]["n"]["value"])
        except (ValueError, LookupError, TypeError) as error:
            raise EndpointError(f"{url} did not answer with a table of solutions") from error

    def _send(self, method: str, url: str, body: bytes, kind: str) -> bytes:
        query = kind == "application/x-www-form-urlencoded"
        accept = "application/sparql-results+json" if query else "*/*"
        headers = {"Content-Type": kind, "Accept": accept}
        try:
            request = web.Request(url, body, headers, method=method)  # noqa: S310 only HTTP is handled
            with self._open(request) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            with error:
                raise EndpointError(f"{url} answered {_reason(error)}") from error
        except (URLError, OSError, http.client.HTTPException) as error:
            raise EndpointError(f"{url} cannot be reached: {error}") from error
        except ValueError as error:
            raise EndpointError(f"{url} cannot be asked: {error}") from error

    def _open(self, request: web.Request) -> Any:
        """The answer; asked for a password, the same request again with it."""
        place = request.full_url.partition("?")[0]
        if place in self._challenges:
            self._authorize(request, self._challenges[place])
        try:
            return self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except HTTPError as error:
            challenge = _challenge(error)
            if challenge is None or self.remote.user is None:
                raise
            error.close()
            self._challenges[place] = challenge
        self._authorize(request, challenge)
        return self._opener.open(request, timeout=TIMEOUT_SECONDS)

    def _authorize(self, request: web.Request, challenge: str) -> None:
        scheme, _, parts = challenge.partition(" ")
        user, password = self.remote.user or "", self.remote.password
        if scheme.lower() == "digest":
            self._passwords.add_password(None, request.full_url, user, password)
            items = web.parse_keqv_list(web.parse_http_list(parts))
            value = self._digest.get_authorization(request, items)
        else:
            value = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"{scheme} {value}")


def _challenge(error: HTTPError) -> str | None:
    """How the engine asks for a password, Digest before Basic; None if it does not."""
    challenges = error.headers.get_all("WWW-Authenticate") or []
    for scheme in ("digest", "basic"):
        for challenge in challenges:
            if challenge.lower().startswith(scheme):
                return str(challenge)
    return None


def _reason(error: HTTPError) -> str:
    """Status and first line of a plain answer; a page is left out."""
    status = f"{error.code} {error.reason}".strip()
    if "html" in error.headers.get("Content-Type", ""):
        return status
    lines = error.read(10_000).decode("utf-8", "replace").strip().splitlines()
    return f"{status}: {lines[0][:LONGEST_REASON]}" if lines else status
