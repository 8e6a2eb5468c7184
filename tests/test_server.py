"""The HTTP surface: routes, negotiation, errors, pages."""

import json
import os
import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

import kg.client
from kg import errors
from kg.errors import KgError, RequestError
from server import Settings
from web.problems import STATUS_OF, status_of

pytestmark = pytest.mark.graph
START = "/ask?q=causes+of+calf+cramps+relieved+by+rest"
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


PAGES = (
    "/", "/search", "/browse", "/browse/{kind}", "/sources", "/source/{id}", "/changes",
    "/overview", "/coverage", "/compare", "/build", "/docs",
    "/vocabularies", "/phenotypes",
)  # fmt: skip
"""What is for people alone."""


SCRIPT = re.compile(r"<script\s+([^>]*)/[^/>]*>")


def problem(response: TestResponse) -> dict[str, Any]:
    """The problem document of a response, which has the one shape."""
    assert response.content_type == "application/problem+json"
    document = json.loads(response.data)
    assert document.keys() == {"type", "title", "status", "detail", "instance", "suggestions"}
    assert document["status"] == response.status_code
    assert document["detail"]
    assert isinstance(document, dict)
    return document


def all_subclasses(kind: type[KgError]) -> set[type[KgError]]:
    below = {sub for child in kind.__subclasses__() for sub in all_subclasses(child)}
    return {kind, *below}


def test_every_request_error_has_a_status() -> None:
    assert kg.client  # its error is one of them
    for kind in all_subclasses(RequestError) - {RequestError, kg.client.EndpointError}:
        assert kind in STATUS_OF, kind
        assert status_of(kind("x")) == STATUS_OF[kind]


def test_the_error_tree_is_drawn_in_full() -> None:
    drawn = errors.__doc__ or ""
    for name in dir(errors):
        if isinstance(getattr(errors, name), type) and name != "Sequence":
            assert name in drawn


@pytest.mark.parametrize("headers", [{}, JSON, {"Accept": "*/*"}, {"Accept": "application/*"}])
def test_ask_answers_in_json_unless_html_is_wanted(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    response = client.get(START, headers=headers)
    assert response.content_type == "application/json"
    assert response.json is not None
    assert response.json["answers"][0]["entity"]["label"] == "peripheral artery disease"
    assert response.headers["Vary"] == "Accept"


def test_ask_answers_a_browser_with_a_page(client: FlaskClient) -> None:
    response = client.get(START, headers=HTML)
    text = response.get_data(as_text=True)
    assert response.content_type.startswith("text/html")
    assert "peripheral artery disease" in text
    assert text.index("Red flags") < text.index('class="answers"')
    assert "does not diagnose" in text
    assert client.get(START + "&format=json", headers=HTML).content_type == "application/json"
    assert client.get(START + "&format=html", headers=JSON).content_type.startswith("text/html")


def test_what_is_not_offered_is_406_with_the_offer(client: FlaskClient) -> None:
    document = problem(client.get(START, headers={"Accept": "image/png"}))
    assert document["status"] == 406
    assert "application/json, text/html" in document["detail"]
    assert problem(client.get(START + "&format=pdf"))["status"] == 406


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ask", 422),
        ("/ask?q=", 422),
        ("/ask?q=hello", 422),
        ("/ask?q=gout&limit=ten", 422),
        (START + "&limit=0", 422),
        (START + "&offset=-1", 422),
        ("/nothing", 404),
        ("/page/Nothing", 404),
        ("/api/v1/entities/etio:Nothing", 404),
        ("/api/v1/entities", 422),
        ("/api/v1/entities/..%2F..%2Fetc%2Fpasswd", 404),
        ("/api/v1/search", 422),
        ("/api/v1/search?q=x&kind=y", 422),
        ("/api/v1/queries/nothing", 404),
        ("/api/v1/queries/..%2Fverify%2Flabel_missing", 404),
        ("/api/v1/queries/treatments_of", 422),
        ("/api/v1/queries/treatments_of?condition=nothing", 422),
        ("/api/v1/queries/treatments_of?condition=gout&format=xml", 406),
        ("/api/v1/proof?subject=gout&property=etio:partOf&object=calf", 404),
        ("/sparql?query=SELECT", 400),
        ("/sparql?query=hello", 400),
        ("/sparql?query=ASK+{}&query=ASK+{}", 400),
        ("/sparql?query=DROP+ALL", 403),
        ("/sparql?update=DROP+ALL", 403),
        ("/sparql?query=ASK+{SERVICE+<http://127.0.0.1:1/>+{}}", 403),
        ("/sparql?query=ASK+{}&timeout=soon", 422),
        ("/sparql?query=ASK+{}&timeout=-1", 422),
        ("/static/../server.py", 404),
        ("/static/%2e%2e/server.py", 404),
    ],
)
def test_errors_have_one_shape(client: FlaskClient, path: str, status: int) -> None:
    assert problem(client.get(path))["status"] == status
    page = client.get(path, headers=HTML)
    assert page.status_code == status
    assert page.content_type.startswith("text/html") or "format=" in path


