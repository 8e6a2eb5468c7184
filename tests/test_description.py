"""The service in RDF: the figures are those of a count by hand, queries run, shapes hold."""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from pyshacl import validate
from rdflib import Dataset, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, OWL, RDF, RDFS, SDO, SH, VOID
from rdflib.term import Node

from kg import layout
from kg.description import (
    FORMAT_NAMES,
    SD,
    describe_dataset,
    describe_queries,
    describe_service,
    prefix_document,
)
from kg.figures import MAX_PARTITIONS, count
from kg.queries import select_from
from kg.service import Service
from kg.sparql.guard import inspect
from kg.sparql.pool import PoolSettings
from kg.sparql.results import GRAPH_FORMATS, RDF_FORMATS, SOLUTION_FORMATS
from kg.views import DISCLAIMER
from kg.vocabulary import ETIO, PREFIXES, expand
from server import Settings, create_app

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple

BASE = "https://example.org/legs/"
DATASET = URIRef(f"{BASE}.well-known/void#dataset")
SPDX = Namespace("http://spdx.org/rdf/terms#")
SHAPES = """
PREFIX sh: <http://www.w3.org/ns/shacl#>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
PREFIX void: <http://rdfs.org/ns/void#>
PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX foaf: <http://xmlns.com/foaf/0.1/>
PREFIX sd: <http://www.w3.org/ns/sparql-service-description#>
[] sh:targetClass void:Dataset ;
   sh:property [ sh:path void:triples ; sh:datatype xsd:integer ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path void:entities ; sh:datatype xsd:integer ; sh:maxCount 1 ] ,
      [ sh:path void:distinctSubjects ; sh:datatype xsd:integer ; sh:maxCount 1 ] ,
      [ sh:path void:distinctObjects ; sh:datatype xsd:integer ; sh:maxCount 1 ] .
[] sh:targetSubjectsOf void:sparqlEndpoint ;
   sh:property [ sh:path dcterms:title ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path void:dataDump ; sh:nodeKind sh:IRI ; sh:minCount 1 ] ,
      [ sh:path void:exampleResource ; sh:nodeKind sh:IRI ; sh:minCount 1 ] ,
      [ sh:path void:vocabulary ; sh:nodeKind sh:IRI ; sh:pattern "[/#:]$" ; sh:minCount 1 ] ,
      [ sh:path dcterms:license ; sh:nodeKind sh:IRI ] ,
      [ sh:path dcterms:creator ; sh:class foaf:Agent ] ,
      [ sh:path dcterms:publisher ; sh:class foaf:Agent ] .
[] sh:targetObjectsOf void:classPartition ; sh:class void:Dataset ;
   sh:property [ sh:path void:class ; sh:nodeKind sh:IRI ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path void:propertyPartition ; sh:minCount 1 ] .
[] sh:targetObjectsOf void:propertyPartition ; sh:class void:Dataset ;
   sh:property [ sh:path void:property ; sh:nodeKind sh:IRI ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path void:distinctSubjects ; sh:minCount 1 ] ,
      [ sh:path [ sh:inversePath void:propertyPartition ] ; sh:minCount 1 ; sh:maxCount 1 ] .
[] sh:targetClass sd:NamedGraph ;
   sh:property [ sh:path sd:name ; sh:nodeKind sh:IRI ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path sd:graph ; sh:class sd:Graph ; sh:minCount 1 ; sh:maxCount 1 ] .
[] sh:targetClass sd:Dataset ;
   sh:property [ sh:path sd:defaultGraph ; sh:class sd:Graph ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path sd:namedGraph ; sh:class sd:NamedGraph ] .
[] sh:targetClass dcat:Catalog ;
   sh:property [ sh:path dcat:dataset ; sh:class dcat:Dataset ; sh:minCount 1 ] ,
      [ sh:path dcat:service ; sh:class dcat:DataService ; sh:minCount 1 ] .
[] sh:targetClass dcat:DataService ;
   sh:property [ sh:path dcat:endpointURL ; sh:nodeKind sh:IRI ; sh:minCount 1 ] ,
      [ sh:path dcat:servesDataset ; sh:class dcat:Dataset ; sh:minCount 1 ] .
[] sh:targetClass dcat:Distribution ;
   sh:property [ sh:path dcat:accessURL ; sh:nodeKind sh:IRI ; sh:minCount 1 ] ,
      [ sh:path dcat:downloadURL ; sh:nodeKind sh:IRI ; sh:minCount 1 ] ,
      [ sh:path dcat:mediaType ; sh:pattern "^https://www.iana.org/assignments/media-types/" ;
        sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path dcat:byteSize ; sh:datatype xsd:nonNegativeInteger ; sh:minCount 1 ] .
"""
EXAMPLE_SHAPES = """
PREFIX sh: <http://www.w3.org/ns/shacl#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX schema: <https://schema.org/>
[] sh:targetClass sh:SPARQLExecutable ;
   sh:property [ sh:path sh:select ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path rdfs:comment ; sh:datatype rdf:langString ; sh:minCount 1 ; sh:maxCount 1 ] ,
      [ sh:path schema:target ; sh:nodeKind sh:IRI ; sh:minCount 1 ] ,
      [ sh:path schema:keywords ; sh:minCount 1 ] ,
      [ sh:path sh:prefixes ; sh:minCount 1 ] .
"""


