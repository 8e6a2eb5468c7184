"""Compiles table rows to annotated OWL axioms and to claims, one named graph per table.

A presentation row becomes one class per region it names (each region is seen, not all at once);
a fact row becomes an existential restriction on its condition. Blank nodes are named after
their row, so that two builds of the same tables give the same triples.
"""

from collections.abc import Iterator, Mapping
from itertools import count

from rdflib import OWL, RDF, RDFS, BNode, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF
from rdflib.term import Node

from kg.builder.grading import Grades
from kg.builder.tables import Row, Tables, strength_of
from kg.builder.terms import Terms
from kg.errors import OntologyError
from kg.vocabulary import (
    COLUMN_PROPERTIES,
    ETIO,
    FACTS_GRAPH,
    FREQUENCIES,
    GRADES,
    MAPPING_PROPERTIES,
    MAPPINGS_GRAPH,
    PRESENTATIONS_GRAPH,
    PUBLISHER_KINDS,
    RELATION_PROPERTIES,
    SOURCES_GRAPH,
    TERMS_GRAPH,
    URGENCIES,
    compress,
    expand,
    local_name,
)

RELIEF = ("factor", "treatment")
EVENT = ("condition", "symptom", "factor", "risk_factor", "treatment")
ORIGIN = (*EVENT, "process")
COLUMN_KINDS = {
    "condition": ("condition",),
    "symptom": ("symptom",),
    "region": ("region",),
    "quality": ("quality", "symptom"),
    "timing": ("timing",),
    "laterality": ("laterality",),
    "triggered_by": EVENT,
    "aggravated_by": EVENT,
    "relieved_by": RELIEF,
}
"""Column → the kinds of its values."""
RELATION_KINDS = {
    "has_risk_factor": ORIGIN,
    "has_cause": ORIGIN,
    "treated_by": RELIEF,
    "prevented_by": RELIEF,
    "has_complication": EVENT,
    "has_red_flag": EVENT,
    "confused_with": EVENT,
    "affects_structure": ("region",),
    "diagnosed_by": ("test",),
    "subtype_of": ("condition",),
}
"""Relation → the kinds of its values."""


Triple = tuple[Node, Node, Node]
Triples = list[Triple]


def compile_tables(terms: Terms, tables: Tables) -> dict[URIRef, Triples]:
    """Compile every row and return the asserted triples by named graph, those of the terms too.

    OntologyError lists each row that cannot be placed, with the reason.
    """
    compiler = _Compiler(terms, Grades(tables))
    for row in tables.mappings:
        compiler.add_mapping(row)
    for row in tables.sources:
        compiler.add_source(row)
    for row in tables.presentations:
        compiler.add_presentation(row)
    for row in tables.facts:
        compiler.add_fact(row)
    if compiler.problems:
        raise OntologyError(compiler.problems)
    return {
        TERMS_GRAPH: list(terms.graph),
        PRESENTATIONS_GRAPH: compiler.presentations,
        FACTS_GRAPH: compiler.facts,
        SOURCES_GRAPH: compiler.sources,
        MAPPINGS_GRAPH: compiler.mappings,
    }


def merge(graphs: Mapping[URIRef, Triples]) -> Graph:
    """All triples in one graph."""
    merged = Graph()
    for triples in graphs.values():
        for triple in triples:
            merged.add(triple)
    return merged


def presentation_iris(row: Row) -> Iterator[tuple[URIRef, str]]:
    """The IRI of each presentation of a row, with its region's label ('' where none is named)."""
    for region in row.values("region") or [""]:
        yield ETIO["-".join(filter(None, (row["presentation_id"], local_name(region))))], region