def test_wrong_methods_are_405_with_allow(client: FlaskClient) -> None:
    response = client.post("/ask")
    assert problem(response)["status"] == 405
    assert "GET" in response.headers["Allow"]
    assert client.put("/sparql").status_code == 405


def test_head_and_both_slash_forms_work(client: FlaskClient) -> None:
    assert client.head(START).status_code == 200
    assert client.head(START).data == b""
    assert client.get("/health/").status_code == 200
    assert client.get("/api/v1/queries/").status_code == 200


def test_what_has_not_changed_is_304(client: FlaskClient) -> None:
    first = client.get(START)
    again = client.get(START, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=1>"],
)
def test_markup_in_a_question_is_escaped(client: FlaskClient, text: str) -> None:
    for path in ("/ask?q=", "/search?q=", "/page/", "/ask?q=calf+pain+"):
        body = client.get(path + quote(text, safe=""), headers=HTML).get_data(as_text=True)
        assert text not in body
        assert set(SCRIPT.findall(body)) <= {'type="module" src="/static/js'}
        assert "<img" not in body


def test_pages_forbid_scripts_and_foreign_hosts(client: FlaskClient) -> None:
    policy = client.get("/", headers=HTML).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert {part.strip() for part in policy.split(";")} >= {"script-src 'self'", "style-src 'self'"}
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path",
    ["/", START, "/page/PeripheralArteryDisease", "/page/Calf", "/page/Smoking", "/sparql",
     "/api/v1/queries", "/search?q=calf", "/ask?q=treatments+for+gout",
     "/ask?q=what+relieves+restless+legs", "/ask?q=causes+of+muscle+cramp", "/browse",
     "/browse/condition", "/browse?region=etio:Calf", "/sources", "/source/S001", "/changes",
     "/overview", "/coverage", "/compare", "/compare?c=etio:Gout&c=etio:Pseudogout", "/docs",
     "/ontology", "/ask?q=is+claudication+relieved+by+rest", "/ask?q=gibberish"],
)  # fmt: skip
def test_every_page_carries_disclaimer_version_and_its_own_files_only(
    client: FlaskClient, path: str
) -> None:
    text = client.get(path, headers=HTML).get_data(as_text=True)
    assert "it does not diagnose" in text
    assert "Version" in text
    assert 'href="//' not in text
    assert set(re.findall(r'\bsrc="([^"]*/)', text)) <= {"/static/js/", "/static/vendor/"}
    assert 'style="' not in text
    assert "<style" not in text
    assert text.count("<h1") == 1
    assert "None" not in text.replace("None of", "")


def test_an_identifier_leads_to_its_page_or_to_what_is_stated(client: FlaskClient) -> None:
    calf = client.get("/id/Calf")
    assert (calf.status_code, calf.headers["Location"]) == (303, "/page/Calf")
    stated = client.get("/id/P0001-Calf", follow_redirects=True)
    assert "etio:Calf" in stated.get_data(as_text=True)
    assert client.get("/id/S001", headers=HTML, follow_redirects=True).status_code == 200
    assert client.get("/id/Nothing").status_code == 404
    assert client.get("/id/%3E%7D").status_code == 404


def test_a_browser_sees_results_as_a_table(client: FlaskClient) -> None:
    def shown(query: str) -> str:
        response = client.get("/sparql", query_string={"query": query}, headers=HTML)
        assert response.content_type.startswith("text/html")
        return response.get_data(as_text=True)

    page = shown("SELECT ?region ?label { ?region etio:partOf etio:Calf ; rdfs:label ?label }")
    assert "calf muscle" in page
    assert 'href="/id/CalfMuscle"' in page
    assert "SELECT ?region ?label" in page  # the query stays in the form
    assert "<pre>yes</pre>" in shown("ASK { etio:Calf ?p ?o }")
    assert "etio:Calf" in shown("DESCRIBE etio:Calf")
    assert "0 rows" in shown("SELECT ?x { ?x a etio:Nothing }")
    assert "500 rows, the first of more" in shown("SELECT ?s { ?s ?p ?o } LIMIT 600")
    assert "&lt;b&gt;" in shown('SELECT ("<b>" AS ?x) {}')
    query = {"query": "ASK {}", "format": ""}
    assert client.get("/sparql", query_string=query, headers=HTML).status_code == 200


