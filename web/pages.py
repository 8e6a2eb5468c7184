"""Pages and questions, and the ontology as a document."""

from http import HTTPStatus

from flask import Flask, abort, jsonify, redirect, render_template, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.answers import DEFAULT_LIMIT
from kg.errors import UnknownEntity
from kg.layout import RELEASE_OWL, RELEASE_TURTLE, RELEASE_TYPES
from kg.vocabulary import expand
from web.answers import MAX_ON_PAGE, answer_page
from web.home import home_context
from web.negotiation import PAGE_AND_JSON, chosen, integer, required
from web.serving import service
from web.vocabularies import page_of_import


def page_of(identifier: str) -> str:
    """The address of an entity's page, by its CURIE."""
    return url_for("page", local=identifier.partition(":")[2])


def add_pages(app: Flask) -> None:
    """The home page, questions, entity pages, search."""

    @app.get("/")
    def home() -> str:
        return render_template("home.html", **home_context())

    @app.get("/ask")
    def ask() -> str | BaseResponse:
        is_page = chosen(PAGE_AND_JSON) == "text/html"
        limit = integer("limit", DEFAULT_LIMIT)
        if is_page:
            limit = min(limit, MAX_ON_PAGE)
        text = required("q")
        if is_page and (address := page_of_import(text)):
            return redirect(address, HTTPStatus.SEE_OTHER)
        payload = service().ask(text, limit, integer("offset", 0))
        return answer_page(payload, service().index) if is_page else jsonify(payload)

    @app.get("/page/<local>")
    def page(local: str) -> str:
        return render_template("entity.html", entity=service().entity(f"etio:{local}"))

    @app.get("/id/<local>")
    def identified(local: str) -> BaseResponse:
        """Where an IRI of the ontology leads: to a page, or to what is stated about it."""
        curie = f"etio:{local}"
        index = service().index
        if curie in index.entities:
            return redirect(url_for("page", local=local), HTTPStatus.SEE_OTHER)
        if index.is_schema(curie):
            return redirect(url_for("ontology", _anchor=local), HTTPStatus.SEE_OTHER)
        if curie not in index:
            raise UnknownEntity(f"there is no {curie!r}")
        query = f"DESCRIBE <{expand(curie)}>"
        return redirect(url_for("sparql", query=query), HTTPStatus.SEE_OTHER)

    _add_search(app)


def _add_search(app: Flask) -> None:
    @app.get("/search")
    def search_page() -> str | BaseResponse:
        text = required("q")
        results = service().search(text)
        is_code = any(item["hit"] in ("identifier", "mapping") for item in results["results"])
        if not is_code and (address := page_of_import(text)):
            return redirect(address, HTTPStatus.SEE_OTHER)
        return render_template(
            "search.html", results=results, question=text, beside=bool(service().imports)
        )


def add_ontology(app: Flask) -> None:
    """The ontology: its reference page, and its release as files."""
    offered = {RELEASE_TYPES[name]: name for name in (RELEASE_OWL, RELEASE_TURTLE)}

    @app.get("/ontology")
    def ontology() -> str | BaseResponse:
        media_type = chosen((*offered, "text/html"))
        if media_type != "text/html":
            return send_file(service().snapshot.release_path / offered[media_type], media_type)
        reference = service().reference()
        return render_template("ontology.html", reference=reference, files=RELEASE_TYPES)

    @app.get("/ontology.<ending>")
    def ontology_file(ending: str) -> BaseResponse:
        name = f"etiograph.{ending}"
        if name not in RELEASE_TYPES:
            endings = ", ".join(f".{known.partition('.')[2]}" for known in RELEASE_TYPES)
            abort(HTTPStatus.NOT_FOUND, f"the ontology is offered as {endings}")
        path = service().snapshot.release_path / name
        return send_file(path, RELEASE_TYPES[name], download_name=name)
