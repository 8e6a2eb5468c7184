"""Fixtures: a small graph built from tests/small, counted by hand, and the whole leg graph."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

from kg.builder.imports.run import Wanted, import_all
from kg.builder.run import build
from kg.service import Service
from kg.snapshot import open_snapshot
from kg.sparql.pool import PoolSettings
from server import Settings, create_app

settings.register_profile("repeatable", derandomize=True, max_examples=200, deadline=None)
settings.register_profile("searching", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

ROOT = Path(__file__).resolve().parents[1]
EXCERPTS = {"hp": "obo", "hpoa": "hpoa"}
"""Name of an import of the tests → the ending of its file in tests/imports."""


def small_root(folder: Path) -> Path:
    """A project root with the small ontology, and the real schema, shapes and build rules."""
    shutil.copytree(ROOT / "tests" / "small", folder / "ontology")
    for name in ("schema.ttl", "shapes.ttl"):
        shutil.copy(ROOT / "ontology" / name, folder / "ontology" / name)
    shutil.copytree(ROOT / "queries", folder / "queries")
    return folder


def quietly(_: str) -> None:
    """Say nothing."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A fresh small project root to break."""
    return small_root(tmp_path / "root")


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of the small graph."""
    root = small_root(tmp_path_factory.mktemp("small") / "root")
    folder = root / "build"
    build(folder, root, reasoner=False, say=quietly)
    return folder


@pytest.fixture(scope="session")
def small(small_build: Path) -> Service:
    """The service over the small graph."""
    return Service(open_snapshot(small_build))


@pytest.fixture(scope="session")
def imported_build(small_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small graph with an excerpt of HPO and of its annotations beside it."""
    folder = tmp_path_factory.mktemp("imported") / "build"
    shutil.copytree(small_build, folder)
    for name in ("hp", "hpoa"):
        source = next((ROOT / "tests" / "imports").glob(f"*-excerpt.{EXCERPTS[name]}"))
        import_all(folder, [str(source)], Wanted(name=name), quietly)
    return folder


@pytest.fixture(scope="session")
def imported(imported_build: Path) -> Service:
    """The service over the small graph with its imports."""
    return Service(open_snapshot(imported_build))


@pytest.fixture(scope="session")
def leg_build() -> Path:
    """The build folder of the leg graph, which `make test` has brought up to date."""
    return ROOT / "build"


@pytest.fixture(scope="session")
def leg(leg_build: Path) -> Service:
    """The service over the whole leg graph."""
    return Service(open_snapshot(leg_build))


@pytest.fixture(scope="session")
def leg_app(leg_build: Path) -> Iterator[Flask]:
    """The web application over the leg graph, with a short query time."""
    app = create_app(Settings(folder=leg_build, pool=PoolSettings(timeout=2.0)))
    yield app
    app.extensions["etiograph"].serving.pool.close()


@pytest.fixture
def client(leg_app: Flask) -> FlaskClient:
    """A client of the web application."""
    return leg_app.test_client()
