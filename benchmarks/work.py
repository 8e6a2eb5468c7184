"""What the engines are asked over the whole set: twelve queries, look-up, search and questions.

Values are drawn from the graph itself, many for each, so that no cache has the answer; texts that
differ by their marks alone are different texts to every engine.
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox

PREFIXES = """PREFIX etio: <https://w3id.org/etiograph/>
PREFIX graph: <https://w3id.org/etiograph/graph/>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX obo: <http://purl.obolibrary.org/obo/>
PREFIX oio: <http://www.geneontology.org/formats/oboInOwl#>
"""
VIRTUOSO_ASK = "__ASK_RETVAL"
"""Virtuoso answers ASK with a table: a row of this column for true, none for false."""
LIMITED = " LIMIT 100"
SOLUTIONS, JSON = "application/sparql-results+json", "application/json"
DRAWN = 3000
"""How many values are drawn for a work, at most."""
CHECKED = 4
"""For how many of them the answers are compared."""
SEED = 7

Value = tuple[str, ...]
Rows = list[tuple[str, ...]]

DRAWS = {
    "phenotype": "SELECT ?x { GRAPH graph:hp { ?x a owl:Class ; rdfs:label ?l } }",
    "annotated": """SELECT ?x ?y { GRAPH graph:hp { ?x rdfs:label ?y }
        ?x rdfs:subClassOf obo:HP_0000118
        FILTER EXISTS { ?c etio:claimValue ?x } FILTER REGEX(?y, "^[A-Za-z -]+$") }""",
    "group": """SELECT ?x { GRAPH graph:hp-entailed { ?y rdfs:subClassOf ?x } }
        GROUP BY ?x HAVING (COUNT(*) > 4 && COUNT(*) < 300)""",
    "disease": "SELECT DISTINCT ?x { ?c etio:claimSubject ?x . ?x rdfs:label ?l }",
    "statement": "SELECT ?d ?p { ?c etio:claimSubject ?d ; etio:claimValue ?p } LIMIT 40000",
    "mondo": "SELECT ?x { GRAPH graph:mondo { ?x skos:broader ?y } }",
    "region": """SELECT ?x { GRAPH graph:uberon { ?y skos:broader ?x } }
        GROUP BY ?x HAVING (COUNT(*) > 2)""",
    "code": """SELECT ?x { GRAPH graph:icd10cm { ?y skos:broader ?x } }
        GROUP BY ?x HAVING (COUNT(*) > 4)""",
    "condition": """SELECT DISTINCT ?x { GRAPH graph:mappings { ?x skos:exactMatch ?y }
        ?y skos:prefLabel ?l }""",
    "symptom": """SELECT DISTINCT ?x { GRAPH graph:mappings { ?x skos:exactMatch ?y }
        FILTER EXISTS { ?c etio:hasSymptom ?x } FILTER EXISTS { ?c etio:claimValue ?y } }""",
    "label": """SELECT ?l { GRAPH graph:mondo { ?x skos:prefLabel ?l }
        FILTER REGEX(?l, "[A-Za-z]{5}") }""",
}
"""Name → a query for values, which are in the order of the names of its variables."""


@dataclass(frozen=True)
class Work:
    """One thing to do: as a query of every engine or, for ours, as one of its own routes.

    `text` is the query of a value. `path` is the address of the same at our service, if not the
    query; `agrees` says whether its payload and the rows of the query are the same.
    """

    name: str
    draw: str
    text: Callable[[Value], str]
    by_rows: bool = True
    path: Callable[[Value], str] | None = None
    agrees: Callable[[Any, Rows], bool] | None = None
    values: list[Value] = field(default_factory=list, compare=False)

    def query(self, value: Value) -> str:
        return PREFIXES + self.text(value)

    def path_of(self, value: Value, address: str, *, own: bool) -> str:
        """The address of a value at an engine; anything may be appended to it."""
        if own and self.path:
            return f"{self.path(value)}&mark="
        return f"{address}{quote(self.query(value))}%20%23"

    def accept(self, *, own: bool) -> str:
        return JSON if own and self.path else SOLUTIONS


def put(text: str) -> Callable[[Value], str]:
    """A query with a value's parts in the places of ‹X› and ‹Y›; none has a quote in it."""

    def filled(value: Value) -> str:
        first, *others = value
        return text.replace("‹X›", first).replace("‹Y›", "".join(others[:1]))

    return filled


