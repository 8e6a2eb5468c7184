"""The message form between pool and worker: a JSON header and a body, each with its length."""

import json
import struct
from typing import IO, Any

LENGTHS = struct.Struct("!II")


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A header and a body as one message."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def read(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message of a blocking stream, or None at its end."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    header_length, body_length = LENGTHS.unpack(lengths)
    return unpack(stream.read(header_length + body_length), header_length)


def unpack(content: bytes, header_length: int) -> tuple[dict[str, Any], bytes]:
    """The header and body of a message whose lengths are already read."""
    return json.loads(content[:header_length]), content[header_length:]
