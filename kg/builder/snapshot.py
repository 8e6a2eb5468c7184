"""Writes a snapshot beside its final place, then renames it: it is there whole or not at all."""

import gzip
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kg import layout
from kg.builder.dataset import content_version, load_quads, union_of, write_store
from kg.builder.imported import composed_version, load_imports
from kg.builder.release import write_release
from kg.builder.verify import verify
from kg.errors import BadParameter
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

    `entries` are those of the manifest that the caller knows (inputs, reasoner, counts). What was
    imported into the snapshot before is carried over. On any error the snapshot that was current
    stays current.
    """
    with _workplace(folder) as workplace:
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
            "leg": version,
            **entries,
            "counts": {
                **entries["counts"],
                "entailed": len(triples) - entries["counts"]["asserted"],
                "triples": len(triples),
                "rules": checked,
            },
        }
        _link_imports(workplace, current_imports(folder))
        return _finish(workplace, folder, manifest)


def change_imports(
    folder: Path, added: Mapping[str, Path], removed: Collection[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Make current a snapshot with other imports beside the same leg graph; returns its manifest.

    `added` are the folders of imports by name; BadParameter for one to remove that is not there.
    """
    version = (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    old = json.loads((folder / version / layout.MANIFEST).read_text(encoding="utf-8"))
    kept = current_imports(folder)
    for name in removed:
        if name not in kept:
            known = ", ".join(sorted(kept)) or "none"
            raise BadParameter(f"there is no import {name!r}; imported are: {known}", sorted(kept))
        del kept[name]
    with _workplace(folder) as workplace:
        for path in sorted((folder / version).rglob("*")):
            name = str(path.relative_to(folder / version))
            if name in old["files"] and name.split("/")[0] not in (layout.STORE, layout.IMPORTS):
                _link(path, workplace / name)
        (workplace / layout.IMPORTED).unlink(missing_ok=True)
        _link_imports(workplace, {**kept, **added})
        say("putting the graphs together …")
        if kept.keys() & added.keys() or removed:
            load_quads(workplace / layout.QUADS, workplace / layout.STORE)
            return _finish(workplace, folder, old)
        _copy_store(folder / version / layout.STORE, workplace / layout.STORE)
        return _finish(workplace, folder, old, loaded=kept)


def current_imports(folder: Path) -> dict[str, Path]:
    """Name → folder of what the current snapshot has beside the leg graph."""
    try:
        version = (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    except OSError:
        return {}
    entries = (folder / version / layout.IMPORTS).glob(f"*/{layout.IMPORT}")
    return {path.parent.name: path.parent for path in sorted(entries)}


def _finish(
    workplace: Path, folder: Path, manifest: Mapping[str, Any], loaded: Collection[str] = ()
) -> dict[str, Any]:
    """Load what is imported, and publish; the leg graph's part of the manifest is given."""
    imports = load_imports(workplace, loaded)
    leg = manifest["leg"]
    new = {
        **manifest,
        "version": composed_version(leg, imports),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "imports": imports,
        "files": _files(workplace),
    }
    new[layout.SEAL] = layout.seal(new)
    (workplace / layout.MANIFEST).write_bytes(_json(new))
    _publish(workplace, folder, new["version"])
    _remove_old(folder, new["version"])
    return new


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        yield workplace
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _link_imports(workplace: Path, folders: Mapping[str, Path]) -> None:
    for name, source in folders.items():
        for path in sorted(one for one in source.rglob("*") if one.is_file()):
            _link(path, workplace / layout.IMPORTS / name / path.relative_to(source))


def _copy_store(store: Path, target: Path) -> None:
    """A store to add to: its tables are never written again, the rest is copied."""
    target.mkdir()
    for path in store.iterdir():
        if path.suffix == ".sst":
            _link(path, target / path.name)
        else:
            shutil.copy2(path, target / path.name)


def _link(path: Path, target: Path) -> None:
    """The same file in another folder: nothing in a snapshot is ever written again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(path)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(path, target)


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
