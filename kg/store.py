"""The RDF store of a snapshot as an rdflib Dataset, opened by the build's rules and the service."""

from pathlib import Path

import pyoxigraph as ox
from oxrdflib import OxigraphStore
from rdflib import Dataset, Graph


class _ReadOnly(OxigraphStore):
    """rdflib adds a graph to its store to look at it; here a graph is there or it is empty."""

    def add_graph(self, graph: Graph) -> None:
        """Nothing is to be done."""


def read_only_dataset(path: Path) -> Dataset:
    """The store at `path`; its default graph holds the union of its named graphs."""
    return Dataset(store=_ReadOnly(store=ox.Store.read_only(str(path))))
