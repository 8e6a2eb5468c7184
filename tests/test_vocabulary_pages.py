"""Imported vocabularies over HTTP: terms, vocabularies, ranking by phenotype, the leg graph joined.

The imports are excerpts of HPO and of its annotations; where none is there, everything says so.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, OWL, VOID
from werkzeug.test import TestResponse

from kg.builder.imports.run import Wanted, import_all
from kg.builder.run import build
from kg.sparql.pool import PoolSettings
from kg.vocabulary import import_graphs
from server import Settings, create_app
from tests.conftest import ROOT, quietly, small_root
from web.vocabularies import address_of, frequency_said, note_parts

HTML = {"Accept": "text/html"}
SPASM = "HP:0003394"
RARE = "rare diseases with exercise-induced cramp but without muscle weakness"
POOL = PoolSettings(timeout=5.0, workers=1)


def app_over(folder: Path) -> Iterator[Flask]:
    app = create_app(Settings(folder=folder, pool=POOL))
    yield app
    app.extensions["etiograph"].serving.pool.close()


@pytest.fixture(scope="module")
def app(imported_build: Path) -> Iterator[Flask]:
    yield from app_over(imported_build)


@pytest.fixture(scope="module")
def bare_app(small_build: Path) -> Iterator[Flask]:
    yield from app_over(small_build)


@pytest.fixture(scope="module")
def mapped_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Over a small graph whose cramp is mapped to a term of HPO that is imported."""
    root = small_root(tmp_path_factory.mktemp("mapped") / "root")
    mappings = root / "ontology" / "mappings.sssom.tsv"
    with mappings.open("a", encoding="utf-8") as file:
        for term, strength in (("Cramp", "closeMatch"), ("Claudication", "broadMatch")):
            file.write(
                f"etio:{term}\t{term.lower()}\tskos:{strength}\t{SPASM}\tMuscle spasm\t"
                "semapv:ManualMappingCuration\t\n"
            )
    build(root / "build", root, reasoner=False, say=quietly)
    for name, suffix in (("hp", "obo"), ("hpoa", "hpoa")):
        source = next((ROOT / "tests" / "imports").glob(f"*-excerpt.{suffix}"))
        import_all(root / "build", [str(source)], Wanted(name=name), quietly)
    yield from app_over(root / "build")


@pytest.fixture
def mapped(mapped_app: Flask) -> FlaskClient:
    """A client of the service whose leg graph is mapped to what is imported."""
    return mapped_app.test_client()


@pytest.fixture
def beside(app: Flask) -> FlaskClient:
    """A client of the service with imports."""
    return app.test_client()


@pytest.fixture
def bare(bare_app: Flask) -> FlaskClient:
    """A client of the service without any."""
    return bare_app.test_client()


def page(client: FlaskClient, path: str, status: int = 200, **query: str | list[str]) -> str:
    response = client.get(path, query_string=query, headers=HTML)
    assert response.status_code == status, response.text
    assert response.mimetype == "text/html"
    return response.text


def said(text: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def data(client: FlaskClient, path: str, **query: str | list[str]) -> Any:
    response = client.get(path, query_string=query)
    assert response.status_code == 200, response.text
    return response.json


def problem(response: TestResponse, status: int) -> Any:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    return json.loads(response.text)


def local_links(text: str) -> set[str]:
    found = (link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]+)', text))
    return {link for link in found if not link.startswith("/static")}


# -- terms -----------------------------------------------------------------------------------


def test_a_term_is_a_page_for_browsers_and_data_for_programs(beside: FlaskClient) -> None:
    assert "<h1>Muscle spasm</h1>" in page(beside, f"/term/{SPASM}")
    term = data(beside, f"/term/{SPASM}")
    assert term == data(beside, f"/api/v1/terms/{SPASM}")
    assert term == data(beside, "/api/v1/terms", iri=term["iri"])
    assert "<h1>Muscle spasm</h1>" in page(beside, "/term", iri=term["iri"])


def test_a_term_is_shown_with_its_vocabulary_version_and_licence(beside: FlaskClient) -> None:
    text = page(beside, f"/term/{SPASM}")
    assert 'href="https://hpo.jax.org/app/license"' in text
    assert "This service uses the Human Phenotype Ontology (version 2025-01-16)" in said(text)
    assert "it does not diagnose" in text


def test_a_phenotype_lists_the_diseases_with_it_and_where_that_is_from(beside: FlaskClient) -> None:
    text = page(beside, f"/term/{SPASM}")
    stated = data(beside, f"/term/{SPASM}")["stated_in"]
    assert f"Diseases with it {stated['total']}" in said(text)
    assert 'href="/term/OMIM:615156"' in text
    assert 'href="https://pubmed.ncbi.nlm.nih.gov/23352259"' in text
    assert "25% (1/4)" in text
    assert f'href="/phenotypes?present={SPASM}"' in text


