"""Why a query is empty: the pattern that empties it, and what would be right instead."""

import re
from collections.abc import Callable
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib.term import Literal, Node, URIRef

from kg.errors import QueryTimeout
from kg.service import Service
from kg.sparql.empty import MAX_QUERIES, Select, explain_empty
from kg.sparql.guard import inspect
from kg.sparql.patterns import constants, split_group, split_query
from kg.vocabulary import PREFIXES

Ask = Callable[..., dict[str, Any]]
KEYS = {"empty", "pattern", "line", "column", "alone", "before", "reason", "suggestions"}
GRAPH = "https://w3id.org/etiograph/graph"


@pytest.fixture(scope="module")
def select(small: Service) -> Select:
    """The engine itself; a text that it does not understand fails the test."""
    store = ox.Store.read_only(str(small.snapshot.store_path))

    def run(text: str) -> tuple[list[str], list[list[Node | None]]]:
        try:
            found = store.query(text, prefixes=PREFIXES)
        except SyntaxError as error:
            raise AssertionError(f"{error}: {text}") from error
        assert isinstance(found, ox.QuerySolutions)
        columns = [variable.value for variable in found.variables]
        return columns, [[node(row[column]) for column in columns] for row in found]

    return run


def node(term: Any) -> Node | None:
    if isinstance(term, ox.Literal):
        datatype = None if term.language else term.datatype.value
        return Literal(term.value, lang=term.language, datatype=datatype)
    return None if term is None else URIRef(term.value)


@pytest.fixture(scope="module")
def why(small: Service, select: Select) -> Ask:
    """Explains a query with the index, or with the data alone."""

    def explain(query: str, *, with_index: bool = True) -> dict[str, Any]:
        asked = 0

        def counted(text: str) -> tuple[list[str], list[list[Node | None]]]:
            nonlocal asked
            asked += 1
            inspect(text)
            return select(text)

        index = small.snapshot.index if with_index else None
        found = explain_empty(inspect(query), counted, index, PREFIXES)
        assert found.keys() == KEYS
        assert asked <= MAX_QUERIES
        return found

    return explain


@pytest.mark.parametrize(
    ("query", "pattern"),
    [
        ("SELECT * { ?x a owl:Class ; etio:relieves ?y }", "?x etio:relieves ?y"),
        ("SELECT * { ?x a owl:Class , etio:Nothing }", "?x a etio:Nothing"),
        ("SELECT * { ?x a owl:Class.?x rdfs:label 'b'.?x ?y ?z }", "?x rdfs:label 'b'"),
        ("SELECT * { ?x rdfs:subClassOf* etio:Leg . ?x ^etio:locatedIn/etio:no ?y }",
         "?x ^etio:locatedIn/etio:no ?y"),
        ("SELECT * { ?x rdfs:label ?l # } FILTER(false) '''\n ; etio:no ?y }", "?x etio:no ?y"),
        ("SELECT * { ?x rdfs:label '{ . ; , }', '''\n}''' }", "?x rdfs:label '{ . ; , }'"),
        ("SELECT * { ?x ?p [ a etio:Nothing ] ; rdfs:label ?l }", "?x ?p [ a etio:Nothing ]"),
        ("SELECT * { [ a etio:Nothing ; rdfs:label ?l ] . ?x ?y ?z }",
         "[ a etio:Nothing ; rdfs:label ?l ]"),
        ("SELECT * { GRAPH ?g { ?x a owl:Class . ?x a etio:Nothing } }", "?x a etio:Nothing"),
        ("SELECT * { ?x a owl:Class { { ?x a etio:Nothing } } }", "?x a etio:Nothing"),
        ("SELECT * { ?x a owl:Class { ?x a etio:A } UNION { ?x a etio:B } }", "?x a etio:A"),
        ("SELECT * { ?x a owl:Class { SELECT ?x { ?x rdfs:label ?l ; a etio:A } } }",
         "?x a etio:A"),
        ("SELECT * { ?x a owl:Class { SELECT ?x { ?x rdfs:label ?l } OFFSET 9999 } }",
         "OFFSET 9999"),
        ("SELECT * { GRAPH ?g { { SELECT * { ?x a owl:Class ; etio:no ?y } } } }", "?x etio:no ?y"),
        ("SELECT * { ?x a owl:Class MINUS { ?x a owl:Class } }", "MINUS { ?x a owl:Class }"),
        ("SELECT * { ?x a owl:Class OPTIONAL { ?x etio:no ?y } ?x etio:no2 ?z }",
         "?x etio:no2 ?z"),
        ("SELECT * { VALUES (?x ?y) { (etio:Calf 1) } ?x rdfs:subClassOf etio:Cramp }",
         "?x rdfs:subClassOf etio:Cramp"),
        ("SELECT * { BIND(etio:Calf AS ?x) ?x rdfs:subClassOf etio:Cramp }",
         "?x rdfs:subClassOf etio:Cramp"),
        ("SELECT * { ?x rdfs:label ?l .FILTER(?l = 'no') FILTER regex(?l, 'a') }",
         "FILTER(?l = 'no')"),
        ("SELECT * { ?x a owl:Class FILTER NOT EXISTS { ?x a owl:Class } }",
         "FILTER NOT EXISTS { ?x a owl:Class }"),
        ("SELECT * { ?x a owl:Class } LIMIT 0", "LIMIT 0"),
        ("SELECT * { ?x a owl:Class } ORDER BY ?x LIMIT 5 OFFSET 9999", "OFFSET 9999"),
        ("SELECT * { ?x a owl:Class } VALUES ?x { etio:Nothing }", "VALUES ?x { etio:Nothing }"),
        ("SELECT ?x { ?x a owl:Class } GROUP BY ?x HAVING(COUNT(*) > 99)", "HAVING(COUNT(*) > 99)"),
        ("SELECT ?x (COUNT(*) AS ?n) { ?x a etio:Nothing } GROUP BY ?x HAVING(?n > 1)",
         "?x a etio:Nothing"),
        ("ASK { ?x a etio:Nothing }", "?x a etio:Nothing"),
        ("CONSTRUCT { ?x a ?y } WHERE { ?x a owl:Class , etio:A , ?y }", "?x a etio:A"),
        ("CONSTRUCT WHERE { ?x a etio:A }", "?x a etio:A"),
        ("DESCRIBE etio:Nothing", "etio:Nothing"),
        ("DESCRIBE ?x WHERE { ?x a etio:Nothing }", "?x a etio:Nothing"),
        ("BASE <https://w3id.org/etiograph/> PREFIX : <#> SELECT * { ?x ?p <Calf> ; a :no }",
         "?x a :no"),
        ("PREFIX select: <https://w3id.org/etiograph/> SELECT*WHERE{?x a select:where}",
         "?x a select:where"),
    ],
)  # fmt: skip
def test_the_pattern_that_empties_the_query_is_named(why: Ask, query: str, pattern: str) -> None:
    found = why(query)
    assert (found["empty"], found["pattern"]) == (True, pattern)
    assert found["reason"].endswith(".")
    there = query.split("\n")[found["line"] - 1][found["column"] - 1 :]
    words = pattern.split(" ")
    assert any(there.startswith(" ".join(words[shared:])) for shared in range(3))


