"""Opens a snapshot: checks every file against the manifest, then hands out its parts.

A damaged store does not fail by itself, it answers wrongly; so nothing is used unchecked. What
takes seconds to check, the store of a large snapshot, is checked when it is first asked, or by a
service that has begun to answer from the rest.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from rdflib import Dataset

from kg import layout
from kg.errors import SnapshotError
from kg.index import Index
from kg.proofs import Proofs
from kg.records import Records
from kg.store import read_only_dataset
from kg.vocabulary import PREFIXES

MAX_IN_MEMORY = 1_000_000
"""Triples up to which the dataset is held in memory: loading takes 6 µs and 700 bytes for each, and
queries are then 3 to 6 times as fast as from disk."""
MAX_CHECKED_AT_ONCE = 256 * 1024 * 1024
"""Bytes of triples up to which all is checked at opening, at more than a gigabyte a second."""
CHECKERS = 2


@dataclass
class Snapshot:
    """One version of the graph; everything in it is read-only."""

    path: Path
    manifest: dict[str, Any]

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    @property
    def store_path(self) -> Path:
        return self.path / layout.STORE

    @property
    def source(self) -> dict[str, Any]:
        """What query workers evaluate over: the dataset in memory, or on disk if it is large."""
        if self.triples > MAX_IN_MEMORY:
            return {"store": str(self.store_path)}
        graphs = [(str(self.path / file), graph) for file, graph in self._graphs()]
        return {"quads": str(self.path / layout.QUADS), "graphs": graphs}

    @cached_property
    def checked_later(self) -> Mapping[str, Mapping[str, Any]]:
        """The files of triples, with what is expected of them, where they are many megabytes."""
        triples = {
            name: expected
            for name, expected in self.manifest["files"].items()
            if name.startswith(f"{layout.STORE}/")
            or (name.startswith(f"{layout.IMPORTS}/") and name.endswith(".gz"))
        }
        large = sum(int(expected["bytes"]) for expected in triples.values()) > MAX_CHECKED_AT_ONCE
        return triples if large else {}

    def check_rest(self) -> None:
        """Check what was not checked at opening; SnapshotError names a damaged file."""
        with ThreadPoolExecutor(CHECKERS) as pool:
            wanted = [(self.path / name, one) for name, one in self.checked_later.items()]
            for _ in pool.map(_check_content, *zip(*wanted, strict=True)) if wanted else ():
                pass
        self.checked_later = {}

    @property
    def imports(self) -> Mapping[str, Any]:
        """What was imported beside the leg graph, by name: the content of each `import.json`."""
        return cast(Mapping[str, Any], self.manifest["imports"])

    @property
    def triples(self) -> int:
        """All triples, of the leg graph and of what is imported."""
        beside = (entry["counts"] for entry in self.imports.values())
        own = int(self.manifest["counts"]["triples"])
        return own + sum(int(one["asserted"]) + int(one["entailed"]) for one in beside)

    def _graphs(self) -> Iterator[tuple[str, str]]:
        """Each file of imported triples, with its graph."""
        return layout.imported_graphs(self.imports)

    @property
    def release_path(self) -> Path:
        """The folder with the ontology in the formats of ontology tools."""
        return self.path / layout.RELEASE

    @cached_property
    def index(self) -> Index:
        return Index(Records.from_json(_read_json(self.path / layout.INDEX)))

    @cached_property
    def proofs(self) -> Proofs:
        return Proofs(_read_json(self.path / layout.PROOFS))

    @cached_property
    def dataset(self) -> Dataset:
        """The RDF dataset, with the prefixes of the graph; SnapshotError if it is damaged."""
        self.check_rest()
        dataset = read_only_dataset(self.store_path)
        for prefix, namespace in PREFIXES.items():
            dataset.bind(prefix, namespace, override=True, replace=True)
        return dataset


def current_version(folder: Path) -> str:
    """The version to serve from a build folder; SnapshotError if there is none."""
    try:
        return (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SnapshotError(
            f"there is no snapshot in {folder}: run `python -m kg build` first"
        ) from None


def open_snapshot(folder: Path) -> Snapshot:
    """Open the current snapshot of a build folder; SnapshotError names what is wrong."""
    return open_version(folder / current_version(folder))


def open_newest(folder: Path) -> tuple[Snapshot, str | None]:
    """The current snapshot or, if it is damaged, the newest whole one, and why it is not current.

    SnapshotError tells what is wrong with the current one, if there is no other.
    """
    try:
        return open_snapshot(folder), None
    except SnapshotError as error:
        manifests = folder.glob(f"*/{layout.MANIFEST}")
        for manifest in sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True):
            with suppress(SnapshotError):
                return open_version(manifest.parent), str(error)
        raise


def open_version(path: Path) -> Snapshot:
    """Open the snapshot in a directory of its own; SnapshotError names what is wrong."""
    try:
        manifest = json.loads((path / layout.MANIFEST).read_text(encoding="utf-8"))
        found = manifest["format"]
        files = dict(manifest["files"])
        sealed = manifest.get(layout.SEAL) == layout.seal(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"{path / layout.MANIFEST} cannot be read: {error}") from error
    if found != layout.FORMAT:
        raise SnapshotError(f"{path} has format {found}, not {layout.FORMAT}: build it again")
    if not sealed:
        raise SnapshotError(f"{path / layout.MANIFEST} is damaged: build again")
    snapshot = Snapshot(path, manifest)
    for name, expected in files.items():
        _check_size(path / name, expected)
        if name not in snapshot.checked_later:
            _check_content(path / name, expected)
    return snapshot


def _check_size(path: Path, expected: Mapping[str, Any]) -> None:
    if not path.is_file():
        raise SnapshotError(f"{path} is missing: build again")
    if path.stat().st_size != expected["bytes"]:
        raise SnapshotError(f"{path} is damaged: build again")


def _check_content(path: Path, expected: Mapping[str, Any]) -> None:
    if layout.sha256_of(path) != expected["sha256"]:
        raise SnapshotError(f"{path} is damaged: build again")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())
