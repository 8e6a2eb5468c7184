"""Reads the terms of an import, and what it says of itself, from its triples.

OWL with the annotations of the OBO world, and SKOS, become the same `kg.catalogue.Term`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyoxigraph as ox
from rdflib import OWL, RDF, RDFS, SKOS
from rdflib.namespace import DC, DCTERMS

from kg import layout
from kg.builder.imports.entail import entail_owl, entail_skos
from kg.catalogue import Description, Name, Term
from kg.errors import OntologyError
from kg.vocabulary import DEFINITION, OBO, OBOINOWL, SYNONYM_SCOPES, compress

LABELS = (SKOS.prefLabel, RDFS.label)
DEFINITIONS = (DEFINITION, SKOS.definition, DC.description, DCTERMS.description)
COMMENTS = (RDFS.comment, SKOS.scopeNote, SKOS.note)
SCOPES = {
    **{predicate: scope for scope, predicate in SYNONYM_SCOPES.items()},
    SKOS.altLabel: "exact",
    SKOS.hiddenLabel: "related",
}
CODES = {
    OBOINOWL.hasAlternativeId: "alternative",
    OBOINOWL.hasDbXref: "xref",
    SKOS.notation: "notation",
    SKOS.exactMatch: "exact",
    SKOS.closeMatch: "close",
    SKOS.broadMatch: "broad",
    SKOS.narrowMatch: "narrow",
    SKOS.relatedMatch: "related",
}
_OBO_TERM = re.compile(re.escape(str(OBO)) + r"([A-Za-z][A-Za-z0-9-]*)_([A-Za-z0-9]+)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Values = dict[str, list[str]]
"""Subject (IRI) → values, in the order of the file's triples, English before other languages."""


