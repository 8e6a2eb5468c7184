"""Stands between granian and Flask: no slow client reaches a thread, no answer is made twice.

Granian speaks RSGI to it. A request is read here, on the event loop, with limits and a deadline;
only then does Flask get a thread for it. What Flask answers with an ETag is kept, byte for byte, as
long as the version it came from is served. Files are left to granian to send.
"""

import asyncio
import io
import json
import re
import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from time import perf_counter
from typing import Any, BinaryIO

from flask import Flask

from web.clients import peer_of
from web.kept import (
    NO_ROUTE,
    TURNED_AWAY,
    Answer,
    Cache,
    Headers,
    compressed,
    if_changed,
    takes_gzip,
    with_headers,
)
from web.limiting import Limiter
from web.problems import PROBLEM, problem_document
from web.serving import Current

MAX_URL = 16 * 1024
MAX_BODY = 1024 * 1024
BODY_SECONDS = 10.0
"""How long a client may take to send a request's body."""
THREADS = 48
"""More than all queries that may run or wait, so that everything else goes on beside them."""
MAX_PENDING = 512
"""Requests that may wait for a thread; more are told to come back."""
OPEN_SECONDS = 30.0
"""How long a file stays open here for granian to open it too."""
HOST = re.compile(
    r"|(?:(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
)
"""Names, IP addresses, with a port or without; or nothing, as HTTP/1.0 has it."""
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ROUTE = "etiograph.route"
"""Where the WSGI environment tells which route's pattern a request has met."""
RETRY_SECONDS = 2


class Refused(Exception):
    """The request is turned away before it reaches Flask; `headers` go with the refusal."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        retry_after: int = RETRY_SECONDS,
        headers: Headers | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.headers = headers or []


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


Observe = Callable[[Any, bytes, Answer, float, bool | None], None]
"""Called with granian's scope, the body, the answer, the seconds that it took, and whether it is
one that was kept (None: none was looked for)."""


def _unobserved(*_: object) -> None:
    """Nobody looks."""


class Gateway:
    """The RSGI application over a Flask application and what it serves.

    `observe` sees each request with its answer; without a `limiter` a client may ask without end.
    """

    def __init__(
        self,
        app: Flask,
        current: Current,
        cache_size: int,
        observe: Observe = _unobserved,
        limiter: Limiter | None = None,
        at_end: Callable[[], None] = _unobserved,
    ) -> None:
        self._app = app.wsgi_app
        self._current = current
        self._observe = observe
        self._limiter = limiter
        self._at_end = at_end
        self._cache = Cache(cache_size)
        self._cached: object = None
        self._threads = ThreadPoolExecutor(THREADS, "request")
        self._pending = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by granian in its worker, before the first request."""
        loop.add_signal_handler(signal.SIGHUP, self._current.reload)
        loop.add_signal_handler(signal.SIGUSR1, self._current.drain)

    def __rsgi_del__(self, _: asyncio.AbstractEventLoop) -> None:
        """Called by granian in its worker, after the last request."""
        self._at_end()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer a request."""
        began = perf_counter()
        try:
            told = self._allowed(scope)
            body = await _read(scope, protocol)
        except Refused as refusal:
            return self._send(scope, protocol, b"", _refused(refusal, scope.path), began, None)
        began = perf_counter()  # how long a body takes is the client's affair
        key = _key(scope, body)
        kept = self._kept().get(key)
        if kept is not None:
            answer = if_changed(kept, scope)
            return self._send(scope, protocol, body, with_headers(answer, told), began, True)
        if self._pending >= MAX_PENDING:
            busy = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests are waiting")
            return self._send(scope, protocol, b"", _refused(busy, scope.path), began, None)
        serving = self._current.serving
        answer = await self._in_thread(scope, protocol, body, told, began)
        if answer.file is not None:
            asyncio.get_running_loop().call_later(OPEN_SECONDS, answer.file.close)
        if answer.may_be_kept and serving is self._current.serving:
            self._cache.put(key, answer)
        return None

    def _allowed(self, scope: Any) -> Headers:
        """Headers that tell a client its limits; Refused where it is over them."""
        allowance = self._limiter.take(scope) if self._limiter is not None else None
        if allowance is None:
            return []
        if allowance.retry_after is None:
            return allowance.headers
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            "this client sends more requests than it may",
            allowance.retry_after,
            allowance.headers,
        )

    def _send(
        self,
        scope: Any,
        protocol: Any,
        body: bytes,
        answer: Answer,
        began: float,
        kept: bool | None,
    ) -> None:
        _respond(protocol, answer)
        self._observe(scope, body, answer, perf_counter() - began, kept)

    def _kept(self) -> Cache:
        """The cache, empty if something else is served than when it was filled."""
        if self._cached is not self._current.serving:
            self._cache.clear()
            self._cached = self._current.serving
        return self._cache

    async def _in_thread(self, *request: Any) -> Answer:
        """Answer from a thread, which does not wait for the loop to wake."""
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._respond_to, *request)
        finally:
            self._pending -= 1

    def _respond_to(
        self, scope: Any, protocol: Any, body: bytes, told: Headers, began: float
    ) -> Answer:
        environ = _environ(scope, body)
        answer = _call(self._app, environ)
        if takes_gzip(environ.get("HTTP_ACCEPT_ENCODING")):
            answer = compressed(answer)
        self._send(scope, protocol, body, with_headers(answer, told), began, False)
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
        takes_gzip(headers.get("accept-encoding")),
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
        "REMOTE_ADDR": peer_of(scope.client),
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
    met = environ.get(ROUTE, NO_ROUTE), environ.get(PROBLEM, "")
    try:
        if isinstance(parts, FileWrapper) and environ["REQUEST_METHOD"] != "HEAD":
            return Answer(begun[0], begun[1], b"", parts.filelike, *met)
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return Answer(begun[0], begun[1], body, None, *met)


def _respond(protocol: Any, answer: Answer) -> None:
    if answer.file is None:
        protocol.response_bytes(int(answer.status), answer.headers, answer.body)
        return
    path = f"/proc/self/fd/{answer.file.fileno()}"
    protocol.response_file(int(answer.status), answer.headers, path)


def _refused(refusal: Refused, path: str) -> Answer:
    document = problem_document(refusal.status, "Refused", refusal.detail, path)
    headers = [
        ("content-type", "application/problem+json"),
        ("retry-after", str(refusal.retry_after)),
        ("access-control-allow-origin", "*"),
        *refusal.headers,
    ]
    return Answer(refusal.status, headers, json.dumps(document).encode(), None, TURNED_AWAY)
