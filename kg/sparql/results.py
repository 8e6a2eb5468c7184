"""Writes results in the SPARQL 1.1 formats, by the engine, with a limit on rows and bytes.

The engine writes ten times as fast as Python could, but knows no limit. So it writes into a `_Sink`
that watches, cuts between two rows where a limit is reached, and closes the document.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import pyoxigraph as ox

SOLUTION_FORMATS: dict[str, str] = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
GRAPH_FORMATS: dict[str, str] = {
    "turtle": "text/turtle",
    "nt": "application/n-triples",
    "jsonld": "application/ld+json",
    "rdfxml": "application/rdf+xml",
}
RDF_FORMATS = {
    "turtle": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdfxml": ox.RdfFormat.RDF_XML,
}
"""The engine's format of each of GRAPH_FORMATS."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most rows (or triples) and bytes that one result may have."""

    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Written:
    """A result's bytes, and whether a limit cut it off."""

    body: bytes | bytearray
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the engine writes solutions in a format.

    `start` ends the head, `row` matches one whole row with its separator, `mark` stands in every
    row but perhaps the first, and perhaps within strings as well; `tail` closes the document.
    """

    format: ox.QueryResultsFormat
    start: bytes
    row: re.Pattern[bytes]
    mark: bytes
    tail: bytes


_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OBJECT = rb"\{(?:[^\"{}]++|" + _STRING + rb"|%s)*+\}"
_NESTED = rb"\{(?:[^\"{}]++|" + _STRING + rb")*+\}"
for _ in range(8):  # a row, a term, and triples as terms of triples
    _NESTED = _OBJECT % _NESTED
_SHAPES = {
    "json": _Shape(
        ox.QueryResultsFormat.JSON,
        b'"bindings":[',
        re.compile(rb",?+" + _NESTED, re.DOTALL),
        b"},{",
        b"]}}",
    ),
    "xml": _Shape(
        ox.QueryResultsFormat.XML,
        b"<results>",
        re.compile(rb"<result>.*?</result>", re.DOTALL),
        b"<result>",
        b"</results></sparql>",
    ),
    "csv": _Shape(
        ox.QueryResultsFormat.CSV,
        b"\n",
        re.compile(rb'(?:[^"\n]++|"[^"]*+")*+\n'),
        b"\n",
        b"",
    ),
    "tsv": _Shape(ox.QueryResultsFormat.TSV, b"\n", re.compile(rb"[^\n]*+\n"), b"\n", b""),
}


class _Full(Exception):
    """A limit is reached."""


class _Sink:
    """What the engine writes solutions into; `_Full` leaves `write` once a limit is passed."""

    def __init__(self, shape: _Shape, limits: Limits) -> None:
        self.body = bytearray()
        self._shape = shape
        self._limits = limits
        self._rows_at_most = 1
        self._whole_rows = 0
        self._end = 0

    def write(self, chunk: bytes) -> int:
        """Take a part of the document."""
        seen = max(0, len(self.body) - len(self._shape.mark) + 1)
        self.body += chunk
        self._rows_at_most += self.body.count(self._shape.mark, seen)
        if self._rows_at_most > self._limits.rows or len(self.body) > self._limits.size:
            self._count()
        return len(chunk)

    def flush(self) -> None:
        """Nothing is held back."""

    def _count(self) -> None:
        """Count the whole rows; the marks may have stood in strings."""
        if self._end == 0:
            start = self.body.find(self._shape.start)
            if start < 0:
                return
            self._end = start + len(self._shape.start)
        while (row := self._shape.row.match(self.body, self._end)) is not None:
            if self._whole_rows == self._limits.rows or row.end() > self._limits.size:
                raise _Full
            self._whole_rows += 1
            self._end = row.end()
        self._rows_at_most = self._whole_rows + 1
        if len(self.body) > self._limits.size + len(self._shape.tail):
            raise _Full

    def cut(self) -> bytearray:
        """The document as far as it is within the limits."""
        return self.body[: self._end] + self._shape.tail


def write_result(
    result: ox.QuerySolutions | ox.QueryBoolean | Iterable[ox.Triple],
    form: str,
    limits: Limits,
    prefixes: Mapping[str, str],
) -> Written:
    """A result in one of SOLUTION_FORMATS or GRAPH_FORMATS, as its kind allows."""
    if isinstance(result, ox.QueryBoolean):
        written = result.serialize(format=_SHAPES[form].format) or b""
        return Written(written if form in ("json", "xml") else written + b"\n")
    if not isinstance(result, ox.QuerySolutions):
        return _write_graph(result, form, limits, prefixes)
    shape = _SHAPES[form]
    sink = _Sink(shape, limits)
    try:
        result.serialize(sink, format=shape.format)  # type: ignore[arg-type]
    except _Full:
        return Written(sink.cut(), truncated=True)
    return Written(sink.body)


def _write_graph(
    triples: Iterable[ox.Triple], form: str, limits: Limits, prefixes: Mapping[str, str]
) -> Written:
    """Triples are taken first and written then, which is also the engine's faster way."""
    kept = list(islice(triples, limits.rows + 1))
    truncated = len(kept) > limits.rows
    del kept[limits.rows :]
    body = _serialized(kept, form, prefixes)
    while len(body) > limits.size:
        truncated = True
        del kept[min(len(kept) * limits.size // len(body), len(kept) - 1) :]
        body = _serialized(kept, form, prefixes)
    return Written(body, truncated)


def _serialized(triples: list[ox.Triple], form: str, prefixes: Mapping[str, str]) -> bytes:
    written = ox.serialize(triples, format=RDF_FORMATS[form], prefixes=dict(prefixes))
    return written or b""