def test_what_a_source_excludes_is_marked(beside: FlaskClient) -> None:
    rows = [
        row
        for disease in data(beside, "/api/v1/phenotypes/rank", present=SPASM)["ranking"]
        for row in data(beside, f"/term/{disease['entity']['id']}")["statements"]["rows"]
    ]
    excluded = next(row for row in rows if row["excluded"])
    text = said(page(beside, f"/term/{excluded['subject']['id']}"))
    assert f"Not seen: {excluded['value']['label']}" in text


def test_every_link_of_a_term_leads_somewhere(beside: FlaskClient) -> None:
    for path in (f"/term/{SPASM}", "/term/OMIM:615156", "/vocabularies"):
        for link in local_links(page(beside, path)):
            response = beside.get(link, headers=HTML)
            assert response.status_code == 200, (path, link)


def test_an_unknown_term_is_met_with_near_names(beside: FlaskClient) -> None:
    assert problem(beside.get("/api/v1/terms/HP:9999999"), 404)["detail"]
    assert "Nothing is here" in page(beside, "/term/HP:9999999", 404)
    assert problem(beside.get("/term"), 422)["detail"] == "iri is missing: give ?iri=…"


def test_an_address_of_an_entity_that_only_an_import_has_leads_on(beside: FlaskClient) -> None:
    found = problem(beside.get(f"/api/v1/entities/{SPASM}"), 404)
    assert found["suggestions"] == [f"/api/v1/terms/{SPASM}"]
    assert data(beside, found["suggestions"][0])["label"] == "Muscle spasm"
    assert problem(beside.get("/api/v1/entities/HP:9999999"), 404)["suggestions"] == []


@pytest.mark.parametrize("path", ["/search", "/ask"])
def test_the_code_of_an_imported_term_leads_to_its_page(beside: FlaskClient, path: str) -> None:
    response = beside.get(path, query_string={"q": SPASM}, headers=HTML)
    assert response.status_code == 303
    assert urlsplit(response.location).path == f"/term/{SPASM}"


def test_a_code_of_the_leg_graph_is_looked_up_there(beside: FlaskClient) -> None:
    assert page(beside, "/search", q="UBERON:8480048").count('href="/page/Calf"') >= 1


# -- vocabularies ----------------------------------------------------------------------------


def test_vocabularies_are_listed_with_version_licence_and_size(beside: FlaskClient) -> None:
    text = said(page(beside, "/vocabularies"))
    listed = data(beside, "/api/v1/vocabularies")["vocabularies"]
    assert [one["name"] for one in listed] == ["hp", "hpoa"]
    for one in listed:
        assert one["title"] in text
        assert one["version"] in text
        assert f"{one['counts']['terms']:,} terms" in text


def test_terms_are_searched_for_in_all_or_one(beside: FlaskClient) -> None:
    assert f'href="/term/{SPASM}"' in page(beside, "/vocabularies", q="muscle spasm")
    assert f'href="/term/{SPASM}"' not in page(
        beside, "/vocabularies", q="muscle spasm", vocabulary="hpoa"
    )
    assert "Nothing is called" in page(beside, "/vocabularies", q="zzzz")
    hits = data(beside, "/api/v1/terms/search", q="muscle spa", vocabulary="HP")["results"]
    assert hits[0]["id"] == SPASM


def test_a_vocabulary_that_is_not_imported_is_refused(beside: FlaskClient) -> None:
    response = beside.get("/api/v1/terms/search", query_string={"q": "a", "vocabulary": "nix"})
    assert problem(response, 422)["detail"].endswith("imported are: hp, hpoa")
    page(beside, "/vocabularies", 422, q="a", vocabulary="nix")


def test_every_page_names_the_vocabularies(beside: FlaskClient) -> None:
    assert 'href="/vocabularies"' in page(beside, "/")


# -- ranking ---------------------------------------------------------------------------------


def test_a_question_for_rare_diseases_is_answered_by_a_ranking(beside: FlaskClient) -> None:
    text = page(beside, "/ask", q=RARE)
    ranking = data(beside, "/ask", q=RARE, format="json")["phenotype_ranking"]
    first = ranking["ranking"][0]
    assert f'href="/term/{first["entity"]["id"]}"' in text
    assert f"{first['score']:.1f} of {ranking['whole']:.1f}" in said(text)
    assert "HPO annotations of diseases" in text
    assert "Not recorded : unknown, not a no" in said(text)
    for piece in ranking["read_as"]:
        assert f"{piece['text']}</q> was read as" in text


