"""Stands between granian and Flask: no slow client reaches a thread, no answer is made twice.

Granian speaks RSGI to it. A request is read here, on the event loop, with limits and a deadline;
only then does Flask get a thread for it. What Flask answers with an ETag is kept, byte for byte, as
long as the version it came from is served. Files are left to granian to send.
"""

import asyncio
import gzip
import io
import json
import logging
import os
import re
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO

from flask import Flask

from web.problems import problem_document
from web.serving import Current

MAX_URL = 16 * 1024
MAX_BODY = 1024 * 1024
BODY_SECONDS = 10.0
"""How long a client may take to send a request's body."""
THREADS = 48
"""More than all queries that may run or wait, so that everything else goes on beside them."""
MAX_PENDING = 512
"""Requests that may wait for a thread; more are told to come back."""
MAX_KEPT = 1024 * 1024
"""Answers larger than this are not kept."""
COMPRESSED = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|javascript|n-triples|n-quads|trig)|image/svg\+xml"
)
"""Media types that gzip makes smaller."""
MIN_COMPRESSED, MAX_COMPRESSED = 1000, 4 * 1024 * 1024
GZIP_LEVEL = 4
OPEN_SECONDS = 30.0
"""How long a file stays open here for granian to open it too."""
HOST = re.compile(
    r"|(?:(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
)
"""Names, IP addresses, with a port or without; or nothing, as HTTP/1.0 has it."""
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
log = logging.getLogger("etiograph")

Headers = list[tuple[str, str]]


class Refused(Exception):
    """The request is turned away before it reaches Flask."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; a `file` takes the place of the body."""

    status: int
    headers: Headers
    body: bytes
    file: BinaryIO | None = None

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def may_be_kept(self) -> bool:
        return (
            self.status == HTTPStatus.OK
            and self.file is None
            and len(self.body) <= MAX_KEPT
            and bool(self.header("etag"))
            and "no-store" not in self.header("cache-control")
        )


