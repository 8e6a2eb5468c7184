"""Figures of the data, counted by SPARQL: what VoID says of classes, properties and graphs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rdflib import Literal, URIRef
from rdflib.namespace import DCTERMS, OWL, RDF, VOID
from rdflib.term import Node

from kg.queries import Select
from kg.vocabulary import is_iri

HEADER = (DCTERMS.title, DCTERMS.description, DCTERMS.license, DCTERMS.creator, DCTERMS.publisher)
"""What is taken over from the header of the ontology that the data holds."""
MAX_PARTITIONS = 500
"""The most classes and properties that are described, the largest first."""
MAX_PAIRS = 2000
"""The same for properties of classes."""

Counts = Mapping[URIRef, int]
"""Property of VoID → number."""


_NUMBERS = ("triples", "entities", "classes", "properties", "distinctSubjects", "distinctObjects")
_WHOLE = f"""
SELECT (COUNT(*) AS ?triples) (COUNT(DISTINCT ?entity) AS ?entities)
       (COUNT(DISTINCT ?class) AS ?classes) (COUNT(DISTINCT ?p) AS ?properties)
       (COUNT(DISTINCT ?s) AS ?distinctSubjects) (COUNT(DISTINCT ?o) AS ?distinctObjects) {{
  ?s ?p ?o
  BIND(IF(%s, ?s, ?none) AS ?entity)
  BIND(IF(?p = <{RDF.type}>, ?o, ?none) AS ?class)
}}"""
_PROPERTIES = f"""
SELECT ?property (COUNT(*) AS ?triples)
       (COUNT(DISTINCT ?s) AS ?distinctSubjects) (COUNT(DISTINCT ?o) AS ?distinctObjects) {{
  ?s ?property ?o
}} GROUP BY ?property ORDER BY DESC(?triples) ?property LIMIT {MAX_PARTITIONS}"""
_CLASSES = f"""
SELECT ?class (COUNT(*) AS ?triples)
       (COUNT(DISTINCT ?s) AS ?distinctSubjects) (COUNT(DISTINCT ?o) AS ?distinctObjects) {{
  ?s a ?class ; ?p ?o
  FILTER(isIRI(?class))
}} GROUP BY ?class ORDER BY DESC(?triples) ?class LIMIT {MAX_PARTITIONS}"""
_ENTITIES = """
SELECT ?class (COUNT(*) AS ?entities) (MIN(?s) AS ?example) {
  ?s a ?class
  FILTER(isIRI(?class) && %s)
} GROUP BY ?class"""
_PAIRS = f"""
SELECT ?class ?property (COUNT(*) AS ?triples)
       (COUNT(DISTINCT ?s) AS ?distinctSubjects) (COUNT(DISTINCT ?o) AS ?distinctObjects) {{
  ?s a ?class ; ?property ?o
  FILTER(isIRI(?class))
}} GROUP BY ?class ?property ORDER BY DESC(?triples) ?class ?property LIMIT {MAX_PAIRS}"""
_GRAPHS = """
SELECT ?g (COUNT(*) AS ?triples) {
  GRAPH ?g { ?s ?p ?o }
  FILTER(isIRI(?g))
} GROUP BY ?g ORDER BY ?g"""
_HEADER = f"""
SELECT ?ontology ?p ?o {{
  ?ontology a <{OWL.Ontology}> ; ?p ?o
  FILTER(?p IN ({", ".join(f"<{name}>" for name in HEADER)}))
  FILTER NOT EXISTS {{ ?other <{OWL.imports}> ?ontology }}
}} ORDER BY ?ontology ?p ?o LIMIT 100"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of the default graph and of its parts; a part's key is what it is the part of.

    `examples` has an entity of each class, `header` what the ontology says of itself.
    """

    uri_space: str
    whole: Counts
    properties: Mapping[URIRef, Counts]
    classes: Mapping[URIRef, Counts]
    pairs: Mapping[tuple[URIRef, URIRef], Counts]
    graphs: Mapping[URIRef, Counts]
    examples: Mapping[URIRef, URIRef]
    header: Mapping[URIRef, Sequence[Node]]


def count(select: Select, uri_space: str = "") -> Statistics:
    """The figures of any data; an entity is what has an IRI, under `uri_space` if there is one.

    What takes least comes first: `select` may give up on large data.
    """
    header = _header(select(_HEADER)[1])
    graphs = {key: counts for (key,), counts in _counted(select, _GRAPHS)}
    is_entity = f'isIRI(?s) && STRSTARTS(STR(?s), "{uri_space}")' if uri_space else "isIRI(?s)"
    whole = [counts for _, counts in _counted(select, _WHOLE % is_entity)]
    classes = {key: counts for (key,), counts in _counted(select, _CLASSES)}
    examples = {}
    for (key, example), counts in _counted(select, _ENTITIES % is_entity):
        if key in classes:
            examples[key] = example
            classes[key] = {**classes[key], **counts}
    return Statistics(
        uri_space=uri_space,
        whole=whole[0] if whole else {},
        properties={key: counts for (key,), counts in _counted(select, _PROPERTIES)},
        classes=classes,
        pairs={(c, p): counts for (c, p), counts in _counted(select, _PAIRS) if c in classes},
        graphs=graphs,
        examples=examples,
        header=header,
    )


def _counted(select: Select, query: str) -> Iterator[tuple[list[URIRef], dict[URIRef, int]]]:
    """Each row: the terms that it is about, and the numbers."""
    columns, rows = select(query)
    for row in rows:
        found = zip(columns, row, strict=True)
        cells = [(name, str(cell)) for name, cell in found if cell is not None]
        numbers = {VOID[name]: int(text) for name, text in cells if name in _NUMBERS}
        yield [URIRef(text) for name, text in cells if name not in _NUMBERS], numbers


def _header(rows: Iterable[Sequence[Node | None]]) -> dict[URIRef, list[Node]]:
    """What one ontology says of itself; of several, none speaks for the data."""
    found: dict[URIRef, list[Node]] = {}
    ontologies = set()
    for ontology, name, value in rows:
        ontologies.add(ontology)
        if isinstance(value, Literal) or (isinstance(value, URIRef) and is_iri(value)):
            found.setdefault(URIRef(str(name)), []).append(value)
    return found if len(ontologies) == 1 else {}
