"""The HTTP service: routes, content negotiation and pages over `kg.service.Service`.

The only module that imports Flask and reads the environment. An error of `kg` becomes a status
here, by one table, and leaves as application/problem+json or, for a browser, as a page.
"""

import csv
import gc
import io
import json
import os
import socket
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import yaml
from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from werkzeug.exceptions import HTTPException, NotAcceptable
from werkzeug.wrappers import Response as BaseResponse

from kg.answers import DEFAULT_LIMIT
from kg.errors import (
    BadParameter,
    BadSparql,
    KgError,
    NoProof,
    NotUnderstood,
    QueryFailed,
    QueryTimeout,
    QueryTooLong,
    RefusedSparql,
    RequestError,
    ServiceBusy,
    UnknownEntity,
    UnknownQuery,
)
from kg.grammar import EXAMPLES
from kg.layout import RELEASE_OWL, RELEASE_TURTLE, RELEASE_TYPES
from kg.service import Service
from kg.snapshot import open_snapshot
from kg.sparql.guard import inspect
from kg.sparql.pool import Graphs, PoolSettings, QueryPool, Result, result_formats
from kg.views import DISCLAIMER, RELATION_SAID, SYNONYM_TYPE_SAID, URGENCY_SAID, Json
from kg.vocabulary import ETIO, compress, expand

ROOT = Path(__file__).resolve().parent
STATUS_OF: dict[type[KgError], int] = {
    BadParameter: 422,
    NotUnderstood: 422,
    UnknownEntity: 404,
    UnknownQuery: 404,
    NoProof: 404,
    BadSparql: 400,
    RefusedSparql: 403,
    QueryTooLong: 413,
    QueryTimeout: 503,
    QueryFailed: 503,
    ServiceBusy: 503,
}
"""The status of every error a request can meet."""

