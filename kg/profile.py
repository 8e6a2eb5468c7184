"""What the page of an entity adds to its description: rows, facts by value, a summary, neighbours.

Rows that say the same are one, with all their sources; the most frequent and best graded come
first everywhere.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from kg.errors import BadParameter
from kg.index import Index
from kg.records import ROLES, Claim, Presentation
from kg.views import DISCLAIMER, RELATION_SAID, Json, Views
from kg.vocabulary import GRADES, TERM_RELATIONS

FREQUENCY_ORDER = ("typical", "common", "unspecified", "uncommon", "rare")
"""From what is seen the most; where a source does not say how often, it is still a sign."""
ROLE_SAID = {
    "symptom": "shows itself as",
    "region": "is felt in",
    "quality": "is described as",
    "timing": "has the timing",
    "laterality": "has the side",
    "triggered_by": "is brought on by",
    "aggravated_by": "is made worse by",
    "relieved_by": "is relieved by",
}
"""How each part of a presentation is said of its condition."""
_STRUCTURE_SAID = {
    "kind_of": "is a kind of",
    "part_of": "is part of",
    "involves": "involves",
    "adjacent_to": "is next to",
    "has_process": "has the process",
    "affects_structure": "affects",
}
SUMMARY_LENGTH = 5
"""How many of each thing a summary names."""
SUMMARY_RELATIONS = (
    "has_risk_factor",
    "has_cause",
    "treated_by",
    "diagnosed_by",
    "confused_with",
    "has_complication",
)
SUMMARY_ROLES = ("triggered_by", "aggravated_by", "relieved_by")
RELATION_ORDER = (
    "has_red_flag",
    "has_cause",
    "has_risk_factor",
    "treated_by",
    "prevented_by",
    "diagnosed_by",
    "has_complication",
    "confused_with",
    "affects_structure",
)
"""The order in which a page tells facts; others come last."""
NEIGHBOURS = 6
MAX_NEIGHBOURS = 50
_GRADE_ORDER = tuple(GRADES)

Link = tuple[str, str, str, str]
"""Source and target of an edge of the neighbourhood, its relation, and how it is said."""


def profile(index: Index, identifier: str) -> Json:
    """`{path, rows, facts, named_by, recorded_in, summary, sources}` of an entity.

    `path` leads from the top to its first parent. `rows` are the presentations of a condition,
    `facts` and `named_by` claims about it and with it, by relation and then by the other entity.
    `recorded_in` has, by role and frequency, the conditions in which it is recorded, or something
    more specific. `summary` is None for what is no condition. `sources` are all that are named,
    those that say the most first.
    """
    views = Views(index)
    entity = index.entity(identifier)
    rows = _rows(views, identifier)
    claims = index.claims_about.get(identifier, ())
    facts = _facts(views, claims, lambda claim: claim.value, identifier)
    named_by = _facts(
        views, index.claims_with.get(identifier, ()), lambda claim: claim.subject, None
    )
    return {
        "path": [views.reference(one) for one in _path(index, identifier)],
        "rows": rows,
        "facts": facts,
        "named_by": named_by,
        "recorded_in": {
            role: _recorded_in(views, index.presented_with[role, identifier])
            for role in ROLES
            if (role, identifier) in index.presented_with
        },
        "summary": _summary(rows, facts) if entity.kind == "condition" else None,
        "sources": _sources(views, index.presentations_of.get(identifier, ()), claims),
    }


def neighbours(index: Index, identifier: str, limit: int, version: str) -> Json:
    """The payload of `/api/v1/entities/{curie}/neighbours`; BadParameter for a wrong limit.

    Each neighbour is `{entity, relation, said, outward}`: `said` goes from the entity to the
    neighbour if `outward`, else the other way. Of each relation `limit` are given, the most
    frequent and best graded; `left_out` counts the others.
    """
    if not 1 <= limit <= MAX_NEIGHBOURS:
        raise BadParameter(f"limit must be from 1 to {MAX_NEIGHBOURS}, not {limit}")
    views = Views(index)
    identifier = index.resolve(identifier).id
    found: dict[tuple[str, bool], list[Link]] = defaultdict(list)
    for link in _links(views, identifier):
        found[link[2], link[0] == identifier].append(link)
    shown = []
    left_out = 0
    for (relation, outward), links in found.items():
        left_out += max(0, len(links) - limit)
        for source, target, _, said in links[:limit]:
            other = views.reference(target if outward else source)
            shown.append({"entity": other, "relation": relation, "said": said, "outward": outward})
    return {
        "entity": views.reference(identifier),
        "neighbours": shown,
        "left_out": left_out,
        "version": version,
        "disclaimer": DISCLAIMER,
    }


def grouped_rows(views: Views, presentations: Iterable[Presentation]) -> list[Json]:
    """Presentations as rows of a table: the regions of a row in one, equal rows in one.

    Each is `{condition, …roles, frequency, grade, sources, count}`, `count` being the rows in it.
    """
    by_row: dict[tuple[str, str], list[Presentation]] = defaultdict(list)
    for presentation in presentations:
        by_row[presentation.condition, presentation.row].append(presentation)
    same: dict[tuple[object, ...], list[list[Presentation]]] = defaultdict(list)
    for parts in by_row.values():
        same[_said_by(parts)].append(parts)
    return sorted((_row(views, groups) for groups in same.values()), key=_frequent)


def _said_by(parts: Sequence[Presentation]) -> tuple[object, ...]:
    first = parts[0]
    others = [(role, first.recorded[role]) for role in ROLES if role != "region"]
    return (first.condition, first.frequency, _regions(parts), *others)


def _regions(parts: Iterable[Presentation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(region for part in parts for region in part.recorded["region"]))


def _row(views: Views, groups: Sequence[Sequence[Presentation]]) -> Json:
    first = groups[0][0]
    recorded = {**first.recorded, "region": _regions(groups[0])}
    return {
        "condition": views.reference(first.condition),
        **{role: [views.reference(value) for value in recorded[role]] for role in ROLES},
        "frequency": first.frequency,
        "grade": _best(part.grade for parts in groups for part in parts),
        "sources": views.sources(part.source for parts in groups for part in parts),
        "count": len(groups),
    }


def _rows(views: Views, identifier: str) -> list[Json]:
    found = grouped_rows(views, views.index.presentations_of.get(identifier, ()))
    for row in found:
        row["inherited"] = row["condition"]["id"] != identifier
    return sorted(found, key=lambda row: bool(row["inherited"]))


def _frequent(row: Json) -> tuple[int, int, int]:
    return (
        FREQUENCY_ORDER.index(row["frequency"]),
        _GRADE_ORDER.index(row["grade"]),
        -len(row["sources"]),
    )


def _best(grades: Iterable[str]) -> str:
    return min(grades, key=_GRADE_ORDER.index)


def _facts(
    views: Views, claims: Iterable[Claim], other: Callable[[Claim], str], identifier: str | None
) -> dict[str, list[Json]]:
    """Claims by relation, and those of one value in one, best graded first.

    What is inherited has in `inherited_from` the conditions for which it is recorded.
    """
    found: dict[str, dict[str, list[Claim]]] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        found[claim.relation][other(claim)].append(claim)
    return {
        relation: sorted(
            (_fact(views, value, of_value, identifier) for value, of_value in values.items()),
            key=_graded,
        )
        for relation, values in sorted(found.items(), key=lambda item: told(item[0]))
    }


def told(relation: str) -> tuple[int, str]:
    """Where a relation comes when facts are told, as a key to sort by."""
    known = relation in RELATION_ORDER
    return RELATION_ORDER.index(relation) if known else len(RELATION_ORDER), relation


def _fact(views: Views, value: str, claims: Sequence[Claim], identifier: str | None) -> Json:
    subjects = {claim.subject for claim in claims}
    inherited = subjects if identifier is not None and identifier not in subjects else set()
    return {
        "entity": views.reference(value),
        "grade": _best(claim.grade for claim in claims),
        "notes": sorted({claim.note for claim in claims if claim.note}),
        "inherited_from": views.references(inherited),
        "sources": views.sources(claim.source for claim in claims),
    }


def _graded(fact: Json) -> tuple[bool, int, int, str]:
    return (
        bool(fact["inherited_from"]),
        _GRADE_ORDER.index(fact["grade"]),
        -len(fact["sources"]),
        fact["entity"]["label"],
    )


def _path(index: Index, identifier: str) -> list[str]:
    path: list[str] = []
    parents = index.entity(identifier).parents
    while parents and parents[0] in index.entities and parents[0] not in path:
        path.insert(0, parents[0])
        parents = index.entity(parents[0]).parents
    return path


def _recorded_in(views: Views, presentations: Iterable[Presentation]) -> dict[str, list[Json]]:
    """Frequency → conditions, each with the rows in which it is recorded, most rows first."""
    rows: dict[str, set[str]] = defaultdict(set)
    best: dict[str, int] = {}
    for one in presentations:
        rows[one.condition].add(one.row)
        place = FREQUENCY_ORDER.index(one.frequency)
        best[one.condition] = min(place, best.get(one.condition, place))
    found: dict[str, list[Json]] = {}
    for frequency in sorted(set(best.values())):
        conditions = [one for one, place in best.items() if place == frequency]
        items = [{**item, "rows": len(rows[item["id"]])} for item in views.references(conditions)]
        items.sort(key=lambda item: -item["rows"])
        found[FREQUENCY_ORDER[frequency]] = items
    return found


def _summary(rows: Sequence[Json], facts: dict[str, list[Json]]) -> Json:
    """`{typical, …SUMMARY_ROLES, …SUMMARY_RELATIONS}`, each `{shown, total}`."""
    shown: dict[tuple[tuple[str, ...], ...], Json] = {}
    for row in rows:
        key = tuple(tuple(item["id"] for item in row[role]) for role in ("symptom", "region"))
        shown.setdefault(key, row)
    summary = {"typical": {**_few(list(shown.values())), "total": len(rows)}}
    for role in SUMMARY_ROLES:
        counts: Counter[str] = Counter()
        references: dict[str, Json] = {}
        for row in rows:
            for item in row[role]:
                counts[item["id"]] += len(row["sources"])
                references[item["id"]] = item
        summary[role] = _few([{"entity": references[one]} for one, _ in counts.most_common()])
    for relation in SUMMARY_RELATIONS:
        summary[relation] = _few(facts.get(relation, []))
    return summary


def _few(items: list[Json]) -> Json:
    return {"shown": items[:SUMMARY_LENGTH], "total": len(items)}


def _sources(
    views: Views, presentations: Iterable[Presentation], claims: Iterable[Claim]
) -> list[Json]:
    rows = {(one.row, one.source) for one in presentations}
    counts = Counter(source for _, source in rows)
    counts.update(claim.source for claim in claims)
    return [{**views.source(one), "count": count} for one, count in counts.most_common()]


def _links(views: Views, identifier: str) -> Iterator[Link]:
    """All edges of an entity, relation by relation, the most important of each first."""
    yield from _structure(views, identifier)
    index = views.index
    presented = index.presentations_of.get(identifier, ())
    for role in ROLES:
        counts = Counter(value for one in presented for value in one.recorded[role])
        for value, _ in counts.most_common():
            yield identifier, value, role, ROLE_SAID[role]
    claims = index.claims_about.get(identifier, ())
    for relation, facts in _facts(views, claims, lambda claim: claim.value, identifier).items():
        for fact in facts:
            yield identifier, fact["entity"]["id"], relation, RELATION_SAID[relation]
    for role in ROLES:
        found = _recorded_in(views, index.presented_with.get((role, identifier), ()))
        for item in (item for items in found.values() for item in items):
            yield item["id"], identifier, role, ROLE_SAID[role]
    claims = index.claims_with.get(identifier, ())
    for relation, facts in _facts(views, claims, lambda claim: claim.subject, None).items():
        for fact in facts:
            yield fact["entity"]["id"], identifier, relation, RELATION_SAID[relation]


def _structure(views: Views, identifier: str) -> Iterator[Link]:
    index = views.index
    entity = index.entity(identifier)
    outward = {
        "kind_of": entity.parents,
        "part_of": entity.wholes,
        **{relation: entity.related.get(relation, ()) for relation in TERM_RELATIONS},
    }
    for relation, values in outward.items():
        for value in values:
            if value in index.entities:
                yield identifier, value, relation, _STRUCTURE_SAID[relation]
    for relation, below in (("kind_of", index.children), ("part_of", index.parts)):
        for item in views.references(below.get(identifier, ())):
            yield item["id"], identifier, relation, _STRUCTURE_SAID[relation]
