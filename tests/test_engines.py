"""One contract, three engines: embedded, an Oxigraph server, Virtuoso; and what may go wrong."""

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kg.service import Service
from kg.sparql.pool import PoolSettings
from server import Settings, create_app
from tests import engines
from tests.conftest import ROOT

pytestmark = [pytest.mark.graph, pytest.mark.service]

ENGINES = [
    pytest.param("oxigraph", marks=pytest.mark.skipif(not engines.OXIGRAPH, reason="not there")),
    pytest.param("virtuoso", marks=pytest.mark.skipif(not engines.VIRTUOSO, reason="not there")),
]
QUERIES = {
    "join": """SELECT ?condition ?label WHERE {
        ?condition etio:hasPresentation ?p ; rdfs:label ?label .
        ?p rdfs:subClassOf etio:Cramp ; etio:locatedIn etio:Calf . }
        ORDER BY ?condition STR(?label)""",
    "star": "SELECT * { etio:Calf rdfs:label ?zebra ; skos:definition ?apple }",
    "relative": "SELECT ?l { etio:Calf rdfs:label ?l . FILTER(!sameTerm(<x>, ?l)) }",
    "path": "SELECT DISTINCT ?part { ?part etio:partOf+ etio:Leg } ORDER BY ?part",
    "optional": """SELECT ?c ?note { ?c rdfs:subClassOf etio:Condition
        OPTIONAL { ?c skos:note ?note } } ORDER BY ?c STR(?note)""",
    "language": 'SELECT ?r { ?r rdfs:label "calf"@en } ORDER BY ?r',
    "graph": """SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s a owl:Class } }
        GROUP BY ?g ORDER BY ?g""",
    "count": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    "from": """SELECT (COUNT(*) AS ?n) FROM <https://w3id.org/etiograph/graph/sources>
        { ?s ?p ?o }""",
    "values": "SELECT ?x ?l { VALUES ?x { etio:Calf etio:Knee } ?x rdfs:label ?l } ORDER BY ?x",
    "negation": """SELECT ?c { ?c rdfs:subClassOf etio:Cramp
        FILTER NOT EXISTS { ?c skos:altLabel ?any } } ORDER BY ?c""",
    "ask yes": "ASK { etio:Calf etio:partOf etio:Leg }",
    "ask no": "ASK { etio:Leg etio:partOf etio:Calf }",
    "empty": "SELECT ?x { ?x a etio:Nothing }",
}


def application(leg_build: object, **endpoint: str) -> Flask:
    return create_app(
        Settings(
            folder=ROOT / "build",
            pool=PoolSettings(timeout=10.0),
            endpoint={"user": "", "password": "", **endpoint} if endpoint else None,
        )
    )


@pytest.fixture(scope="module")
def embedded(leg_build: object) -> Iterator[FlaskClient]:
    app = application(leg_build)
    yield app.test_client()
    app.extensions["etiograph"].serving.pool.close()


@pytest.fixture(scope="module", params=ENGINES)
def remote(request: pytest.FixtureRequest, leg: Service) -> Iterator[FlaskClient]:
    """The same service on another engine, loaded with the same snapshot."""
    start = {"oxigraph": engines.oxigraph, "virtuoso": engines.virtuoso}[request.param]
    with start() as engine:
        engine.load(leg.snapshot)
        app = application(None, endpoint=engine.remote.query)
        yield app.test_client()
        app.extensions["etiograph"].serving.pool.close()


def same(embedded: FlaskClient, remote: FlaskClient, path: str, **values: str) -> bytes:
    """The body that both give, byte for byte."""
    expected = embedded.get(path, query_string=values or None)
    found = remote.get(path, query_string=values or None)
    assert found.status_code == expected.status_code, (values, found.data[:500])
    assert found.content_type == expected.content_type
    assert found.data == expected.data
    return bytes(expected.data)


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "queries").glob("*.rq"))])
def test_a_named_query_has_the_same_rows(
    embedded: FlaskClient, remote: FlaskClient, leg: Service, name: str
) -> None:
    values = {p.name: p.example for p in leg.named_query(name).parameters}
    body = same(embedded, remote, f"/api/v1/queries/{name}", **values)
    assert json.loads(body)["total"] > 0


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("form", ["json", "xml", "csv", "tsv"])
def test_a_query_has_the_same_bytes_in_every_format(
    embedded: FlaskClient, remote: FlaskClient, name: str, form: str
) -> None:
    assert same(embedded, remote, "/sparql", query=QUERIES[name], format=form)


def lines(client: FlaskClient, path: str, **values: str) -> list[bytes]:
    """The lines of an answer, sorted; a large one comes from a file."""
    with client.get(path, query_string=values) as response:
        assert response.status_code == 200
        return sorted(response.data.splitlines())


def test_graphs_have_the_same_triples(embedded: FlaskClient, remote: FlaskClient) -> None:
    for query in (
        "CONSTRUCT { ?s rdfs:label ?l } { ?s etio:partOf etio:Leg ; rdfs:label ?l }",
        "CONSTRUCT WHERE { etio:Calf etio:partOf ?whole }",
    ):
        expected = lines(embedded, "/sparql", query=query, format="nt")
        assert expected
        assert lines(remote, "/sparql", query=query, format="nt") == expected
    graph = "https://w3id.org/etiograph/graph/sources"
    expected = lines(embedded, "/rdf-graphs", graph=graph, format="nt")
    assert lines(remote, "/rdf-graphs", graph=graph, format="nt") == expected


