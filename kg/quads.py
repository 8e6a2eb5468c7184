"""Gives the triples of an import as quads: each in the default graph and in its named graph.

One stream for both, so that a blank node is the same in both.
"""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

BLOCK = 1 << 20
_END = b" .\n"


def open_quads(path: Path, graph: str) -> BinaryIO:
    """The N-Quads of a gzipped N-Triples file, to be read once from the beginning."""
    return cast(BinaryIO, io.BufferedReader(_Stream(_blocks(path, graph)), BLOCK))


def _blocks(path: Path, graph: str) -> Iterator[bytes]:
    """Whole lines, as they are and then with the graph; no literal holds a raw end of line."""
    named = f" <{graph}>".encode() + _END
    with gzip.open(path) as file:
        rest = b""
        while block := file.read(BLOCK):
            lines, end, rest = (rest + block).rpartition(b"\n")
            yield lines + end
            yield (lines + end).replace(_END, named)


class _Stream(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
