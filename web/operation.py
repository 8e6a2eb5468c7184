"""For who runs the service: whether it is ready, its metrics, and what is seen of each request.

Nothing that a client wrote may get into a metric, or into the log unless that was asked for.
"""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from kg.views import DISCLAIMER
from web.clients import address_of, peer_of
from web.gateway import ROUTE
from web.kept import TURNED_AWAY, Answer
from web.logs import Entry
from web.metrics import CONTENT_TYPE, PUBLISH_SECONDS, Answered, Metrics, method_of
from web.problems import problem_document
from web.serving import Current
from web.settings import Settings

RETRY_SECONDS = 5
MAX_QUESTION = 2000
"""Characters of a question in a line of the log."""


def add_operation(app: Flask, current: Current) -> Metrics:
    """`/ready`, `/metrics`, and the route of each request for the gateway."""
    metrics = Metrics(current)

    @app.before_request
    def note_route() -> None:
        if request.url_rule is not None:
            request.environ[ROUTE] = request.url_rule.rule

    @app.get("/ready")
    def ready() -> BaseResponse:
        response = _unready(reasons) if (reasons := current.unready()) else _ready(current)
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/metrics")
    def exposition() -> BaseResponse:
        metrics.publish()
        headers = {"Cache-Control": "no-store"}
        return Response(metrics.exposition(), headers=headers, content_type=CONTENT_TYPE)

    return metrics


def _ready(current: Current) -> BaseResponse:
    version = current.serving.version
    return jsonify(status="ready", version=version, disclaimer=DISCLAIMER)


def _unready(reasons: list[str]) -> BaseResponse:
    document = problem_document(
        HTTPStatus.SERVICE_UNAVAILABLE, "NotReady", "; ".join(reasons), request.path
    )
    response = jsonify(document)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.content_type = "application/problem+json"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


class Observer:
    """Sees each request with its answer: counts it, and makes an entry of the log of it.

    `put` takes entries, None where requests are not logged.
    """

    def __init__(
        self,
        metrics: Metrics,
        current: Current,
        put: Callable[[Entry], None] | None,
        settings: Settings,
    ) -> None:
        self._metrics = metrics
        self._current = current
        self._put = put
        self._proxies = settings.proxies
        self._clients = settings.log_clients
        self._questions = settings.log_questions

    def __call__(
        self, scope: Any, body: bytes, answer: Answer, seconds: float, kept: bool | None
    ) -> None:
        method = method_of(scope.method)
        size = answer.size if method != "HEAD" else 0
        one = Answered(answer.route, method, answer.status, seconds, size, kept, answer.problem)
        self._metrics.answered(one)
        if one.status == HTTPStatus.TOO_MANY_REQUESTS and one.route == TURNED_AWAY:
            self._metrics.limited()
        if self._put is not None:
            self._put(self._entry(one, scope, body))

    def _entry(self, one: Answered, scope: Any, body: bytes) -> Entry:
        entry: Entry = {
            "time": time.time(),
            "level": "info" if one.status < HTTPStatus.INTERNAL_SERVER_ERROR else "warning",
            "event": "request",
            "route": one.route,
            "method": one.method,
            "status": one.status,
            "ms": round(one.seconds * 1000, 2),
            "bytes": one.size,
            "cached": bool(one.kept),
            "version": self._current.serving.version,
        }
        if one.problem:
            entry["problem"] = one.problem
        if self._clients:
            forwarded = scope.headers.get_all("x-forwarded-for") if self._proxies else ()
            entry["client"] = address_of(peer_of(scope.client), forwarded, self._proxies)
        if self._questions:
            entry["question"] = _question(scope, body)
        return entry


def _question(scope: Any, body: bytes) -> str:
    """What was asked, wherever it stood: in the path, in the parameters or in the body."""
    query = f"?{unquote(scope.query_string)}" if scope.query_string else ""
    return f"{scope.path}{query} {body.decode(errors='replace')}".strip()[:MAX_QUESTION]


def keep_published(metrics: Metrics) -> None:
    """Publish the figures of this process for ever, in a thread of its own."""

    def publish() -> None:
        while True:
            metrics.publish()
            time.sleep(PUBLISH_SECONDS)

    threading.Thread(target=publish, name="metrics", daemon=True).start()