def test_other_meanings_ask_with_their_own_name(beside: FlaskClient) -> None:
    pieces = data(beside, "/ask", q=RARE, format="json")["phenotype_ranking"]["read_as"]
    other = next(other for piece in pieces for other in piece["others"])
    question = RARE.replace("exercise-induced cramp", other["label"])
    link = f'href="/ask?q={quote(question).replace("%20", "+")}">{other["label"]}</a>'
    assert link in page(beside, "/ask", q=RARE)
    again = data(beside, "/ask", q=question, format="json")["phenotype_ranking"]["read_as"]
    assert again[0]["term"]["id"] == other["id"]


def test_a_ranking_is_a_table_too(beside: FlaskClient) -> None:
    response = beside.get("/ask.csv", query_string={"q": RARE})
    rows = list(csv.DictReader(io.StringIO(response.text)))
    ranking = data(beside, "/ask", q=RARE, format="json", limit="200")["phenotype_ranking"]
    assert [row["id"] for row in rows] == [one["entity"]["id"] for one in ranking["ranking"]]
    assert rows[0]["entailed"].startswith("Exercise-induced muscle cramps")
    assert "no Muscle weakness" in rows[0]["not_recorded"] + rows[0]["contradicted"]
    assert rows[0]["sources"]


def test_the_form_ranks_by_fields_that_are_filled_in(beside: FlaskClient) -> None:
    text = page(beside, "/phenotypes", present=["Muscle spasm", "", " "], absent=["", "HP:0001324"])
    ranking = data(
        beside, "/api/v1/phenotypes/rank", present=["Muscle spasm"], absent=["HP:0001324"]
    )
    assert [one["label"] for one in ranking["absent"]] == ["Muscle weakness"]
    for one in ranking["ranking"]:
        assert f'href="/term/{one["entity"]["id"]}"' in text
    assert 'value="Muscle spasm"' in text
    assert text.count('name="present"') == 3
    posted = beside.post(
        "/api/v1/phenotypes/rank", json={"present": [SPASM], "absent": ["HP:0001324"]}
    )
    assert posted.json == ranking


def test_the_form_says_what_it_does_not_understand(beside: FlaskClient) -> None:
    text = page(beside, "/phenotypes", 422, present=["Muscle spasm", "gibberishzz"])
    assert "gibberishzz" in said(text)
    assert 'value="gibberishzz"' in text
    assert "no phenotype is present" in page(beside, "/phenotypes", 422, absent=SPASM)
    assert "<form" in page(beside, "/phenotypes")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (["HP:0003394"], "send an object"),
        ({"present": "HP:0003394"}, "present must be a list"),
        ({"present": [SPASM], "limit": "3"}, "limit must be a whole number"),
        ({"present": [SPASM], "limit": 0}, "limit must be from 1 to 200"),
        ({"present": [SPASM], "limit": 201}, "limit must be from 1 to 200"),
        ({"present": [SPASM], "phenotypes": []}, "unknown key 'phenotypes'"),
        ({"present": []}, "no phenotype is present"),
    ],
)
def test_a_bad_ranking_request_is_refused(beside: FlaskClient, body: object, detail: str) -> None:
    response = beside.post("/api/v1/phenotypes/rank", json=body)
    assert detail in problem(response, 422)["detail"]


# -- joined to the leg graph -----------------------------------------------------------------


def test_an_entity_tells_its_places_in_what_is_imported(mapped: FlaskClient) -> None:
    (found,) = data(mapped, "/api/v1/entities/etio:Cramp")["places"]
    assert (found["term"]["id"], found["strength"]) == (SPASM, "close")
    assert found["place"][-1]["label"] == "Abnormal muscle physiology"
    text = page(mapped, "/page/Cramp")
    assert "In other vocabularies" in text
    assert "means nearly the same" in text
    for one in (found["term"], *found["place"]):
        assert f'href="/term/{one["id"]}"' in text


def test_a_term_names_the_entities_that_are_mapped_to_it(mapped: FlaskClient) -> None:
    text = said(page(mapped, f"/term/{SPASM}"))
    assert "cramp symptom means nearly the same" in text
    assert "claudication condition this term is broader" in text


def test_a_question_about_a_mapped_symptom_offers_rare_diseases(mapped: FlaskClient) -> None:
    text = page(mapped, "/ask", q="causes of cramp in the calf")
    assert 'href="/ask?q=rare+diseases+with+Muscle+spasm">Rare diseases with Muscle spasm<' in text
    asked = data(mapped, "/ask", q="rare diseases with Muscle spasm", format="json")
    assert asked["phenotype_ranking"]["present"][0]["id"] == SPASM
    assert "Rare diseases" not in page(mapped, "/ask", q="treatments for claudication")


def test_a_question_without_counterparts_offers_none(beside: FlaskClient) -> None:
    assert "Rare diseases" not in page(beside, "/ask", q="causes of cramp in the calf")


# -- nothing imported ------------------------------------------------------------------------


