"""Reads any of the formats that vocabularies come in into one RDF store in memory.

OBO and functional syntax become the RDF that OWL's mappings give them, so that everything behind
this knows RDF only.
"""

import re
import tempfile
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.builder.imports.obo import read_obo
from kg.errors import DataError, OntologyError
from kg.sparql.data import FORMATS, load_files

FUNCTIONAL = (".ofn", ".ofs")
OWL_XML = (".owx",)
SUFFIXES = (*FORMATS, ".obo", *FUNCTIONAL, *OWL_XML)

Prefixes = dict[str, str]


def read_rdf(path: Path) -> tuple[ox.Store, Prefixes]:
    """The triples of a file and the prefixes it declares; OntologyError names file and line."""
    if path.suffix == ".obo":
        lines, prefixes = read_obo(path)
        return store_of(lines), prefixes
    if path.suffix in (*FUNCTIONAL, *OWL_XML):
        return _read_horned(path)
    try:
        store, prefixes = load_files([path])
    except DataError as error:
        raise OntologyError([str(error)]) from None
    if next(iter(store.named_graphs()), None) is not None:
        raise OntologyError([f"{path} holds named graphs: give a file of triples"])
    return store, prefixes


def store_of(lines: Iterable[str]) -> ox.Store:
    """A store of N-Triples lines."""
    store = ox.Store()
    store.bulk_load("".join(lines).encode(), format=ox.RdfFormat.N_TRIPLES)
    return store


def _read_horned(path: Path) -> tuple[ox.Store, Prefixes]:
    """OWL's functional and XML syntaxes, by way of RDF/XML."""
    import pyhornedowl  # for these formats alone

    try:
        ontology = pyhornedowl.open_ontology(
            str(path), "ofn" if path.suffix in FUNCTIONAL else "owx"
        )
    except (ValueError, OSError) as error:
        raise OntologyError([f"{path.name}: {_reason(str(error))}"]) from None
    _pair_up(ontology)
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / f"{path.stem}.owl"
        ontology.save_to_file(str(converted), "owl")
        store, _ = load_files([converted])
    return store, {}


def _reason(text: str) -> str:
    """Where a parser failed: it writes its whole state."""
    place = re.search(r"line_col: Pos\(\((\d+), (\d+)\)\)", text)
    what = re.search(r'line: "((?:[^"\\]|\\.)*)"', text)
    if place is None:
        return text
    shown = f": {what[1]}" if what else ""
    return f"line {place[1]}, column {place[2]} cannot be read{shown}"


def _pair_up(ontology: Any) -> None:
    """Say disjointness and equivalence of several classes in pairs: RDF/XML gets only some else."""
    from pyhornedowl.model import DisjointClasses, EquivalentClasses

    for axiom in ontology.get_axioms():
        component = axiom.component
        if isinstance(component, DisjointClasses | EquivalentClasses):
            members = list(component.first)
            if len(members) > 2:
                ontology.remove_axiom(component)
                for pair in combinations(members, 2):
                    ontology.add_axiom(type(component)(list(pair)))
