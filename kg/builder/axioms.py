"""Reads the logical axioms of an OWL graph into the EL form that `saturation` works on.

Anything outside the EL profile is an error that names the axiom, or is listed for a caller who
asks for that: nothing is skipped silently.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rdflib import OWL, RDF, RDFS, Graph, URIRef
from rdflib.collection import Collection
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from kg.errors import OntologyError
from kg.vocabulary import ETIO, compress


class Named(NamedTuple):
    """A class by its IRI."""

    iri: str


class Some(NamedTuple):
    """`property some filler`."""

    term_property: str
    filler: "Concept"


class And(NamedTuple):
    """The intersection of `parts`."""

    parts: "frozenset[Concept]"


Concept = Named | Some | And
THING = Named(str(OWL.Thing))
NOTHING = Named(str(OWL.Nothing))


@dataclass(frozen=True)
class Axiom:
    """A subclass axiom, where it was stated and the sources it carries (IRIs)."""

    sub: Concept
    sup: Concept
    stated_in: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{describe(self.sub)} SubClassOf {describe(self.sup)}"


@dataclass
class Axioms:
    """The logical content of an ontology: class axioms and the property axioms of EL."""

    classes: list[str] = field(default_factory=list)
    subclass: list[Axiom] = field(default_factory=list)
    super_properties: dict[str, set[str]] = field(default_factory=dict)
    chains: list[tuple[str, str, str]] = field(default_factory=list)
    ranges: dict[str, list[Concept]] = field(default_factory=dict)


def describe(concept: Concept) -> str:
    """Manchester syntax of a concept, names as CURIEs without our own prefix."""
    if isinstance(concept, Named):
        return _short(concept.iri)
    if isinstance(concept, And):
        return " and ".join(sorted(map(describe, concept.parts)))
    filler = describe(concept.filler)
    if not isinstance(concept.filler, Named):
        filler = f"({filler})"
    return f"{_short(concept.term_property)} some {filler}"


def _short(iri: str) -> str:
    return compress(iri).removeprefix("etio:")


def read_axioms(graph: Graph, outside: list[str] | None = None) -> Axioms:
    """Return the axioms of `graph`; OntologyError for a construct outside EL.

    With `outside`, such constructs are left out and each adds a line to that list.
    """
    return AxiomReader(graph, outside).read()


class AxiomReader:
    """Reads one graph."""

    def __init__(self, graph: Graph, outside: list[str] | None = None) -> None:
        self.graph = graph
        self.outside = outside
        targets = dict(graph.subject_objects(OWL.annotatedTarget))
        self.annotations = {
            (source, targets[node]): node
            for node, source in graph.subject_objects(OWL.annotatedSource)
        }

    def read(self) -> Axioms:
        axioms = Axioms()
        axioms.classes = sorted(
            str(iri) for iri in self.graph.subjects(RDF.type, OWL.Class) if isinstance(iri, URIRef)
        )
        axioms.subclass = list(self._class_axioms())
        self._property_axioms(axioms)
        _close_properties(axioms.super_properties)
        return axioms

    def _class_axioms(self) -> Iterator[Axiom]:
        for sub, sup in self.graph.subject_objects(RDFS.subClassOf):
            yield from self._made(self._axiom, sub, sup)
        for one, other in self.graph.subject_objects(OWL.equivalentClass):
            yield from self._made(self._plain, one, other)
            yield from self._made(self._plain, other, one)
        for one, other in self.graph.subject_objects(OWL.disjointWith):
            yield from self._made(self._disjoint, one, other)
        for node in self.graph.subjects(RDF.type, OWL.AllDisjointClasses):
            members = list(Collection(self.graph, self._value(node, OWL.members)))
            for index, one in enumerate(members):
                for other in members[index + 1 :]:
                    yield from self._made(self._disjoint, one, other)

    def _made(self, make: Callable[[Node, Node], Axiom], one: Node, other: Node) -> Iterator[Axiom]:
        try:
            yield make(one, other)
        except OntologyError as error:
            self._refuse(error)

    def _refuse(self, error: OntologyError) -> None:
        if self.outside is None:
            raise error
        self.outside.extend(error.problems)

    def _plain(self, sub: Node, sup: Node) -> Axiom:
        return Axiom(self.concept(sub), self.concept(sup))

    def _axiom(self, sub: Node, sup: Node) -> Axiom:
        note = self.annotations.get((sub, sup))
        stated_in: tuple[str, ...] = ()
        sources: tuple[str, ...] = ()
        if note is not None:
            stated_in = tuple(sorted(str(n) for n in self.graph.objects(note, ETIO.statedIn)))
            sources = tuple(sorted(str(s) for s in self.graph.objects(note, DCTERMS.source)))
        elif isinstance(sub, URIRef):
            sources = tuple(sorted(str(s) for s in self.graph.objects(sub, DCTERMS.source)))
        return Axiom(self.concept(sub), self.concept(sup), stated_in, sources)

    def _disjoint(self, one: Node, other: Node) -> Axiom:
        return Axiom(And(frozenset({self.concept(one), self.concept(other)})), NOTHING)

    def _property_axioms(self, axioms: Axioms) -> None:
        for term_property in sorted(self.graph.subjects(RDF.type, OWL.ObjectProperty), key=str):
            axioms.super_properties.setdefault(str(term_property), {str(term_property)})
            self._domain_and_range(axioms, str(term_property), term_property)
        for sub, sup in self.graph.subject_objects(RDFS.subPropertyOf):
            if str(sub) in axioms.super_properties:
                axioms.super_properties[str(sub)].add(str(sup))
        for term_property in self.graph.subjects(RDF.type, OWL.TransitiveProperty):
            axioms.chains.append((str(term_property),) * 3)
        for term_property, steps in self.graph.subject_objects(OWL.propertyChainAxiom):
            members = [str(step) for step in Collection(self.graph, steps)]
            if len(members) == 2:
                axioms.chains.append((members[0], members[1], str(term_property)))
            else:
                fault = f"a chain of {len(members)} properties for {term_property}"
                self._refuse(OntologyError([fault]))

    def _domain_and_range(self, axioms: Axioms, name: str, term_property: Node) -> None:
        for domain in self.graph.objects(term_property, RDFS.domain):
            try:
                axioms.subclass.append(Axiom(Some(name, THING), self.concept(domain)))
            except OntologyError as error:
                self._refuse(error)
        for value_range in self.graph.objects(term_property, RDFS.range):
            try:
                axioms.ranges.setdefault(name, []).append(self.concept(value_range))
            except OntologyError as error:
                self._refuse(error)

    def concept(self, node: Node) -> Concept:
        """The class expression at a node; OntologyError for one outside EL."""
        if isinstance(node, URIRef):
            return Named(str(node))
        members = self.graph.value(node, OWL.intersectionOf)
        if members is not None:
            return And(frozenset(map(self.concept, Collection(self.graph, members))))
        term_property = self.graph.value(node, OWL.onProperty)
        filler = self.graph.value(node, OWL.someValuesFrom)
        if not isinstance(term_property, URIRef) or filler is None:
            predicates = sorted({compress(str(p)) for p in self.graph.predicates(node)})
            raise OntologyError(
                [f"a class expression outside the EL profile, with {', '.join(predicates)}"]
            )
        return Some(str(term_property), self.concept(filler))

    def _value(self, node: Node, term_property: URIRef) -> Node:
        value = self.graph.value(node, term_property)
        if value is None:
            raise OntologyError([f"{node} has no {compress(str(term_property))}"])
        return value


def _close_properties(supers: dict[str, set[str]]) -> None:
    changed = True
    while changed:
        changed = False
        for reached in supers.values():
            wider = reached.union(*(supers.get(p, set()) for p in reached))
            if wider != reached:
                reached |= wider
                changed = True
