"""Errors on their way out: one table from class to status, one shape (RFC 9457), or a page."""

import math
from http import HTTPStatus

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import (
    BadParameter,
    BadSparql,
    DataError,
    EngineFailed,
    EngineTimeout,
    KgError,
    NoProof,
    NotUnderstood,
    QueryFailed,
    QueryTimeout,
    QueryTooLong,
    RefusedSparql,
    RequestError,
    ServiceBusy,
    TooManyRequests,
    TryLater,
    UnknownEntity,
    UnknownQuery,
)
from kg.vocabulary import ETIO
from web.negotiation import wants_page
from web.serving import serving

PROBLEM = "etiograph.problem"
"""Where the WSGI environment tells the gateway which error was met."""
STATUS_OF: dict[type[KgError], int] = {
    BadParameter: 422,
    NotUnderstood: 422,
    UnknownEntity: 404,
    UnknownQuery: 404,
    NoProof: 404,
    BadSparql: 400,
    RefusedSparql: 403,
    QueryTooLong: 413,
    DataError: 503,
    TryLater: 503,
    QueryTimeout: 503,
    QueryFailed: 503,
    ServiceBusy: 503,
    TooManyRequests: 429,
    EngineFailed: 502,
    EngineTimeout: 504,
}
"""The status of every error a request can meet."""


def add_problems(app: Flask) -> None:
    """Let every error leave as a problem."""

    @app.errorhandler(KgError)
    def known(error: KgError) -> BaseResponse:
        request.environ[PROBLEM] = type(error).__name__
        suggestions = error.suggestions if isinstance(error, RequestError) else ()
        response = _problem(status_of(error), type(error).__name__, str(error), suggestions)
        if isinstance(error, TryLater):
            response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
        return response

    @app.errorhandler(HTTPException)
    def standard(error: HTTPException) -> BaseResponse:
        response = _problem(error.code or 500, type(error).__name__, error.description or "")
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response


def status_of(error: KgError) -> int:
    """The status of an error, by its nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_document(
    status: int, name: str, detail: str, instance: str, suggestions: tuple[str, ...] = ()
) -> dict[str, object]:
    """An error as RFC 9457 has it."""
    return {
        "type": f"{ETIO}problem/{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "suggestions": list(suggestions),
    }


def _page(problem: dict[str, object]) -> str:
    """A mistake in a query is shown beside the query, any other on a page of its own."""
    query = request.args.get("query")
    if request.endpoint == "sparql" and query is not None:
        return render_template(
            "sparql.html", problem=problem, query=query, prefixes=serving().prefixes
        )
    question = request.args.get("q", "")
    return render_template("error.html", problem=problem, question=question)


def _problem(
    status: int, name: str, detail: str, suggestions: tuple[str, ...] = ()
) -> BaseResponse:
    problem = problem_document(status, name, detail, request.path, suggestions)
    response: BaseResponse
    if wants_page():
        response = Response(_page(problem))
    else:
        response = jsonify(problem)
        response.content_type = "application/problem+json"
    response.status_code = status
    return response
