"""The message form between pool and worker: a JSON header and a body, each with its length."""

import json
import socket
import struct
import time
from typing import Any, Protocol

LENGTHS = struct.Struct("!II")
READ_SIZE = 1 << 18


class Writable(Protocol):
    """What a body is written into."""

    def write(self, part: bytes, /) -> object:
        """Take a part."""


def pack(header: dict[str, Any], body: bytes | bytearray = b"") -> bytes:
    """A header and a body as one message."""
    text = json.dumps(header).encode()
    return b"".join((LENGTHS.pack(len(text), len(body)), text, body))


def receive(
    connection: socket.socket, body: Writable, deadline: float | None = None
) -> dict[str, Any]:
    """Read one message: returns its header, writes its body into `body`.

    EOFError where the peer ended, TimeoutError at the deadline (monotonic seconds).
    """
    header_length, body_length = LENGTHS.unpack(_read(connection, LENGTHS.size, deadline))
    header = json.loads(_read(connection, header_length, deadline))
    while body_length:
        part = _part(connection, min(body_length, READ_SIZE), deadline)
        body.write(part)
        body_length -= len(part)
    return dict(header)


def _read(connection: socket.socket, size: int, deadline: float | None) -> bytes:
    content = _part(connection, size, deadline)
    while len(content) < size:
        content += _part(connection, size - len(content), deadline)
    return content


def _part(connection: socket.socket, size: int, deadline: float | None) -> bytes:
    """Up to `size` bytes; OSError of a broken connection counts as its end."""
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
    try:
        part = connection.recv(size)
    except TimeoutError:
        raise
    except OSError as error:
        raise EOFError from error
    if not part:
        raise EOFError
    return part