def test_every_page_of_an_entity_can_be_shown(client: FlaskClient, leg_app: Flask) -> None:
    results = client.get("/api/v1/search?q=a&limit=100").json
    assert results is not None
    for result in results["results"]:
        local = result["id"].partition(":")[2]
        assert client.get(f"/page/{local}", headers=HTML).status_code == 200


def test_named_queries_as_json_and_csv(client: FlaskClient) -> None:
    path = "/api/v1/queries/treatments_of?condition=plantar+fasciitis"
    payload = client.get(path).json
    assert payload is not None
    assert payload["disclaimer"]
    text = client.get(path + "&format=csv")
    assert text.content_type.startswith("text/csv")
    lines = text.get_data(as_text=True).splitlines()
    assert lines[0] == ",".join(payload["variables"])
    assert len(lines) == payload["total"] + 1
    assert client.get(path, headers={"Accept": "text/csv"}).data == text.data


def test_openapi_is_valid_and_names_every_route(client: FlaskClient, leg_app: Flask) -> None:
    document = client.get("/openapi.json").json
    assert document is not None
    validate(document)
    routes = {
        rule.rule.replace("<", "{").replace(">", "}")
        for rule in leg_app.url_map.iter_rules()
        if not rule.rule.startswith(("/static", "/page", "/id"))
    }
    documented = set(document["paths"])
    assert routes - documented == {*PAGES, "/api/v1/queries/{name}"}
    queries = client.get("/api/v1/queries").json
    assert queries is not None
    for query in queries["queries"]:
        assert f"/api/v1/queries/{query['name']}" in documented


def test_examples_of_the_openapi_document_work(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document is not None
    for path, operations in document["paths"].items():
        if next(iter(operations.values()))["tags"] == ["vocabularies"]:
            continue  # they need imports: see test_vocabulary_pages
        if "get" not in operations:
            body = operations["post"]["requestBody"]["content"]["application/json"]
            response = client.post(path, json=body["example"])
            assert response.status_code == 200, path
            continue
        parameters = operations["get"].get("parameters", [])
        values = {p["name"]: p["example"] for p in parameters if "example" in p}
        address = path
        for name, value in values.items():
            address = address.replace(f"{{{name}}}", quote(value))
        asked = values if "{" not in path else None
        response = client.get(address, query_string=asked, buffered=True)
        assert response.status_code == 200, path


def sparql(client: FlaskClient, accept: str, query: str = "SELECT * { etio:Calf ?p ?o }") -> str:
    headers = {"Accept": accept} if accept else {}
    response = client.get("/sparql", query_string={"query": query}, headers=headers)
    return response.content_type.partition(";")[0] if response.status_code == 200 else str(
        response.status_code
    )  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/sparql-results+json"),
        ("*/*", "application/sparql-results+json"),
        ("application/json", "application/sparql-results+json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("application/xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv"),
        ("text/tab-separated-values", "text/tab-separated-values"),
        ("text/csv;q=0.5, application/sparql-results+xml", "application/sparql-results+xml"),
        ("image/png", "406"),
    ],
)
def test_solutions_are_negotiated(client: FlaskClient, accept: str, expected: str) -> None:
    assert sparql(client, accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/turtle"),
        ("application/n-triples", "application/n-triples"),
        ("application/ld+json", "application/ld+json"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("application/json", "application/ld+json"),
        ("text/csv", "406"),
    ],
)
def test_graphs_are_negotiated(client: FlaskClient, accept: str, expected: str) -> None:
    assert sparql(client, accept, "CONSTRUCT WHERE { etio:Calf ?p ?o }") == expected


def test_sparql_by_post(client: FlaskClient) -> None:
    query = "ASK { etio:Calf ?p ?o }"
    form = client.post("/sparql", data={"query": query})
    body = client.post("/sparql", data=query, content_type="application/sparql-query")
    assert form.data == body.data == b'{"head":{},"boolean":true}'
    assert client.post("/sparql", data=query, content_type="text/plain").status_code == 415
    assert client.post("/sparql", data={"update": "DROP ALL"}).status_code == 403
    update = client.post("/sparql", data="DROP ALL", content_type="application/sparql-update")
    assert update.status_code == 403
    broken = client.post("/sparql", data=b"\xff\xfe", content_type="application/sparql-query")
    assert "not UTF-8" in problem(broken)["detail"]
    long = client.post("/sparql", data="#" * 300_000, content_type="application/sparql-query")
    assert problem(long)["status"] == 413
    huge = client.post("/sparql", data="#" * 2_000_000, content_type="application/sparql-query")
    assert problem(huge)["status"] == 413


def test_a_query_timeout_is_503_with_retry_after(client: FlaskClient) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    response = client.get("/sparql", query_string={"query": query, "timeout": "0.3"})
    assert problem(response)["status"] == 503
    assert response.headers["Retry-After"]
    assert client.get("/health").status_code == 200