def conforms(graph: Graph, shapes: str) -> None:
    """Fail with what breaks the shapes."""
    known, _, report = validate(graph, shacl_graph=Graph().parse(data=shapes, format="turtle"))
    assert known, report


def described(service: Service) -> Graph:
    statistics = count(select_from(service.snapshot.dataset), str(ETIO))
    return describe_dataset(BASE, statistics, service.version, service.snapshot.manifest)


def described_text(turtle: str) -> Graph:
    """What is said of other data than the legs."""
    dataset = Dataset(store="Oxigraph", default_union=False)
    dataset.default_graph.parse(data=turtle, format="turtle")
    return describe_dataset(BASE, count(select_from(dataset)), "1")


def numbers(graph: Graph, node: Node) -> dict[str, int]:
    """The figures of a VoID dataset, by local name."""
    return {
        str(name).rpartition("#")[2]: int(value)
        for name, value in graph.predicate_objects(node)
        if isinstance(value, Literal) and isinstance(value.toPython(), int)
    }


def by_name(graph: Graph, whole: Node, partition: URIRef, name: URIRef) -> dict[str, Node]:
    """The partitions of a dataset by the IRI that they are about."""
    parts = list(graph.objects(whole, partition))
    found = {str(graph.value(part, name)): part for part in parts}
    assert len(found) == len(parts)
    return found


def counted(triples: set[ox.Triple]) -> dict[str, int]:
    return {
        "triples": len(triples),
        "distinctSubjects": len({triple.subject for triple in triples}),
        "distinctObjects": len({triple.object for triple in triples}),
    }


def entities(triples: set[ox.Triple]) -> int:
    subjects = {triple.subject for triple in triples}
    return sum(isinstance(s, ox.NamedNode) and s.value.startswith(str(ETIO)) for s in subjects)


@pytest.fixture(scope="module")
def small_void(small: Service) -> Graph:
    """The description of the small graph."""
    return described(small)


@pytest.fixture(scope="module")
def small_triples(small: Service) -> set[ox.Triple]:
    """Its default graph, read from the file."""
    text = gzip.decompress((small.snapshot.path / layout.TRIPLES).read_bytes())
    return {quad.triple for quad in ox.parse(text, format=ox.RdfFormat.N_TRIPLES)}


@pytest.fixture(scope="module")
def small_types(small_triples: set[ox.Triple]) -> dict[str, set[Term]]:
    """Its classes, with what is an instance of each."""
    types: dict[str, set[Term]] = defaultdict(set)
    for triple in small_triples:
        if triple.predicate.value == str(RDF.type):
            types[str(triple.object)[1:-1]].add(triple.subject)
    return dict(types)


# -- figures -------------------------------------------------------------------------------


def test_the_figures_of_the_whole_are_those_of_the_file(
    small_void: Graph, small_triples: set[ox.Triple], small_types: dict[str, set[Term]]
) -> None:
    expected = {
        **counted(small_triples),
        "entities": entities(small_triples),
        "classes": len(small_types),
        "properties": len({triple.predicate for triple in small_triples}),
    }
    assert numbers(small_void, DATASET) == expected


def test_every_property_has_a_partition_with_its_figures(
    small_void: Graph, small_triples: set[ox.Triple]
) -> None:
    having = defaultdict(set)
    for triple in small_triples:
        having[triple.predicate.value].add(triple)
    parts = by_name(small_void, DATASET, VOID.propertyPartition, VOID.property)
    assert {name: numbers(small_void, part) for name, part in parts.items()} == {
        name: counted(triples) for name, triples in having.items()
    }