@pytest.mark.parametrize(
    ("query", "suggestion"),
    [
        ("SELECT * { ?x rdfs:label 'calf' }", '"calf"@en'),
        ("SELECT * { ?x rdfs:label 'Calf'@en }", '"calf"@en'),
        ("SELECT * { ?x rdfs:label 'claf'@en }", '"calf"@en'),
        ("SELECT * { ?x rdfs:label ?l FILTER(?l = 'calf') }", '"calf"@en'),
        ("SELECT * { ?x rdfs:label ?l FILTER('calf' = ?l && true) }", '"calf"@en'),
        ("SELECT * { VALUES ?l { 'calf' } ?x rdfs:label ?l }", '"calf"@en'),
        ("SELECT * { BIND('calf' AS ?l) ?x rdfs:label ?l }", '"calf"@en'),
        ("SELECT * { ?x rdfs:label ?l VALUES ?l { 'calf' } }", '"calf"@en'),
        ("SELECT * { ?x etio:locatedIn etio:calf }", "etio:Calf"),
        ("SELECT * { ?x etio:locatedIn <https://w3id.org/etiograph#Calf> }", "etio:Calf"),
        ("SELECT * { ?x etio:locatedIn <http://w3id.org/etiograph/Calf> }", "etio:Calf"),
        ("SELECT * { ?x etio:relieves etio:Rest }", "etio:relievedBy"),
        ("SELECT * { ?x rdfs:lable ?y }", "rdfs:label"),
        ("SELECT * { ?x a owl:class }", "owl:Class"),
        ("SELECT * { ?x rdfs:subClassOf etio:condition }", "etio:Condition"),
        ("SELECT * { etio:Rest etio:relievedBy ?x }", "?x etio:relievedBy etio:Rest"),
        ("SELECT * { ?x a etio:Pain }", "rdfs:subClassOf"),
        ("SELECT * { ?x rdfs:label ?label FILTER(?lable = 'x') }", "?label"),
        ("SELECT * { ?x a ?y FILTER(?x = etio:calf) }", "etio:Calf"),
        ("SELECT * { VALUES ?p { rdfs:lable } ?x ?p ?y }", "rdfs:label"),
        ("SELECT * { ?x ?p [ rdfs:lable 'calf'@en ] }", "rdfs:label"),
        (f"SELECT * {{ GRAPH <{GRAPH}/facts> {{ ?x rdfs:label 'calf'@en }} }}", f"<{GRAPH}/terms>"),
        (f"SELECT * FROM <{GRAPH}/facts> {{ ?x rdfs:label 'calf'@en }}", f"<{GRAPH}/terms>"),
        (f"PREFIX g: <{GRAPH}/> SELECT * FROM g:facts {{ ?x rdfs:label 'calf'@en }}", "g:terms"),
        ("DESCRIBE etio:calf", "etio:Calf"),
    ],
)
@pytest.mark.parametrize("with_index", [True, False])
def test_what_would_be_right_is_suggested(
    why: Ask, query: str, suggestion: str, with_index: bool
) -> None:
    assert suggestion in why(query, with_index=with_index)["suggestions"]


