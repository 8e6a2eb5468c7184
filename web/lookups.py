"""Look-ups for programs: entities, search, proofs, named queries, and their description."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import yaml
from flask import Flask, Response, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import UnknownEntity
from kg.queries import NamedQuery
from kg.views import Json
from web.negotiation import CSV_AND_JSON, PAGE_AND_JSON, chosen, integer, required
from web.serving import client, service, serving

OPENAPI = Path(__file__).parent / "openapi.yaml"


def add_entities(app: Flask) -> None:
    """Entities and what is recorded of them."""

    @app.get("/api/v1/entities")
    def entity_by_iri() -> BaseResponse:
        return jsonify(_entity(required("iri")))

    @app.get("/api/v1/entities/<curie>")
    def entity(curie: str) -> BaseResponse:
        return jsonify(_entity(curie))

    @app.get("/api/v1/search")
    def search() -> BaseResponse:
        kind, under = request.args.get("kind"), request.args.get("under")
        return jsonify(service().search(required("q"), kind, integer("limit", 20), under))

    @app.get("/api/v1/autocomplete")
    def autocomplete() -> BaseResponse:
        kind, under = request.args.get("kind"), request.args.get("under")
        return jsonify(service().autocomplete(required("q"), kind, integer("limit", 10), under))

    @app.get("/api/v1/proof")
    def proof() -> BaseResponse:
        triple = (required("subject"), required("property"), required("object"))
        return jsonify(service().prove(*triple))

    @app.get("/api/v1/coverage")
    def coverage() -> BaseResponse:
        return jsonify(service().coverage())


def add_queries(app: Flask) -> None:
    """Named queries, and the description of the whole interface that lists them."""
    with OPENAPI.open(encoding="utf-8") as file:
        openapi = yaml.safe_load(file)

    @app.get("/openapi.json")
    def openapi_document() -> BaseResponse:
        paths = {**openapi["paths"], **_query_paths(service().queries())}
        info = {**openapi["info"], "version": service().version}
        return jsonify({**openapi, "info": info, "paths": paths})

    @app.get("/api/v1/queries")
    def queries() -> str | BaseResponse:
        if chosen(PAGE_AND_JSON) == "text/html":
            return render_template("queries.html", queries=service().queries())
        described = [query.describe() for query in service().queries()]
        return jsonify(queries=described, version=service().version)

    @app.get("/api/v1/queries/<name>")
    def named_query(name: str) -> BaseResponse:
        media_type = chosen(CSV_AND_JSON)
        values = {key: value for key, value in request.args.items() if key != "format"}
        pool, whose = serving().pool, client()
        payload = service().run_query(name, values, lambda text: pool.select(text, whose))
        if media_type == "text/csv":
            return Response(_as_csv(payload), mimetype="text/csv")
        return jsonify(payload)


def _entity(text: str) -> Json:
    """Describes an entity; where only an import has such a term, the error says where it is."""
    try:
        return service().entity(text)
    except UnknownEntity as error:
        reference = service().imports.reference(text)
        if reference is None:
            raise
        address = url_for("term_by_iri", iri=reference["iri"])
        if "/" not in reference["id"]:
            address = url_for("term", curie=reference["id"])
        said = f"{error}, but {reference['kind']} is imported and has it: ask for {address}"
        raise UnknownEntity(said, [address]) from None


def _as_csv(payload: Json) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(payload["variables"])
    for row in payload["rows"]:
        writer.writerow(["" if value is None else value for value in row.values()])
    return buffer.getvalue()


def _query_paths(queries: Sequence[NamedQuery]) -> Json:
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
        for query in queries
    }
