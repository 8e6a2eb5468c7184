"""Pages on the graph as a whole: pictures of it, and what it does not record."""

from collections.abc import Sequence

from flask import Flask, render_template, request

from kg.overview import (
    STATES,
    conditions_at,
    evidence,
    heat_map,
    recorded,
    recorded_of,
    relief,
    relief_regions,
    urgent_flags,
)
from kg.views import Json
from web.serving import service

RELIEF_OF = "Calf"
STATE_SAID = {
    "relieves": "relieves",
    "both": "relieves, and worsens or brings on",
    "not_recorded": "not recorded",
    "no_relief": "does not relieve",
    "worsens": "worsens or brings on",
}
"""How each of `kg.overview.STATES` is said."""
ASPECT_SAID = {
    "red_flags": "red flags",
    "red_flags_with_urgency": "red flags with urgency",
    "presentations": "presentations",
    "triggers": "triggers",
    "aggravation": "what worsens",
    "relief": "what relieves",
    "causes": "causes",
    "risk_factors": "risk factors",
    "complications": "complications",
    "tests": "tests",
    "treatments": "treatments",
    "prevention": "prevention",
    "trusted_statements": "trusted sources",
}
"""How each of `kg.coverage.ASPECTS` is said, in the order of the columns."""


def add_overview(app: Flask) -> None:
    """The pictures, and the table of what is missing."""

    @app.get("/overview")
    def overview() -> str:
        index = service().index
        system, region = request.args.get("system") or None, request.args.get("region") or None
        offered = relief_regions(index)
        about = request.args.get("relief") or _first_of(offered)
        return render_template(
            "overview.html",
            heat=heat_map(index),
            chosen={"system": system, "region": region, "relief": about},
            found=conditions_at(index, system, _curie(region)) if system or region else None,
            relief=relief(index, f"etio:{about}"),
            relief_regions=offered,
            states=STATES,
            state_said=STATE_SAID,
            flags=urgent_flags(index),
            evidence=evidence(index),
        )

    @app.get("/coverage")
    def coverage_page() -> str:
        index = service().index
        group, order = request.args.get("group") or None, request.args.get("sort") or "missing"
        return render_template(
            "coverage.html",
            coverage=recorded(index),
            rows=recorded_of(index, group, order),
            group=group,
            order=order,
            aspects=ASPECT_SAID,
        )


def _first_of(regions: Sequence[Json]) -> str:
    """The region whose relief is shown unasked: RELIEF_OF, or the first if the graph has it not."""
    known = [str(region["id"]).partition(":")[2] for region in regions]
    return RELIEF_OF if RELIEF_OF in known else next(iter(known), RELIEF_OF)


def _curie(local: str | None) -> str | None:
    return f"etio:{local}" if local else None
