"""The service as users run it: a process of its own, a real SPARQL client, a signal to end it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from SPARQLWrapper import CSV, GET, JSON, POST, TURTLE, XML, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed

from kg.client import EndpointError, select
from tests.attacking import Running
from tests.conftest import ROOT

pytestmark = [pytest.mark.graph, pytest.mark.service]
QUERY = """SELECT ?label WHERE {
  ?condition etio:hasPresentation ?p ; rdfs:label ?label .
  ?p rdfs:subClassOf etio:Cramp ; etio:locatedIn etio:Calf ; etio:relievedBy etio:Rest .
}"""


@pytest.fixture(scope="module")
def running(leg_build: Path) -> Iterator[Running]:
    service = Running(leg_build)
    service.wait()
    yield service
    service.stop()


def ask(running: Running, query: str, form: str, method: str = GET) -> Any:
    """What SPARQLWrapper makes of the answer to a query."""
    client = SPARQLWrapper(f"{running.address}/sparql")
    client.setQuery(query)
    client.setReturnFormat(form)
    client.setMethod(method)
    return client.query().convert()


def test_it_says_where_to_look_and_ends_when_told(leg_build: Path) -> None:
    service = Running(leg_build)
    service.wait()
    assert service.process.stdout is not None
    assert service.address in service.process.stdout.readline().decode()
    service.stop()
    with pytest.raises((URLError, ConnectionError)):
        urllib.request.urlopen(f"{service.address}/health", timeout=2)


def test_told_to_end_while_it_loads_it_ends_quietly(leg_build: Path) -> None:
    service = Running(leg_build)
    while service.get("/health").status != 200:
        time.sleep(0.02)
    service.process.send_signal(signal.SIGTERM)
    _, said = service.process.communicate(timeout=30)
    assert service.process.returncode == 0
    assert {json.loads(line)["event"] for line in said.splitlines()} <= {"start", "request"}


def test_a_taken_port_and_an_unknown_host_are_refused(running: Running, leg_build: Path) -> None:
    taken = running.address.rpartition(":")[2]
    for host, port in (("127.0.0.1", taken), ("nope.invalid", "8000"), ("127.0.0.1", "99999")):
        ended = subprocess.run(
            [sys.executable, "server.py"],
            cwd=ROOT,
            env={**os.environ, "HOST": host, "PORT": port, "ETIOGRAPH_FOLDER": str(leg_build)},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"error: HOST={host} PORT={port} cannot be served")


def test_ask_over_http(running: Running) -> None:
    path = "/ask?q=causes%20of%20calf%20cramps%20relieved%20by%20rest"
    request = urllib.request.Request(running.address + path, headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as response:
        payload = json.loads(response.read())
    assert payload["answers"][0]["entity"]["label"] == "peripheral artery disease"


def test_sparqlwrapper_reads_every_kind_of_result(running: Running) -> None:
    answer = ask(running, QUERY, JSON)
    labels = {row["label"]["value"] for row in answer["results"]["bindings"]}
    assert "peripheral artery disease" in labels
    assert "restless legs syndrome" not in labels
    document = ask(running, QUERY, XML)
    assert len(document.getElementsByTagName("result")) >= len(labels)
    assert b"peripheral artery disease" in ask(running, QUERY, CSV)
    assert ask(running, "ASK { etio:Calf ?p ?o }", JSON)["boolean"]
    construct = "CONSTRUCT { ?s rdfs:label ?l } { ?s etio:partOf etio:Leg ; rdfs:label ?l }"
    assert b"calf" in ask(running, construct, TURTLE)
    with pytest.warns(DeprecationWarning, match="ConjunctiveGraph"):  # SPARQLWrapper's own
        graph = ask(running, construct, XML)
    assert len(graph) > 10


def test_sparqlwrapper_by_post_and_with_a_mistake(running: Running) -> None:
    assert ask(running, QUERY, JSON, POST)["results"]["bindings"]
    with pytest.raises(QueryBadFormed):
        ask(running, "SELECT * {", JSON)


def test_our_own_client_reads_tables_and_errors(running: Running) -> None:
    columns, rows = select(f"{running.address}/sparql", QUERY)
    assert columns == ["label"]
    assert ["peripheral artery disease"] in rows
    with pytest.raises(
        EndpointError,
        match=r"line 1, column 11: .* \(at the end\)$",
    ):
        select(f"{running.address}/sparql", "SELECT * {")
    with pytest.raises(EndpointError, match="did not answer with a table"):
        select(f"{running.address}/sparql", "ASK {}")
    with pytest.raises(EndpointError):
        select(f"{running.address}/health", QUERY)


def test_an_endless_query_leaves_the_service_answering(running: Running) -> None:
    endless = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    with pytest.raises(EndpointError):
        select(f"{running.address}/sparql?timeout=0.5", endless)
    assert select(f"{running.address}/sparql", "SELECT (1 AS ?x) {}") == (["x"], [["1"]])