def test_every_class_has_a_partition_with_its_figures_and_properties(
    small_void: Graph, small_triples: set[ox.Triple], small_types: dict[str, set[Term]]
) -> None:
    parts = by_name(small_void, DATASET, VOID.classPartition, VOID["class"])
    assert set(parts) == set(small_types)
    for name, part in parts.items():
        about = {triple for triple in small_triples if triple.subject in small_types[name]}
        expected = counted(about) | ({"entities": n} if (n := entities(about)) else {})
        assert numbers(small_void, part) == expected
        within = by_name(small_void, part, VOID.propertyPartition, VOID.property)
        for term, inner in within.items():
            having = {triple for triple in about if triple.predicate.value == term}
            assert numbers(small_void, inner) == counted(having)
        assert sum(numbers(small_void, inner)["triples"] for inner in within.values()) == len(about)


def test_the_example_of_a_class_is_an_instance_of_it(
    small_void: Graph, small_types: dict[str, set[Term]]
) -> None:
    parts = by_name(small_void, DATASET, VOID.classPartition, VOID["class"])
    examples = [
        (name, small_void.value(part, VOID.exampleResource)) for name, part in parts.items()
    ]
    given = [(name, ox.NamedNode(str(example))) for name, example in examples if example]
    assert len(given) > 5
    assert all(example in small_types[name] for name, example in given)


def test_named_graphs_have_their_figures_and_the_default_graph_is_their_union(
    small: Service, small_void: Graph, small_triples: set[ox.Triple]
) -> None:
    graphs = defaultdict(set)
    text = gzip.decompress((small.snapshot.path / layout.QUADS).read_bytes())
    for quad in ox.parse(text, format=ox.RdfFormat.N_QUADS):
        if isinstance(quad.graph_name, ox.NamedNode):
            graphs[quad.graph_name.value].add(quad.triple)
    named = list(small_void.subject_objects(SD.name))
    found = {
        str(name): numbers(small_void, part)["triples"]
        for node, name in named
        if (part := small_void.value(node, SD.graph))
    }
    assert found == {name: len(triples) for name, triples in graphs.items()}
    assert set().union(*graphs.values()) == small_triples


def test_nothing_is_counted_as_nothing() -> None:
    graph = described_text("")
    assert numbers(graph, DATASET) == {
        "triples": 0, "entities": 0, "classes": 0, "properties": 0,
        "distinctSubjects": 0, "distinctObjects": 0,
    }  # fmt: skip


def test_of_very_many_classes_the_largest_are_described_and_all_counted() -> None:
    lines = [f"<urn:s{number}> a <urn:Class{number}> ." for number in range(MAX_PARTITIONS + 50)]
    graph = described_text("\n".join((*lines, "<urn:s> a <urn:Large> ; <urn:p> 1, 2, 3 .")))
    parts = by_name(graph, DATASET, VOID.classPartition, VOID["class"])
    assert len(parts) == MAX_PARTITIONS
    assert "urn:Large" in parts
    assert numbers(graph, DATASET)["classes"] == MAX_PARTITIONS + 51


# -- the data ------------------------------------------------------------------------------


def test_the_description_of_the_data_has_the_shape_of_void_and_dcat(small_void: Graph) -> None:
    conforms(small_void, SHAPES)


def test_a_description_has_no_blank_nodes_and_is_the_same_each_time(
    small: Service, small_void: Graph
) -> None:
    assert all(isinstance(term, URIRef | Literal) for triple in small_void for term in triple)
    again = described(small)
    for form in ("turtle", "nt", "json-ld", "xml"):
        assert again.serialize(format=form) == small_void.serialize(format=form)


def test_it_says_what_the_ontology_says_of_itself_and_the_disclaimer(
    small: Service, small_void: Graph
) -> None:
    description = str(small_void.value(DATASET, DCTERMS.description))
    assert description == f"A graph to count by hand. {DISCLAIMER}"
    assert str(small_void.value(DATASET, DCTERMS.title)) == "Small"
    assert small_void.value(DATASET, DCTERMS.license) == URIRef(
        "https://creativecommons.org/licenses/by/4.0/"
    )
    creator = small_void.value(DATASET, DCTERMS.creator)
    assert str(small_void.value(creator, FOAF.name)) == "The Etiograph authors"
    assert (DATASET, DCTERMS.publisher, None) not in small_void
    assert small_void.value(DATASET, OWL.versionInfo) == Literal(small.version)
    modified = small_void.value(DATASET, DCTERMS.modified)
    assert str(modified) == small.snapshot.manifest["created"]


