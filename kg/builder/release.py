"""Writes the release: the asserted ontology in the formats that ontology tools read.

etiograph.owl, .ttl, .nt.gz  one ontology, without imports, with a version IRI
etiograph.zip                the hand-edited files as they are, the compiled tables beside them and
                             a catalog, so that Protégé opens all of it offline
etiograph.sssom.tsv          the cross-references to other vocabularies
"""

import gzip
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pyoxigraph as ox
from rdflib import OWL, RDF, URIRef
from rdflib.namespace import DCTERMS

from kg import layout
from kg.builder.terms import CATALOG_FILE, ROOT_FILE, read_catalog
from kg.vocabulary import (
    CITED,
    ENTAILED_GRAPH,
    ETIO,
    FACTS_GRAPH,
    MAPPINGS_GRAPH,
    PREFIXES,
    PRESENTATIONS_GRAPH,
    SOURCES_GRAPH,
    TERMS_GRAPH,
)

ONTOLOGY = URIRef(str(ETIO).rstrip("/"))
WHOLE = "etiograph-full.ttl"
TABLES = {
    "facts/presentations.ttl": PRESENTATIONS_GRAPH,
    "facts/facts.ttl": FACTS_GRAPH,
    "facts/sources.ttl": SOURCES_GRAPH,
    "facts/mappings.ttl": MAPPINGS_GRAPH,
}
"""File of the zip → the graph of the compiled table that it holds."""
_ESCAPED_NAME = re.compile(rb"(?<=\s)etio:((?:[\w.-]*\\/)+[\w.-]*)(?=\s)")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_PREFIXES = {
    prefix: str(namespace) for prefix, namespace in PREFIXES.items() if prefix not in CITED
}
"""Without those of pages, whose addresses would need escapes as names."""


def write_release(
    folder: Path, quads: Iterable[str], version: str, ontology: Path, sources: int
) -> None:
    """Write the release of a version (its N-Quads lines) into `folder`.

    `ontology` is the folder of the hand-edited files, `sources` the number of publications.
    """
    folder.mkdir()
    graphs = _by_graph(quads)
    header = list(_header(graphs[str(TERMS_GRAPH)], version, sources))
    triples = [*header, *_without_headers(t for triples in graphs.values() for t in triples)]
    unique = list(dict.fromkeys(triples))
    for name, syntax in (
        (layout.RELEASE_OWL, ox.RdfFormat.RDF_XML),
        (layout.RELEASE_TURTLE, ox.RdfFormat.TURTLE),
    ):
        (folder / name).write_bytes(_written(unique, syntax))
    with gzip.GzipFile(folder / layout.RELEASE_TRIPLES, "wb", 6, mtime=0) as file:
        file.write(_written(unique, ox.RdfFormat.N_TRIPLES))
    (folder / layout.RELEASE_MAPPINGS).write_bytes((ontology / "mappings.sssom.tsv").read_bytes())
    (folder / layout.RELEASE_ZIP).write_bytes(_zip(graphs, header, ontology))


def _by_graph(quads: Iterable[str]) -> dict[str, list[ox.Triple]]:
    """The asserted triples by the name of their graph."""
    graphs: dict[str, list[ox.Triple]] = {}
    text = "".join(quads).encode()
    for quad in ox.parse(text, format=ox.RdfFormat.N_QUADS):
        name = quad.graph_name.value
        if name != str(ENTAILED_GRAPH):
            graphs.setdefault(name, []).append(quad.triple)
    return graphs


def _header(terms: Iterable[ox.Triple], version: str, sources: int) -> Iterator[ox.Triple]:
    """What the release says about itself: what the root file says, and its version."""
    for triple in terms:
        if triple.subject == _node(ONTOLOGY) and triple.predicate != _node(OWL.imports):
            yield triple
    about = f"{sources} publications: the individuals of the class 'source'"
    yield _triple(OWL.versionIRI, _node(URIRef(f"{ONTOLOGY}/{version}/{layout.RELEASE_OWL}")))
    yield _triple(OWL.versionInfo, ox.Literal(version))
    yield _triple(DCTERMS.source, ox.Literal(about, language="en"))


def _without_headers(triples: Iterable[ox.Triple]) -> Iterator[ox.Triple]:
    kept = list(triples)
    ontologies = {
        triple.subject
        for triple in kept
        if triple.predicate == _node(RDF.type) and triple.object == _node(OWL.Ontology)
    }
    return (triple for triple in kept if triple.subject not in ontologies)


def _zip(graphs: Mapping[str, list[ox.Triple]], header: list[ox.Triple], ontology: Path) -> bytes:
    """The modular form: hand-edited files, compiled tables, and a root that imports both."""
    files = {
        str(path.relative_to(ontology)): path.read_bytes()
        for path in sorted((*ontology.glob("*.ttl"), *ontology.glob("terms/*.ttl")))
    }
    entries = [
        (name, str(path.relative_to(ontology.resolve())))
        for name, path in read_catalog(ontology).items()
    ]
    root = URIRef(f"{ONTOLOGY}/full")
    imports = [ONTOLOGY]
    for name, graph in TABLES.items():
        part = URIRef(f"{ONTOLOGY}/{name.removesuffix('.ttl')}")
        imports.append(part)
        entries.append((str(part), name))
        about = [
            ox.Triple(_node(part), _node(RDF.type), _node(OWL.Ontology)),
            ox.Triple(_node(part), _node(OWL.imports), _node(ONTOLOGY)),
        ]
        files[name] = _written([*about, *graphs.get(str(graph), ())], ox.RdfFormat.TURTLE)
    entries.append((str(ONTOLOGY), ROOT_FILE))
    whole = [ox.Triple(_node(root), triple.predicate, triple.object) for triple in header]
    whole += [ox.Triple(_node(root), _node(OWL.imports), _node(part)) for part in imports]
    files[WHOLE] = _written(whole, ox.RdfFormat.TURTLE)
    files[CATALOG_FILE] = _catalog(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"etiograph/{name}", _ZIP_TIME), content,
                             zipfile.ZIP_DEFLATED)  # fmt: skip
    return buffer.getvalue()


def _catalog(entries: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"    <uri name={quoteattr(name)} uri={quoteattr(path)}/>" for name, path in entries]
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
            '<catalog prefer="public" xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">',
            *lines,
            "</catalog>\n",
        )
    ).encode()


def _written(triples: Iterable[ox.Triple], syntax: ox.RdfFormat) -> bytes:
    prefixes = None if syntax == ox.RdfFormat.N_TRIPLES else _PREFIXES
    text = ox.serialize(triples, format=syntax, prefixes=prefixes) or b""
    return _plain_turtle(text) if syntax == ox.RdfFormat.TURTLE else text


def _plain_turtle(text: bytes) -> bytes:
    """Turtle with its prefixes in order, and without the escapes that OWLAPI cannot read."""
    lines = text.splitlines(keepends=True)
    count = sum(line.startswith(b"@prefix") for line in lines)
    return _ESCAPED_NAME.sub(_full_iri, b"".join((*sorted(lines[:count]), *lines[count:])))


def _full_iri(name: re.Match[bytes]) -> bytes:
    return b"<" + str(ETIO).encode() + name[1].replace(b"\\/", b"/") + b">"


def _node(iri: URIRef) -> ox.NamedNode:
    return ox.NamedNode(str(iri))


def _triple(predicate: URIRef, value: ox.NamedNode | ox.Literal) -> ox.Triple:
    return ox.Triple(_node(ONTOLOGY), _node(predicate), value)