MAX_BODY = 1024 * 1024
RETRY_AFTER_SECONDS = "2"
SHOWN_ROWS = 500
"""How many rows the page of a query shows; the formats give all."""
STOP_SECONDS = 8
"""How long running requests may take to finish once the service is told to stop."""
PAGE_AND_JSON = ("application/json", "text/html")
CSV_AND_JSON = ("application/json", "text/csv")
SPARQL_ALIASES: dict[str, tuple[str, ...]] = {
    "json": ("json", "jsonld"),
    "xml": ("xml", "rdfxml"),
    "csv": ("csv",),
    "tsv": ("tsv",),
    "turtle": ("turtle",),
    "ttl": ("turtle",),
    "nt": ("nt",),
    "ntriples": ("nt",),
    "jsonld": ("jsonld",),
    "json-ld": ("jsonld",),
    "rdf": ("rdfxml",),
    "rdfxml": ("rdfxml",),
    "rdf+xml": ("rdfxml",),
    "application/json": ("json", "jsonld"),
    "application/xml": ("xml", "rdfxml"),
    "text/xml": ("xml", "rdfxml"),
}
"""`?format=` or media type → the formats it can mean, one for tables and one for graphs."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Access-Control-Allow-Origin": "*",
}


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    host: str = "127.0.0.1"
    port: int = 8000
    folder: Path = ROOT / "build"
    query_timeout: float = 10.0

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read HOST, PORT, ETIOGRAPH_FOLDER and ETIOGRAPH_QUERY_TIMEOUT (seconds)."""
        read = os.environ.get
        try:
            return cls(
                host=read("HOST") or cls.host,
                port=int(read("PORT") or cls.port),
                folder=Path(read("ETIOGRAPH_FOLDER") or cls.folder),
                query_timeout=float(read("ETIOGRAPH_QUERY_TIMEOUT") or cls.query_timeout),
            )
        except ValueError as error:
            raise SystemExit(f"PORT and ETIOGRAPH_QUERY_TIMEOUT must be numbers: {error}") from None


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application over the current snapshot; SnapshotError if there is none."""
    settings = settings or Settings.from_environment()
    service = Service(open_snapshot(settings.folder))
    pool = QueryPool(service.snapshot.store_path, PoolSettings(timeout=settings.query_timeout))
    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.extensions["etiograph_pool"] = pool
    app.jinja_env.globals.update(
        version=service.version,
        disclaimer=DISCLAIMER,
        page_of=_page_of,
        said=lambda relation: RELATION_SAID[relation],
        urgency_said=URGENCY_SAID,
        synonym_type_said=SYNONYM_TYPE_SAID,
    )
    app.jinja_env.filters["words"] = lambda text: str(text).replace("_", " ")
    _add_errors(app)
    _add_pages(app, service)
    _add_ontology(app, service)
    _add_entities(app, service)
    _add_queries(app, service)
    _add_sparql(app, pool)
    app.after_request(_finish)
    gc.freeze()  # the index lives as long as the service: collections need not walk it
    return app


# -- negotiation ---------------------------------------------------------------------------


def _chosen(offered: tuple[str, ...]) -> str:
    """The media type to answer with: `?format=` over Accept over the first offered."""
    short = request.args.get("format")
    if short is not None:
        for media_type in offered:
            if short == media_type or short == media_type.rpartition("/")[2]:
                return media_type
        raise _not_acceptable(offered)
    if not request.accept_mimetypes:
        return offered[0]
    best = request.accept_mimetypes.best_match(offered)
    if best is None:
        raise _not_acceptable(offered)
    return best


def _not_acceptable(offered: tuple[str, ...]) -> NotAcceptable:
    return NotAcceptable(f"this address offers {', '.join(offered)}")


def _wants_page() -> bool:
    """Whether an error should be a page: only for a client that asks for HTML by name."""
    if "format" in request.args:
        return request.args["format"] == "html"
    accepted = request.accept_mimetypes
    return accepted.best_match(("application/json", "text/html")) == "text/html"


def _integer(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"{name} must be a whole number, not {text!r}") from None


def _required(name: str) -> str:
    text = request.args.get(name, "")
    if not text.strip():
        raise BadParameter(f"{name} is missing: give ?{name}=…")
    return text


def _finish(response: BaseResponse) -> BaseResponse:
    """Headers of every response, and 304 where the client has it already."""
    response.headers.extend(
        {name: value for name, value in SECURITY_HEADERS.items() if name not in response.headers}
    )
    if request.method in ("GET", "HEAD") and response.status_code == HTTPStatus.OK:
        response.vary.add("Accept")
        if not response.is_streamed:
            response.add_etag()
            response.make_conditional(request)
    if response.status_code == HTTPStatus.NOT_MODIFIED or request.method == "HEAD":
        response.close()  # no body is sent: a file behind it would stay open
    return response


# -- errors --------------------------------------------------------------------------------


def _add_errors(app: Flask) -> None:
    @app.errorhandler(KgError)
    def known(error: KgError) -> BaseResponse:
        suggestions = error.suggestions if isinstance(error, RequestError) else ()
        response = _problem(_status_of(error), type(error).__name__, str(error), suggestions)
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = RETRY_AFTER_SECONDS
        return response

    @app.errorhandler(HTTPException)
    def standard(error: HTTPException) -> BaseResponse:
        response = _problem(error.code or 500, type(error).__name__, error.description or "")
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response


def _status_of(error: KgError) -> int:
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _problem(
    status: int, name: str, detail: str, suggestions: tuple[str, ...] = ()
) -> BaseResponse:
    """An error as RFC 9457 has it, or as a page."""
    problem = {
        "type": f"{ETIO}problem/{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "suggestions": list(suggestions),
    }
    response: BaseResponse
    if _wants_page():
        question = request.args.get("q", "")
        response = Response(render_template("error.html", problem=problem, question=question))
    else:
        response = jsonify(problem)
        response.content_type = "application/problem+json"
    response.status_code = status
    return response


# -- pages and questions -------------------------------------------------------------------


def _page_of(identifier: str) -> str:
    return url_for("page", local=identifier.partition(":")[2])


def _add_pages(app: Flask, service: Service) -> None:
    @app.get("/")
    def home() -> str:
        return render_template("home.html", examples=EXAMPLES, counts=service.health()["counts"])

    @app.get("/ask")
    def ask() -> str | BaseResponse:
        media_type = _chosen(PAGE_AND_JSON)
        limit = _integer("limit", DEFAULT_LIMIT)
        payload = service.ask(_required("q"), limit, _integer("offset", 0))
        if media_type == "text/html":
            return render_template("ask.html", payload=payload, question=request.args["q"])
        return jsonify(payload)

    @app.get("/page/<local>")
    def page(local: str) -> str:
        return render_template("entity.html", entity=service.entity(f"etio:{local}"))

    @app.get("/id/<local>")
    def identified(local: str) -> BaseResponse:
        """Where an IRI of the ontology leads: to a page, or to what is stated about it."""
        curie = f"etio:{local}"
        if curie in service.index.entities:
            return redirect(url_for("page", local=local), HTTPStatus.SEE_OTHER)
        if service.index.is_schema(curie):
            return redirect(url_for("ontology", _anchor=local), HTTPStatus.SEE_OTHER)
        if curie not in service.index:
            raise UnknownEntity(f"there is no {curie!r}")
        query = f"DESCRIBE <{expand(curie)}>"
        return redirect(url_for("sparql", query=query), HTTPStatus.SEE_OTHER)

    @app.get("/search")
    def search_page() -> str:
        text = _required("q")
        return render_template("search.html", results=service.search(text), question=text)


# -- the ontology --------------------------------------------------------------------------


def _add_ontology(app: Flask, service: Service) -> None:
    folder = service.snapshot.release_path
    offered = {RELEASE_TYPES[name]: name for name in (RELEASE_OWL, RELEASE_TURTLE)}

    @app.get("/ontology")
    def ontology() -> str | BaseResponse:
        media_type = _chosen((*offered, "text/html"))
        if media_type != "text/html":
            return send_file(folder / offered[media_type], media_type)
        return render_template("ontology.html", reference=service.reference(), files=RELEASE_TYPES)

    @app.get("/ontology.<ending>")
    def ontology_file(ending: str) -> BaseResponse:
        name = f"etiograph.{ending}"
        if name not in RELEASE_TYPES:
            endings = ", ".join(f".{known.partition('.')[2]}" for known in RELEASE_TYPES)
            abort(HTTPStatus.NOT_FOUND, f"the ontology is offered as {endings}")
        return send_file(folder / name, RELEASE_TYPES[name], download_name=name)


# -- lookups -------------------------------------------------------------------------------


def _add_entities(app: Flask, service: Service) -> None:
    @app.get("/api/v1/entities")
    def entity_by_iri() -> BaseResponse:
        return jsonify(service.entity(_required("iri")))

    @app.get("/api/v1/entities/<curie>")
    def entity(curie: str) -> BaseResponse:
        return jsonify(service.entity(curie))

    @app.get("/api/v1/search")
    def search() -> BaseResponse:
        kind = request.args.get("kind")
        return jsonify(service.search(_required("q"), kind, _integer("limit", 20)))

    @app.get("/api/v1/autocomplete")
    def autocomplete() -> BaseResponse:
        kind = request.args.get("kind")
        return jsonify(service.autocomplete(_required("q"), kind, _integer("limit", 10)))

    @app.get("/api/v1/proof")
    def proof() -> BaseResponse:
        triple = (_required("subject"), _required("property"), _required("object"))
        return jsonify(service.prove(*triple))

    @app.get("/api/v1/coverage")
    def coverage() -> BaseResponse:
        return jsonify(service.coverage())

    @app.get("/health")
    def health() -> BaseResponse:
        return jsonify(service.health())


def _add_queries(app: Flask, service: Service) -> None:
    with (ROOT / "web" / "openapi.yaml").open(encoding="utf-8") as file:
        openapi = yaml.safe_load(file)

    @app.get("/openapi.json")
    def openapi_document() -> BaseResponse:
        paths = {**openapi["paths"], **_query_paths(service)}
        info = {**openapi["info"], "version": service.version}
        return jsonify({**openapi, "info": info, "paths": paths})

    @app.get("/api/v1/queries")
    def queries() -> str | BaseResponse:
        if _chosen(PAGE_AND_JSON) == "text/html":
            return render_template("queries.html", queries=service.queries(), zip=zip)
        described = [query.describe() for query in service.queries()]
        return jsonify(queries=described, version=service.version)

    @app.get("/api/v1/queries/<name>")
    def named_query(name: str) -> BaseResponse:
        media_type = _chosen(CSV_AND_JSON)
        values = {key: value for key, value in request.args.items() if key != "format"}
        payload = service.run_query(name, values)
        if media_type == "text/csv":
            return Response(_as_csv(payload), mimetype="text/csv")
        return jsonify(payload)


def _as_csv(payload: Json) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(payload["variables"])
    for row in payload["rows"]:
        writer.writerow(["" if value is None else value for value in row.values()])
    return buffer.getvalue()


def _query_paths(service: Service) -> Json:
    """An OpenAPI path for each named query, from the metadata in its file."""
    return {
        f"/api/v1/queries/{query.name}": {
            "get": {
                "operationId": query.name,
                "summary": query.summary,
                "tags": ["queries"],
                "parameters": [
                    {
                        "name": parameter.name,
                        "in": "query",
                        "required": True,
                        "description": f"{parameter.help} (a CURIE, an IRI or a label)",
                        "schema": {"type": "string"},
                        "example": parameter.example,
                    }
                    for parameter in query.parameters
                ],
                "responses": {
                    "200": {"$ref": "#/components/responses/Rows"},
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        }
        for query in service.queries()
    }


# -- SPARQL --------------------------------------------------------------------------------


def _add_sparql(app: Flask, pool: QueryPool) -> None:
    @app.route("/sparql", methods=["GET", "POST"])
    def sparql() -> str | BaseResponse:
        values = _sparql_values()
        if "query" not in values:
            if request.method == "GET" and _wants_page():
                return render_template("sparql.html")
            raise BadSparql(
                "there is no query: send ?query=…, a form, or a body of type "
                "application/sparql-query"
            )
        outline = inspect(values["query"][0])
        formats = result_formats(outline)
        as_page = _wants_page() and not values.get("format", [""])[0]
        form = next(iter(formats)) if as_page else _sparql_format(formats, values.get("format"))
        graphs = Graphs(
            tuple(map(_graph_iri, values.get("default-graph-uri", ()))),
            tuple(map(_graph_iri, values.get("named-graph-uri", ()))),
        )
        result = pool.query(outline, form, _timeout(values), graphs)
        if as_page:
            return render_template(
                "sparql.html", query=outline.text, result=result, **_shown(result)
            )
        return _sparql_response(result)


def _sparql_values() -> dict[str, list[str]]:
    """The protocol's parameters, from the URL and from a form or a body."""
    values = {name: request.args.getlist(name) for name in request.args}
    if request.method == "POST":
        if request.mimetype == "application/sparql-query":
            values.setdefault("query", []).append(_utf8(request.get_data()))
        elif request.mimetype == "application/x-www-form-urlencoded":
            for name in request.form:
                values.setdefault(name, []).extend(request.form.getlist(name))
        elif request.mimetype == "application/sparql-update":
            values["update"] = [""]
        else:
            abort(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "send application/sparql-query or application/x-www-form-urlencoded",
            )
    if "update" in values:
        raise RefusedSparql("updates are refused: the graph is built from its sources")
    if len(values.get("query", ())) > 1:
        raise BadSparql("there is more than one query: send one at a time")
    return values


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSparql(f"the query is not UTF-8: {error.reason} at byte {error.start}") from None


