"""Opening a snapshot: whole or not at all, with the file's name in the reason."""

import json
import shutil
from pathlib import Path

import pytest

from kg import layout
from kg.errors import SnapshotError
from kg.snapshot import open_snapshot


@pytest.fixture
def copy(small_build: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_build, tmp_path / "build"))


def files(folder: Path) -> list[Path]:
    return [p for p in open_snapshot(folder).path.rglob("*") if p.is_file() and p.stat().st_size]


def test_no_snapshot_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="run `python -m kg build`"):
        open_snapshot(tmp_path)


@pytest.mark.parametrize("harm", ["truncate", "flip", "zero", "remove"])
def test_each_damaged_file_is_named(copy: Path, harm: str) -> None:
    for path in files(copy):
        if path.name in ("LOG", "LOCK", layout.MANIFEST):
            continue
        sound = path.read_bytes()
        damaged = {
            "truncate": sound[:-1],
            "flip": sound[: len(sound) // 2]
            + bytes([sound[len(sound) // 2] ^ 1])
            + sound[len(sound) // 2 + 1 :],
            "zero": bytes(len(sound)) if any(sound) else b"\x01" * len(sound),
            "remove": None,
        }[harm]
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        with pytest.raises(SnapshotError, match=path.name):
            open_snapshot(copy)
        path.write_bytes(sound)
    assert open_snapshot(copy)


def test_opening_changes_no_file(copy: Path) -> None:
    snapshot = open_snapshot(copy)
    assert len(snapshot.dataset.default_graph) > 0
    assert open_snapshot(copy).version == snapshot.version


def test_another_format_is_refused(copy: Path) -> None:
    path = open_snapshot(copy).path / layout.MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "format": 99}), encoding="utf-8")
    with pytest.raises(SnapshotError, match="format 99"):
        open_snapshot(copy)


def test_a_broken_manifest_is_refused(copy: Path) -> None:
    path = open_snapshot(copy).path / layout.MANIFEST
    path.write_text("{", encoding="utf-8")
    with pytest.raises(SnapshotError, match=r"manifest\.json cannot be read"):
        open_snapshot(copy)
