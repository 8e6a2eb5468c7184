"""Makes the records of the lookup index from the asserted graph, the tables and the closure."""

from collections.abc import Iterable

from rdflib import OWL, RDFS, Graph, URIRef
from rdflib.term import Node

from kg.builder.compile import presentation_iris
from kg.builder.entailed import SUBCLASS_OF, Entailed
from kg.builder.tables import Row, Tables
from kg.builder.terms import Terms
from kg.records import Claim, Entity, Presentation, Records, Source
from kg.vocabulary import (
    COLUMN_PROPERTIES,
    DEFINITION,
    ETIO,
    SYNONYM_PROPERTIES,
    compress,
)


def make_records(terms: Terms, tables: Tables, asserted: Graph, entailed: Entailed) -> Records:
    """Return all records; `asserted` is the merged graph of terms and compiled tables."""
    maker = _Maker(terms, asserted, entailed)
    return Records(
        entities=tuple(maker.entity(iri) for iri in sorted(terms.kinds)),
        presentations=tuple(
            presentation for row in tables.presentations for presentation in maker.presented(row)
        ),
        claims=tuple(maker.claim(row) for row in tables.facts),
        sources=tuple(_source(row) for row in tables.sources),
    )


class _Maker:
    def __init__(self, terms: Terms, asserted: Graph, entailed: Entailed) -> None:
        self.terms = terms
        self.asserted = asserted
        self.values = entailed.values()
        self.heirs: dict[str, list[str]] = {}
        for (subject, term_property), superclasses in self.values.items():
            if term_property == SUBCLASS_OF and terms.kind(URIRef(subject)) == "condition":
                for superclass in superclasses:
                    self.heirs.setdefault(superclass, []).append(compress(subject))

    def entity(self, iri: URIRef) -> Entity:
        graph = self.asserted
        ancestors = self._terms(self.values.get((str(iri), SUBCLASS_OF), ()))
        wholes = self._entailed(str(iri), ETIO.partOf)
        return Entity(
            id=compress(iri),
            iri=str(iri),
            label=self.terms.label(iri),
            kind=self.terms.kind(iri),
            definition=str(graph.value(iri, DEFINITION) or ""),
            synonyms=tuple(
                sorted(str(s) for p in SYNONYM_PROPERTIES for s in graph.objects(iri, p))
            ),
            parents=self._terms(graph.objects(iri, RDFS.subClassOf)),
            ancestors=ancestors,
            wholes=self._terms(_fillers(graph, iri, ETIO.partOf)),
            broader=tuple(sorted({*ancestors, *wholes})),
            contradicts_relief_by=self._terms(graph.objects(iri, ETIO.contradictsReliefBy)),
        )

    def presented(self, row: Row) -> Iterable[Presentation]:
        """The presentations of a row: one for each region it names."""
        condition = self.terms.labels[row["condition"]]
        symptom = self.terms.labels[row["symptom"]]
        for iri, region in presentation_iris(row):
            recorded: dict[str, tuple[str, ...]] = {"symptom": (compress(symptom),)}
            entailed = {"symptom": self._terms(self.values[str(iri), SUBCLASS_OF])}
            for column, term_property in COLUMN_PROPERTIES.items():
                labels = ([region] if region else []) if column == "region" else row.values(column)
                recorded[column] = tuple(self._id(label) for label in labels)
                entailed[column] = self._entailed(str(iri), term_property)
            yield Presentation(
                id=compress(iri),
                row=row["presentation_id"],
                conditions=(compress(condition), *self.heirs.get(str(condition), ())),
                recorded=recorded,
                entailed=entailed,
                frequency=row["frequency"],
                source=compress(ETIO[row["source_id"]]),
            )

    def claim(self, row: Row) -> Claim:
        subject = self.terms.labels[row["condition"]]
        return Claim(
            id=compress(ETIO[row["fact_id"]]),
            subject=compress(subject),
            relation=row["relation"],
            value=self._id(row["value"]),
            note=row["note"],
            source=compress(ETIO[row["source_id"]]),
            heirs=tuple(self.heirs.get(str(subject), ())),
        )

    def _id(self, label: str) -> str:
        return compress(self.terms.labels[label])

    def _entailed(self, iri: str, term_property: URIRef) -> tuple[str, ...]:
        return self._terms(self.values.get((iri, str(term_property)), ()))

    def _terms(self, nodes: Iterable[Node | str]) -> tuple[str, ...]:
        """Sorted CURIEs of those nodes that are terms."""
        iris = (URIRef(str(node)) for node in nodes)
        return tuple(sorted(compress(iri) for iri in iris if iri in self.terms.kinds))


def _fillers(graph: Graph, iri: URIRef, term_property: URIRef) -> Iterable[Node]:
    """The asserted fillers of `term_property some …` on a class."""
    for node in graph.objects(iri, RDFS.subClassOf):
        if graph.value(node, OWL.onProperty) == term_property:
            yield from graph.objects(node, OWL.someValuesFrom)


def _source(row: Row) -> Source:
    return Source(
        id=compress(ETIO[row["source_id"]]),
        title=row["title"],
        publisher=row["publisher"],
        publisher_kind=row["publisher_kind"],
        url=row["url"],
    )
