"""Reads OBO as OWL, by the mapping of the OBO Flat File Format 1.4, section 5.

Nothing is dropped: a tag that has no OWL construct becomes an annotation.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import fastobo
from rdflib import OWL, RDFS, XSD

from kg.builder.imports.ntriples import TYPE, iri, line, literal
from kg.errors import OntologyError
from kg.vocabulary import DEFINITION, OBO, OBOINOWL, SYNONYM_SCOPES

LABEL, COMMENT = f"<{RDFS.label}>", f"<{RDFS.comment}>"
SUBCLASS, EQUIVALENT = f"<{RDFS.subClassOf}>", f"<{OWL.equivalentClass}>"
BOOLEAN, STRING = str(XSD.boolean), str(XSD.string)
REPLACED_BY = f"<{OBO.IAO_0100001}>"
_PLAIN = {
    "name": LABEL,
    "comment": COMMENT,
    "alt_id": f"<{OBOINOWL.hasAlternativeId}>",
    "namespace": f"<{OBOINOWL.hasOBONamespace}>",
    "xref": f"<{OBOINOWL.hasDbXref}>",
}
_TRUTHS = {"is_obsolete": OWL.deprecated}
_PROPERTY_TYPES = {
    "is_transitive": OWL.TransitiveProperty,
    "is_symmetric": OWL.SymmetricProperty,
    "is_asymmetric": OWL.AsymmetricProperty,
    "is_reflexive": OWL.ReflexiveProperty,
    "is_functional": OWL.FunctionalProperty,
    "is_inverse_functional": OWL.InverseFunctionalProperty,
}

Frame = Any
Clause = Any


def read_obo(path: Path) -> tuple[list[str], dict[str, str]]:
    """The N-Triples lines of an OBO file, and its idspaces; OntologyError names a fault's line."""
    try:
        document = fastobo.load(str(path))
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise OntologyError([f"{path.name}{where}: {error.msg}"]) from None
    except (OSError, ValueError) as error:
        raise OntologyError([f"{path.name}: {error}"]) from None
    reader = _Reader(document)
    return list(reader.lines()), reader.spaces


