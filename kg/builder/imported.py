"""Puts what was imported into a snapshot that is being written: files, store, description."""

import gzip
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from rdflib import DCTERMS, OWL, RDF, RDFS, XSD
from rdflib.namespace import DCAT, VOID

from kg import layout
from kg.builder.imports.ntriples import iri, line, literal
from kg.quads import open_quads
from kg.vocabulary import IMPORTS_GRAPH, import_graphs, is_iri

Entry = Mapping[str, Any]


def load_imports(snapshot: Path, loaded: Collection[str] = ()) -> dict[str, Any]:
    """Load the imports that stand in a snapshot's folder into its store; returns them by name.

    Those that are `loaded` are in the store already, with a description that is replaced.
    """
    entries = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((snapshot / layout.IMPORTS).glob(f"*/{layout.IMPORT}"))
    }
    if entries:
        with gzip.open(snapshot / layout.IMPORTED, "wt", encoding="utf-8") as file:
            file.writelines(_description(entries))
        store = ox.Store(str(snapshot / layout.STORE))
        _forget_description(store)
        for path, graph in layout.imported_graphs([name for name in entries if name not in loaded]):
            with open_quads(snapshot / path, graph) as quads:
                store.bulk_load(quads, format=ox.RdfFormat.N_QUADS, lenient=True)
        store.optimize()
        store.flush()
    return entries


def _forget_description(store: ox.Store) -> None:
    """What was said of the imports is about their graphs, so no other graph says it too."""
    for quad in list(store.quads_for_pattern(None, None, None, ox.NamedNode(str(IMPORTS_GRAPH)))):
        store.remove(quad)
        store.remove(ox.Quad(quad.subject, quad.predicate, quad.object, ox.DefaultGraph()))


def composed_version(leg: str, entries: Mapping[str, Any]) -> str:
    """The version of a leg graph with imports: its own where there are none."""
    if not entries:
        return leg
    parts = [leg, *(f"{name} {entry['content']}" for name, entry in sorted(entries.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _description(entries: Mapping[str, Any]) -> Iterator[str]:
    """What is said of the imports, as triples about their graphs."""
    for name, entry in entries.items():
        graph, entailed = map(str, import_graphs(name))
        about, counts = entry["description"], entry["counts"]
        subject = iri(graph)
        for kind in (DCAT.Dataset, VOID.Dataset):
            yield line(subject, f"<{RDF.type}>", f"<{kind}>")
        yield line(subject, f"<{DCTERMS.title}>", literal(about["title"]))
        yield line(subject, f"<{OWL.versionInfo}>", literal(about["version"]))
        if about["date"]:
            dated = literal(about["date"], datatype=str(XSD.date))
            yield line(subject, f"<{DCTERMS.issued}>", dated)
        if about["licence"]:
            yield line(subject, f"<{DCTERMS.license}>", _node(about["licence"]))
        if about["homepage"]:
            yield line(subject, f"<{DCTERMS.source}>", _node(about["homepage"]))
        if about["note"]:
            yield line(subject, f"<{RDFS.comment}>", literal(about["note"], "en"))
        imported = literal(entry["imported"], datatype=str(XSD.dateTime))
        yield line(subject, f"<{DCTERMS.created}>", imported)
        yield line(subject, f"<{VOID.triples}>", _number(counts["asserted"]))
        yield line(iri(entailed), f"<{DCTERMS.source}>", subject)
        yield line(iri(entailed), f"<{VOID.triples}>", _number(counts["entailed"]))


def _node(text: str) -> str:
    return iri(text) if text.startswith(("http://", "https://")) and is_iri(text) else literal(text)


def _number(value: int) -> str:
    return literal(str(value), datatype=str(XSD.integer))
