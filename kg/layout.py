"""The layout of a snapshot directory, known to the build that writes it and to what reads it.

build/CURRENT                 the version to serve
build/<version>/manifest.json format, version, counts, and size and SHA-256 of each file
                store/        the RDF dataset, an Oxigraph store to be opened read-only
                index.json    the records of `kg.records`
                proofs.json   how each entailed triple follows
                etiograph.nq.gz  the same dataset as a file: for memory, and for other engines
                etiograph.nt.gz  its default graph alone
                release/      the ontology alone, for ontology tools; see kg.builder.release
                imports/<name>/  what `python -m kg import` took in beside the leg graph:
                    import.json   what it is: title, version, licence, counts
                    asserted.nt.gz, entailed.nt.gz  its two graphs
                    terms.sqlite  its look-ups; see kg.catalogue
                    phenotypes/   arrays for ranking by phenotype, of disease annotations
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from kg.vocabulary import IMPORTS_GRAPH, import_graphs

FORMAT = 6
CURRENT = "CURRENT"
MANIFEST = "manifest.json"
SEAL = "sha256"
STORE = "store"
INDEX = "index.json"
PROOFS = "proofs.json"
QUADS = "etiograph.nq.gz"
TRIPLES = "etiograph.nt.gz"
IMPORTS = "imports"
IMPORT = "import.json"
IMPORTED = "imports.nt.gz"
ASSERTED = "asserted.nt.gz"
ENTAILED = "entailed.nt.gz"
TERMS = "terms.sqlite"
PHENOTYPES = "phenotypes"
RELEASE = "release"
RELEASE_OWL = "etiograph.owl"
RELEASE_TURTLE = "etiograph.ttl"
RELEASE_TRIPLES = "etiograph.nt.gz"
RELEASE_ZIP = "etiograph.zip"
RELEASE_MAPPINGS = "etiograph.sssom.tsv"
RELEASE_TYPES = {
    RELEASE_OWL: "application/rdf+xml",
    RELEASE_TURTLE: "text/turtle",
    RELEASE_TRIPLES: "application/gzip",
    RELEASE_ZIP: "application/zip",
    RELEASE_MAPPINGS: "text/tab-separated-values",
}
"""File of a release → its media type."""


def imported_graphs(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each file of triples of imports so named, in their snapshot, with the IRI of its graph."""
    if names:
        yield IMPORTED, str(IMPORTS_GRAPH)
    for name in names:
        for file, graph in zip((ASSERTED, ENTAILED), import_graphs(name), strict=True):
            yield f"{IMPORTS}/{name}/{file}", str(graph)


def seal(manifest: dict[str, Any]) -> str:
    """The hexadecimal SHA-256 that a manifest holds of the rest of itself."""
    rest = {name: value for name, value in manifest.items() if name != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
