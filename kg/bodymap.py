"""What is recorded of a region of the body: there, next to it, and felt there from elsewhere.

Where a structure lies is read off its wholes, or off what it is next to if it has none. What runs
through the whole leg, and what is everywhere (skin, nerves), never lies elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Set

from kg.errors import BadParameter
from kg.index import Index
from kg.questions import Criterion, Finding, Question, sentence
from kg.records import Presentation
from kg.views import Json, Views

ANCHORS = frozenset(
    {"etio:MainBodyPart", "etio:SkeletalFrame", "etio:LimbGirdle", "etio:CentralNervousSystem"}
)
"""What is a place is one of these or a part of one. Other organ systems are none: legs hold parts
of them."""


def conditions_question(index: Index, region: str) -> str:
    """The sentence that asks for every condition that shows itself in a region."""
    finding = Finding.of([Criterion("region", region)])
    return sentence(Question("conditions", findings=(finding,)), index)


def conditions_in(index: Index, region: str) -> dict[str, list[Presentation]]:
    """The conditions with a presentation of their own in a region or in a part of it."""
    found: dict[str, list[Presentation]] = defaultdict(list)
    for presentation in index.presented_with.get(("region", region), ()):
        found[presentation.condition].append(presentation)
    return dict(found)


def region_lists(index: Index, region: str) -> Json:
    """`{region, definition, question, total, red_flags, here, elsewhere, next}`.

    `here` and `elsewhere` share out the conditions recorded in the region, best attested first:
    each is `{entity, red_flags, regions, structures, question, sources}`, with the number of its
    red flags. For those elsewhere, `structures` is what they affect, none of it in the region;
    `question` asks for that. `next` has, for each adjacent region, `{region, question, total,
    conditions}` with the conditions recorded there and not here. The outer `red_flags` has
    `{entity, flags}` for each condition with flags that call for emergency help.
    """
    if index.entity(region).kind != "region":
        raise BadParameter(f"{index.label(region)!r} is no region of the body")
    views = Views(index)
    found = conditions_in(index, region)
    away = {condition: _away(index, condition, region) for condition in found}
    rows = _best_first(_row(views, name, found[name], away[name]) for name in found)
    return {
        "region": views.reference(region),
        "definition": index.entity(region).definition,
        "question": conditions_question(index, region),
        "total": len(rows),
        "red_flags": _emergencies(views, rows),
        "here": [row for row in rows if not row["structures"]],
        "elsewhere": [row for row in rows if row["structures"]],
        "next": _adjacent(views, region, found.keys()),
    }


def _row(views: Views, condition: str, presented: list[Presentation], structures: Set[str]) -> Json:
    return {
        "entity": views.reference(condition),
        "red_flags": len(views.red_flags(condition)),
        "regions": views.references({r for p in presented for r in p.recorded["region"]}),
        "structures": views.references(structures),
        "question": sentence(Question("structures", condition), views.index),
        "sources": views.sources(presentation.source for presentation in presented),
    }


def _best_first(rows: Iterable[Json]) -> list[Json]:
    return sorted(rows, key=lambda row: (-len(row["sources"]), row["entity"]["label"].casefold()))


def _emergencies(views: Views, rows: Iterable[Json]) -> list[Json]:
    """`{entity, flags}` of the conditions with flags that call for emergency help."""
    found = []
    for row in rows:
        flags = views.red_flags(row["entity"]["id"])
        urgent = [flag for flag in flags if flag["urgency"] == "emergency"]
        if urgent:
            found.append({"entity": row["entity"], "flags": urgent})
    return found


def _adjacent(views: Views, region: str, here: Set[str]) -> list[Json]:
    index = views.index
    found = []
    for reference in views.references(index.entity(region).related.get("adjacent_to", ())):
        there = conditions_in(index, reference["id"])
        only = [name for name in there if name not in here]
        rows = _best_first(_row(views, name, there[name], frozenset()) for name in only)
        if there:
            found.append(
                {
                    "region": reference,
                    "question": conditions_question(index, reference["id"]),
                    "total": len(there),
                    "conditions": [row["entity"] for row in rows],
                }
            )
    return sorted(found, key=lambda item: -item["total"])


def _away(index: Index, condition: str, region: str) -> Set[str]:
    """What a condition affects away from a region; empty if it affects a thing in the region."""
    structures = {
        claim.value
        for claim in index.claims_about.get(condition, ())
        if claim.relation == "affects_structure"
    }
    away = set()
    for structure in structures:
        places = {structure, *_places(index, structure)}
        if any(index.shared(region, place) for place in places):
            return frozenset()
        if len(places) > 1 or _is_place(index, structure):
            away.add(structure)
    return away


def _places(index: Index, structure: str) -> Set[str]:
    """The nearest places that a structure is part of, or else those that it is next to."""
    wholes = {whole for whole in _wholes(index, structure) if _is_place(index, whole)}
    if wholes:
        return wholes
    adjacent = index.entity(structure).related.get("adjacent_to", ())
    return {place for place in adjacent if _is_place(index, place)}


def _wholes(index: Index, structure: str) -> Iterator[str]:
    """What a structure is stated to be part of, itself or as the kind of thing that it is."""
    entity = index.entity(structure)
    yield from entity.wholes
    if not entity.wholes:
        for parent in entity.parents:
            if parent in index.entities:
                yield from _wholes(index, parent)


def _is_place(index: Index, region: str) -> bool:
    return not ANCHORS.isdisjoint(index.broader(region))