def test_every_file_of_the_release_is_a_distribution_with_its_size_and_hash(
    small: Service, small_void: Graph
) -> None:
    addresses = {str(address) for address in small_void.objects(DATASET, DCAT.distribution)}
    assert len(addresses) == len(layout.RELEASE_TYPES)
    for path in small.snapshot.release_path.iterdir():
        address = URIRef(f"{BASE}ontology.{path.name.partition('.')[2]}")
        assert str(address) in addresses
        size = small_void.value(address, DCAT.byteSize)
        assert isinstance(size, Literal)
        assert size.toPython() == path.stat().st_size
        checksum = small_void.value(address, SPDX.checksum)
        value = small_void.value(checksum, SPDX.checksumValue)
        assert str(value) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_other_data_has_no_release_and_speaks_for_itself() -> None:
    graph = described_text("""
        @prefix owl: <http://www.w3.org/2002/07/owl#> .
        @prefix dcterms: <http://purl.org/dc/terms/> .
        <urn:whole> a owl:Ontology ; owl:imports <urn:part> ; dcterms:title "Arms" ;
            dcterms:publisher <urn:press> .
        <urn:part> a owl:Ontology ; dcterms:title "Hands" .""")
    assert [str(title) for title in graph.objects(DATASET, DCTERMS.title)] == ["Arms"]
    assert graph.value(DATASET, DCTERMS.publisher) == URIRef("urn:press")
    for absent in (DCAT.distribution, VOID.uriSpace, DCTERMS.description, DCTERMS.issued):
        assert (DATASET, absent, None) not in graph
    assert graph.value(DATASET, VOID.exampleResource) in (URIRef("urn:whole"), URIRef("urn:part"))


def test_of_two_ontologies_none_speaks_for_the_data() -> None:
    graph = described_text("""
        @prefix owl: <http://www.w3.org/2002/07/owl#> .
        @prefix dcterms: <http://purl.org/dc/terms/> .
        <urn:a> a owl:Ontology ; dcterms:title "A" . <urn:b> a owl:Ontology .
        <urn:b> dcterms:title "B" .""")
    assert list(graph.objects(DATASET, DCTERMS.title)) == [Literal("RDF data", lang="en")]


# -- the endpoint --------------------------------------------------------------------------


def test_the_service_description_follows_the_schema_of_sparql() -> None:
    endpoint = URIRef(f"{BASE}sparql")
    graph = describe_service(str(endpoint), BASE)
    services = set(graph.subjects(RDF.type, SD.Service))
    assert list(graph.objects(None, SD.endpoint)) == [endpoint]
    of_service = ("endpoint", "supportedLanguage", "feature", "resultFormat", "defaultDataset",
                  "defaultEntailmentRegime")  # fmt: skip
    for name in of_service:
        for subject, value in graph.subject_objects(SD[name]):
            assert subject in services
            assert isinstance(value, URIRef)
    whole = graph.value(endpoint, SD.defaultDataset)
    assert (whole, RDF.type, SD.Dataset) in graph
    assert (graph.value(whole, SD.defaultGraph), RDF.type, SD.Graph) in graph


def test_every_format_of_a_result_is_named() -> None:
    graph = describe_service(f"{BASE}sparql", BASE)
    media_types = {*SOLUTION_FORMATS.values(), *GRAPH_FORMATS.values()}
    assert set(FORMAT_NAMES) == media_types
    assert len(set(graph.objects(None, SD.resultFormat))) == len(media_types)


def test_only_the_features_there_are_are_named() -> None:
    assert list(describe_service(BASE, BASE).objects(None, SD.feature)) == []
    united = describe_service(BASE, BASE, union=True)
    assert list(united.objects(None, SD.feature)) == [SD.UnionDefaultGraph]


def test_the_service_description_and_that_of_the_data_fit_together(small_void: Graph) -> None:
    service = describe_service(f"{BASE}sparql", BASE)
    whole = service.value(None, RDF.type, SD.Dataset)
    assert (whole, SD.defaultGraph, DATASET) in service
    assert (whole, SD.defaultGraph, DATASET) in small_void
    conforms(small_void + service, SHAPES)


