"""The simple triples that follow from an import, as the leg graph has them.

OWL: `C SubClassOf D` and, for `C SubClassOf r some D`, `C r D`, found by the same saturation.
SKOS: `skos:broaderTransitive`. What is asserted is not entailed a second time.
"""

from collections.abc import Iterable, Iterator, Mapping, Set

import pyoxigraph as ox
from oxrdflib import OxigraphStore
from rdflib import RDFS, SKOS, Dataset

from kg.builder.axioms import read_axioms
from kg.builder.imports.ntriples import line
from kg.builder.saturation import saturate
from kg.errors import OntologyError
from kg.vocabulary import is_iri

SUBCLASS, TRANSITIVE = f"<{RDFS.subClassOf}>", f"<{SKOS.broaderTransitive}>"
Ancestors = dict[str, Set[str]]
"""Class or concept (IRI) → all above it, itself aside."""


def entail_owl(store: ox.Store, terms: Set[str]) -> tuple[list[str], list[str]]:
    """The entailed lines about `terms` (IRIs), and what is outside of EL.

    OntologyError for classes that can have no instance.
    """
    outside: list[str] = []
    graph = Dataset(store=OxigraphStore(store=store)).default_graph
    closure = saturate(read_axioms(graph, outside))
    empty = closure.unsatisfiable()
    if empty:
        raise OntologyError([f"<{iri}> can have no instance" for iri in empty[:20]])
    asserted = {
        (q.subject, q.object) for q in store.quads_for_pattern(None, _node(RDFS.subClassOf), None)
    }
    lines: list[str] = []
    for iri in sorted(terms):
        above = [other for other in closure.superclasses(iri) if is_iri(other)]
        lines += (
            line(f"<{iri}>", SUBCLASS, f"<{other}>")
            for other in above
            if (ox.NamedNode(iri), ox.NamedNode(other)) not in asserted
        )
        values = sorted(
            {(name, value) for name, value, _, _ in closure.existentials(iri) if is_iri(name)}
        )
        lines += (line(f"<{iri}>", f"<{name}>", f"<{value}>") for name, value in values)
    return lines, outside


def entail_skos(broader: Mapping[str, Iterable[str]]) -> list[str]:
    """The entailed lines; OntologyError where a concept is above itself."""
    ancestors = close(broader)
    return [
        line(f"<{concept}>", TRANSITIVE, f"<{other}>")
        for concept in sorted(ancestors)
        for other in sorted(ancestors[concept])
    ]


def close(broader: Mapping[str, Iterable[str]]) -> Ancestors:
    """The transitive closure; OntologyError names a concept that stands above itself."""
    found: Ancestors = {}
    for start in broader:
        for concept in _upwards(start, broader, found):
            above: set[str] = set()
            for other in broader.get(concept, ()):
                above |= {other} | found.get(other, frozenset())
            found[concept] = above
    return found


def _upwards(start: str, broader: Mapping[str, Iterable[str]], done: Ancestors) -> Iterator[str]:
    """Concepts from `start` up that are not done, each after all above it."""
    path: dict[str, Iterator[str]] = {start: iter(broader.get(start, ()))}
    while path and start not in done:
        concept = next(reversed(path))
        onward = next((other for other in path[concept] if other not in done), None)
        if onward is None:
            path.popitem()
            if concept not in done:
                yield concept
        elif onward in path:
            raise OntologyError([f"<{onward}> is broader than itself"])
        else:
            path[onward] = iter(broader.get(onward, ()))


def _node(iri: str) -> ox.NamedNode:
    return ox.NamedNode(str(iri))
