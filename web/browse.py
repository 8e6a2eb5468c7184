"""Ways through the graph: trees and facets, sources, changes, and what is next to an entity."""

from http import HTTPStatus

from flask import Flask, abort, jsonify, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from kg.browse import FACETS, KIND_TITLES, MAIN_KINDS, catalogue
from kg.changes import changes_since, earlier_versions
from kg.profile import NEIGHBOURS, neighbours, profile
from kg.views import Json
from web.negotiation import PAGE_AND_JSON, chosen, integer
from web.serving import service

PAGE_LENGTH = 50
"""How many sources a page lists."""


def add_browse(app: Flask) -> None:
    """Browsing, sources, changes and neighbourhoods."""
    app.jinja_env.globals.update(profile_of=profile_of, kind_titles=KIND_TITLES)

    @app.get("/browse")
    @app.get("/browse/<kind>")
    def browse(kind: str | None = None) -> str:
        known = catalogue(service().index)
        if kind is None:
            picked = {facet: request.args[facet] for facet in FACETS if request.args.get(facet)}
            narrowed = known.narrowed(picked)
            return render_template(
                "browse.html",
                kind=None,
                kinds=known.kinds,
                main_kinds=MAIN_KINDS,
                narrowed=narrowed,
                picked=picked,
                titles=FACETS,
            )
        if kind not in known.kinds:
            abort(HTTPStatus.NOT_FOUND, f"one can browse {', '.join(known.kinds)}")
        return render_template("browse.html", kind=kind, kinds=known.kinds)

    @app.get("/sources")
    def sources() -> str:
        text, kind = request.args.get("q", ""), request.args.get("kind", "")
        offset = max(0, integer("offset", 0))
        return render_template(
            "sources.html",
            found=catalogue(service().index).sources(text, kind),
            text=text,
            kind=kind,
            offset=offset,
            length=PAGE_LENGTH,
        )

    @app.get("/source/<id>")
    def source(id: str) -> str:  # noqa: A002 - the name in the address
        return render_template("source.html", **catalogue(service().index).source(f"etio:{id}"))

    @app.get("/changes")
    def changes() -> str | BaseResponse:
        media_type = chosen(PAGE_AND_JSON)
        payload = _changes(request.args.get("since"))
        if media_type == "text/html":
            return render_template("changes.html", **payload)
        return jsonify(payload)

    @app.get("/api/v1/entities/<curie>/neighbours")
    def entity_neighbours(curie: str) -> BaseResponse:
        now = service()
        return jsonify(neighbours(now.index, curie, integer("limit", NEIGHBOURS), now.version))


def profile_of(identifier: str) -> Json:
    """What the page of an entity adds to its description, for templates."""
    return profile(service().index, identifier)


def _changes(since: str | None) -> Json:
    """What changed since a version, or since the one before."""
    snapshot = service().snapshot
    versions = earlier_versions(snapshot)
    chosen_version = since or (versions[0].name if versions else None)
    return {
        "since": chosen_version,
        "versions": [{"version": one.name, "created": one.created} for one in versions],
        "created": snapshot.manifest["created"],
        "changes": changes_since(snapshot, chosen_version) if chosen_version else None,
        "version": snapshot.version,
    }