class _Compiler:
    def __init__(self, terms: Terms, grades: Grades) -> None:
        self.terms = terms
        self.grades = grades
        self.presentations: Triples = []
        self.facts: Triples = []
        self.sources: Triples = []
        self.mappings: Triples = []
        self.problems: list[str] = []

    def add_mapping(self, row: Row) -> None:
        subject = self._find(row, "subject_label", row["subject_label"])
        if subject is None:
            return
        if compress(subject) != row["subject_id"]:
            label = row["subject_label"]
            self.problems.append(row.problem(f"subject_id: {label!r} is {compress(subject)}"))
            return
        value = URIRef(expand(row["object_id"]))
        self.mappings.append((subject, MAPPING_PROPERTIES[strength_of(row)], value))

    def add_source(self, row: Row) -> None:
        iri = ETIO[row["source_id"]]
        about = self.sources
        about.append((iri, RDF.type, OWL.NamedIndividual))
        about.append((iri, RDF.type, ETIO.Source))
        about.append((iri, RDFS.label, Literal(f"{row['title']} ({row['publisher']})", lang="en")))
        about.append((iri, DCTERMS.identifier, Literal(row["source_id"])))
        about.append((iri, DCTERMS.title, Literal(row["title"])))
        about.append((iri, DCTERMS.publisher, Literal(row["publisher"])))
        about.append((iri, ETIO.publisherKind, PUBLISHER_KINDS[row["publisher_kind"]]))
        if row["copy_of"]:
            about.append((iri, ETIO.copyOf, Literal(row["copy_of"])))
        if row["url"]:
            about.append((iri, FOAF.page, URIRef(row["url"])))

    def add_presentation(self, row: Row) -> None:
        condition = self._find(row, "condition", row["condition"])
        symptom = self._find(row, "symptom", row["symptom"])
        fillers = [
            (term_property, self._find(row, column, value))
            for column, term_property in COLUMN_PROPERTIES.items()
            if column != "region"
            for value in row.values(column)
        ]
        regions = [self._find(row, "region", region) for region in row.values("region")]
        known = [(name, filler) for name, filler in fillers if filler is not None]
        if condition is None or symptom is None or None in regions or len(known) < len(fillers):
            return
        for iri, region in presentation_iris(row):
            placed = [(ETIO.locatedIn, self.terms.labels[region])] if region else []
            self._declare_presentation(row, iri, region)
            self._define_presentation(row, iri, condition, symptom, placed + known)

    def _define_presentation(
        self,
        row: Row,
        iri: URIRef,
        condition: URIRef,
        symptom: URIRef,
        fillers: list[tuple[URIRef, URIRef]],
    ) -> None:
        triples = self.presentations
        triples.append((iri, RDFS.subClassOf, ETIO.Presentation))
        triples.append((iri, RDFS.subClassOf, symptom))
        blanks = _blank_nodes(iri)
        for term_property, filler in fillers:
            triples.append(
                (iri, RDFS.subClassOf, _some(triples, next(blanks), term_property, filler))
            )
        shown = _some(triples, next(blanks), ETIO.hasPresentation, iri)
        triples.append((condition, RDFS.subClassOf, shown))
        _annotate(triples, next(blanks), condition, shown, row, iri)

    def _declare_presentation(self, row: Row, iri: URIRef, region: str) -> None:
        where = f", {region}" if region else ""
        label = f"{row['condition']}: {row['symptom']}{where} ({row['presentation_id']})"
        about = self.presentations
        about.append((iri, RDF.type, OWL.Class))
        about.append((iri, RDFS.label, Literal(label, lang="en")))
        about.append((iri, DCTERMS.identifier, Literal(row["presentation_id"])))
        about.append((iri, ETIO.frequency, FREQUENCIES[row["frequency"]]))
        grade = self.grades.of_presentation(row, region)
        about.append((iri, ETIO.evidenceGrade, GRADES[grade]))
        about.append((iri, DCTERMS.source, ETIO[row["source_id"]]))

    def add_fact(self, row: Row) -> None:
        condition = self._find(row, "condition", row["condition"])
        value = self._find(row, "value", row["value"], RELATION_KINDS[row["relation"]])
        if condition is None or value is None:
            return
        claim = ETIO[row["fact_id"]]
        term_property = RELATION_PROPERTIES.get(row["relation"], RDFS.subClassOf)
        self._declare_claim(row, claim, condition, term_property, value)
        blanks = _blank_nodes(claim)
        superclass: URIRef | BNode = value
        if term_property != RDFS.subClassOf:
            _, urgent_property = URGENCIES.get(row["urgency"], (None, term_property))
            superclass = _some(self.facts, next(blanks), urgent_property, value)
        self.facts.append((condition, RDFS.subClassOf, superclass))
        _annotate(self.facts, next(blanks), condition, superclass, row, claim)

    def _declare_claim(
        self, row: Row, claim: URIRef, subject: URIRef, term_property: URIRef, value: URIRef
    ) -> None:
        about = self.facts
        relation = row["relation"].replace("_", " ")
        label = f"{row['condition']} {relation} {row['value']} ({row['fact_id']})"
        about.append((claim, RDF.type, OWL.NamedIndividual))
        about.append((claim, RDF.type, ETIO.Claim))
        about.append((claim, RDFS.label, Literal(label, lang="en")))
        about.append((claim, DCTERMS.identifier, Literal(row["fact_id"])))
        about.append((claim, ETIO.claimSubject, subject))
        about.append((claim, ETIO.claimProperty, term_property))
        about.append((claim, ETIO.claimValue, value))
        about.append((claim, ETIO.evidenceGrade, GRADES[self.grades.of_fact(row)]))
        if row["urgency"]:
            about.append((claim, ETIO.urgency, URGENCIES[row["urgency"]][0]))
        about.append((claim, DCTERMS.source, ETIO[row["source_id"]]))
        if row["note"]:
            about.append((claim, ETIO.note, Literal(row["note"], lang="en")))

    def _find(
        self, row: Row, column: str, label: str, kinds: tuple[str, ...] = ()
    ) -> URIRef | None:
        try:
            return self.terms.find(label, kinds or COLUMN_KINDS.get(column, ()))
        except LookupError as error:
            self.problems.append(row.problem(f"{column}: {error.args[0]}"))
            return None


def _blank_nodes(iri: URIRef) -> Iterator[BNode]:
    """Blank nodes named after the entity they belong to: stable from build to build."""
    local = iri.removeprefix(str(ETIO))
    return (BNode(f"{local}.{number}") for number in count(1))


def _some(triples: Triples, node: BNode, term_property: URIRef, filler: URIRef) -> BNode:
    """Write `property some filler` at `node`."""
    triples.append((node, RDF.type, OWL.Restriction))
    triples.append((node, OWL.onProperty, term_property))
    triples.append((node, OWL.someValuesFrom, filler))
    return node


def _annotate(
    triples: Triples,
    node: BNode,
    subject: URIRef,
    superclass: URIRef | BNode,
    row: Row,
    where: URIRef,
) -> None:
    """Annotate the axiom `subject SubClassOf superclass` with its source and the row it is in."""
    triples.append((node, RDF.type, OWL.Axiom))
    triples.append((node, OWL.annotatedSource, subject))
    triples.append((node, OWL.annotatedProperty, RDFS.subClassOf))
    triples.append((node, OWL.annotatedTarget, superclass))
    triples.append((node, DCTERMS.source, ETIO[row["source_id"]]))
    triples.append((node, ETIO.statedIn, where))
