"""The closure: each rule on a few axioms, and HermiT as an oracle on random ontologies."""

import random

import pytest
from rdflib import OWL, RDF, RDFS, BNode, Graph, URIRef
from rdflib.collection import Collection

from kg.builder.axioms import And, Axiom, Axioms, Named, Some, describe, read_axioms
from kg.builder.hermit import check_with_hermit
from kg.builder.saturation import Closure, saturate
from kg.errors import OntologyError

A, B, C, D = (Named(f"urn:{letter}") for letter in "ABCD")
R, S = "urn:r", "urn:s"


def closed(*axioms: Axiom, **more: object) -> Closure:
    classes = [c.iri for c in (A, B, C, D)]
    properties = {R: {R}, S: {S}}
    return saturate(Axioms(classes, list(axioms), **{"super_properties": properties, **more}))  # type: ignore[arg-type]


def fillers(closure: Closure, concept: Named) -> set[tuple[str, str]]:
    return {(name, filler) for name, filler, _, _ in closure.existentials(concept.iri)}


def test_subclass_is_transitive() -> None:
    assert closed(Axiom(A, B), Axiom(B, C)).superclasses(A.iri) == [B.iri, C.iri]


def test_conjunction_is_taken_apart_and_put_together() -> None:
    closure = closed(Axiom(A, And(frozenset({B, C}))), Axiom(And(frozenset({B, C})), D))
    assert closure.superclasses(A.iri) == [B.iri, C.iri, D.iri]


def test_existential_is_inherited_and_climbs_to_wider_fillers() -> None:
    closure = closed(Axiom(A, B), Axiom(B, Some(R, C)), Axiom(C, D))
    assert fillers(closure, A) == {(R, C.iri), (R, D.iri)}


def test_defined_class_is_filled_through_an_existential() -> None:
    closure = closed(Axiom(A, Some(R, B)), Axiom(B, C), Axiom(Some(R, C), D))
    assert closure.superclasses(A.iri) == [D.iri]


def test_super_property_is_followed() -> None:
    closure = closed(
        Axiom(A, Some(R, B)), Axiom(Some(S, B), D), super_properties={R: {R, S}, S: {S}}
    )
    assert closure.superclasses(A.iri) == [D.iri]
    assert fillers(closure, A) == {(R, B.iri), (S, B.iri)}


def test_chain_composes_two_properties() -> None:
    closure = closed(Axiom(A, Some(R, B)), Axiom(B, Some(S, C)), chains=[(R, S, R)])
    assert fillers(closure, A) == {(R, B.iri), (R, C.iri)}


def test_transitive_property_climbs_all_the_way() -> None:
    closure = closed(
        Axiom(A, Some(R, B)), Axiom(B, Some(R, C)), Axiom(C, Some(R, D)), chains=[(R, R, R)]
    )
    assert fillers(closure, A) == {(R, B.iri), (R, C.iri), (R, D.iri)}


def test_range_narrows_a_filler() -> None:
    closure = closed(Axiom(A, Some(R, B)), Axiom(Some(R, C), D), ranges={R: [C]})
    assert closure.superclasses(A.iri) == [D.iri]


def test_disjoint_classes_have_no_common_instance() -> None:
    nothing = Axiom(And(frozenset({B, C})), Named(str(OWL.Nothing)))
    closure = closed(Axiom(A, B), Axiom(A, C), nothing, Axiom(D, Some(R, A)))
    assert closure.unsatisfiable() == [A.iri, D.iri]


def test_leaves_of_a_proof_are_the_axioms_it_needs() -> None:
    needed = [Axiom(A, Some(R, B)), Axiom(B, C), Axiom(Some(R, C), D)]
    closure = closed(*needed, Axiom(B, D), Axiom(C, B))
    fact = ("sub", closure.number(A), closure.number(D))
    assert set(closure.leaves(fact)) == set(needed)


def test_manchester_syntax_of_a_nested_expression() -> None:
    assert describe(Some(R, And(frozenset({A, B})))) == "urn:r some (urn:A and urn:B)"


def random_ontology(seed: int) -> Graph:
    """A random EL ontology with hierarchies, existentials, definitions, a chain and a range."""
    choose = random.Random(seed)  # noqa: S311 - a test's data
    graph = Graph()
    classes = [URIRef(f"urn:C{n}") for n in range(30)]
    properties = [URIRef(f"urn:p{n}") for n in range(4)]
    for iri in classes:
        graph.add((iri, RDF.type, OWL.Class))
    for iri in properties:
        graph.add((iri, RDF.type, OWL.ObjectProperty))
    graph.add((properties[0], RDF.type, OWL.TransitiveProperty))
    graph.add((properties[1], RDFS.subPropertyOf, properties[2]))
    chain = BNode()
    Collection(graph, chain, [properties[3], properties[0]])
    graph.add((properties[3], OWL.propertyChainAxiom, chain))
    graph.add((properties[2], RDFS.domain, classes[0]))
    graph.add((properties[1], RDFS.range, classes[1]))

    def some() -> BNode:
        node = BNode()
        graph.add((node, RDF.type, OWL.Restriction))
        graph.add((node, OWL.onProperty, choose.choice(properties)))
        graph.add((node, OWL.someValuesFrom, choose.choice(classes)))
        return node

    def both() -> BNode:
        node, parts = BNode(), BNode()
        Collection(graph, parts, [choose.choice(classes), some()])
        graph.add((node, RDF.type, OWL.Class))
        graph.add((node, OWL.intersectionOf, parts))
        return node

    for _ in range(30):
        graph.add((choose.choice(classes), RDFS.subClassOf, choose.choice(classes)))
        graph.add((choose.choice(classes), RDFS.subClassOf, some()))
    for _ in range(6):
        graph.add((choose.choice(classes), OWL.equivalentClass, both()))
    return graph


@pytest.mark.parametrize("seed", range(6))
def test_closure_equals_hermits_on_random_ontologies(seed: int) -> None:
    graph = random_ontology(seed)
    closure = saturate(read_axioms(graph))
    superclasses = {iri: closure.superclasses(iri) for iri in closure.axioms.classes}
    assert check_with_hermit(graph, superclasses) >= 20


def test_a_difference_from_hermit_is_reported_both_ways() -> None:
    graph = random_ontology(0)
    closure = saturate(read_axioms(graph))
    superclasses = {iri: closure.superclasses(iri) for iri in closure.axioms.classes}
    found = next(iri for iri, supers in superclasses.items() if supers)
    missing = superclasses[found].pop()
    superclasses["urn:C29"] = [*superclasses["urn:C29"], "urn:invented"]
    with pytest.raises(OntologyError) as caught:
        check_with_hermit(graph, superclasses)
    assert caught.value.problems == (
        "HermiT does not find: urn:C29 SubClassOf urn:invented",
        f"only HermiT finds: {found} SubClassOf {missing}",
    )
