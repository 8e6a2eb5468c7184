"""The W3C's SPARQL tests as HTTP exchanges, over one dataset that holds the data of all of them.

Every data file is a named graph of its own name, and a query says by the protocol's parameters
which of them it is about: no test needs a service of its own. The default graph and the graphs
with a `?state=` hold what the Graph Store tests expect to read after their writes; no query test
names them.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode

from answers import RDF, Expected, Graph, Term
from pyoxigraph import (
    DefaultGraph,
    NamedNode,
    Quad,
    RdfFormat,
    parse,
    serialize,
)

BASE = "https://w3c.github.io/rdf-tests/sparql/"
MANIFESTS = (
    "sparql11/manifest-all.ttl",
    "sparql11/http-rdf-update/manifest.ttl",
    "sparql10/manifest.ttl",
)
MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
UT = "http://www.w3.org/2009/sparql/tests/test-update#"
HT = "http://www.w3.org/2011/http#"
CNT = "http://www.w3.org/2011/content#"
APPROVAL = "http://www.w3.org/2001/sw/DataAccess/tests/test-dawg#approval"
REGIME = "http://www.w3.org/ns/sparql-service-description#entailmentRegime"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
NO_GRAPH = BASE + "no-such-graph"
NEW_GRAPH = "http://www.example/gsp/new"

SUCCESS, MALFORMED, REFUSED = (
    frozenset(range(200, 300)),
    frozenset({400}),
    frozenset(range(400, 500)),
)
STATUSES = {
    "OK": frozenset({200}),
    "NotFound": frozenset({404}),
    "StatusCode2xx": SUCCESS,
    "StatusCode3xx": frozenset(range(300, 400)),
    "StatusCode4xx": REFUSED,
}
MEDIA_TYPES = {
    ".srx": "application/sparql-results+xml",
    ".srj": "application/sparql-results+json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".ttl": "text/turtle",
    ".nt": "application/n-triples",
    ".rdf": "application/rdf+xml",
}
READ_ONLY = "update: the service is read-only"
FEDERATED = "federation: SERVICE is refused"
ENTAILMENT = "entailment regime: the service answers over the graph as it is"
DIRECT = "graphs named by the request's path: an option of the protocol, not offered"
PROSE = "deprecated and in prose: graph-store-protocol has the same tests"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request at a door (`query` or `graphs`; `path` is what follows) and what must come back.

    `form` is what the result must be: boolean, tabular, RDF, or '' for anything.
    """

    method: str
    door: str
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    statuses: frozenset[int] = SUCCESS
    expected: Expected | None = None
    form: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A test. If it is not applicable, for the reason given, its exchanges must be refused."""

    group: str
    name: str
    kind: str
    approved: bool
    exchanges: tuple[Exchange, ...] = ()
    inapplicable: str = ""

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"


class Suite:
    """The tests of a checkout of w3c/rdf-tests, and the dataset that they need."""

    def __init__(self, root: Path) -> None:
        self._root = root / "sparql"
        self._graphs: dict[str, list[Quad]] = {}
        self.cases: list[Case] = []
        for manifest in MANIFESTS:
            self._read_manifest(BASE + manifest)

    def dataset(self) -> bytes:
        """The dataset as N-Quads."""
        quads = (quad for graph in self._graphs.values() for quad in graph)
        return serialize(quads, format=RdfFormat.N_QUADS) or b""

    def _path(self, iri: str) -> Path:
        return self._root / iri.removeprefix(BASE)

    def _read_manifest(self, iri: str) -> None:
        manifest = Graph(parse(path=self._path(iri), base_iri=iri))
        node = manifest.typed(MF + "Manifest") or NamedNode(iri)
        for included in manifest.items(node, MF + "include"):
            self._read_manifest(_iri(included))
        for entry in manifest.items(node, MF + "entries"):
            kind = manifest.text(entry, RDF + "type").removeprefix(MF)
            approved = manifest.text(entry, APPROVAL).endswith("#Approved")
            group = iri.removeprefix(BASE).rpartition("/")[0]
            case = Case(group, _iri(entry).rpartition("#")[2], kind, approved)
            self.cases.append(self._filled(case, manifest, entry))

    def _filled(self, case: Case, manifest: Graph, entry: Term) -> Case:
        action = manifest.object(entry, MF + "action") or entry
        if case.kind == "ServiceDescriptionTest":
            asked = Exchange("GET", "query", headers=(("Accept", "text/turtle"),), form="RDF")
            return replace(case, exchanges=(asked,))
        if case.kind == "ProtocolTest":
            return self._protocol(case, manifest, entry, action)
        if case.kind == "GraphStoreProtocolTest":
            return self._graph_store(case, manifest, entry, action)
        if manifest.object(action, REGIME) is not None:
            return replace(case, inapplicable=ENTAILMENT)
        file = manifest.text(action, QT + "query") or manifest.text(action, UT + "request")
        file = file or manifest.text(entry, MF + "action")
        if file.endswith(".ru"):
            return _refused(case, self._path(file).read_bytes(), "update", READ_ONLY)
        # A base of the query's own follows this one and wins: SPARQL allows several.
        text = f"BASE <{file}> ".encode() + self._path(file).read_bytes()
        if case.group in ("sparql11/service", "sparql11/syntax-fed"):
            return _refused(case, text, "query", FEDERATED)
        exchange = self._query(case, manifest, entry, file, text)
        return replace(case, exchanges=(exchange,))

    # -- Queries ---------------------------------------------------------------------------

    def _query(self, case: Case, manifest: Graph, entry: Term, file: str, text: bytes) -> Exchange:
        content = ("Content-Type", "application/sparql-query")
        path = self._dataset_of(manifest, manifest.object(entry, MF + "action"), file, text)
        if case.kind.startswith("Negative"):
            return Exchange("POST", "query", path, (content,), text, MALFORMED)
        result = manifest.text(entry, MF + "result")
        if not result:
            return Exchange("POST", "query", path, (content,), text)
        expected = Expected(
            self._path(result).read_bytes(),
            MEDIA_TYPES[Path(result).suffix],
            result,
            ordered=bool(re.search(rb"ORDER\s+BY[^}]*$", text, re.IGNORECASE)),
            lax=bool(manifest.text(entry, MF + "resultCardinality")),
        )
        headers = (content, ("Accept", _accepted(expected)))
        return Exchange("POST", "query", path, headers, text, expected=expected)

    def _dataset_of(self, manifest: Graph, action: Term | None, file: str, text: bytes) -> str:
        """The parameters that give a query its dataset: none if it says FROM itself."""
        data: dict[str, list[str]] = {"default": [], "named": []}
        for name, relation in (("default", "data"), ("named", "graphData")):
            if action is not None:
                data[name] = [_iri(graph) for graph in manifest.objects(action, QT + relation)]
        folder = file.rpartition("/")[0]
        own = re.findall(rb"FROM\s+(?:NAMED\s+)?<([^>:]+)>", text)
        for graph in [*data["default"], *data["named"], *(f"{folder}/{n.decode()}" for n in own)]:
            if self._path(graph).exists():
                self._add(graph, self._path(graph).read_bytes(), Path(graph).suffix, graph)
        if re.search(rb"\bFROM\b", text):
            return ""
        pairs = [("default-graph-uri", graph) for graph in data["default"] or [NO_GRAPH]]
        return "?" + urlencode([*pairs, *(("named-graph-uri", graph) for graph in data["named"])])

    def _add(self, name: str, body: bytes, suffix: str, base: str) -> None:
        """Put a graph into the dataset; '' is the default graph."""
        if name in self._graphs:
            return
        format_ = RdfFormat.from_extension(suffix.removeprefix("."))
        graph = NamedNode(name) if name else DefaultGraph()
        self._graphs[name] = [
            Quad(quad.subject, quad.predicate, quad.object, graph)
            for quad in parse(body, format_, base_iri=base, rename_blank_nodes=True)
        ]

    # -- Protocols -------------------------------------------------------------------------

    def _protocol(self, case: Case, manifest: Graph, entry: Term, action: Term) -> Case:
        for data in manifest.objects(entry, UT + "graphData"):
            file, name = manifest.text(data, UT + "graph"), manifest.text(data, LABEL)
            self._add(name, self._path(file).read_bytes(), Path(file).suffix, name)
        requests = list(manifest.items(action, HT + "requests"))
        if "update" in case.name:
            first = _request(manifest, requests[0], "query", "/sparql/")
            refused = replace(first, statuses=REFUSED, expected=None, form="")
            return replace(case, exchanges=(refused,), inapplicable=READ_ONLY)
        exchanges = tuple(_request(manifest, node, "query", "/sparql/") for node in requests)
        return replace(case, exchanges=exchanges)

    def _graph_store(self, case: Case, manifest: Graph, entry: Term, action: Term) -> Case:
        """Reads find what the writes before them would have left; the writes are refused."""
        if manifest.object(action, HT + "requests") is None:
            return replace(case, inapplicable=PROSE)
        required = {
            _iri(node).removeprefix(MF) for node in manifest.objects(entry, MF + "requires")
        }
        if "DirectGraphIdentification" in required:
            return replace(case, inapplicable=DIRECT)
        written: dict[str, list[bytes]] = defaultdict(list)
        exchanges = []
        for node in manifest.items(action, HT + "requests"):
            exchange = _request(manifest, node, "graphs", "/gsp")
            path = exchange.path.replace("$LOCATION$", quote(NEW_GRAPH, safe=""))
            graph = "".join(parse_qs(path.removeprefix("?")).get("graph", []))
            if exchange.method in ("GET", "HEAD"):
                exchange = self._read(case, replace(exchange, path=path), graph, written[graph])
            else:
                written[graph].append(exchange.body or b"")
                exchange = replace(exchange, statuses=REFUSED, expected=None)
            exchanges.append(exchange)
        return replace(case, exchanges=tuple(exchanges))

    def _read(self, case: Case, read: Exchange, graph: str, written: list[bytes]) -> Exchange:
        """The read of a graph that stands for one state of the test's graph."""
        state = f"?state={case.name}-{len(written)}" if graph else ""
        if 404 not in read.statuses:
            body = read.expected.body if read.expected else written[-1]
            self._add(graph + state, body, ".ttl", graph or BASE)
        return replace(read, path=read.path + quote(state, safe=""))


