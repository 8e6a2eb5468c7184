"""Loads RDF files into a store in memory, and refuses those that would take it all.

A parser has no limits of its own: a kilobyte of nested entities or of gzip can become gigabytes.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pyoxigraph as ox

from kg.errors import DataError
from kg.quads import open_quads

FORMATS = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".xml": ox.RdfFormat.RDF_XML,
    ".n3": ox.RdfFormat.N3,
    ".jsonld": ox.RdfFormat.JSON_LD,
}
MAX_RATIO = 100
"""The most that a compressed file may grow; triples shrink to a tenth or a thirtieth."""
MAX_ENTITIES = 100
MAX_ENTITY = 1024
MAX_HEAD = 1 << 20
_ENTITY = re.compile(rb"""<!ENTITY\s+(%?)\s*[^\s>]+\s+(?:"([^"]*)"|'([^']*)'|([^>]*))""")
_REFERENCE = re.compile(rb"[&%](?!#)")


class _Capped:
    """A stream that may not give more than `limit` bytes."""

    def __init__(self, stream: BinaryIO, limit: int, path: Path) -> None:
        self._stream = stream
        self._left = limit
        self._path = path

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise DataError(f"{self._path} grows more than {MAX_RATIO} times when unpacked")
        return content


def load_files(paths: Sequence[Path]) -> tuple[ox.Store, dict[str, str]]:
    """A store with the content of RDF files, plain or gzipped, and the prefixes they declare.

    Triples go to the default graph, quads to their graphs. DataError names the file and the fault.
    """
    store = ox.Store()
    prefixes: dict[str, str] = {}
    for path in paths:
        form = _format(path)
        try:
            if form == ox.RdfFormat.RDF_XML:
                with _open(path) as file:
                    _check_entities(file, path)
            with _open(path) as file:
                prefixes |= _prefixes(file, form)
            with _open(path) as file:
                store.bulk_load(_limited(file, path), format=form, base_iri=path.resolve().as_uri())
        except (OSError, EOFError, SyntaxError, ValueError) as error:
            raise DataError(f"{path} cannot be loaded: {error}") from None
        except MemoryError:
            raise DataError(f"{path} takes more memory than is allowed") from None
    return store, prefixes


def load_snapshot(quads: Path, graphs: Iterable[tuple[str, str]]) -> ox.Store:
    """A store with a snapshot's gzipped N-Quads, and N-Triples each in a graph.

    They are our own, so they are read whole and are not checked again: half the time.
    """
    store = ox.Store()
    with gzip.open(quads) as file:
        store.bulk_load(file.read(), format=ox.RdfFormat.N_QUADS, lenient=True)
    for name, graph in graphs:
        with open_quads(Path(name), graph) as stream:
            store.bulk_load(stream.read(), format=ox.RdfFormat.N_QUADS, lenient=True)
    return store


def content_version(paths: Sequence[Path]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the files; DataError if one is missing."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()[:12]


def _format(path: Path) -> ox.RdfFormat:
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix not in FORMATS:
        raise DataError(f"{path} is no RDF file by its name: it must end in {', '.join(FORMATS)}")
    return FORMATS[suffix]


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")


def _limited(file: BinaryIO, path: Path) -> BinaryIO:
    if path.suffix != ".gz":
        return file
    return cast(BinaryIO, _Capped(file, path.stat().st_size * MAX_RATIO + MAX_HEAD, path))


def _prefixes(file: BinaryIO, form: ox.RdfFormat) -> dict[str, str]:
    """The prefixes that stand before the first triple."""
    if form not in (ox.RdfFormat.TURTLE, ox.RdfFormat.TRIG, ox.RdfFormat.RDF_XML):
        return {}
    parser = ox.parse(file, format=form, base_iri="file:///")
    next(parser, None)
    return {name: iri for name, iri in parser.prefixes.items() if name}


def _declares(file: BinaryIO) -> bool:
    """Whether an entity is declared in what is left of a file."""
    seen = b""
    while block := file.read(MAX_HEAD):
        if b"<!ENTITY" in seen + block:
            return True
        seen = block[-len(b"<!ENTITY") :]
    return False


def _check_entities(file: BinaryIO, path: Path) -> None:
    """Protégé writes small entities of its own; nested, outside and endless ones are attacks."""
    entities = _ENTITY.findall(file.read(MAX_HEAD))
    if len(entities) > MAX_ENTITIES or _declares(file):
        raise DataError(
            f"{path} declares more than {MAX_ENTITIES} XML entities, or declares them late"
        )
    for parameter, double, single, other in entities:
        value = double + single
        if parameter or other:
            raise DataError(f"{path} refers to an XML entity outside of it")
        if len(value) > MAX_ENTITY or _REFERENCE.search(value):
            raise DataError(f"{path} declares a nested XML entity, or one over {MAX_ENTITY} bytes")