def _graph_iri(text: str) -> str:
    return expand(text) if text.startswith("etio:") else text


def _timeout(values: dict[str, list[str]]) -> float | None:
    if "timeout" not in values:
        return None
    try:
        seconds = float(values["timeout"][0])
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise BadParameter("timeout must be a number of seconds above 0")
    return seconds


def _sparql_format(formats: dict[str, str], asked: list[str] | None) -> str:
    """The key of the format to answer with."""
    for short in asked or ():
        for key in SPARQL_ALIASES.get(short, (short,)):
            if key in formats:
                return key
    accepted = request.accept_mimetypes
    if not accepted:
        return next(iter(formats))
    keys = {media_type: key for key, media_type in formats.items()}
    for media_type in ("application/json", "application/xml", "text/xml"):
        for key in SPARQL_ALIASES[media_type]:
            if key in formats:
                keys.setdefault(media_type, key)
    best = accepted.best_match([*keys])
    if best is None:
        raise NotAcceptable(f"this query's results come as {', '.join(formats.values())}")
    return keys[best]


def _shown(result: Result) -> Json:
    """A result as the page shows it: a table, or the text of a graph or of a yes or no."""
    if not result.media_type.endswith("results+json"):
        return {"text": result.body.decode()}
    document = json.loads(result.body)
    if "boolean" in document:
        return {"text": "yes" if document["boolean"] else "no"}
    columns = document["head"]["vars"]
    rows = [
        [_cell(row[name]) if name in row else None for name in columns]
        for row in document["results"]["bindings"][:SHOWN_ROWS]
    ]
    return {"columns": columns, "rows": rows}