def _iri(term: Term) -> str:
    if not isinstance(term, NamedNode):
        raise TypeError(f"an IRI is expected in a manifest, not {term}")
    return term.value


def _refused(case: Case, body: bytes, kind: str, reason: str) -> Case:
    headers = (("Content-Type", f"application/sparql-{kind}"),)
    exchange = Exchange("POST", "query", "", headers, body, REFUSED)
    return replace(case, exchanges=(exchange,), inapplicable=reason)


def _accepted(expected: Expected) -> str:
    """The format to ask for: that of the result's file, if a query can have it."""
    if expected.media_type not in (MEDIA_TYPES[".ttl"], MEDIA_TYPES[".rdf"]):
        return expected.media_type
    solutions = b"result-set#" in expected.body
    return MEDIA_TYPES[".srj"] if solutions else expected.media_type


def _request(manifest: Graph, node: Term, door: str, prefix: str) -> Exchange:
    """The exchange of an ht:Request, the prefix of its path replaced by the door."""
    response = manifest.object(node, HT + "resp") or node
    return Exchange(
        manifest.text(node, HT + "methodName"),
        door,
        manifest.text(node, HT + "absolutePath").removeprefix(prefix),
        tuple(_headers(manifest, node)),
        _body(manifest, node),
        _statuses(manifest, response),
        _expected(manifest, response),
        manifest.text(response, MF + "expectedFormat"),
    )


def _headers(manifest: Graph, node: Term) -> Iterator[tuple[str, str]]:
    for header in manifest.items(node, HT + "headers"):
        yield manifest.text(header, HT + "fieldName"), manifest.text(header, HT + "fieldValue")


def _body(manifest: Graph, node: Term) -> bytes | None:
    content = manifest.object(node, HT + "body")
    if content is None:
        return None
    encoding = manifest.text(content, CNT + "characterEncoding")
    return manifest.text(content, CNT + "chars").encode(encoding)


def _statuses(manifest: Graph, response: Term) -> frozenset[int]:
    names = (
        _iri(status).rpartition("#")[2]
        for status in manifest.objects(response, MF + "expectedStatus")
    )
    return frozenset().union(*(STATUSES.get(name, SUCCESS) for name in names))


def _expected(manifest: Graph, response: Term) -> Expected | None:
    boolean = manifest.text(response, MF + "expectedBoolean")
    if boolean:
        return Expected(
            b'{"head": {}, "boolean": %s}' % boolean.encode(), MEDIA_TYPES[".srj"], BASE
        )
    body = _body(manifest, response)
    return Expected(body, MEDIA_TYPES[".ttl"], BASE) if body else None