class _Reader:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._header: dict[str, list[Clause]] = {}
        for clause in document.header:
            self._header.setdefault(clause.raw_tag(), []).append(clause)
        self.spaces = {
            str(clause.prefix): str(clause.url) for clause in self._header.get("idspace", ())
        }
        name = self._header["ontology"][0].raw_value() if "ontology" in self._header else ""
        self.ontology = name.removesuffix(".obo") or "ontology"
        self._properties: dict[str, str] = {}
        self._properties |= self._named_properties()
        self._nodes = 0

    def _named_properties(self) -> Iterator[tuple[str, str]]:
        """The IRI of each relation: that of its cross-reference, as the format's mapping has it."""
        for frame in self._document:
            if isinstance(frame, fastobo.typedef.TypedefFrame):
                for clause in frame:
                    target = str(getattr(clause, "xref", "")) if clause.raw_tag() == "xref" else ""
                    prefix = target.partition(":")[0]
                    if prefix in ("RO", "BFO", "IAO"):
                        yield str(frame.id), self._iri_of(target.partition(" ")[0])
                        break

    def lines(self) -> Iterator[str]:
        """All triples, as lines."""
        yield from self._ontology_lines()
        kinds = (
            (fastobo.term.TermFrame, OWL.Class),
            (fastobo.typedef.TypedefFrame, OWL.ObjectProperty),
            (fastobo.instance.InstanceFrame, OWL.NamedIndividual),
        )
        for frame in self._document:
            kind = next(owl for known, owl in kinds if isinstance(frame, known))
            subject = self._term(frame.id)
            yield line(subject, TYPE, f"<{kind}>")
            yield from self._intersection(subject, frame)
            for clause in frame:
                yield from self._clause(subject, clause)

    def _ontology_lines(self) -> Iterator[str]:
        subject = iri(f"{OBO}{self.ontology}.owl")
        yield line(subject, TYPE, f"<{OWL.Ontology}>")
        for tag, clauses in self._header.items():
            for clause in clauses:
                if tag == "property_value":
                    yield from self._property_value(subject, clause)
                elif tag == "data-version":
                    version = literal(clause.raw_value())
                    yield line(subject, f"<{OWL.versionInfo}>", version)
                else:
                    predicate = iri(f"{OBOINOWL}{tag}")
                    yield line(subject, predicate, literal(clause.raw_value()))

    def _clause(self, subject: str, clause: Clause) -> Iterator[str]:
        tag = clause.raw_tag()
        read = self._special().get(tag)
        if tag in _PLAIN:
            value = _value_of(clause)
            yield line(subject, _PLAIN[tag], literal(value))
        elif read is not None:
            yield from read(subject, clause)
        elif tag in _TRUTHS or tag in _PROPERTY_TYPES:
            yield from _truth(subject, tag, clause)
        elif tag != "intersection_of":
            yield line(subject, iri(f"{OBOINOWL}{tag}"), literal(clause.raw_value()))

    def _special(self) -> dict[str, Callable[[str, Clause], Iterable[str]]]:
        return {
            "def": self._definition,
            "synonym": self._synonym,
            "is_a": self._is_a,
            "relationship": self._relationship,
            "property_value": self._property_value,
            "replaced_by": lambda s, c: [line(s, REPLACED_BY, self._term(c.term))],
            "consider": lambda s, c: [line(s, iri(f"{OBOINOWL}consider"), self._term(c.term))],
            "subset": lambda s, c: [line(s, iri(f"{OBOINOWL}inSubset"), self._term(c.subset))],
            "disjoint_from": self._disjoint,
            "equivalent_to": lambda s, c: [line(s, EQUIVALENT, self._term(c.term))],
            "holds_over_chain": self._chain,
            "equivalent_to_chain": self._chain,
            "transitive_over": self._transitive_over,
            "domain": lambda s, c: [line(s, f"<{RDFS.domain}>", self._term(c.domain))],
            "range": lambda s, c: [line(s, f"<{RDFS.range}>", self._term(c.range))],
        }

    # -- clauses ---------------------------------------------------------------------------

    def _definition(self, subject: str, clause: Clause) -> Iterator[str]:
        text = str(clause.definition)
        yield line(subject, f"<{DEFINITION}>", literal(text))
        yield from self._noted(subject, DEFINITION, literal(text), [
            (f"<{OBOINOWL.hasDbXref}>", literal(str(ref.id))) for ref in clause.xrefs
        ])  # fmt: skip

    def _synonym(self, subject: str, clause: Clause) -> Iterator[str]:
        synonym = clause.synonym
        predicate = SYNONYM_SCOPES[synonym.scope.lower()]
        text = literal(str(synonym.desc))
        yield line(subject, f"<{predicate}>", text)
        notes = [(f"<{OBOINOWL.hasDbXref}>", literal(str(ref.id))) for ref in synonym.xrefs]
        if synonym.type is not None:
            kind = iri(self._iri_of(str(synonym.type)))
            notes.append((f"<{OBOINOWL.hasSynonymType}>", kind))
        yield from self._noted(subject, predicate, text, notes)

    def _noted(
        self, subject: str, predicate: str, value: str, notes: list[tuple[str, str]]
    ) -> Iterator[str]:
        """An annotation with annotations of its own."""
        if not notes:
            return
        node = self._node()
        yield line(node, TYPE, f"<{OWL.Axiom}>")
        yield line(node, f"<{OWL.annotatedSource}>", subject)
        yield line(node, f"<{OWL.annotatedProperty}>", f"<{predicate}>")
        yield line(node, f"<{OWL.annotatedTarget}>", value)
        for note, text in notes:
            yield line(node, note, text)

    def _is_a(self, subject: str, clause: Clause) -> Iterator[str]:
        if hasattr(clause, "term"):
            yield line(subject, SUBCLASS, self._term(clause.term))
        else:
            yield line(subject, f"<{RDFS.subPropertyOf}>", self._term(clause.typedef))

    def _relationship(self, subject: str, clause: Clause) -> Iterator[str]:
        node, lines = self._restriction(self._term(clause.typedef), self._term(clause.term))
        yield line(subject, SUBCLASS, node)
        yield from lines

    def _restriction(self, term_property: str, filler: str) -> tuple[str, list[str]]:
        node = self._node()
        return node, [
            line(node, TYPE, f"<{OWL.Restriction}>"),
            line(node, f"<{OWL.onProperty}>", term_property),
            line(node, f"<{OWL.someValuesFrom}>", filler),
        ]

    def _intersection(self, subject: str, frame: Frame) -> Iterator[str]:
        parts = []
        for clause in frame:
            if clause.raw_tag() != "intersection_of":
                continue
            if getattr(clause, "typedef", None) is None:
                parts.append(self._term(clause.term))
                continue
            node, lines = self._restriction(self._term(clause.typedef), self._term(clause.term))
            yield from lines
            parts.append(node)
        if parts:
            whole = self._node()
            first, lines = self._list(parts)
            yield line(subject, EQUIVALENT, whole)
            yield line(whole, TYPE, f"<{OWL.Class}>")
            yield line(whole, f"<{OWL.intersectionOf}>", first)
            yield from lines

    def _list(self, members: list[str]) -> tuple[str, list[str]]:
        """The first node of an RDF list and its triples."""
        rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        rest, lines = f"<{rdf}nil>", []
        for member in reversed(members):
            node = self._node()
            lines += [line(node, f"<{rdf}first>", member), line(node, f"<{rdf}rest>", rest)]
            rest = node
        return rest, lines

    def _disjoint(self, subject: str, clause: Clause) -> Iterator[str]:
        yield line(subject, f"<{OWL.disjointWith}>", self._term(clause.term))

    def _chain(self, subject: str, clause: Clause) -> Iterator[str]:
        first, lines = self._list([self._term(clause.first), self._term(clause.last)])
        yield line(subject, f"<{OWL.propertyChainAxiom}>", first)
        yield from lines

    def _transitive_over(self, subject: str, clause: Clause) -> Iterator[str]:
        first, lines = self._list([subject, self._term(clause.typedef)])
        yield line(subject, f"<{OWL.propertyChainAxiom}>", first)
        yield from lines

    def _property_value(self, subject: str, clause: Clause) -> Iterator[str]:
        value = clause.property_value
        predicate = iri(self._iri_of(str(value.relation)))
        if isinstance(value, fastobo.pv.LiteralPropertyValue):
            datatype = str(value.datatype).replace("xsd:", str(XSD))
            given = literal(str(value.value), datatype="" if datatype == STRING else datatype)
        else:
            given = iri(self._iri_of(str(value.value)))
        yield line(subject, predicate, given)

    # -- identifiers -----------------------------------------------------------------------

    def _term(self, identifier: object) -> str:
        return iri(self._iri_of(str(identifier)))

    def _iri_of(self, identifier: str) -> str:
        """The IRI of an identifier: a URL is one, a name without prefix is the file's."""
        if identifier in self._properties:
            return self._properties[identifier]
        prefix, colon, local = identifier.partition(":")
        if not colon:
            return f"{OBO}{self.ontology}#{identifier}"
        if prefix in ("http", "https", "urn"):
            return identifier
        known = {"owl": str(OWL), "rdfs": str(RDFS), "xsd": str(XSD), **self.spaces}
        return f"{known[prefix]}{local}" if prefix in known else f"{OBO}{prefix}_{local}"

    def _node(self) -> str:
        self._nodes += 1
        return f"_:n{self._nodes}"


def _value_of(clause: Clause) -> str:
    """The text of a clause, without escapes where its tag has them."""
    if clause.raw_tag() == "comment":
        return str(clause.comment)
    for name in ("xref", "name"):
        value = getattr(clause, name, None)
        if value is not None:
            return str(getattr(value, "id", value))
    return str(clause.raw_value())


def _truth(subject: str, tag: str, clause: Clause) -> Iterator[str]:
    if clause.raw_value() != "true":
        return
    if tag in _TRUTHS:
        yield line(subject, f"<{_TRUTHS[tag]}>", literal("true", datatype=BOOLEAN))
    else:
        yield line(subject, TYPE, f"<{_PROPERTY_TYPES[tag]}>")
