"""The tools for language models, called by the protocol's own client."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import anyio
import pytest
from flask.testing import FlaskClient
from mcp import Client, StdioServerParameters
from mcp.server import Server
from mcp_types import CallToolResult
from mcp_types import Tool as Described

from kg.__main__ import main
from kg.agents.server import POOL, make_server
from kg.agents.tools import Tools
from kg.service import Service
from kg.sparql.pool import QueryPool
from kg.views import DISCLAIMER
from tests.conftest import ROOT

START = "causes of calf cramps relieved by rest"
NAMES = ["search", "fetch", "ask", "verify", "differential", "sparql"]
CALLS: dict[str, dict[str, Any]] = {
    "search": {"query": "claudication"},
    "fetch": {"id": "claudication"},
    "ask": {"question": START},
    "verify": {"sentence": "claudication is relieved by rest"},
    "differential": {"candidates": ["claudication", "clot"]},
    "sparql": {"query": "SELECT ?label { etio:Calf rdfs:label ?label }"},
}
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
Call = Callable[..., CallToolResult]


@pytest.fixture(scope="module")
def tools(small: Service) -> Iterator[Tools]:
    pool = QueryPool(small.snapshot.source, POOL)
    yield Tools(small, pool)
    pool.close()


@pytest.fixture(scope="module")
def call(tools: Tools) -> Call:
    server = make_server(tools)
    return lambda name, **arguments: anyio.run(partial(_call, server, name, arguments))


async def _call(where: Server[Any] | str, name: str, arguments: dict[str, Any]) -> CallToolResult:
    async with Client(where) as client:
        return await client.call_tool(name, arguments)


async def _session(
    where: StdioServerParameters | str,
) -> tuple[str | None, list[Described], list[CallToolResult]]:
    """The instructions, the tools, and a result of each, and of one mistake."""
    async with Client(where) as client:
        listed = (await client.list_tools()).tools
        results = [await client.call_tool(name, given) for name, given in CALLS.items()]
        results.append(await client.call_tool("ask", {"question": "hello"}))
        return client.instructions, listed, results


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    return str(content.model_dump()["text"])


# -- the two ways to it ------------------------------------------------------------------------


def _is_whole(session: tuple[str | None, list[Described], list[CallToolResult]]) -> None:
    instructions, listed, results = session
    assert instructions is not None
    assert instructions.startswith(DISCLAIMER)
    assert [tool.name for tool in listed] == NAMES
    assert [result.is_error for result in results] == [False] * len(NAMES) + [True]
    for result in results:
        assert next(iter(result.structured_content.items())) == ("disclaimer", DISCLAIMER)


def test_every_tool_answers_over_standard_input(small_build: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "kg", "--folder", str(small_build), "mcp"], cwd=ROOT
    )
    _is_whole(anyio.run(_session, server))


@pytest.fixture(scope="module")
def address(small_build: Path) -> Iterator[str]:
    """A server over HTTP, on a port of its own choice."""
    command = [sys.executable, "-m", "kg", "--folder", str(small_build), "mcp"]
    with subprocess.Popen(
        [*command, "--http", "127.0.0.1:0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().split()[-1]
        process.terminate()


def test_every_tool_answers_over_http(address: str) -> None:
    _is_whole(anyio.run(_session, address))


@pytest.mark.parametrize("header", [("Host", "evil.example"), ("Origin", "http://evil.example")])
def test_a_web_page_with_another_name_is_kept_out(address: str, header: tuple[str, str]) -> None:
    request = Request(address, b"{}", dict([header, ("Content-Type", "application/json")]))
    with pytest.raises(HTTPError) as caught:
        urlopen(request)
    with caught.value:
        assert caught.value.code in (403, 421)


@pytest.mark.parametrize("wrong", ["nonsense", "127.0.0.1:99999", "127.0.0.1:"])
def test_a_wrong_address_is_explained(
    small_build: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    assert main(["--folder", str(small_build), "mcp", "--http", wrong]) == 1
    assert "give HOST:PORT" in capsys.readouterr().err


def test_a_taken_port_is_explained(
    small_build: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    taken = address.removeprefix("http://").partition("/")[0]
    assert main(["--folder", str(small_build), "mcp", "--http", taken]) == 1
    assert "cannot be served" in capsys.readouterr().err


def test_neither_the_package_nor_the_service_imports_the_protocol() -> None:
    code = "import sys, kg, kg.__main__, server; print({'mcp', 'pydantic'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "set()"


# -- what a client is told ----------------------------------------------------------------------


def test_every_tool_says_that_it_only_reads_a_closed_world(tools: Tools) -> None:
    async def listed() -> list[Described]:
        async with Client(make_server(tools)) as client:
            return (await client.list_tools()).tools

    for tool in anyio.run(listed):
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.annotations.idempotent_hint
        assert tool.annotations.open_world_hint is False
        assert tool.description
        assert "never diagnoses" in tool.description
        assert tool.input_schema["additionalProperties"] is False
        described = tool.input_schema["properties"].values()
        assert all("description" in one for one in described)


@pytest.mark.parametrize("name", NAMES)
def test_disclaimer_and_version_stand_in_every_result_and_in_its_text(
    call: Call, small: Service, name: str
) -> None:
    result = call(name, **CALLS[name])
    assert list(result.structured_content)[:2] == ["disclaimer", "version"]
    assert result.structured_content["version"] == small.version
    assert DISCLAIMER in _text(result)
    assert small.version in _text(result)


# -- search and fetch -------------------------------------------------------------------------


def test_search_gives_ids_that_fetch_takes_and_its_text_is_json(call: Call) -> None:
    result = call("search", query="claudication")
    assert json.loads(_text(result)) == result.structured_content
    found = result.structured_content["results"][0]
    assert found["id"] == "etio:Claudication"
    assert found["url"] == "https://w3id.org/etiograph/Claudication"
    assert (found["red_flags"], found["most_urgent"]) == (1, "see_doctor")
    document = call("fetch", id=found["id"]).structured_content
    assert document["title"] == found["title"] == "claudication"


def test_search_for_a_question_points_to_ask(call: Call) -> None:
    result = call("search", query="what should one do about it").structured_content
    assert result["results"] == []
    assert "ask" in result["hint"]


@pytest.mark.parametrize(
    "name", ["etio:Claudication", "https://w3id.org/etiograph/Claudication", "claudication"]
)
def test_an_entity_is_fetched_by_curie_iri_or_label(call: Call, name: str) -> None:
    document = call("fetch", id=name).structured_content
    assert document["id"] == "etio:Claudication"
    assert list(document)[2] == "red_flags"
    assert "may be treated by: exercise training [etio:S1]" in document["text"]
    assert "has the risk factor: smoking [etio:S1, etio:S2]" in document["text"]
    assert document["sources"]["etio:S1"]["url"] == "https://example.org/one"
    assert document["metadata"]["mappings"] == ["broad MESH:D058729"]


def test_lists_of_a_document_are_cut_with_their_number(call: Call) -> None:
    text = call("fetch", id="claudication", limit=1).structured_content["text"]
    assert "3 presentations are recorded:" in text
    assert "and 2 more" in text


def test_what_supports_is_fetched_too(call: Call) -> None:
    source = call("fetch", id="etio:S3").structured_content
    assert source["title"] == "On clots"
    assert "clot may be diagnosed by ultrasound" in source["text"]
    claim = call("fetch", id="etio:F2").structured_content
    assert "claudication has the risk factor smoking (strong)" in claim["text"]
    shown = call("fetch", id="etio:P1-Calf").structured_content
    assert "symptom cramp, region calf" in shown["text"]
    assert list(shown["sources"]) == ["etio:S1"]


# -- ask, verify, differential ------------------------------------------------------------------


def test_an_answer_keeps_the_sources_of_each_criterion(call: Call) -> None:
    answer = call("ask", question=START).structured_content
    first = answer["answers"][0]
    assert first["id"] == "etio:Claudication"
    assert [one["status"] for one in first["criteria"]] == ["entailed"] * 3
    for one in first["criteria"]:
        assert set(one["sources"]) <= answer["sources"].keys()
        assert one["sources"]
    assert first["red_flags"][0]["to_do"] == "see a doctor"
    assert answer["contradicted"][0]["label"] == "restless legs"
    assert "proof" not in first


def test_warning_signs_come_before_the_answers(call: Call) -> None:
    result = call("ask", question="causes of swelling in the calf")
    names = list(result.structured_content)
    assert names.index("warning_signs") < names.index("answers")
    text = _text(result)
    assert text.index("Warning sign: swelling") < text.index("1. ")


def test_the_rest_and_the_whole_of_an_answer_are_fetched_by_id(call: Call) -> None:
    page = call("ask", question="leg pain", limit=1).structured_content
    rest = call("fetch", id=page["rest"]).structured_content
    assert [one["rank"] for one in rest["metadata"]["answers"]] == [2]
    whole = call("fetch", id=page["answers"][0]["whole"]).structured_content
    (only,) = whole["metadata"]["answers"]
    assert only["id"] == page["answers"][0]["id"]
    assert only["proof"]["sparql"].startswith("PREFIX")


def test_proofs_come_when_asked_for(call: Call) -> None:
    answer = call("ask", question=START, proofs=True).structured_content
    assert answer["answers"][0]["proof"]["triples"]


def test_a_yes_or_no_and_a_comparison_are_answered_as_such(call: Call) -> None:
    verdict = call("ask", question="is claudication relieved by rest").structured_content
    assert verdict["verdict"]["verdict"] == "supported"
    told = call("ask", question="difference between claudication and clot").structured_content
    assert told["differential"]["total_rows"] > 0


@pytest.fixture(scope="module")
def call_imported(imported: Service) -> Iterator[Call]:
    """Tools over the small graph with an excerpt of HPO and its annotations beside it."""
    pool = QueryPool(imported.snapshot.source, POOL)
    server = make_server(Tools(imported, pool))
    yield lambda name, **arguments: anyio.run(partial(_call, server, name, arguments))
    pool.close()


def test_an_imported_term_is_found_and_fetched_with_its_sources(call_imported: Call) -> None:
    found = call_imported("search", query="muscle spasm", vocabulary="all").structured_content
    assert found["results"][0]["id"] == "HP:0003394"
    term = call_imported("fetch", id="HP:0003710").structured_content
    assert "Human Phenotype Ontology 2025-01-16" in term["text"]
    assert re.search(r"is stated of: .*\(OMIM:\d+\), \d+/\d+ \[PMID:\d+", term["text"])
    assert term["metadata"]["vocabulary"]["licence"]
    assert DISCLAIMER in _text(call_imported("fetch", id="HP:0003710"))


def test_a_wrong_vocabulary_is_told_with_those_there_are(call_imported: Call) -> None:
    result = call_imported("search", query="cramp", vocabulary="snomed")
    assert result.is_error
    assert "hp, hpoa" in _text(result)


def test_rare_diseases_are_ranked_with_the_publications_behind(call_imported: Call) -> None:
    question = "rare diseases with exercise-induced muscle cramps but without pain"
    result = call_imported("ask", question=question, limit=2)
    ranked = result.structured_content["phenotype_ranking"]
    assert [one["id"] for one in ranked["read_as"]] == ["HP:0003710", "HP:0012531"]
    assert [one["rank"] for one in ranked["diseases"]] == [1, 2]
    assert ranked["diseases"][0]["phenotypes"][0]["sources"]
    assert ranked["annotations_of"]["licence"]
    assert "was read as Exercise-induced muscle cramps" in _text(result)


def test_a_statement_is_weighed_with_sources_and_red_flags(call: Call) -> None:
    result = call("verify", sentence="claudication is relieved by rest").structured_content
    assert result["verdict"] == "supported"
    assert all(item["sources"] for item in result["supporting"])
    assert result["red_flags"][0]["of"] == "claudication"
    by_triple = call("verify", subject="claudication", property="etio:relievedBy", object="rest")
    assert by_triple.structured_content["verdict"] == "supported"


def test_candidates_and_questions_are_told_apart(call: Call) -> None:
    named = call("differential", candidates=["claudication", "clot"], rows=1).structured_content
    assert [one["label"] for one in named["candidates"]] == ["claudication", "clot"]
    assert named["total_rows"] >= len(named["rows"]) >= 1
    asked = call("differential", question="leg pain", limit=2).structured_content
    assert len(asked["candidates"]) == 2
    as_text = call("differential", candidates='["claudication", "clot"]').structured_content
    assert as_text == call("differential", candidates=["claudication", "clot"]).structured_content


# -- SPARQL ----------------------------------------------------------------------------------


def test_a_query_gives_rows_cut_at_the_limit(call: Call) -> None:
    query = "SELECT ?region ?n { ?region etio:partOf etio:Leg BIND(1.5 AS ?n) } ORDER BY ?region"
    whole = call("sparql", query=query).structured_content
    assert whole["variables"] == ["region", "n"]
    assert whole["rows"][0] == ["etio:Calf", 1.5]
    cut = call("sparql", query=query, limit=1).structured_content
    assert (len(cut["rows"]), cut["truncated"], whole["truncated"]) == (1, True, False)


def test_other_forms_have_results_of_their_own(call: Call) -> None:
    assert call("sparql", query="ASK { etio:Calf ?p ?o }").structured_content["boolean"] is True
    assert "calf" in call("sparql", query="DESCRIBE etio:Calf").structured_content["turtle"]


def test_an_empty_result_is_explained(call: Call) -> None:
    result = call("sparql", query="SELECT ?o { etio:Calf etio:partOff ?o }").structured_content
    assert "etio:partOf" in result["empty"]["reason"]


def test_a_huge_query_is_stopped_and_the_next_one_answered(call: Call) -> None:
    result = call("sparql", query=ENDLESS, timeout=0.5)
    assert result.is_error
    assert result.structured_content["error"] == "QueryTimeout"
    assert not call("sparql", query="ASK {}").is_error


# -- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "error", "said"),
    [
        ("sparql", {"query": "SELECT * { SERVICE <http://a/> { ?s ?p ?o } }"},
         "RefusedSparql", "SERVICE is refused"),
        ("sparql", {"query": "INSERT DATA { <a:a> <b:b> <c:c> }"}, "RefusedSparql", "INSERT"),
        ("sparql", {"query": "SELECT * { ?s ?p }"}, "BadSparql", "line 1"),
        ("ask", {"question": "hello"}, "NotUnderstood", "not understood"),
        ("ask", {"question": START, "limit": 99}, "BadParameter", "less than or equal to 20"),
        ("ask", {"q": START}, "BadParameter", "question: Field required"),
        ("fetch", {"id": "etio:Nothing"}, "UnknownEntity", "there is no entity"),
        ("fetch", {"id": "/ask?offset=2"}, "BadParameter", "is no part of an answer"),
        ("verify", {}, "BadParameter", "sentence"),
        ("differential", {}, "BadParameter", "candidates"),
        ("differential", {"candidates": ["clot", "claudicatio"]}, "BadParameter", "no entity"),
        ("search", {"query": "x", "kind": "planet"}, "BadParameter", "'condition'"),
        ("write", {}, "BadParameter", "there is no tool 'write'"),
    ],
)  # fmt: skip
def test_mistakes_come_as_results_that_say_what_is_wrong(
    call: Call, name: str, arguments: dict[str, Any], error: str, said: str
) -> None:
    result = call(name, **arguments)
    assert result.is_error
    assert result.structured_content["disclaimer"] == DISCLAIMER
    assert result.structured_content["error"] == error
    assert said in _text(result)


def test_a_mistake_comes_with_what_would_be_right(call: Call) -> None:
    result = call("fetch", id="claudicatio")
    assert result.structured_content["suggestions"][0] == "claudication"
    assert "Try: claudication" in _text(result)


# -- size --------------------------------------------------------------------------------------


@pytest.mark.graph
@pytest.mark.parametrize(
    "question",
    ["I'm 65 and smoke, sudden swollen red calf, no fever", "leg pain", "symptoms of gout"],
)
def test_an_answer_over_the_whole_graph_stays_short(leg: Service, question: str) -> None:
    pool = QueryPool(leg.snapshot.source, POOL)
    try:
        server = make_server(Tools(leg, pool))
        result = anyio.run(_call, server, "ask", {"question": question})
    finally:
        pool.close()
    assert len(json.dumps(result.structured_content, ensure_ascii=False)) < 21_000
    assert len(_text(result)) < 12_000


# -- /llms.txt ---------------------------------------------------------------------------------


@pytest.mark.graph
def test_llms_txt_follows_its_convention_and_every_link_of_it_answers(client: FlaskClient) -> None:
    response = client.get("/llms.txt", base_url="http://legs.example/")
    text = response.get_data(as_text=True)
    assert response.content_type == "text/plain; charset=utf-8"
    assert text.startswith("# Etiograph\n\n> ")
    assert DISCLAIMER in text
    assert "{{" not in text
    links = re.findall(r"^- .*?\]\(([^)]+)\)|, \[[^]]+\]\(([^)]+)\)", text, re.MULTILINE)
    addresses = [one or other for one, other in links]
    own = [link for link in addresses if link.startswith("http://legs.example/")]
    assert len(own) >= 15
    assert len(addresses) - len(own) == 1
    for link in own:
        answer = client.get(link, base_url="http://legs.example/", buffered=True)
        assert answer.status_code == 200, link
