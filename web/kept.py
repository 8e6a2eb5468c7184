"""Answers as they leave: kept for who asks again, made smaller, or left out for who has them.

An answer is kept byte for byte, so whoever changes one makes another (`dataclasses.replace`).
"""

import gzip
import os
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, BinaryIO

MAX_KEPT = 1024 * 1024
"""Answers larger than this are not kept."""
COMPRESSED = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|javascript|n-triples|n-quads|trig)|image/svg\+xml"
)
"""Media types that gzip makes smaller."""
MIN_COMPRESSED, MAX_COMPRESSED = 1000, 4 * 1024 * 1024
GZIP_LEVEL = 4
NO_ROUTE, TURNED_AWAY = "(none)", "(refused)"
"""The route of what met none, and of what did not get as far as Flask."""

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; a `file` takes the place of the body.

    `route` is the pattern of the route that made it, `problem` the class of the error it tells.
    """

    status: int
    headers: Headers
    body: bytes
    file: BinaryIO | None = None
    route: str = NO_ROUTE
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body) if self.file is None else os.fstat(self.file.fileno()).st_size

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


def takes_gzip(accepted: str | None) -> bool:
    return re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", accepted or "") is not None


def compressed(answer: Answer) -> Answer:
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
    return replace(answer, headers=headers, body=small, file=None)


def if_changed(answer: Answer, scope: Any) -> Answer:
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
    return Answer(HTTPStatus.NOT_MODIFIED, headers, b"", route=answer.route)


def with_headers(answer: Answer, headers: Headers) -> Answer:
    """The answer with further headers, which are not kept with it."""
    return replace(answer, headers=[*answer.headers, *headers]) if headers else answer