@pytest.mark.parametrize(
    "path",
    [
        "/ask?q=causes+of+calf+cramps+relieved+by+rest",
        "/api/v1/entities/etio:Calf",
        "/api/v1/search?q=calf",
        "/api/v1/proof?subject=etio:PeripheralArteryDisease&property=etio:hasSymptom"
        "&object=etio:Claudication",
        "/sparql?query=SELECT",
        "/sparql?query=SELECT+*+{+?s+foo:bar+?o+}",
        "/sparql?query=DROP+ALL",
        "/sparql?query=ASK+{SERVICE+<http://127.0.0.1:1/>+{}}",
        "/sparql?query=ASK+{}&format=turtle",
        "/prefixes",
    ],
)
def test_every_other_route_says_the_same(
    embedded: FlaskClient, remote: FlaskClient, path: str
) -> None:
    same(embedded, remote, path)


def test_the_sparql_of_an_answer_has_the_same_rows(
    embedded: FlaskClient, remote: FlaskClient
) -> None:
    for question in ("causes of leg pain worse with walking", "treatments for plantar fasciitis"):
        query = embedded.get("/ask", query_string={"q": question}).get_json()["sparql"]
        expected = lines(embedded, "/sparql", query=query, format="tsv")
        assert lines(remote, "/sparql", query=query, format="tsv") == expected


def test_the_engine_holds_the_version_that_is_served(remote: FlaskClient) -> None:
    health = remote.get("/health").get_json()
    assert (health["status"], health["faults"]) == ("ok", [])


def test_functions_of_the_engines_own_are_refused(remote: FlaskClient) -> None:
    for query in ("SELECT (<bif:concat>(1, 2) AS ?x) {}", "define x:y 1 SELECT * {}"):
        assert remote.get("/sparql", query_string={"query": query}).status_code == 400


# -- faults --------------------------------------------------------------------------------

TABLE = b'{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"literal","value":"1"}}]}}'
JSON_TYPE = "application/sparql-results+json"


class Broken(http.server.BaseHTTPRequestHandler):
    """An engine that misbehaves as `fault` says."""

    fault: ClassVar[str] = ""
    asked: ClassVar[int] = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        with contextlib.suppress(OSError):
            getattr(self, f"be_{self.fault or 'well'}")()

    def answer(self, body: bytes, status: int = 200, kind: str = JSON_TYPE) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def be_well(self) -> None:
        self.answer(TABLE)

    def be_slow(self) -> None:
        time.sleep(3)

    def be_dripping(self) -> None:
        self.answer(b"")
        for _ in range(30):
            self.wfile.write(b" ")
            time.sleep(0.1)

    def be_html(self) -> None:
        self.answer(b"<html>log in</html>", kind="text/html")

    def be_truncated(self) -> None:
        self.answer(TABLE[:40])

    def be_garbage(self) -> None:
        self.answer(b"\xff\x00" * 100)

    def be_failing(self) -> None:
        self.answer(b"Traceback: secret", 500, "text/plain")

    def be_overloaded(self) -> None:
        self.answer(b"", 503, "text/plain")

    def be_redirecting(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def be_resetting(self) -> None:
        self.connection.shutdown(2)

    def be_back_at_the_third_attempt(self) -> None:
        if type(self).asked < 3:
            self.connection.shutdown(2)
        else:
            self.answer(TABLE)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def broken(small_build: object) -> Iterator[FlaskClient]:
    """The service on an engine that misbehaves."""
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    endpoint = {"endpoint": f"http://127.0.0.1:{listener.server_port}/", "user": "", "password": ""}
    app = create_app(
        Settings(folder=small_build, pool=PoolSettings(timeout=1.0), endpoint=endpoint)  # type: ignore[arg-type]
    )
    yield app.test_client()
    app.extensions["etiograph"].serving.pool.close()
    listener.shutdown()
    listener.server_close()


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("slow", 504, "in time"),
        ("dripping", 504, "did not answer within 1 s"),
        ("html", 502, "answers with text/html"),
        ("truncated", 502, "no table"),
        ("garbage", 502, "no table"),
        ("failing", 502, "fails"),
        ("overloaded", 502, "answers 503"),
        ("redirecting", 502, "answers 302"),
        ("resetting", 502, "broke off"),
    ],
)
def test_a_fault_of_the_engine_is_told_and_passes(
    broken: FlaskClient, fault: str, status: int, reason: str
) -> None:
    Broken.fault = fault
    started = time.monotonic()
    response = broken.get("/sparql?query=SELECT+?x+{+?x+?y+?z+}")
    assert response.status_code == status
    assert reason in response.get_json()["detail"]
    assert "secret" not in response.get_data(as_text=True)
    assert response.headers["Retry-After"]
    assert time.monotonic() - started < 2
    Broken.fault = ""
    assert broken.get("/sparql?query=SELECT+?x+{+?x+?y+?z+}").data == TABLE


def test_a_read_is_tried_again(broken: FlaskClient) -> None:
    Broken.fault, Broken.asked = "back_at_the_third_attempt", 0
    assert broken.get("/sparql?query=SELECT+?x+{+?x+?y+?z+}").status_code == 200
    assert Broken.asked == 3


def test_an_engine_that_is_down_leaves_everything_else_answering(small_build: object) -> None:
    port = engines.free_port()
    endpoint = {"endpoint": f"http://127.0.0.1:{port}/", "user": "", "password": ""}
    app = create_app(
        Settings(folder=small_build, pool=PoolSettings(timeout=1.0), endpoint=endpoint)  # type: ignore[arg-type]
    )
    client = app.test_client()
    assert client.get("/sparql?query=ASK+{}").status_code == 502
    health = client.get("/health").get_json()
    assert health["status"] == "degraded"
    assert "cannot be reached" in health["faults"][0]
    assert client.get("/api/v1/entities/etio:Calf").status_code == 200
    app.extensions["etiograph"].serving.pool.close()
