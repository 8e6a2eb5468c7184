"""Tells whether the snapshot that is served was made from the inputs as they are now.

Imports nothing heavy: `make serve` asks this on every start.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from kg import layout

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = (
    "ontology/**/*.ttl",
    "ontology/**/*.tsv",
    "ontology/catalog-v001.xml",
    "queries/verify/*.rq",
    "kg/builder/*.py",
    "kg/layout.py",
    "kg/records.py",
    "kg/store.py",
    "kg/vocabulary.py",
    "requirements.txt",
)


def input_hash(root: Path = ROOT) -> str:
    """SHA-256 over the names and contents of everything that a build reads."""
    digest = hashlib.sha256()
    for path in _input_files(root):
        digest.update(f"{path.relative_to(root)}\0{layout.sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _input_files(root: Path) -> Iterator[Path]:
    for pattern in PATTERNS:
        yield from sorted(root.glob(pattern))


def is_current(folder: Path, root: Path = ROOT) -> bool:
    """Whether the current snapshot in `folder` was built, with the reasoner, from these inputs."""
    try:
        version = (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
        manifest = json.loads((folder / version / layout.MANIFEST).read_text(encoding="utf-8"))
        return (
            manifest["format"] == layout.FORMAT
            and manifest["reasoner"] is not None
            and manifest["inputs"] == input_hash(root)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False
