"""One line on standard error for each request and event, as JSON or as text.

An entry holds no text of a client's unless that was asked for: so an exception is logged by its
kinds and frames, without its message, and what other packages log by its first line.
"""

import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

import orjson

NAME = "etiograph"
MAX_WAITING = 20_000
"""Lines that may wait for a reader of standard error that stands still; more are left out."""
GATHER_SECONDS = 0.1
"""How long lines are gathered, so that one call writes many."""
PIECE = 4096
"""Bytes of one write: up to this, a pipe keeps the lines of several processes apart."""
END_SECONDS = 2.0

Entry = dict[str, Any]


def form_of(wanted: str) -> str:
    """`json`, `text` or `off`, where `auto` is text on a terminal and JSON elsewhere."""
    if wanted != "auto":
        return wanted
    return "text" if sys.stderr.isatty() else "json"


def as_json(entry: Mapping[str, Any]) -> bytes:
    """The line of an entry for a program."""
    return orjson.dumps({**entry, "time": _time(entry)}, default=str) + b"\n"


def as_text(entry: Mapping[str, Any]) -> bytes:
    """The line of an entry for a person; a traceback follows it."""
    shown = {key: value for key, value in entry.items() if key not in ("time", "traceback")}
    line = " ".join((_time(entry), *(f"{key}={value}" for key, value in shown.items())))
    return "\n    ".join((line, *entry.get("traceback", ()))).encode() + b"\n"


def _time(entry: Mapping[str, Any]) -> str:
    moment = datetime.fromtimestamp(entry["time"], UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def render_of(form: str) -> Callable[[Entry], bytes]:
    """What makes lines in a form of `form_of`."""
    return as_json if form == "json" else as_text


def write(line: bytes) -> None:
    """Write a line to standard error at once."""
    os.write(sys.stderr.fileno(), line)


class Writer:
    """Writes entries from a thread of its own, which alone waits for who reads them."""

    def __init__(self, render: Callable[[Entry], bytes], out: Callable[[bytes], None]) -> None:
        self._render = render
        self._out = out
        self._waiting: SimpleQueue[Entry | None] = SimpleQueue()
        self.dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Have an entry written soon."""
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put(entry)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, for `END_SECONDS` at most."""
        self._waiting.put(None)
        self._thread.join(END_SECONDS)

    def _write(self) -> None:
        is_open = True
        while is_open:
            entries = [self._waiting.get()]
            time.sleep(GATHER_SECONDS)
            entries += [self._waiting.get() for _ in range(self._waiting.qsize())]
            is_open = None not in entries
            for piece in pieces(self._render(entry) for entry in entries if entry is not None):
                with contextlib.suppress(OSError):  # nobody reads it any more
                    self._out(piece)


def pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines put together to pieces that one write keeps whole; a longer line is one of its own."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > PIECE:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece


class Handler(logging.Handler):
    """Makes entries of what is logged by name; `open_words` shows messages of exceptions too."""

    def __init__(self, put: Callable[[Entry], None], *, open_words: bool) -> None:
        super().__init__()
        self._put = put
        self._open_words = open_words

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        entry: Entry = {
            "time": record.created,
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name.strip("_")),
            "message": message if record.name == NAME else message.partition("\n")[0],
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["traceback"] = frames_of(record.exc_info[1])
            if self._open_words:
                entry["error"] = str(record.exc_info[1])
        self._put(entry)


def frames_of(error: BaseException) -> list[str]:
    """The kinds of an exception and of what led to it, and where: no word of their messages."""
    lines = []
    reached: BaseException | None = error
    while reached is not None:
        lines.append(type(reached).__name__)
        frames = traceback.extract_tb(reached.__traceback__)
        lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        reached = reached.__cause__ or reached.__context__
    return lines


def install(form: str, put: Callable[[Entry], None], *, open_words: bool) -> None:
    """Have what this process logs by name made entries, granian's errors among it."""
    handler = Handler(put, open_words=open_words)
    for name, level in ((NAME, logging.INFO), ("_granian", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.ERROR if form == "off" else level)
        logger.propagate = False
