"""The RDF store of a snapshot as an rdflib Dataset, opened by the build's rules and the service."""

from pathlib import Path

import pyoxigraph as ox
from oxrdflib import OxigraphStore
from rdflib import Dataset


def read_only_dataset(path: Path) -> Dataset:
    """The store at `path`; its default graph holds the union of its named graphs."""
    return Dataset(store=OxigraphStore(store=ox.Store.read_only(str(path))))
