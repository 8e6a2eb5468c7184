"""Makes the records of the lookup index from the asserted graph, the tables and the closure."""

from collections.abc import Iterable

from rdflib import OWL, RDF, RDFS, Graph, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from kg.builder.axioms import And, AxiomReader, Concept, Named, Some, describe
from kg.builder.compile import presentation_iris
from kg.builder.entailed import SUBCLASS_OF, Entailed
from kg.builder.grading import Grades
from kg.builder.tables import Row, Tables, strength_of
from kg.builder.terms import Terms
from kg.records import (
    ROLES,
    Claim,
    Entity,
    Mapping,
    Presentation,
    Property,
    Records,
    Source,
    Synonym,
    TopClass,
)
from kg.vocabulary import (
    COLUMN_PROPERTIES,
    DEFINITION,
    ETIO,
    MAPPING_PROPERTIES,
    OBOINOWL,
    SYNONYM_SCOPES,
    SYNONYM_TYPES,
    TERM_RELATIONS,
    TOP_CLASSES,
    compress,
)

CHAIN = OWL.propertyChainAxiom
_ROLES = {str(term_property): column for column, term_property in COLUMN_PROPERTIES.items()}


def make_records(terms: Terms, tables: Tables, asserted: Graph, entailed: Entailed) -> Records:
    """Return all records; `asserted` is the merged graph of terms and compiled tables."""
    maker = _Maker(terms, tables, asserted, entailed)
    return Records(
        top_classes=tuple(
            TopClass(f"etio:{name}", *_named(asserted, ETIO[name]), kind)
            for name, kind in TOP_CLASSES.items()
        ),
        properties=tuple(_properties(asserted)),
        entities=tuple(maker.entity(iri) for iri in sorted(terms.kinds)),
        presentations=tuple(
            presentation for row in tables.presentations for presentation in maker.presented(row)
        ),
        claims=tuple(maker.claim(row) for row in tables.facts),
        sources=tuple(_source(row) for row in tables.sources),
    )


