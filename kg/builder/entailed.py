"""Writes the closure as simple triples, so that SPARQL can ask without knowing OWL.

`C SubClassOf r some D` becomes `C r D` for every named D that follows. Presentations are values
of `hasPresentation` only, and schema classes (every symptom is a Symptom) are values of nothing
but `rdfs:subClassOf`: such triples would be true and useless.
"""

from dataclasses import dataclass

from rdflib import RDFS

from kg.builder.axioms import Named
from kg.builder.saturation import Closure, Fact
from kg.vocabulary import ETIO

HAS_PRESENTATION = str(ETIO.hasPresentation)
SUBCLASS_OF = str(RDFS.subClassOf)

Triple = tuple[str, str, str]


@dataclass
class Entailed:
    """Every entailed triple (IRIs) with the facts of the closure that prove it."""

    proofs: dict[Triple, tuple[Fact, ...]]

    def values(self) -> dict[tuple[str, str], list[str]]:
        """Sorted objects by subject and property."""
        values: dict[tuple[str, str], list[str]] = {}
        for subject, term_property, value in sorted(self.proofs):
            values.setdefault((subject, term_property), []).append(value)
        return values


def entail(closure: Closure, terms: set[str], presentations: set[str]) -> Entailed:
    """Return the simple triples about `terms` and `presentations` (IRIs) that follow."""
    proofs: dict[Triple, tuple[Fact, ...]] = {}
    for iri in sorted(terms | presentations):
        own = closure.number(Named(iri))
        for superclass in closure.superclasses(iri):
            fact: Fact = ("sub", own, closure.number(Named(superclass)))
            proofs[iri, SUBCLASS_OF, superclass] = (fact,)
        for term_property, filler, edge, sub in closure.existentials(iri):
            wanted = presentations if term_property == HAS_PRESENTATION else terms
            if filler in wanted:
                proofs[iri, term_property, filler] = (edge, sub)
    return Entailed(proofs)