def test_the_sparql_of_an_answer_runs_at_the_endpoint(client: FlaskClient) -> None:
    payload = client.get(START).json
    assert payload is not None
    result = client.get("/sparql", query_string={"query": payload["sparql"]}).get_data(as_text=True)
    found = {row["condition"]["value"] for row in json.loads(result)["results"]["bindings"]}
    assert found == {
        answer["entity"]["iri"] for answer in payload["answers"] if answer["match"] == "entailed"
    }


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9999")
    monkeypatch.setenv("HOST", "::1")
    settings = Settings.read(os.environ)
    assert (settings.port, settings.host) == (9999, "::1")
    monkeypatch.setenv("PORT", "many")
    with pytest.raises(SystemExit, match="PORT must be a number"):
        Settings.read(os.environ)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/rdf+xml; charset=utf-8"),
        ("application/rdf+xml", "application/rdf+xml; charset=utf-8"),
        ("text/turtle", "text/turtle; charset=utf-8"),
        (HTML["Accept"], "text/html; charset=utf-8"),
    ],
)
def test_the_ontology_is_negotiated(client: FlaskClient, accept: str, content_type: str) -> None:
    response = client.get("/ontology", headers={"Accept": accept}, buffered=True)
    assert (response.status_code, response.content_type) == (200, content_type)


def test_the_ontology_in_no_format_offered_is_refused(client: FlaskClient) -> None:
    response = client.get("/ontology", headers={"Accept": "image/png"})
    assert "text/turtle" in problem(response)["detail"]


@pytest.mark.parametrize(
    ("ending", "begins"),
    [("owl", b"<?xml"), ("ttl", b"@prefix"), ("nt.gz", b"\x1f\x8b"), ("zip", b"PK"),
     ("sssom.tsv", b"#mapping_set_id")],
)  # fmt: skip
def test_the_files_of_the_release_are_served(
    client: FlaskClient, ending: str, begins: bytes
) -> None:
    response = client.get(f"/ontology.{ending}", buffered=True)
    assert response.status_code == 200
    assert response.data.startswith(begins)
    again = client.get(f"/ontology.{ending}", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    assert client.head(f"/ontology.{ending}").content_length == response.content_length


def test_an_unknown_file_of_the_release_says_which_there_are(client: FlaskClient) -> None:
    for ending in ("exe", "json"):
        assert ".sssom.tsv" in problem(client.get(f"/ontology.{ending}"))["detail"]


def test_the_reference_page_names_every_term_and_relation(
    client: FlaskClient, leg_app: Flask
) -> None:
    page = client.get("/ontology", headers=HTML).get_data(as_text=True)
    entities = client.get("/api/v1/coverage").json
    assert entities is not None
    for name in ("hasPresentation", "locatedIn", "involves", "hasEmergencyRedFlag"):
        assert f'id="{name}"' in page
    for row in entities["conditions"]:
        assert f">{row['entity']['label'].replace(chr(39), '&#39;')}</a>" in page


def test_an_identifier_of_the_schema_leads_to_the_reference(client: FlaskClient) -> None:
    for name in ("hasPresentation", "Condition"):
        response = client.get(f"/id/{name}")
        assert (response.status_code, response.location) == (303, f"/ontology#{name}")


def test_a_page_shows_what_to_do_about_a_red_flag_and_the_counterparts(
    client: FlaskClient,
) -> None:
    page = client.get("/page/AcuteLimbIschaemia", headers=HTML).get_data(as_text=True)
    assert page.index("get emergency help") < page.index("How it shows itself")
    assert "https://www" in page
    assert "MESH:D007511" in page
    assert "American spelling" in page


def test_a_group_has_the_members_that_the_reasoner_finds(client: FlaskClient) -> None:
    group = client.get("/api/v1/entities/etio:CauseOfCalfCrampRelievedByRest").json
    assert group is not None
    members = {member["label"] for member in group["members"]}
    assert {"peripheral artery disease", "intermittent claudication"} <= members
    assert group["equivalent_to"].startswith("Condition and hasPresentation some (Cramp and")
    asked = client.get(START + "&limit=200").json
    assert asked is not None
    entailed = {a["entity"]["label"] for a in asked["answers"] if a["match"] == "entailed"}
    assert entailed == members


def test_an_entity_is_found_by_its_identifier_elsewhere(client: FlaskClient) -> None:
    found = client.get("/api/v1/entities/UBERON:8480048").json
    assert found is not None
    assert found["id"] == "etio:Calf"
    assert found["mappings"][0]["iri"] == "http://purl.obolibrary.org/obo/UBERON_8480048"