# -- prefixes ------------------------------------------------------------------------------


def test_prefixes_as_turtle_expand_as_here() -> None:
    text = prefix_document(PREFIXES, "text/turtle", "1")
    graph = Graph().parse(data=f"{text} etio:Calf skos:exactMatch MESH:D1 .", format="turtle")
    assert set(graph) == {
        tuple(map(URIRef, map(expand, ("etio:Calf", "skos:exactMatch", "MESH:D1"))))
    }


def test_prefixes_as_json_ld_expand_as_here() -> None:
    document = json.loads(prefix_document(PREFIXES, "application/ld+json", "1"))
    for prefix in PREFIXES:
        text = json.dumps({**document, "@id": f"{prefix}:x", "skos:note": "y"})
        (quad,) = ox.parse(text, format=ox.RdfFormat.JSON_LD)
        assert quad.subject == ox.NamedNode(expand(f"{prefix}:x"))


def test_prefixes_as_json_are_a_plain_mapping() -> None:
    document = json.loads(prefix_document(PREFIXES, "application/json", "abc"))
    assert document == {"prefixes": dict(PREFIXES), "version": "abc"}


# -- named queries -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def examples(leg: Service) -> Graph:
    """The named queries of the leg graph."""
    return describe_queries(leg.queries(), f"{BASE}sparql")


@pytest.mark.graph
def test_every_named_query_is_an_executable_with_all_its_parts(
    leg: Service, examples: Graph
) -> None:
    conforms(examples, EXAMPLE_SHAPES)
    nodes = set(examples.subjects(RDF.type, SH.SPARQLSelectExecutable))
    assert nodes == {URIRef(f"{BASE}sparql-examples#{query.name}") for query in leg.queries()}
    assert set(examples.objects(None, SDO.target)) == {URIRef(f"{BASE}sparql")}
    declared = {
        str(examples.value(node, SH.prefix)): str(examples.value(node, SH.namespace))
        for node in examples.objects(None, SH.declare)
    }
    assert declared == PREFIXES


@pytest.mark.graph
def test_every_select_runs_as_it_stands_and_has_the_rows_of_its_example(
    leg: Service, examples: Graph
) -> None:
    select = select_from(leg.snapshot.dataset)
    for query in leg.queries():
        node = URIRef(f"{BASE}sparql-examples#{query.name}")
        text = str(examples.value(node, SH.select))
        assert inspect(text).form == "SELECT"
        columns, rows = select(text)
        values = {parameter.name: parameter.example for parameter in query.parameters}
        expected = leg.run_query(query.name, values)
        assert rows
        assert (columns, len(rows)) == (expected["variables"], expected["total"]), query.name
        for parameter in query.parameters:
            if parameter.name in columns:
                place = columns.index(parameter.name)
                assert {row[place] for row in rows} == {URIRef(expand(parameter.example))}


@pytest.mark.graph
def test_a_comment_says_what_is_asked_and_of_what(examples: Graph) -> None:
    comment = str(examples.value(URIRef(f"{BASE}sparql-examples#red_flags_of"), RDFS.comment))
    assert comment.startswith("The warning signs of a condition")
    assert comment.endswith("Here: condition etio:Sciatica.")


# -- over HTTP -----------------------------------------------------------------------------

ADDRESSES = ("/.well-known/void", "/sparql-examples")


@pytest.mark.graph
def test_the_leg_graph_is_described_with_the_figures_of_its_build(
    client: FlaskClient, leg: Service
) -> None:
    response = client.get("/.well-known/void", base_url=BASE)
    graph = Graph().parse(data=response.data, format="turtle")
    conforms(graph, SHAPES)
    counts = leg.snapshot.manifest["counts"]
    assert numbers(graph, DATASET)["triples"] == counts["triples"]
    parts = by_name(graph, DATASET, VOID.classPartition, VOID["class"])
    claims = numbers(graph, parts[expand("etio:Claim")])["entities"]
    sources = numbers(graph, parts[expand("etio:Source")])["entities"]
    assert (claims, sources) == (counts["rows"]["facts"], counts["rows"]["sources"])


@pytest.mark.graph
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_format_holds_the_same_triples(client: FlaskClient, address: str) -> None:
    found = []
    for form, media_type in GRAPH_FORMATS.items():
        response = client.get(address, headers={"Accept": media_type})
        assert response.status_code == 200
        assert response.mimetype == media_type
        quads = ox.parse(response.data, format=RDF_FORMATS[form])
        found.append({quad.triple for quad in quads})
    assert len(found[0]) > 100
    assert all(triples == found[0] for triples in found)


