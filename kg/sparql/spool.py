"""A result on its way from a worker to a client: in memory or, if it is large, in a file."""

from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO, cast

IN_MEMORY = 256 * 1024
"""A result larger than this (bytes) waits for its reader in a file."""


@dataclass(frozen=True, slots=True)
class Result:
    """A query's result in one format: in memory or, if it is large, in a file of its own."""

    content: bytes
    file: BinaryIO | None
    media_type: str
    truncated: bool

    @property
    def body(self) -> bytes:
        """All of it, in memory; a file is used up."""
        if self.file is None:
            return self.content
        with self.file:
            return self.file.read()


class Spool:
    """Takes the parts of a body, and moves them to a file when they become many."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._file: BinaryIO | None = None

    def write(self, part: bytes) -> None:
        if self._file is None and len(self._buffer) + len(part) > IN_MEMORY:
            self._file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 - the Result's
            self._file.write(self._buffer)
        if self._file is None:
            self._buffer += part
        else:
            self._file.write(part)

    def result(self, media_type: str, *, truncated: bool) -> Result:
        if self._file is None:
            return Result(bytes(self._buffer), None, media_type, truncated)
        self._file.flush()
        self._file.seek(0)
        return Result(b"", self._file, media_type, truncated)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
