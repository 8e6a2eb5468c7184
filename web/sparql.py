"""The SPARQL 1.1 Protocol and the Graph Store Protocol, as far as they read."""

import hashlib
import json
from functools import lru_cache
from http import HTTPStatus
from os import SEEK_END
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, abort, jsonify, render_template, request
from rdflib.namespace import SH
from werkzeug.wrappers import Response as BaseResponse
from werkzeug.wsgi import wrap_file

from kg.description import describe_queries, describe_service, prefix_document
from kg.errors import BadParameter, BadSparql, RefusedSparql
from kg.sparql.empty import explain_empty
from kg.sparql.guard import Outline, inspect
from kg.sparql.pool import Graphs, result_formats
from kg.sparql.results import GRAPH_FORMATS
from kg.sparql.spool import Result
from kg.views import DISCLAIMER, Json
from kg.vocabulary import PREFIXES, compress, expand
from web.description import own_address, sent
from web.negotiation import chosen, chosen_key, required, wants_page
from web.serving import client, service, serving

SHOWN_ROWS = 500
"""How many rows the page of a query shows; the formats give all."""
PREFIX_TYPES = ("application/json", "application/ld+json", "text/turtle")

Values = dict[str, list[str]]


class Example(NamedTuple):
    """A query to begin with."""

    about: str
    query: str


def add_sparql(app: Flask) -> None:
    """`/sparql`, `/prefixes` and `/rdf-graphs`."""
    vendor = Path(app.static_folder or "") / "vendor"
    app.jinja_env.globals.update(
        vendored=lambda name: (vendor / name).is_file(),
        example_queries=lambda: _examples(serving().version),
    )

    @app.route("/sparql", methods=["GET", "POST"])
    def sparql() -> str | BaseResponse:
        values = _values()
        if "query" not in values:
            return _without_query()
        outline = inspect(values["query"][0])
        if values.get("explain"):
            return _explanation(outline, values)
        if wants_page(values.get("format", [None])[0]):
            return _page(outline, values)
        return _answer(outline, values)

    @app.get("/prefixes")
    def prefixes() -> BaseResponse:
        media_type = chosen(PREFIX_TYPES)
        body = prefix_document(serving().prefixes, media_type, serving().version)
        return Response(body, content_type=f"{media_type}; charset=utf-8")

    @app.get("/rdf-graphs")
    def rdf_graphs() -> BaseResponse:
        graph = _asked_graph()
        form = chosen_key(GRAPH_FORMATS, request.args.get("format"))
        return _sent(serving().pool.dump(graph, form, client()))


def _values() -> Values:
    """The protocol's parameters, from the URL and from a form or a body."""
    values = {name: request.args.getlist(name) for name in request.args}
    if request.method == "POST":
        if request.mimetype == "application/sparql-query":
            values.setdefault("query", []).append(_utf8(request.get_data()))
        elif request.mimetype == "application/x-www-form-urlencoded":
            _utf8(request.get_data())
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


def _without_query() -> str | BaseResponse:
    """The editor for a browser, the service's description for a program."""
    if request.method == "POST":
        raise BadSparql(
            "there is no query: send ?query=…, a form, or a body of type application/sparql-query"
        )
    if wants_page():
        return render_template("sparql.html", prefixes=serving().prefixes)
    base = own_address()
    has_union = serving().service is not None  # our default graph holds what all graphs hold
    return sent(describe_service(f"{base}sparql", base, union=has_union))


@lru_cache(maxsize=1)
def _examples(_version: str) -> list[Example]:
    """The named queries with their examples as values, as `/sparql-examples` has them."""
    queries = service().queries()
    graph = describe_queries(queries, "")
    texts = {str(node).partition("#")[2]: text for node, text in graph.subject_objects(SH.select)}
    return [Example(query.summary, str(texts[query.name]).strip()) for query in queries]


def _answer(outline: Outline, values: Values) -> BaseResponse:
    """The result in the format that is wanted; nothing is evaluated if the client has it."""
    form = chosen_key(result_formats(outline), values.get("format", [""])[0])
    graphs = _graphs(values)
    etag = _etag(outline, form, graphs)
    if request.method != "POST" and not outline.volatile and etag in request.if_none_match:
        response: BaseResponse = Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        result = serving().pool.query(
            outline, form, _timeout(values), graphs, client(), base=_base(outline)
        )
        response = _sent(result)
    if outline.volatile:
        response.headers["Cache-Control"] = "no-store"
    else:
        response.set_etag(etag)
    return response