@pytest.mark.parametrize("name", ["etio:calves", "etio:calf", "etio:restless_legs"])
def test_a_label_or_plural_as_local_name_finds_the_entity(why: Ask, name: str) -> None:
    found = why(f"SELECT * {{ ?x rdfs:subClassOf|etio:locatedIn {name} }}")
    assert found["suggestions"][0] in {"etio:Calf", "etio:RestlessLegs"}


def test_the_place_is_told_by_line_and_column(why: Ask) -> None:
    found = why("# why\nSELECT * {\n  ?x a owl:Class ;\n     rdfs:label 'calf', 'leg' .\n}")
    assert (found["pattern"], found["line"], found["column"]) == ("?x rdfs:label 'calf'", 4, 6)
    assert found["before"] == "?x a owl:Class"


def test_a_pattern_with_solutions_of_its_own_is_told_from_one_without(why: Ask) -> None:
    joined = why("SELECT * { ?x rdfs:subClassOf etio:Cramp . ?x etio:triggeredBy etio:Rest }")
    alone = why("SELECT * { ?x rdfs:subClassOf etio:Cramp . ?x etio:triggeredBy etio:Calf }")
    assert (joined["alone"], alone["alone"]) == (True, False)
    assert joined["before"] == alone["before"] == "?x rdfs:subClassOf etio:Cramp"


def test_what_has_no_solutions_of_its_own_is_not_alone(why: Ask) -> None:
    assert why("SELECT * { ?x a owl:Class FILTER(false) }")["alone"] is None
    assert why("SELECT * { ?x a owl:Class } LIMIT 0")["alone"] is None


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?x a owl:Class }",
        "SELECT (COUNT(*) AS ?n) { ?x a etio:Nothing }",
        "ASK { etio:Calf a owl:Class }",
        "ASK {}",
        "DESCRIBE etio:Calf",
        "CONSTRUCT WHERE { ?x a owl:Class }",
        "SELECT * { ?any ?any1 ?any_s . ?any_p ?any_o ?any_g } LIMIT 1",
    ],
)
def test_a_query_with_solutions_is_not_explained(why: Ask, query: str) -> None:
    found = why(query)
    assert found.pop("suggestions") == []
    assert found.pop("empty") is False
    assert set(found.values()) == {None}


def test_a_join_that_fails_names_what_it_must_agree_on(why: Ask) -> None:
    found = why("SELECT * { ?x rdfs:label ?l { SELECT ?l { ?c dcterms:title ?l } } }")
    assert found["pattern"] == "{ SELECT ?l { ?c dcterms:title ?l } }"
    assert found["reason"].endswith("none that agree with what stands before it on ?l.")


def test_a_long_text_is_cut_in_the_sentence_only(why: Ask) -> None:
    found = why(f"SELECT * {{ ?x rdfs:label '{'calf ' * 1000}' }}")
    assert len(found["pattern"]) > 5000 > 200 > len(found["reason"])


def test_an_unused_property_is_told_from_an_unknown_one(why: Ask) -> None:
    assert "is not in the data" in why("SELECT * { ?x etio:no ?y }")["reason"]
    assert "never as a property" in why("SELECT * { ?x etio:Calf ?y }")["reason"]


def test_a_slow_engine_is_a_reason_not_an_error(why: Ask, small: Service, select: Select) -> None:
    query = "SELECT * { ?x a owl:Class { ?x rdfs:label ?l . ?x etio:locatedIn etio:calf } }"
    seen = set()
    for allowed in range(14):
        left = allowed

        def late(text: str) -> tuple[list[str], list[list[Node | None]]]:
            nonlocal left
            left -= 1
            if left < 0:
                raise QueryTimeout("the query was stopped after 1 s")
            return select(text)

        found = explain_empty(inspect(query), late, small.snapshot.index, PREFIXES)
        assert found.keys() == KEYS
        assert found["empty"]
        seen.add(found["pattern"])
    assert seen >= {None, "?x etio:locatedIn etio:calf"}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?x",
        "SELECT * ?x { FILTER }",
        "SELECT * { OPTIONAL }",
        "SELECT * { ?x a }",
        "SELECT * { {} UNION }",
        "ASK",
        "SELECT * { " + "?x a ?y . " * 4000 + "}",
    ],
)
def test_what_cannot_be_taken_apart_is_said(small: Service, text: str) -> None:
    def nothing(_: str) -> tuple[list[str], list[list[Node | None]]]:
        return ["any"], []

    found = explain_empty(inspect(text), nothing, None, PREFIXES)
    assert found.keys() == KEYS