class Content:
    """What the triples of one file hold: `kind` is owl or skos.

    OntologyError where it is neither, or where something follows that cannot be.
    """

    def __init__(self, store: ox.Store, prefixes: Mapping[str, str]) -> None:
        self.store = store
        self._spaces = sorted(
            ((space, name) for name, space in prefixes.items()), key=lambda one: -len(one[0])
        )
        classes, concepts = self._typed(OWL.Class), self._typed(SKOS.Concept)
        if not classes and not concepts:
            raise OntologyError(["it holds neither OWL classes nor SKOS concepts"])
        self.kind = "owl" if classes else "skos"
        self.iris = classes or concepts
        self.outside: list[str] = []
        if self.kind == "skos":
            self.entailed = entail_skos(self._broader())
        else:
            self.entailed, self.outside = entail_owl(self.store, self.iris)

    def asserted(self) -> bytes:
        """Every triple of the file, as N-Triples."""
        return self.store.dump(format=ox.RdfFormat.N_TRIPLES, from_graph=ox.DefaultGraph()) or b""

    def curie(self, iri: str) -> str:
        """The CURIE of an IRI by our prefixes, the OBO rule or the file's own, else the IRI."""
        known = compress(iri)
        if known != iri and not known.startswith("obo:"):
            return known
        if term := _OBO_TERM.fullmatch(iri):
            return f"{term[1]}:{term[2]}"
        for space, name in self._spaces:
            if iri.startswith(space) and re.fullmatch(r"[\w.-]+", iri[len(space) :]):
                return f"{name}:{iri[len(space) :]}"
        return iri

    # -- terms -----------------------------------------------------------------------------

    def terms(self) -> list[Term]:
        """Every class or concept, by id."""
        labels, definitions = self._first(*LABELS), self._first(*DEFINITIONS)
        comments, replaced = self._first(*COMMENTS), self._first(OBO.IAO_0100001)
        deprecated = self._first(OWL.deprecated)
        terms = {}
        for iri in self.iris:
            identifier = self.curie(iri)
            terms[iri] = Term(
                id=identifier,
                iri=iri,
                label=labels.get(iri, identifier),
                definition=definitions.get(iri, ""),
                comment=comments.get(iri, ""),
                obsolete=deprecated.get(iri) in ("true", "1"),
                replaced_by=self.curie(replaced[iri]) if iri in replaced else "",
            )
        self._add_names(terms)
        self._add_codes(terms)
        self._add_places(terms)
        return sorted(terms.values(), key=lambda term: term.id)

    def _add_names(self, terms: dict[str, Term]) -> None:
        types = self._synonym_types()
        for predicate, scope in SCOPES.items():
            for iri, values in self._values(predicate).items():
                if iri in terms:
                    terms[iri].synonyms += (
                        Name(text, scope, types.get((iri, text), ""))
                        for text in dict.fromkeys(values)
                    )

    def _synonym_types(self) -> dict[tuple[str, str], str]:
        """What the annotations of synonyms say of their type."""
        types = {
            node: _local(kind)
            for node, (kind, *_) in self._values(OBOINOWL.hasSynonymType, nodes=True).items()
        }
        sources, targets = {}, {}
        if types:
            sources = self._values(OWL.annotatedSource, nodes=True)
            targets = self._values(OWL.annotatedTarget, nodes=True)
        return {(sources[node][0], targets[node][0]): kind for node, kind in types.items()}

    def _add_codes(self, terms: dict[str, Term]) -> None:
        for predicate, relation in CODES.items():
            for iri, values in self._values(predicate).items():
                if iri in terms:
                    terms[iri].codes += ((self.curie(value), relation) for value in values)

    def _add_places(self, terms: dict[str, Term]) -> None:
        if self.kind == "skos":
            parents: Mapping[str, Iterable[str]] = self._broader()
        else:
            parents = self._superclasses()
            for iri, name, filler in self._restrictions():
                if iri in terms:
                    terms[iri].relations.append((self.curie(name), self.curie(filler)))
        for iri, above in parents.items():
            if iri in terms:
                terms[iri].parents = sorted({self.curie(one) for one in above if one in terms})

    def _superclasses(self) -> dict[str, set[str]]:
        """The named superclasses that are stated, the genus of a definition among them."""
        found: dict[str, set[str]] = {}
        firsts = self._values(RDF.first, nodes=True)
        rests = self._values(RDF.rest, nodes=True)
        heads = self._values(OWL.intersectionOf, nodes=True)
        for predicate in (RDFS.subClassOf, OWL.equivalentClass):
            for iri, values in self._values(predicate, nodes=True).items():
                for value in values:
                    parts = [value] if value in self.iris else []
                    node = heads.get(value, [""])[0]
                    while node in firsts:
                        parts.append(firsts[node][0])
                        node = rests.get(node, [""])[0]
                    found.setdefault(iri, set()).update(
                        p for p in parts if p in self.iris and p != iri
                    )
        return found

    def _restrictions(self) -> Iterator[tuple[str, str, str]]:
        """Class, property and named filler of each `some` that a class is stated to be below."""
        names = self._values(OWL.onProperty, nodes=True)
        fillers = self._values(OWL.someValuesFrom, nodes=True)
        for iri, values in self._values(RDFS.subClassOf, nodes=True).items():
            for value in values:
                if value in names and value in fillers and not fillers[value][0].startswith("_:"):
                    yield iri, names[value][0], fillers[value][0]

    def _broader(self) -> dict[str, set[str]]:
        """Concept → those right above it, stated from either side."""
        found: dict[str, set[str]] = {iri: set() for iri in self.iris}
        for iri, values in self._values(SKOS.broader).items():
            found.setdefault(iri, set()).update(values)
        for iri, values in self._values(SKOS.narrower).items():
            for value in values:
                found.setdefault(value, set()).add(iri)
        return found

    # -- itself ----------------------------------------------------------------------------

    def describe(self, name: str) -> Description:
        """What the file says of itself; '' for what it does not say."""
        subjects = sorted(self._typed(OWL.Ontology) | self._typed(SKOS.ConceptScheme))
        subject = subjects[0] if subjects else ""

        def said(*predicates: str) -> str:
            return next(
                (found for p in predicates if (found := self._first(p).get(subject, ""))), ""
            )

        version = said(OWL.versionInfo, DCTERMS.hasVersion, str(OWL.versionIRI))
        dates = (
            said(DCTERMS.issued, DCTERMS.date, DC.date, DCTERMS.modified),
            version,
            said(OWL.versionIRI),
        )
        date = next((found[0] for text in dates if (found := _DATE.search(text))), "")
        prefixes = Counter(self.curie(iri).partition(":")[0] for iri in self.iris)
        return Description(
            name=name,
            title=said(DCTERMS.title, DC.title, RDFS.label, SKOS.prefLabel),
            version=version.rpartition("/")[2],
            date=date,
            licence=said(DCTERMS.license, DC.rights, DCTERMS.rights),
            homepage=subject,
            note="",
            kind=self.kind,
            hierarchy="is_a" if self.kind == "owl" else "broader",
            prefix=prefixes.most_common(1)[0][0],
        )

    # -- triples ---------------------------------------------------------------------------

    def _typed(self, kind: str) -> set[str]:
        quads = self.store.quads_for_pattern(None, ox.NamedNode(RDF.type), ox.NamedNode(str(kind)))
        return {q.subject.value for q in quads if isinstance(q.subject, ox.NamedNode)}

    def _first(self, *predicates: str) -> dict[str, str]:
        """Subject → its first value of the first predicate that has one."""
        found: dict[str, str] = {}
        for predicate in predicates:
            for subject, values in self._values(predicate).items():
                found.setdefault(subject, values[0])
        return found

    def _values(self, predicate: str, *, nodes: bool = False) -> Values:
        """The values of a predicate; with `nodes`, blank nodes too, as `_:name`."""
        found: dict[str, list[tuple[int, str]]] = {}
        for quad in self.store.quads_for_pattern(None, ox.NamedNode(str(predicate)), None):
            subject, value = _text(quad.subject), _text(quad.object)
            if nodes or not (subject.startswith("_:") or value.startswith("_:")):
                found.setdefault(subject, []).append((_foreign(quad.object), value))
        return {subject: [text for _, text in sorted(values)] for subject, values in found.items()}


def _text(term: object) -> str:
    if isinstance(term, ox.BlankNode):
        return f"_:{term.value}"
    return str(getattr(term, "value", term))


def _foreign(term: object) -> int:
    """0 for English or no language, 1 for another."""
    language = term.language if isinstance(term, ox.Literal) else None
    return int(bool(language) and not str(language).lower().startswith("en"))


def _local(iri: str) -> str:
    return re.split(r"[/#]", iri)[-1]


def file_entry(path: Path) -> dict[str, object]:
    """Name, size and hash of a file that was read."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": layout.sha256_of(path)}
