"""The layout of a snapshot directory, known to the build that writes it and to what reads it.

build/CURRENT                 the version to serve
build/<version>/manifest.json format, version, counts, and size and SHA-256 of each file
                store/        the RDF dataset, an Oxigraph store to be opened read-only
                index.json    the records of `kg.records`
                proofs.json   how each entailed triple follows
                etiograph.nt.gz  the default graph, for other SPARQL engines
"""

import hashlib
from pathlib import Path

FORMAT = 1
CURRENT = "CURRENT"
MANIFEST = "manifest.json"
STORE = "store"
INDEX = "index.json"
PROOFS = "proofs.json"
TRIPLES = "etiograph.nt.gz"


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
