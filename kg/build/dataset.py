"""Puts the graphs of a build into one Oxigraph store and names the content by its hash.

Each graph is kept under its own name, and the default graph holds the union of all: the engine's
own union of graphs would count a triple once for each graph it stands in.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyoxigraph as ox
from oxrdflib import OxigraphStore
from rdflib import BNode, Dataset, Literal, URIRef
from rdflib.term import Node

from kg.build.compile import Triples
from kg.build.entailed import Entailed
from kg.vocabulary import ENTAILED_GRAPH


def make_quads(asserted: Mapping[URIRef, Triples], entailed: Entailed) -> list[str]:
    """All triples in their named graphs as N-Quads lines, blank nodes canonical, sorted.

    The graph of entailed triples holds those that are not asserted as well.
    """
    dataset = ox.Dataset()
    known: set[tuple[Node, ...]] = set()
    for name, triples in asserted.items():
        graph = ox.NamedNode(name)
        known.update(triples)
        for triple in triples:
            dataset.add(ox.Quad(*map(_to_ox, triple), graph))  # type: ignore[arg-type]
    graph = ox.NamedNode(ENTAILED_GRAPH)
    for triple in entailed.proofs:
        iris = tuple(map(URIRef, triple))
        if iris not in known:
            dataset.add(ox.Quad(*map(_to_ox, iris), graph))  # type: ignore[arg-type]
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(f"{quad} .\n" for quad in dataset)


def _to_ox(term: Node) -> ox.NamedNode | ox.BlankNode | ox.Literal:
    if isinstance(term, URIRef):
        return ox.NamedNode(term)
    if isinstance(term, BNode):
        return ox.BlankNode(term)
    if isinstance(term, Literal) and term.language:
        return ox.Literal(term, language=term.language)
    if isinstance(term, Literal) and term.datatype:
        return ox.Literal(term, datatype=ox.NamedNode(term.datatype))
    return ox.Literal(term)  # type: ignore[arg-type]


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


def read_only_dataset(path: Path) -> Dataset:
    """The store at `path` as an rdflib Dataset."""
    return Dataset(store=OxigraphStore(store=ox.Store.read_only(str(path))))