class _Maker:
    def __init__(self, terms: Terms, tables: Tables, asserted: Graph, entailed: Entailed) -> None:
        self.terms = terms
        self.grades = Grades(tables)
        self.asserted = asserted
        reader = AxiomReader(asserted)
        self.definitions = {
            str(iri): reader.concept(node)
            for iri, node in asserted.subject_objects(OWL.equivalentClass)
        }
        self.synonym_types = _synonym_types(asserted)
        self.mappings: dict[str, list[Mapping]] = {}
        for row in tables.mappings:
            mapping = Mapping(strength_of(row), row["object_id"], row["object_label"])
            self.mappings.setdefault(row["subject_id"], []).append(mapping)
        self.values = entailed.values()
        self.widest = {
            compress(iri)
            for iri in terms.kinds
            if not self._terms(asserted.objects(iri, RDFS.subClassOf))
        }
        """The terms at the top of their trees."""
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
            synonyms=tuple(self._synonyms(iri)),
            mappings=tuple(self.mappings.get(compress(iri), ())),
            parents=self._terms(graph.objects(iri, RDFS.subClassOf)),
            ancestors=ancestors,
            wholes=self._terms(_fillers(graph, iri, ETIO.partOf)),
            broader=tuple(sorted({*ancestors, *wholes, *self._entailed(str(iri), ETIO.involves)})),
            contradicts_relief_by=self._terms(graph.objects(iri, ETIO.contradictsReliefBy)),
            related={
                relation: values
                for relation, term_property in TERM_RELATIONS.items()
                if (values := self._terms(_fillers(self.terms.graph, iri, term_property)))
            },
            equivalent_to=describe(self.definitions[str(iri)])
            if str(iri) in self.definitions
            else "",
            defined_as=self._roles(str(iri)) if self.terms.kind(iri) == "symptom" else {},
        )

    def _roles(self, iri: str, within: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
        """What a definition puts in each role; {} for a class without one that says no more."""
        if iri not in self.definitions or iri in within:
            return {}
        found: dict[str, set[str]] = {}
        for part in _parts(self.definitions[iri]):
            said = self._said(part, (*within, iri))
            if not said:
                return {}
            for role, values in said.items():
                found.setdefault(role, set()).update(values)
        return {role: tuple(sorted(found[role])) for role in ROLES if role in found}

    def _said(self, part: Concept, within: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """What a part of a definition puts in each role; {} where it is no role of ours."""
        if isinstance(part, Named):
            whole: dict[str, tuple[str, ...]] = {"symptom": (compress(part.iri),)}
            parts = self._roles(part.iri, within)
            return whole if self.widest.intersection(parts.get("symptom", ())) else parts or whole
        if isinstance(part, Some) and isinstance(part.filler, Named):
            role = _ROLES.get(part.term_property)
            return {role: (compress(part.filler.iri),)} if role else {}
        return {}

    def _synonyms(self, iri: URIRef) -> Iterable[Synonym]:
        """The synonyms of a class, the exact ones first."""
        for scope, term_property in SYNONYM_SCOPES.items():
            for text in sorted(map(str, self.asserted.objects(iri, term_property))):
                yield Synonym(text, scope, self.synonym_types.get((iri, text), ""))

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
                grade=self.grades.of_presentation(row, region),
                source=compress(ETIO[row["source_id"]]),
            )

    def claim(self, row: Row) -> Claim:
        subject = self.terms.labels[row["condition"]]
        return Claim(
            id=compress(ETIO[row["fact_id"]]),
            subject=compress(subject),
            relation=row["relation"],
            value=self._id(row["value"]),
            urgency=row["urgency"],
            note=row["note"],
            grade=self.grades.of_fact(row),
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


def _named(graph: Graph, iri: Node) -> tuple[str, str]:
    """Label and definition."""
    return str(graph.value(iri, RDFS.label) or ""), str(graph.value(iri, DEFINITION) or "")


def _properties(graph: Graph) -> Iterable[Property]:
    for iri in sorted(graph.subjects(RDF.type, OWL.ObjectProperty), key=str):
        chains = [list(map(_id, Collection(graph, c))) for c in graph.objects(iri, CHAIN)]
        if (iri, RDF.type, OWL.TransitiveProperty) in graph:
            chains.append([_id(iri), _id(iri)])
        yield Property(
            _id(iri),
            *_named(graph, iri),
            domain=_id(graph.value(iri, RDFS.domain)),
            range=_id(graph.value(iri, RDFS.range)),
            parents=tuple(sorted(map(_id, graph.objects(iri, RDFS.subPropertyOf)))),
            chains=tuple(sorted(" ∘ ".join(chain) for chain in chains)),
            mappings=tuple(
                Mapping(strength, _id(value), "")
                for strength, mapped_by in MAPPING_PROPERTIES.items()
                for value in sorted(graph.objects(iri, mapped_by), key=str)
            ),
        )


def _id(node: Node | None) -> str:
    return "" if node is None else compress(str(node))


def _parts(concept: Concept) -> Iterable[Concept]:
    return concept.parts if isinstance(concept, And) else (concept,)


def _fillers(graph: Graph, iri: URIRef, term_property: URIRef) -> Iterable[Node]:
    """The asserted fillers of `term_property some …` on a class."""
    for node in graph.objects(iri, RDFS.subClassOf):
        if graph.value(node, OWL.onProperty) == term_property:
            yield from graph.objects(node, OWL.someValuesFrom)


def _synonym_types(graph: Graph) -> dict[tuple[Node | None, str], str]:
    """The type of each synonym that has one, by class and text."""
    return {
        (
            graph.value(axiom, OWL.annotatedSource),
            str(graph.value(axiom, OWL.annotatedTarget)),
        ): SYNONYM_TYPES[kind]
        for axiom, kind in graph.subject_objects(OBOINOWL.hasSynonymType)
        if isinstance(kind, URIRef) and kind in SYNONYM_TYPES
    }


def _source(row: Row) -> Source:
    return Source(
        id=compress(ETIO[row["source_id"]]),
        title=row["title"],
        publisher=row["publisher"],
        publisher_kind=row["publisher_kind"],
        copy_of=row["copy_of"],
        url=row["url"],
    )
