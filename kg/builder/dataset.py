"""Puts the graphs of a build into one Oxigraph store and names the content by its hash.

Each graph is kept under its own name, and the default graph holds the union of all: the engine's
own union of graphs would count a triple once for each graph it stands in.
"""

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import pyoxigraph as ox
from rdflib import XSD, Literal, URIRef
from rdflib.term import Node

from kg.builder.compile import Triple, Triples
from kg.builder.entailed import Entailed
from kg.vocabulary import ENTAILED_GRAPH


def make_quads(asserted: Mapping[URIRef, Triples], entailed: Entailed) -> list[str]:
    """All triples in their named graphs as N-Quads lines, blank nodes canonical, sorted.

    The graph of entailed triples holds those that are not asserted as well.
    """
    dataset = ox.Dataset()
    known: set[Triple] = set()
    for name, triples in asserted.items():
        known.update(triples)
        for triple in triples:
            dataset.add(_quad(triple, name))
    for subject, predicate, value in entailed.proofs:
        new = (URIRef(subject), URIRef(predicate), URIRef(value))
        if new not in known:
            dataset.add(_quad(new, ENTAILED_GRAPH))
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(f"{quad} .\n" for quad in dataset)


def _quad(triple: Triple, graph: URIRef) -> ox.Quad:
    subject, predicate, value = triple
    start = ox.NamedNode(subject) if isinstance(subject, URIRef) else ox.BlankNode(str(subject))
    return ox.Quad(start, ox.NamedNode(str(predicate)), _object(value), ox.NamedNode(graph))


def _object(term: Node) -> ox.NamedNode | ox.BlankNode | ox.Literal:
    if isinstance(term, URIRef):
        return ox.NamedNode(term)
    if isinstance(term, Literal) and term.language:
        return ox.Literal(str(term), language=term.language)
    if isinstance(term, Literal):
        return ox.Literal(str(term), datatype=ox.NamedNode(term.datatype or XSD.string))
    return ox.BlankNode(str(term))


def union_of(quads: Iterable[str]) -> list[str]:
    """The N-Triples lines of the union of all graphs, sorted."""
    return sorted({f"{quad[: quad.rindex(' <')]} .\n" for quad in quads})


def content_version(quads: Iterable[str], *texts: bytes) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the content."""
    digest = hashlib.sha256("".join(quads).encode())
    for text in texts:
        digest.update(text)
    return digest.hexdigest()[:12]


def write_store(quads: Iterable[str], triples: Iterable[str], path: Path) -> None:
    """Write named graphs (N-Quads lines) and default graph (N-Triples lines) to a new store."""
    store = ox.Store(str(path))
    text = "".join((*quads, *triples)).encode()
    store.bulk_load(text, format=ox.RdfFormat.N_QUADS)
    store.optimize()
    store.flush()


def load_quads(file: Path, path: Path) -> None:
    """Write a new store with the content of a gzipped N-Quads file."""
    store = ox.Store(str(path))
    with gzip.open(file) as quads:
        store.bulk_load(cast(BinaryIO, quads), format=ox.RdfFormat.N_QUADS, lenient=True)
    store.optimize()
    store.flush()