def _cell(term: Json) -> Json:
    """A term of a solution: its short form, and the page of it if it is an entity of ours."""
    if term["type"] != "uri":
        return {"text": term["value"], "local": None}
    curie = compress(term["value"])
    return {"text": curie, "local": curie[5:] if curie.startswith("etio:") else None}


def _sparql_response(result: Result) -> BaseResponse:
    response = Response(result.body, content_type=f"{result.media_type}; charset=utf-8")
    response.headers["Etiograph-Rows"] = str(result.rows)
    if result.truncated:
        response.headers["Etiograph-Truncated"] = "true"
    return response


# -- running -------------------------------------------------------------------------------


def _free_address(host: str, port: int) -> str:
    """The IP address of `host`; OSError where it is unknown or another program has the port.

    granian shares a port silently, so that half of the requests would go elsewhere.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((address[0], port), family=family).close()
    except (OSError, OverflowError) as error:
        raise OSError(f"HOST={host} PORT={port} cannot be served: {error}") from error
    return str(address[0])


def main() -> None:
    """Serve in the foreground under granian until interrupted."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    settings = Settings.from_environment()
    try:
        snapshot = open_snapshot(settings.folder)
        address = _free_address(settings.host, settings.port)
    except (KgError, OSError) as error:
        sys.exit(f"error: {error}")
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(
        f"Etiograph {snapshot.version} is at http://{shown}:{settings.port}/  (Ctrl-C stops it)",
        flush=True,
    )
    Granian(
        "server:create_app",
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=8,
        factory=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,  # its advice on thread counts is not for users
        working_dir=ROOT,
    ).serve()


if __name__ == "__main__":
    main()