def word_of(value: Value) -> str:
    """The longest word of a label."""
    words: list[str] = re.findall("[A-Za-z]+", value[0])
    return max(words, key=len).lower()


LOOK_UP = """SELECT ?role ?value ?label {
  { GRAPH graph:hp { <‹X›> rdfs:label ?value } BIND("label" AS ?role) }
  UNION { GRAPH graph:hp { <‹X›> obo:IAO_0000115 ?value } BIND("definition" AS ?role) }
  UNION { GRAPH graph:hp { <‹X›> ?p ?value }
    VALUES ?p { oio:hasExactSynonym oio:hasBroadSynonym oio:hasNarrowSynonym oio:hasRelatedSynonym }
    BIND("synonym" AS ?role) }
  UNION { GRAPH graph:hp { <‹X›> rdfs:subClassOf ?value . ?value rdfs:label ?label }
    BIND("parent" AS ?role) }
  UNION { GRAPH graph:hp { ?value rdfs:subClassOf <‹X›> ; rdfs:label ?label }
    BIND("child" AS ?role) } }"""
ANNOTATED = (
    """SELECT ?disease ?label ?phenotype ?frequency ?source {
  ?phenotype rdfs:subClassOf* <‹X›> .
  ?claim etio:claimValue ?phenotype ; etio:claimSubject ?disease ; dct:source ?source .
  ?disease rdfs:label ?label .
  OPTIONAL { ?claim etio:frequency ?frequency }
} ORDER BY ?label ?disease ?phenotype ?source"""
    + LIMITED
)
SEARCH = """SELECT DISTINCT ?term ?name {
  ?term ?p ?name FILTER(CONTAINS(LCASE(STR(?name)), "‹X›"))
  VALUES ?p { rdfs:label skos:prefLabel skos:altLabel oio:hasExactSynonym } } LIMIT 20"""
QUERIES = (
    Work("label of a term", "phenotype", put("SELECT ?label { <‹X›> rdfs:label ?label }")),
    Work("30-row look-up", "annotated", put("""SELECT ?claim ?disease ?source {
        ?claim etio:claimValue <‹X›> ; etio:claimSubject ?disease ; dct:source ?source }
        LIMIT 30"""), by_rows=False),
    Work("closure by a path", "mondo", put("""SELECT DISTINCT ?above ?label {
        <‹X›> skos:broader* ?above . ?above skos:prefLabel ?label }""")),
    Work("diseases of a phenotype or below", "group", put("""SELECT DISTINCT ?disease ?label {
        ?kind rdfs:subClassOf* <‹X›> . ?claim etio:claimValue ?kind ; etio:claimSubject ?disease .
        ?disease rdfs:label ?label }""")),
    Work("phenotypes of a disease, OPTIONAL frequency", "disease", put(
        """SELECT ?phenotype ?label ?frequency ?source {
        ?claim etio:claimSubject <‹X›> ; etio:claimValue ?phenotype ; dct:source ?source .
        ?phenotype rdfs:label ?label OPTIONAL { ?claim etio:frequency ?frequency } }""")),
    Work("leg condition → Mondo and ICD", "condition", put("""SELECT ?term ?label ?above {
        <‹X›> skos:exactMatch ?term . ?term skos:prefLabel ?label ; skos:broader ?above }""")),
    Work("GROUP BY, counting annotations", "group", put(
        """SELECT ?kind (COUNT(DISTINCT ?disease) AS ?n) { ?kind rdfs:subClassOf <‹X›> .
        ?claim etio:claimValue ?kind ; etio:claimSubject ?disease } GROUP BY ?kind""")),
    Work("FILTER CONTAINS, LIMIT 20", "label", lambda value: f"""SELECT ?term ?label {{
        ?term skos:prefLabel ?label FILTER(CONTAINS(LCASE(STR(?label)), "{word_of(value)}"))
        }} LIMIT 20""", by_rows=False),
    Work("terms of a named graph", "region", put("""SELECT ?term ?label ?definition {
        GRAPH graph:uberon { ?term skos:broader <‹X›> ; skos:prefLabel ?label
        OPTIONAL { ?term skos:definition ?definition } } }""")),
    Work("UNION of leg graph and annotations", "symptom", put("""SELECT DISTINCT ?thing ?label {
        { ?thing etio:hasSymptom <‹X›> } UNION
        { <‹X›> skos:exactMatch ?p . ?claim etio:claimValue ?p ; etio:claimSubject ?thing }
        ?thing rdfs:label ?label }""")),
    Work("ASK", "statement", put(
        "ASK { ?claim etio:claimSubject <‹X›> ; etio:claimValue <‹Y›> }")),
    Work("ORDER BY, LIMIT 20", "code", put("""SELECT ?term ?label {
        ?term skos:broaderTransitive <‹X›> ; skos:prefLabel ?label }
        ORDER BY ?label ?term LIMIT 20""")),
)  # fmt: skip