def test_without_imports_pages_say_how_to_import(bare: FlaskClient) -> None:
    assert "python -m kg import hp" in page(bare, "/vocabularies")
    assert "python -m kg import hp" in page(bare, "/phenotypes", present=SPASM)
    assert "python -m kg import hp" in page(bare, f"/term/{SPASM}", 404)


def test_without_imports_look_ups_are_empty_or_say_so(bare: FlaskClient) -> None:
    assert data(bare, "/api/v1/vocabularies")["vocabularies"] == []
    assert data(bare, "/api/v1/terms/search", q="cramp")["results"] == []
    assert data(bare, "/health")["imports"] == {}
    assert "imported" in problem(bare.get(f"/api/v1/terms/{SPASM}"), 404)["detail"]
    ranked = bare.get("/api/v1/phenotypes/rank", query_string={"present": SPASM})
    assert "imported" in problem(ranked, 422)["detail"]


def test_without_imports_an_entity_has_no_places(bare: FlaskClient) -> None:
    assert data(bare, "/api/v1/entities/etio:Calf")["places"] == []
    text = page(bare, "/page/Calf")
    assert "In other vocabularies" in text
    assert "/term/" not in text
    assert "/vocabularies?q" not in page(bare, "/search", q="calf")


# -- the service as a whole ------------------------------------------------------------------


def test_health_counts_all_and_names_the_imports(beside: FlaskClient, imported: Any) -> None:
    health = data(beside, "/health")
    assert health["imports"] == {"hp": "2025-01-16", "hpoa": "2025-01-16"}
    assert health["counts"]["triples"] == imported.snapshot.triples
    assert health["counts"]["triples"] > imported.snapshot.manifest["counts"]["triples"]


def test_the_description_names_the_imported_graphs(beside: FlaskClient) -> None:
    response = beside.get("/.well-known/void")
    graph = Graph().parse(data=response.data, format="turtle")
    for name in ("hp", "hpoa"):
        asserted, _ = import_graphs(name)
        part = URIRef(f"http://localhost/.well-known/void#graph-etio:graph%2F{name}")
        assert (part, DCTERMS.license, URIRef("https://hpo.jax.org/app/license")) in graph
        assert (part, OWL.versionInfo, Literal("2025-01-16")) in graph
        assert len(list(graph.objects(part, VOID.triples))) == 1, asserted


def test_the_examples_of_the_description_of_the_api_work(beside: FlaskClient) -> None:
    paths = data(beside, "/openapi.json")["paths"]
    asked = 0
    for path, operations in paths.items():
        for method, operation in operations.items():
            if operation["tags"] != ["vocabularies"]:
                continue
            asked += 1
            if method == "post":
                body = operation["requestBody"]["content"]["application/json"]["example"]
                assert beside.post(path, json=body).status_code == 200, path
                continue
            parameters = operation.get("parameters", ())
            values = {p["name"]: p["example"] for p in parameters if "example" in p}
            address = path
            for name in re.findall(r"{(\w+)}", path):
                address = address.replace(f"{{{name}}}", quote(values.pop(name)))
            assert beside.get(address, query_string=values).status_code == 200, path
    assert asked == 8


# -- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "label", "share", "expected"),
    [
        ("HP:0040282", "Frequent", 0.545, "Frequent (HP:0040282)"),
        ("1/4", "1/4", 0.25, "25% (1/4)"),
        ("25%", "25%", 0.25, "25%"),
        ("often", "often", None, "often"),
    ],
)
def test_frequencies_are_said_in_words_and_as_written(
    written: str, label: str, share: float | None, expected: str
) -> None:
    assert frequency_said({"as_written": written, "label": label, "share": share}) == expected


def test_cited_identifiers_lead_to_what_they_name() -> None:
    assert address_of("PMID:23911890") == "https://pubmed.ncbi.nlm.nih.gov/23911890"
    assert address_of("https://example.org/a") == "https://example.org/a"
    assert address_of("ISBN:3642035590") is None
    assert address_of("PMID:1 2") is None
    assert address_of("javascript:alert(1)") is None


def test_notes_of_annotations_are_said_in_words() -> None:
    note = "evidence: PCS; aspect: I; biocuration: HPO:probinson[2022-03-07]"
    assert note_parts(note) == {"aspect": "inheritance", "said": "published clinical study"}
    assert note_parts("seen once") == {"aspect": None, "said": "seen once"}
    assert note_parts("") == {"aspect": None, "said": ""}


# -- for agents ----------------------------------------------------------------------------------


def test_llms_txt_names_what_is_imported(beside: FlaskClient) -> None:
    text = beside.get("/llms.txt").text
    assert "Human Phenotype Ontology, 2025-01-16: https://hpo.jax.org/app/license" in text
    links = re.findall(r"\((http://localhost/[^)]*(?:rare|terms)[^)]*)\)", text)
    assert len(links) == 2
    for link in links:
        assert beside.get(link.removeprefix("http://localhost")).status_code == 200
