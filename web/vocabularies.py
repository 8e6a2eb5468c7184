"""Imported vocabularies and their terms, which stand beside the leg graph: as data and as pages.

Rule: whose term it is, in which version and under which licence, is shown wherever a term is.
"""

from typing import Any

from flask import Flask, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import BadParameter, UnknownEntity
from kg.views import RELATION_SAID, Json
from kg.vocabulary import expand, is_curie
from web.negotiation import PAGE_AND_JSON, chosen, integer, required
from web.serving import service

FOUND = 50
"""How many terms the search of the page shows."""
NOTHING = "no vocabulary is imported here; `python -m kg import hp` takes one in"
ACKNOWLEDGED = {
    "https://hpo.jax.org/app/license": (
        "This service uses the Human Phenotype Ontology",
        "http://www.human-phenotype-ontology.org",
    )
}
"""Licence → what it asks to be said wherever the content is shown, and where to find out more."""
EVIDENCE_SAID = {
    "IEA": "inferred from electronic annotation",
    "PCS": "published clinical study",
    "TAS": "traceable author statement",
}
ASPECT_SAID = {
    "C": "clinical course",
    "H": "past medical history",
    "I": "inheritance",
    "M": "clinical modifier",
}
"""Codes of phenotype.hpoa, as HPO explains them; an aspect of P is a phenotype like any other."""
_UNSHOWN = frozenset({"aspect", "biocuration"})


def add_vocabularies(app: Flask) -> None:
    """Look-ups and pages of imported terms."""
    app.jinja_env.globals.update(
        shown_term=shown_term,
        cited_at=address_of,
        how_often=frequency_said,
        note_parts=note_parts,
        relation_said=lambda relation: RELATION_SAID.get(relation, relation.replace("_", " ")),
        acknowledged=ACKNOWLEDGED,
    )

    @app.get("/api/v1/vocabularies")
    def vocabularies() -> BaseResponse:
        return jsonify(service().vocabularies())

    @app.get("/api/v1/terms")
    def term_by_iri() -> BaseResponse:
        return jsonify(_term(required("iri")))

    @app.get("/api/v1/terms/<curie>")
    def term(curie: str) -> BaseResponse:
        return jsonify(_term(curie))

    @app.get("/api/v1/terms/search")
    def search_terms() -> BaseResponse:
        name = request.args.get("vocabulary")
        return jsonify(service().search_terms(required("q"), name, integer("limit", 20)))

    @app.get("/term")
    @app.get("/term/<curie>")
    def term_page(curie: str | None = None) -> str | BaseResponse:
        found = _term(curie or required("iri"))
        if chosen(PAGE_AND_JSON) != "text/html":
            return jsonify(found)
        return render_template("term.html", term=found, can_rank=_can_rank(found["id"]))

    @app.get("/vocabularies")
    def vocabularies_page() -> str:
        text, name = request.args.get("q", "").strip(), request.args.get("vocabulary", "")
        return render_template(
            "vocabularies.html",
            **service().vocabularies(),
            found=service().search_terms(text, name or None, FOUND)["results"] if text else None,
            text=text,
            name=name,
            most=FOUND,
        )


def _term(text: str) -> Json:
    if not service().imports:
        raise UnknownEntity(f"there is no imported term {text!r}: {NOTHING}")
    return service().term(text)


def _can_rank(identifier: str) -> bool:
    """Whether diseases can be ranked by a term."""
    phenotypes = service().imports.phenotypes
    return phenotypes is not None and phenotypes.information(identifier) is not None


# -- what pages say of terms -----------------------------------------------------------------


def term_address(identifier: str) -> str:
    """The address of the page of an imported term, by its CURIE or IRI."""
    if "/" in identifier:
        return url_for("term_page", iri=identifier)
    return url_for("term_page", curie=identifier)


def page_of_import(text: str) -> str | None:
    """The address of the page of the term that only an import has, by exactly its id."""
    now, identifier = service(), text.strip()
    if ":" not in identifier or identifier in now.index.entities:
        return None
    reference = now.imports.reference(identifier)
    return term_address(reference["id"]) if reference else None


def shown_term(item: Json) -> dict[str, Any]:
    """How a reference of an import is shown: `{label, url, outside}`; url may be None.

    One that is in no import is an entity of the leg graph, or an identifier used elsewhere.
    """
    identifier = item["id"]
    if item["kind"]:
        label = item["label"] or identifier
        return {"label": label, "url": term_address(identifier), "outside": False}
    if identifier in service().index.entities:
        local = identifier.partition(":")[2]
        label = service().index.label(identifier)
        return {"label": label, "url": url_for("page", local=local), "outside": False}
    return {"label": identifier, "url": address_of(identifier), "outside": True}


def address_of(identifier: str) -> str | None:
    """Where a cited identifier leads (`PMID:23911890`, a web address); None if that is unknown."""
    if identifier.startswith(("http://", "https://")):
        return identifier
    try:
        return expand(identifier) if is_curie(identifier) else None
    except BadParameter:
        return None


def note_parts(note: str) -> Json:
    """A note taken apart: `{aspect, said}`; who entered it is told by the data alone."""
    fields = [part.partition(": ") for part in note.split("; ")]
    found = {name: value for name, colon, value in fields if colon}
    said = [
        EVIDENCE_SAID.get(value, f"{name}: {value}")
        if name == "evidence"
        else f"{name}{colon}{value}"
        for name, colon, value in fields
        if name not in _UNSHOWN
    ]
    return {"aspect": ASPECT_SAID.get(found.get("aspect", "")), "said": "; ".join(said)}


def frequency_said(frequency: Json) -> str:
    """A frequency in words, and as it is written: `Frequent (HP:0040282)`, `25% (1/4)`."""
    written, label, share = frequency["as_written"], frequency["label"], frequency["share"]
    if label != written:
        return f"{label} ({written})"
    if share is None or written.endswith("%"):
        return str(written)
    return f"{share:.0%} ({written})"
