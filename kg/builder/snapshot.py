"""Writes a snapshot beside its final place, then renames it: it is there whole or not at all."""

import gzip
import json
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kg import layout
from kg.builder.dataset import content_version, union_of, write_store
from kg.builder.release import write_release
from kg.builder.verify import verify
from kg.store import read_only_dataset

KEPT = 3
ABANDONED_SECONDS = 3600
"""After this time a workplace is one that a killed build has left."""


def write_snapshot(
    folder: Path,
    quads: list[str],
    records: dict[str, Any],
    proofs: dict[str, Any],
    entries: dict[str, Any],
    root: Path,
) -> dict[str, Any]:
    """Write, verify and make current a snapshot of the project `root`; returns its manifest.

    `entries` are those of the manifest that the caller knows (inputs, reasoner, counts). On any
    error the snapshot that was current stays current.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        index = _json(records)
        (workplace / layout.INDEX).write_bytes(index)
        (workplace / layout.PROOFS).write_bytes(_json(proofs))
        triples = union_of(quads)
        write_store(quads, triples, workplace / layout.STORE)
        _write_gzip(triples, workplace / layout.TRIPLES)
        _write_gzip([*quads, *triples], workplace / layout.QUADS)
        checked = verify(read_only_dataset(workplace / layout.STORE), root / "queries" / "verify")
        version = content_version(quads, index)
        sources = entries["counts"]["rows"]["sources"]
        release = workplace / layout.RELEASE
        write_release(release, quads, version, root / "ontology", sources)
        manifest = {
            "format": layout.FORMAT,
            "version": version,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            **entries,
            "counts": {
                **entries["counts"],
                "entailed": len(triples) - entries["counts"]["asserted"],
                "triples": len(triples),
                "rules": checked,
            },
            "files": _files(workplace),
        }
        manifest[layout.SEAL] = layout.seal(manifest)
        (workplace / layout.MANIFEST).write_bytes(_json(manifest))
        _publish(workplace, folder, version)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    _remove_old(folder, version)
    return manifest


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _write_gzip(lines: list[str], path: Path) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        file.write("".join(lines).encode())


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of every file, by path inside the snapshot; logs and locks do not count."""
    return {
        str(path.relative_to(folder)): {
            "bytes": path.stat().st_size,
            "sha256": layout.sha256_of(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("LOCK", "LOG")
    }


def _publish(workplace: Path, folder: Path, version: str) -> None:
    for path in sorted(workplace.rglob("*")):
        _sync(path)
    target = folder / version
    if target.exists():  # the same content: put the fresh copy in its place
        shutil.move(target, workplace / "replaced")
    workplace.rename(target)
    shutil.rmtree(target / "replaced", ignore_errors=True)
    pointer = folder / f".{layout.CURRENT}.new"
    pointer.write_text(version + "\n", encoding="utf-8")
    _sync(pointer)
    pointer.replace(folder / layout.CURRENT)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_old(folder: Path, current: str) -> None:
    """Keep the newest snapshots, so that a service may still hold the one before."""
    for path in folder.glob(".new-*"):
        if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    snapshots = [path.parent for path in folder.glob(f"*/{layout.MANIFEST}")]
    snapshots.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in snapshots[KEPT:]:
        if path.name != current:
            shutil.rmtree(path)