def _etag(outline: Outline, form: str, graphs: Graphs) -> str:
    """The graph does not change within a version: the same question has the same answer."""
    parts = [serving().version, _base(outline), outline.text, form, graphs.default, graphs.named]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _sent(result: Result) -> BaseResponse:
    if result.file is None:
        response = Response(result.content)
    else:
        file = wrap_file(request.environ, result.file)
        response = Response(file, direct_passthrough=True)
        response.content_length = result.file.seek(0, SEEK_END)
        result.file.seek(0)
    response.content_type = f"{result.media_type}; charset=utf-8"
    if result.truncated:
        response.headers["Etiograph-Truncated"] = "true"
    return response


def _page(outline: Outline, values: Values) -> str:
    """The editor with the first rows of a result, or with why there are none."""
    pool = serving().pool
    form = next(iter(result_formats(outline)))
    graphs, timeout = _graphs(values), _timeout(values)
    result = pool.query(
        outline, form, timeout, graphs, client(), max_rows=SHOWN_ROWS, base=_base(outline)
    )
    shown = _shown(result)
    if shown.get("rows") == []:
        shown["explanation"] = _why_empty(outline, values)
    return render_template(
        "sparql.html",
        query=outline.text,
        result=result,
        prefixes=serving().prefixes,
        arguments={name: found for name, found in values.items() if name != "format"},
        **shown,
    )


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
        for row in document["results"]["bindings"]
    ]
    return {"columns": columns, "rows": rows}


def _cell(term: Json) -> Json:
    """A term of a solution: its short form; of an entity of ours, its page and its label."""
    cell = {"text": term["value"], "local": None, "label": None}
    if term["type"] == "triple":
        parts = [term["value"][name] for name in ("subject", "predicate", "object")]
        return {**cell, "text": " ".join(_cell(part)["text"] for part in parts)}
    if term["type"] != "uri":
        return cell
    curie = compress(term["value"])
    cell["text"] = curie
    if curie.startswith("etio:") and (service := serving().service) is not None:
        entity = service.index.entities.get(curie)
        cell |= {"local": curie[5:], "label": entity.label if entity else None}
    return cell


def _explanation(outline: Outline, values: Values) -> BaseResponse:
    if values["explain"] != ["empty"]:
        raise BadParameter("explain must be 'empty'", ["empty"])
    return jsonify(**_why_empty(outline, values), version=serving().version, disclaimer=DISCLAIMER)


def _why_empty(outline: Outline, values: Values) -> Json:
    """Which pattern empties a query; see `kg.sparql.empty`."""
    graphs, timeout, whose, pool = _graphs(values), _timeout(values), client(), serving().pool
    base = _base(outline)

    def select(text: str) -> tuple[list[str], list[list[Any]]]:
        return pool.select(text, whose, timeout, graphs, base)

    service = serving().service
    return explain_empty(outline, select, service.index if service else None, serving().prefixes)


def _base(outline: Outline) -> str | None:
    """What completes the relative IRIs of a query, if it has any."""
    return f"{own_address()}sparql" if outline.is_relative else None


def _graphs(values: Values) -> Graphs:
    return Graphs(
        tuple(map(_graph_iri, values.get("default-graph-uri", ()))),
        tuple(map(_graph_iri, values.get("named-graph-uri", ()))),
    )


def _graph_iri(text: str) -> str:
    """An IRI; a CURIE with a known prefix is one too."""
    iri = expand(text) if text.partition(":")[0] in PREFIXES else text
    if not iri or any(character in iri for character in '<>"{}|^`\\ \t\r\n'):
        raise BadSparql(f"{text!r} is no IRI of a graph")
    return iri


def _asked_graph() -> str:
    """The graph that the Graph Store Protocol names; '' is the default graph."""
    if "default" in request.args:
        return ""
    iri = _graph_iri(required("graph"))
    query = f"SELECT ?s {{ GRAPH <{iri}> {{ ?s ?p ?o }} }} LIMIT 1"
    _, rows = serving().pool.select(query, client())
    if not rows:
        abort(HTTPStatus.NOT_FOUND, f"there is no graph <{iri}>")
    return iri


def _timeout(values: Values) -> float | None:
    if "timeout" not in values:
        return None
    try:
        seconds = float(values["timeout"][0])
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise BadParameter("timeout must be a number of seconds above 0")
    return seconds
