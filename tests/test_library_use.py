"""The package as a notebook uses it."""

import subprocess
import sys
from pathlib import Path

import pytest
from rdflib import Dataset

from kg import open_graph
from kg.errors import BadSparql, NotUnderstood, RefusedSparql, SnapshotError, UnknownEntity
from kg.graph import KnowledgeGraph
from kg.views import DISCLAIMER
from tests.conftest import ROOT

START = "causes of calf cramps relieved by rest"


@pytest.fixture(scope="module")
def graph(small_build: Path) -> KnowledgeGraph:
    return open_graph(small_build)


def test_three_lines_lead_from_the_package_to_an_answer(small_build: Path) -> None:
    graph = open_graph(str(small_build))
    answers = graph.ask(START)
    assert [row["label"] for row in answers][:2] == ["claudication", "severe claudication"]


def test_a_row_of_an_answer_holds_plain_values(graph: KnowledgeGraph) -> None:
    first = graph.ask(START).to_rows()[0]
    assert first["id"] == "etio:Claudication"
    assert first["match"] == "entailed"
    assert first["red_flags"] == ["swelling"]
    assert first["sources"] == ["etio:S1"]
    assert isinstance(first["score"], float)


def test_what_is_left_out_and_the_disclaimer_are_shown_with_an_answer(
    graph: KnowledgeGraph,
) -> None:
    answers = graph.ask(START)
    for shown in (repr(answers), answers._repr_html_()):
        assert "the opposite is recorded: restless legs" in shown
        assert DISCLAIMER in shown
    assert "Red flag: swelling" in repr(graph.ask("causes of swelling in the calf"))


def test_an_answer_holds_the_payload_with_its_proofs(graph: KnowledgeGraph) -> None:
    payload = graph.ask(START).payload
    assert payload["version"] == graph.version
    assert payload["answers"][0]["proof"]["triples"]


def test_a_yes_or_no_and_a_comparison_are_tables_too(graph: KnowledgeGraph) -> None:
    verdict = graph.ask("is claudication relieved by rest")
    assert {row["side"] for row in verdict} == {"supporting"}
    assert "supported" in repr(verdict)
    told = graph.ask("difference between claudication and clot")
    assert {"feature", "claudication", "clot", "bits"} <= set(told.columns)


def test_a_notebook_shows_a_table_with_its_texts_escaped(graph: KnowledgeGraph) -> None:
    table = graph.query('SELECT ("<b>&" AS ?text) { }')
    assert "<td>&lt;b&gt;&amp;</td>" in table._repr_html_()


def test_an_entity_is_a_table_of_statements_with_sources(graph: KnowledgeGraph) -> None:
    table = graph.entity("claudication")
    assert table.heading == "claudication (condition), etio:Claudication"
    treated = next(row for row in table if row["relation"] == "may be treated by")
    assert (treated["value"], treated["source"]) == ("exercise training", "On claudication")
    inverse = next(iter(graph.entity("smoking")))
    assert (inverse["relation"], inverse["value"]) == (
        "inverse: has the risk factor",
        "claudication",
    )


def test_names_are_searched(graph: KnowledgeGraph) -> None:
    assert graph.search("ache")[0] == {
        "id": "etio:Pain",
        "label": "pain",
        "kind": "symptom",
        "matched": "ache",
    }


def test_a_select_gives_values_of_python(graph: KnowledgeGraph) -> None:
    table = graph.query(
        "SELECT ?part ?label ?n ?none { ?part etio:partOf etio:Leg ; rdfs:label ?label "
        "BIND(1 AS ?n) } ORDER BY ?label"
    )
    assert table.columns == ["part", "label", "n", "none"]
    assert table[0] == {"part": "etio:Calf", "label": "calf", "n": 1, "none": None}


def test_the_dataset_is_that_of_rdflib_with_the_prefixes(graph: KnowledgeGraph) -> None:
    assert isinstance(graph.dataset, Dataset)
    assert graph.dataset.query("ASK { etio:Calf etio:partOf etio:Leg }").askAnswer
    assert dict(graph.dataset.namespaces())["etio"].endswith("/etiograph/")


def test_it_says_what_it_is(graph: KnowledgeGraph) -> None:
    assert graph.version in repr(graph)
    assert DISCLAIMER in repr(graph)


def test_mistakes_say_what_would_be_right(graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="run `python -m kg build` first"):
        open_graph(tmp_path)
    with pytest.raises(NotUnderstood):
        graph.ask("hello")
    with pytest.raises(UnknownEntity) as caught:
        graph.entity("claudicatio")
    assert caught.value.suggestions[0] == "claudication"
    with pytest.raises(BadSparql, match=r"use dataset\.query"):
        graph.query("ASK { }")
    with pytest.raises(BadSparql, match="line 1"):
        graph.query("SELECT ?s { ?s ?p }")
    with pytest.raises(RefusedSparql):
        graph.query("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }")


def test_a_long_table_is_printed_in_part_and_given_whole(graph: KnowledgeGraph) -> None:
    table = graph.query("SELECT ?s ?p ?o { ?s ?p ?o } LIMIT 30")
    assert "and 10 more rows" in repr(table)
    assert table._repr_html_().count("<tr>") == 31


def test_the_package_is_cheap_to_import() -> None:
    code = "import sys, kg; print({'rdflib', 'yaml', 'kg.service'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "set()"


def test_the_example_runs_from_anywhere(small_build: Path, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "notebook.py"), str(small_build)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert "etio:Claudication" in found.stdout
    assert DISCLAIMER in found.stdout
