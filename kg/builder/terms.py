"""Loads the hand-edited Turtle files and finds their terms by label.

Imports are resolved through `catalog-v001.xml` and never fetched: an import that the catalog
does not place in `ontology/` is an error.
"""

import difflib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

from rdflib import OWL, RDF, RDFS, Graph, URIRef

from kg.errors import OntologyError
from kg.vocabulary import DEFINED_SUBSET, ETIO, OBOINOWL, SYNONYM_SCOPES, TOP_CLASSES

ROOT_FILE = "etiograph.ttl"
CATALOG_FILE = "catalog-v001.xml"
_CATALOG_URI = "{urn:oasis:names:tc:entity:xmlns:xml:catalog}uri"


def load_terms(folder: Path) -> Graph:
    """Return the merged graph of `etiograph.ttl` and all it imports."""
    catalog = read_catalog(folder)
    merged = Graph()
    seen: set[Path] = set()
    waiting = [folder / ROOT_FILE]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        graph = parse_turtle(path, folder)
        for imported in graph.objects(None, OWL.imports):
            if str(imported) not in catalog:
                raise OntologyError(
                    [f"{path.name}: owl:imports <{imported}> is not in {CATALOG_FILE}"]
                )
            waiting.append(catalog[str(imported)])
        for triple in graph:
            merged.add(triple)
    return merged


def read_catalog(folder: Path) -> dict[str, Path]:
    """The file of each ontology IRI that the catalog of `folder` places beside it."""
    try:
        root = ElementTree.parse(folder / CATALOG_FILE).getroot()  # noqa: S314 - our own file
    except (OSError, ElementTree.ParseError) as error:
        raise OntologyError([f"{CATALOG_FILE}: {error}"]) from error
    catalog = {}
    for entry in root.iter(_CATALOG_URI):
        path = (folder / entry.attrib["uri"]).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise OntologyError([f"{CATALOG_FILE}: {entry.attrib['uri']} is not a file beside it"])
        catalog[entry.attrib["name"]] = path
    return catalog


def parse_turtle(path: Path, folder: Path) -> Graph:
    """The graph of a file in `folder`; OntologyError says what is wrong with it."""
    try:
        return Graph().parse(path, format="turtle")
    except OSError as error:
        raise OntologyError([f"{path.name}: {error.strerror}"]) from error
    except Exception as error:  # rdflib's parsers raise many unrelated classes
        name = path.relative_to(folder.resolve()) if path.is_absolute() else path
        raise OntologyError([f"{name}: not Turtle: {error}"]) from error


class Terms:
    """The classes of the ontology by label, each with its kind."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.labels: dict[str, URIRef] = {}
        self._synonyms: dict[str, list[str]] = {}
        problems = []
        for iri in _classes(graph):
            for label in graph.objects(iri, RDFS.label):
                other = self.labels.setdefault(str(label), iri)
                if other != iri:
                    problems.append(f"terms: <{iri}> and <{other}> share the label {str(label)!r}")
        for iri in _classes(graph):
            self._note_synonyms(iri)
        self.kinds = _kinds(graph)
        if problems:
            raise OntologyError(problems)

    def _note_synonyms(self, iri: URIRef) -> None:
        label = str(self.graph.value(iri, RDFS.label, default=iri))
        for term_property in SYNONYM_SCOPES.values():
            for synonym in self.graph.objects(iri, term_property):
                self._synonyms.setdefault(str(synonym), []).append(label)

    def label(self, iri: URIRef) -> str:
        return str(self.graph.value(iri, RDFS.label) or "")

    def kind(self, iri: URIRef) -> str:
        return self.kinds.get(iri, "")

    def find(self, label: str, kinds: Iterable[str] = ()) -> URIRef:
        """Return the class with exactly this label, of one of `kinds`; LookupError says why not."""
        iri = self.labels.get(label)
        if iri is None:
            raise LookupError(f"no term is labelled {label!r}{self._hint(label)}")
        allowed = tuple(kinds)
        if allowed and self.kind(iri) not in allowed:
            raise LookupError(
                f"{label!r} is a {self.kind(iri) or 'schema class'}, not a {' or '.join(allowed)}"
            )
        return iri

    def _hint(self, label: str) -> str:
        if label in self._synonyms:
            return f"; it is a synonym of {', '.join(map(repr, sorted(self._synonyms[label])))}"
        near = difflib.get_close_matches(label, self.labels, n=3)
        return f"; did you mean {', '.join(map(repr, near))}?" if near else ""


def _classes(graph: Graph) -> list[URIRef]:
    return sorted(iri for iri in graph.subjects(RDF.type, OWL.Class) if isinstance(iri, URIRef))


def _kinds(graph: Graph) -> dict[URIRef, str]:
    """Kind of every term: every class strictly below a top class but Presentation.

    Classes of the defined subset, which only the reasoner fills, are of the kind `group`.
    """
    schema = {ETIO.Presentation, *(ETIO[name] for name in TOP_CLASSES)}
    kinds: dict[URIRef, str] = {}
    for name, kind in TOP_CLASSES.items():
        for iri in graph.transitive_subjects(RDFS.subClassOf, ETIO[name]):
            if isinstance(iri, URIRef) and iri not in schema:
                kinds[iri] = kind
    for iri in graph.subjects(OBOINOWL.inSubset, DEFINED_SUBSET):
        if isinstance(iri, URIRef):
            kinds[iri] = "group"
    return kinds