def test_a_group_is_split_at_brackets_and_keywords_alone() -> None:
    query = """SELECT * {
      ?x a e:A ; e:p/^e:q* ?y , "{;,."@en , +5 ; ; !(e:a|^e:b)+|e:c [ e:r 1 ] .FILTER(?y = 1)
      ?x e:s (1 2) OPTIONAL { } { } UNION { } VALUES (?x ?y) { (1 2) } GRAPH ?g { }
      FILTER NOT EXISTS { } FILTER regex(?x, "^a") [] ?p ?q. ?m ?n 3 {SELECT ?x {} LIMIT 0}
      ?x ?y ?o {| e:x e:y |} . MINUS { }
    }"""
    group = split_query(query).group
    assert group is not None
    found = [(e.kind, e.text) for e in split_group(query, group.tokens)]
    assert [text for kind, text in found if kind == "TRIPLE"] == [
        "?x a e:A", "?x e:p/^e:q* ?y", '?x e:p/^e:q* "{;,."@en', "?x e:p/^e:q* +5",
        "?x !(e:a|^e:b)+|e:c [ e:r 1 ]", "?x e:s (1 2)", "[] ?p ?q", "?m ?n 3",
        "?x ?y ?o {| e:x e:y |}",
    ]  # fmt: skip
    assert [kind for kind, _ in found if kind != "TRIPLE"] == [
        "FILTER", "OPTIONAL", "UNION", "VALUES", "GRAPH", "FILTER", "FILTER", "SELECT", "MINUS",
    ]  # fmt: skip


def test_names_of_functions_and_datatypes_are_no_constants() -> None:
    query = "ASK { FILTER(e:f(?x, <y>) = '1'^^e:d || 'a'@en != -2.5 || ?z = _:b) }"
    group = split_query(query).group
    assert group is not None
    assert [one.text for one in constants(group.tokens)] == ["<y>", "'1'^^e:d", "'a'@en", "-2.5"]


nodes = st.sampled_from(["?a", "?b", "?c", "etio:Calf", "etio:Cramp", "etio:Rest", "etio:calf"])
verbs = st.sampled_from(["a", "rdfs:subClassOf", "etio:locatedIn", "etio:relievedBy", "?p",
                         "etio:hasPresentation", "etio:partOf*", "^rdfs:subClassOf"])  # fmt: skip
triples = st.builds("{} {} {}".format, nodes, verbs, nodes)
others = st.sampled_from(
    [
        "OPTIONAL {{ {} }}",
        "{{ {} }}",
        "GRAPH ?g {{ {} }}",
        "MINUS {{ {} }}",
        "{{ SELECT * {{ {} }} }}",
        "FILTER EXISTS {{ {} }}",
        "{{ {} }} UNION {{ ?a a etio:Nothing }}",
    ]
)
groups = st.builds(lambda form, body: form.format(" . ".join(body)), others,
                   st.lists(triples, min_size=1, max_size=3))  # fmt: skip


@given(patterns=st.lists(triples, min_size=1, max_size=6))
def test_solutions_end_at_the_named_pattern(why: Ask, select: Select, patterns: list[str]) -> None:
    def has(some: list[str]) -> bool:
        return bool(select(f"SELECT (1 AS ?one) {{ {' . '.join(some)} }} LIMIT 1")[1])

    found = why("SELECT *\n{ " + " .\n ".join(patterns) + " }")
    assert found["empty"] is not has(patterns)
    if found["empty"]:
        place = found["line"] - 2
        assert found["pattern"] == patterns[place]
        assert has(patterns[:place])
        assert not has(patterns[: place + 1])
        assert found["alone"] is has([patterns[place]])
        assert found["before"] == (patterns[place - 1] if place else None)


@given(patterns=st.lists(triples | groups, min_size=1, max_size=5))
def test_every_question_to_the_engine_is_a_query(
    why: Ask, select: Select, patterns: list[str]
) -> None:
    query = "SELECT * {\n" + "\n".join(f"{one} ." for one in patterns) + "\n}"
    found = why(query)
    assert found["empty"] is not bool(select(query)[1])
    assert (found["pattern"] is None) is not found["empty"]
    if found["empty"]:
        assert re.sub(r"\s", "", found["pattern"]) in re.sub(r"\s", "", query)
