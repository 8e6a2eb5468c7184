"""The gateway alone, spoken to as granian does: limits, time-outs, and what it keeps."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pytest
from flask import Flask, Response, request

from web import gateway
from web.gateway import MAX_BODY, MAX_URL, Gateway
from web.kept import Answer, Cache
from web.serving import Current


class Headers(dict[str, str]):
    """Headers of a request."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class Scope:
    """A request's line and headers."""

    scheme, http_version, server, client = "http", "1.1", "127.0.0.1:80", "127.0.0.9:1234"

    def __init__(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> None:
        self.method, self.path, self.query_string = method, path, query
        self.headers = Headers(headers)


class Protocol:
    """A request's body, which comes in parts, and what is answered."""

    def __init__(self, parts: list[bytes], pause: float) -> None:
        self.parts, self.pause = parts, pause
        self.answered: list[tuple[int, dict[str, str], bytes | str]] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            await asyncio.sleep(self.pause)
            yield part

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answered.append((status, dict(headers), body))

    def response_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None:
        self.answered.append((status, dict(headers), path))


class Serving:
    """What is served; each is another."""


class Held:
    """Stands for what the application serves."""

    def __init__(self) -> None:
        self.serving = Serving()


calls: list[str] = []


def application() -> Flask:
    app = Flask(__name__)

    @app.route("/kept", methods=["GET", "POST"])
    def kept() -> Response:
        calls.append(request.path)
        response = Response(f"{request.args} {request.get_data()!r} {len(calls)}")
        response.set_etag("it")
        return response

    @app.get("/fresh")
    def fresh() -> Response:
        calls.append(request.path)
        response = Response("x", headers={"Cache-Control": "no-store"})
        response.set_etag("it")
        return response

    @app.get("/long")
    def long() -> Response:
        response = Response("long " * 1000)
        response.set_etag("it")
        return response

    @app.get("/seen")
    def seen() -> dict[str, str | None]:
        return {"client": request.remote_addr, "host": request.host, "path": request.path}

    return app


@pytest.fixture
def held() -> Held:
    calls.clear()
    return Held()


@pytest.fixture
def service(held: Held) -> Gateway:
    return Gateway(application(), cast(Current, held), 1_000_000)


def ask(
    service: Gateway,
    path: str,
    query: str = "",
    method: str = "GET",
    parts: list[bytes] | None = None,
    pause: float = 0.0,
    **headers: str,
) -> tuple[int, dict[str, str], Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = Scope(method, path, query, {"host": "example.org", **named})
    protocol = Protocol(parts or [], pause)
    asyncio.run(service.__rsgi__(scope, protocol))
    [answer] = protocol.answered
    return answer


def test_an_answer_with_an_etag_is_made_once(service: Gateway) -> None:
    first = ask(service, "/kept", "a=1")
    assert ask(service, "/kept", "a=1") == first
    assert len(calls) == 1
    ask(service, "/kept", "a=2")
    ask(service, "/kept", "a=1", accept="text/csv")
    ask(service, "/kept", "a=1", method="POST", parts=[b"x"])
    ask(service, "/kept", "a=1", method="POST", parts=[b"y"])
    assert len(calls) == 5
    ask(service, "/kept", "a=1", method="POST", parts=[b"x"])
    assert len(calls) == 5


def test_what_says_no_store_is_made_anew(service: Gateway) -> None:
    ask(service, "/fresh")
    ask(service, "/fresh")
    assert len(calls) == 2


def test_nothing_is_kept_of_what_was_served_before(service: Gateway, held: Held) -> None:
    ask(service, "/kept")
    held.serving = Serving()
    ask(service, "/kept")
    assert len(calls) == 2


def test_who_has_it_is_told_so(service: Gateway) -> None:
    ask(service, "/kept")
    status, headers, body = ask(service, "/kept", if_none_match='"other", "it"')
    assert (status, body) == (304, b"")
    assert headers["etag"] == '"it"'
    assert "content-type" not in headers
    assert ask(service, "/kept", if_none_match='"other"')[0] == 200
    assert ask(service, "/kept", if_none_match="*")[0] == 304


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "gzip, deflate"])
def test_what_is_long_is_compressed_for_who_takes_it(service: Gateway, accepted: str) -> None:
    status, headers, body = ask(service, "/long", accept_encoding=accepted)
    assert (status, gzip.decompress(body)) == (200, b"long " * 1000)
    assert headers["content-encoding"] == "gzip"
    assert headers["content-length"] == str(len(body))
    assert headers["etag"] == 'W/"it"'
    assert ask(service, "/long", accept_encoding=accepted, if_none_match='W/"it"')[0] == 304


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br"])
def test_who_takes_no_gzip_gets_none(service: Gateway, accepted: str) -> None:
    ask(service, "/long", accept_encoding="gzip")
    status, headers, body = ask(service, "/long", accept_encoding=accepted)
    assert (status, body) == (200, b"long " * 1000)
    assert "content-encoding" not in headers
    assert headers["etag"] == '"it"'


def test_what_is_short_is_not_compressed(service: Gateway) -> None:
    assert "content-encoding" not in ask(service, "/kept", accept_encoding="gzip")[1]


def test_the_least_recently_used_gives_way() -> None:
    cache = Cache(3000)
    answer = Answer(200, [("etag", "x")], b"y" * 200)
    for name in ("a", "b"):
        cache.put((name,), answer)
    cache.get(("a",))
    cache.put(("c",), answer)
    assert cache.get(("a",)) is not None
    assert cache.get(("b",)) is None
    cache.put(("d",), Answer(200, [], b"y" * 5000))
    assert cache.get(("d",)) is None


def test_too_long_is_refused_before_flask(service: Gateway) -> None:
    assert ask(service, "/kept", "a" * MAX_URL)[0] == 414
    announced = str(MAX_BODY + 1)
    assert ask(service, "/kept", method="POST", content_length=announced)[0] == 413
    many = [b"x" * 100_000] * 11
    assert ask(service, "/kept", method="POST", parts=many)[0] == 413
    assert ask(service, "/kept", method="POST", parts=[b"x"], content_length="many")[0] == 413
    assert not calls


def test_a_body_that_drips_is_given_up(service: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "BODY_SECONDS", 0.05)
    status, headers, body = ask(service, "/kept", method="POST", parts=[b"x"] * 50, pause=0.01)
    assert status == 408
    assert headers["content-type"] == "application/problem+json"
    assert b"did not come within" in body


def test_flask_sees_the_request_as_it_was(service: Gateway) -> None:
    status, _, body = ask(service, "/seen")
    assert status == 200
    assert body == b'{"client":"127.0.0.9","host":"example.org","path":"/seen"}\n'
    assert ask(service, "/é\u202e")[0] == 404


def test_too_many_at_a_time_are_told_to_come_back(
    service: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "MAX_PENDING", 0)
    status, headers, _ = ask(service, "/seen")
    assert (status, headers["retry-after"]) == (503, "2")