def curie(iri: str) -> str:
    return iri.rpartition("/")[2].replace("_", ":", 1)


def same_term(payload: Any, rows: Rows) -> bool:
    """Whether a term's page and its query tell the same."""
    told = {("label", payload["label"]), ("definition", payload["definition"])}
    told |= {("synonym", one["text"]) for one in payload["synonyms"]}
    told |= {("parent", one["iri"]) for one in payload["parents"]}
    told |= {("child", one["iri"]) for one in payload["children"]}
    return {one for one in told if one[1]} == {row[1:3] for row in rows}


def same_diseases(payload: Any, rows: Rows) -> bool:
    """Whether the query, not cut, finds the diseases that are ranked by their own annotations."""
    ranked = {
        one["entity"]["iri"]
        for one in payload["phenotype_ranking"]["ranking"]
        if one["terms"][0]["degree"] == "entailed"
    }
    return ranked <= {row[0] for row in rows}


SERVICES = (
    Work("look-up of a term", "phenotype", put(LOOK_UP),
         path=lambda value: f"/api/v1/terms/{curie(value[0])}?", agrees=same_term),
    Work("search", "label", lambda value: put(SEARCH)((word_of(value),)), by_rows=False,
         path=lambda value: f"/api/v1/terms/search?q={quote(word_of(value))}"),
    Work("question, rare diseases", "annotated", put(ANNOTATED),
         path=lambda value: f"/ask?q={quote(f'rare diseases with {value[1].lower()}')}",
         agrees=same_diseases),
)  # fmt: skip


def draw(store: ox.Store, works: Sequence[Work]) -> None:
    """Give each work its values."""
    chance = random.Random(SEED)  # noqa: S311 - a repeatable draw
    drawn: dict[str, list[Value]] = {}
    for work in works:
        if work.draw not in drawn:
            rows = sorted(rows_in(store, PREFIXES + DRAWS[work.draw]))
            drawn[work.draw] = chance.sample(rows, min(len(rows), DRAWN))
        work.values.extend(drawn[work.draw])


def rows_in(store: ox.Store, text: str) -> Rows:
    """The rows that the engine gives in this process, by the names of columns."""
    result = store.query(text)
    if isinstance(result, ox.QueryBoolean):
        return [(str(bool(result)).lower(),)]
    assert isinstance(result, ox.QuerySolutions)  # noqa: S101 - there is no CONSTRUCT
    names = sorted(variable.value for variable in result.variables)
    return [tuple(plain(row[name]) for name in names) for row in result]


def plain(term: Any) -> str:
    return "" if term is None else str(term.value)


def rows_of(body: bytes) -> Rows:
    """The rows of a JSON result as texts, by the names of columns: some engines mix those up."""
    told = json.loads(body)
    if "boolean" in told:
        return [(str(told["boolean"]).lower(),)]
    names = sorted(told["head"]["vars"])
    if names == [VIRTUOSO_ASK]:
        return [(str(bool(told["results"]["bindings"])).lower(),)]
    return [
        tuple(row[name]["value"] if name in row else "" for name in names)
        for row in told["results"]["bindings"]
    ]