@pytest.mark.graph
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_same_description_has_the_same_etag(client: FlaskClient, address: str) -> None:
    first, second = client.get(address), client.get(address)
    assert first.data == second.data
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get(address, headers=known).status_code == 304


@pytest.mark.graph
@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_not_offered_is_refused_with_what_is(client: FlaskClient, address: str) -> None:
    response = client.get(address, headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert response.mimetype == "application/problem+json"
    assert "text/turtle" in response.get_json()["detail"]


@pytest.mark.graph
def test_addresses_are_those_the_client_uses_below_a_path_too(client: FlaskClient) -> None:
    response = client.get("/.well-known/void", base_url=BASE)
    graph = Graph().parse(data=response.data, format="turtle")
    assert graph.value(DATASET, VOID.sparqlEndpoint) == URIRef(f"{BASE}sparql")
    response = client.get("/sparql-examples", base_url=BASE)
    examples = Graph().parse(data=response.data, format="turtle")
    assert set(examples.objects(None, SDO.target)) == {URIRef(f"{BASE}sparql")}


@pytest.mark.graph
def test_the_files_it_names_are_there_with_the_size_it_says(client: FlaskClient) -> None:
    graph = Graph().parse(data=client.get("/.well-known/void").data, format="turtle")
    sizes = list(graph.subject_objects(DCAT.byteSize))
    assert len(sizes) == len(layout.RELEASE_TYPES)
    for address, size in sizes:
        with client.get(str(address)) as response:
            assert response.status_code == 200
            assert response.content_length == int(str(size))


@pytest.mark.graph
def test_its_example_resources_are_entities(client: FlaskClient, leg: Service) -> None:
    response = client.get("/.well-known/void", base_url=BASE)
    graph = Graph().parse(data=response.data, format="turtle")
    shown = list(graph.objects(DATASET, VOID.exampleResource))
    assert len(shown) == 3
    assert all(leg.entity(str(example)) for example in shown)


@pytest.mark.graph
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "host", ["a b", 'x">\n<y', "<script>", "a/b", "x?y", "u@x", "a\\b", "{a}", "%zz", "x" * 300]
)
def test_a_host_that_is_none_is_refused_and_not_repeated(
    client: FlaskClient, address: str, host: str
) -> None:
    response = client.get(address, environ_overrides={"HTTP_HOST": host})
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    assert host not in response.text


@pytest.fixture
def arms(tmp_path: Path) -> Path:
    """A file that is not about legs."""
    path = tmp_path / "arms.ttl"
    path.write_text("@prefix ex: <urn:ex:> . ex:arm a ex:Limb ; ex:has ex:hand .", encoding="utf-8")
    return path


def served(path: Path, pool: PoolSettings) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=(path,), pool=pool))
    yield app.test_client()
    app.extensions["etiograph"].serving.pool.close()


@pytest.fixture
def arms_client(arms: Path) -> Iterator[FlaskClient]:
    """A client of the service over that file."""
    yield from served(arms, PoolSettings(workers=1))


@pytest.fixture
def hasty_client(arms: Path) -> Iterator[FlaskClient]:
    """The same, where no query ends in time."""
    yield from served(arms, PoolSettings(workers=1, timeout=1e-6))


def test_any_data_is_described(arms_client: FlaskClient) -> None:
    response = arms_client.get("/.well-known/void", base_url=BASE)
    graph = Graph().parse(data=response.data, format="turtle")
    conforms(graph, SHAPES)
    assert numbers(graph, DATASET)["triples"] == 2
    assert graph.value(DATASET, VOID.exampleResource) == URIRef("urn:ex:arm")
    assert URIRef("urn:ex:") in graph.objects(DATASET, VOID.vocabulary)
    examples = arms_client.get("/sparql-examples")
    assert (None, RDF.type, SH.SPARQLExecutable) not in Graph().parse(data=examples.data)


def test_what_takes_too_long_to_count_is_left_out(hasty_client: FlaskClient) -> None:
    response = hasty_client.get("/.well-known/void", base_url=BASE)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    graph = Graph().parse(data=response.data, format="turtle")
    assert graph.value(DATASET, VOID.sparqlEndpoint) == URIRef(f"{BASE}sparql")
    assert numbers(graph, DATASET) == {}