class Cache:
    """Answers by request, the least recently used given up first; `size` in bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._answers: OrderedDict[tuple[object, ...], Answer] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Answer | None:
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: tuple[object, ...], answer: Answer) -> None:
        if key in self._answers or self._weight(key, answer) > self._size:
            return
        self._answers[key] = answer
        self._used += self._weight(key, answer)
        while self._used > self._size:
            self._used -= self._weight(*self._answers.popitem(last=False))

    def clear(self) -> None:
        self._answers.clear()
        self._used = 0

    @staticmethod
    def _weight(key: tuple[object, ...], answer: Answer) -> int:
        texts = sum(len(part) for part in key if isinstance(part, str | bytes))
        return texts + len(answer.body) + 1000


class FileWrapper:
    """What Flask makes of a file it wants sent (`wsgi.file_wrapper`)."""

    def __init__(self, filelike: BinaryIO, block_size: int = 1 << 16) -> None:
        self.filelike = filelike
        self._block_size = block_size

    def __iter__(self) -> Iterable[bytes]:
        while block := self.filelike.read(self._block_size):
            yield block

    def close(self) -> None:
        """The gateway closes the file, once granian has opened it."""


class Gateway:
    """The RSGI application over a Flask application and what it serves."""

    def __init__(self, app: Flask, current: Current, cache_size: int) -> None:
        self._app = app.wsgi_app
        self._current = current
        self._cache = Cache(cache_size)
        self._cached: object = None
        self._threads = ThreadPoolExecutor(THREADS, "request")
        self._pending = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by granian in its worker, before the first request."""
        loop.add_signal_handler(signal.SIGHUP, self._current.reload)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer a request."""
        try:
            body = await _read(scope, protocol)
        except Refused as refusal:
            return _respond(protocol, _refused(refusal, scope.path))
        key = _key(scope, body)
        kept = self._kept().get(key)
        if kept is not None:
            return _respond(protocol, _if_changed(kept, scope))
        if self._pending >= MAX_PENDING:
            busy = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests are waiting")
            return _respond(protocol, _refused(busy, scope.path))
        serving = self._current.serving
        answer = await self._in_thread(_environ(scope, body), protocol)
        if answer.file is not None:
            asyncio.get_running_loop().call_later(OPEN_SECONDS, answer.file.close)
        if answer.may_be_kept and serving is self._current.serving:
            self._cache.put(key, answer)
        return None

    def _kept(self) -> Cache:
        """The cache, empty if something else is served than when it was filled."""
        if self._cached is not self._current.serving:
            self._cache.clear()
            self._cached = self._current.serving
        return self._cache

    async def _in_thread(self, environ: dict[str, Any], protocol: Any) -> Answer:
        """Answer from a thread, which does not wait for the loop to wake."""
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._respond_to, environ, protocol)
        finally:
            self._pending -= 1

    def _respond_to(self, environ: dict[str, Any], protocol: Any) -> Answer:
        answer = _call(self._app, environ)
        if _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING")):
            answer = _compressed(answer)
        _respond(protocol, answer)
        return answer


async def _read(scope: Any, protocol: Any) -> bytes:
    """The body of a request that is within the limits."""
    if len(scope.path) + len(scope.query_string) > MAX_URL:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"the URL is over {MAX_URL} bytes; use POST")
    if not HOST.fullmatch(scope.headers.get("host", "")):
        raise Refused(HTTPStatus.BAD_REQUEST, "the Host header does not name a host")
    if scope.method not in METHODS_WITH_BODY:
        return b""
    announced = scope.headers.get("content-length", "0")
    too_large = Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {MAX_BODY} bytes at most"
    )
    if not announced.isdecimal() or int(announced) > MAX_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in protocol:
                body += part
                if len(body) > MAX_BODY:
                    raise too_large
    except TimeoutError:
        raise Refused(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_SECONDS:g} s"
        ) from None
    return bytes(body)


def _key(scope: Any, body: bytes) -> tuple[object, ...]:
    """All of a request that an answer may depend on."""
    headers = scope.headers
    return (
        scope.method,
        scope.path,
        scope.query_string,
        body,
        _takes_gzip(headers.get("accept-encoding")),
        *(
            headers.get(name)
            for name in (
                "host",
                "accept",
                "content-type",
                "range",
                "x-forwarded-host",
                "x-forwarded-prefix",
                "x-forwarded-proto",
            )
        ),
    )


def _takes_gzip(accepted: str | None) -> bool:
    return re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", accepted or "") is not None


def _compressed(answer: Answer) -> Answer:
    """The answer with gzip where that pays; its ETag is then weak: other bytes mean the same."""
    kind = answer.header("content-type").partition(";")[0]
    worth = COMPRESSED.fullmatch(kind) and answer.status == HTTPStatus.OK
    if not worth or answer.header("content-encoding"):
        return answer
    if answer.file is not None:
        if os.fstat(answer.file.fileno()).st_size > MAX_COMPRESSED:
            return answer
        with answer.file:
            body = answer.file.read()
    elif len(answer.body) < MIN_COMPRESSED:
        return answer
    else:
        body = answer.body
    small = gzip.compress(body, GZIP_LEVEL, mtime=0)
    changed = {"content-length": str(len(small)), "content-encoding": "gzip"}
    if etag := answer.header("etag"):
        changed["etag"] = f"W/{etag.removeprefix('W/')}"
    headers = [(key, value) for key, value in answer.headers if key not in changed]
    headers += [*changed.items(), ("vary", "Accept-Encoding")]
    return Answer(answer.status, headers, small)


def _if_changed(answer: Answer, scope: Any) -> Answer:
    """The answer, or 304 where the client has it."""
    known = scope.headers.get("if-none-match")
    if known is None or scope.method not in ("GET", "HEAD"):
        return answer
    etag = answer.header("etag").removeprefix("W/")
    if known.strip() != "*" and etag not in (
        part.strip().removeprefix("W/") for part in known.split(",")
    ):
        return answer
    headers = [(key, value) for key, value in answer.headers if not key.startswith("content-")]
    return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")


def _environ(scope: Any, body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 has it."""
    server, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    for name in scope.headers:
        values = scope.headers.get_all(name)
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = ",".join(values)
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    for name in ("HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):  # the body is all here
        environ.pop(name, None)
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _call(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Answer:
    """Call a WSGI application and collect what it answers."""
    begun: list[Any] = []

    def start_response(status: str, headers: Headers, _: object = None) -> None:
        begun[:] = [int(status[:3]), [(name.lower(), value) for name, value in headers]]

    parts = app(environ, start_response)
    try:
        if isinstance(parts, FileWrapper) and environ["REQUEST_METHOD"] != "HEAD":
            return Answer(begun[0], begun[1], b"", parts.filelike)
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return Answer(begun[0], begun[1], body)


def _respond(protocol: Any, answer: Answer) -> None:
    if answer.file is None:
        protocol.response_bytes(int(answer.status), answer.headers, answer.body)
        return
    path = f"/proc/self/fd/{answer.file.fileno()}"
    protocol.response_file(int(answer.status), answer.headers, path)


def _refused(refusal: Refused, path: str) -> Answer:
    document = problem_document(refusal.status, "Refused", refusal.detail, path)
    headers = [("content-type", "application/problem+json"), ("retry-after", "2")]
    return Answer(refusal.status, headers, json.dumps(document).encode())
