"""Counts for pictures of the whole graph, each computed once for an index.

Where conditions show themselves, what relieves some and worsens others, which red flags are
recorded, how good the sources are, and what is not recorded.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from kg.coverage import ASPECTS, coverage
from kg.errors import BadParameter
from kg.index import Index
from kg.records import Claim, Presentation
from kg.views import URGENCY_ORDER, Json, Views
from kg.vocabulary import GRADES, PUBLISHER_KINDS, URGENCIES

REGIONS = (
    "etio:Buttock",
    "etio:Hip",
    "etio:Groin",
    "etio:Thigh",
    "etio:Knee",
    "etio:Shin",
    "etio:Calf",
    "etio:Ankle",
    "etio:Foot",
    "etio:Heel",
    "etio:Sole",
    "etio:Toe",
)
"""The columns of the heat map, from hip to toes."""
LEG = "etio:Leg"
STEPS = (1, 2, 4, 7, 11)
"""The least number of conditions of each step of colour."""
DIVIDED = 20
"""A system with so many conditions is shown by its parts."""
LEAST = 6
"""A group with fewer conditions has no row of its own."""
OTHER = "other"
FACTORS, CONTRASTED = 12, 20
FLAGS = 15
RELIEVES, BOTH, NOT_RECORDED, NO_RELIEF, WORSENS = (
    "relieves",
    "both",
    "not_recorded",
    "no_relief",
    "worsens",
)
STATES = (RELIEVES, BOTH, NOT_RECORDED, NO_RELIEF, WORSENS)
"""What is recorded of a factor and a condition, from relief to its opposite."""
SAID = {
    "relieved_by": "relieved by",
    "aggravated_by": "worse with",
    "triggered_by": "brought on by",
    "denied_by": "described as",
}
"""How what is recorded behind a state is said."""
SIGNS = {RELIEVES: 1.0, BOTH: 0.0, NOT_RECORDED: 0.0, NO_RELIEF: -0.5, WORSENS: -1.0}
TURNS = 60
"""Rounds after which the order of a table is settled."""

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


def _once(
    compute: Callable[[Index, *_Arguments], _Result],
) -> Callable[[Index, *_Arguments], _Result]:
    """Compute once for each index and arguments, for as long as the index lives."""
    kept: WeakKeyDictionary[Index, dict[object, _Result]] = WeakKeyDictionary()

    @wraps(compute)
    def known(index: Index, *arguments: *_Arguments) -> _Result:
        results = kept.setdefault(index, {})
        if arguments not in results:
            results[arguments] = compute(index, *arguments)
        return results[arguments]

    return known


@dataclass(frozen=True, slots=True)
class System:
    """A row of the heat map: a group of conditions; `id` is its local name in an address."""

    id: str
    label: str
    conditions: Set[str]


# -- where conditions show themselves ---------------------------------------------------------


@_once
def heat_map(index: Index) -> Json:
    """`{regions, systems, steps, total, most}`: how many conditions of a system show in a region.

    `regions` has `{id, label, count}`, `systems` `{id, label, count, cells}` with one `{count,
    step}` for each region, `step` from 0 for none; `count` counts a condition once. `most` is the
    largest cell: `{count, system, region}`.
    """
    placed = _placed(index)
    systems = _systems(index)
    rows: list[Json] = [
        {
            "id": system.id,
            "label": system.label,
            "count": len(system.conditions),
            "cells": [_cell(len(system.conditions & there)) for there in placed.values()],
        }
        for system in systems
    ]
    regions: list[Json] = [
        {"id": region, "label": index.label(region), "count": len(there)}
        for region, there in placed.items()
    ]
    cells = (
        {"count": cell["count"], "system": row["label"], "region": region["label"]}
        for row in rows
        for region, cell in zip(regions, row["cells"], strict=True)
    )
    return {
        "regions": regions,
        "systems": rows,
        "steps": STEPS,
        "total": len(frozenset().union(*placed.values())),
        "most": max(cells, key=lambda cell: int(cell["count"]), default=None),
    }


def conditions_at(index: Index, system: str | None, region: str | None) -> Json:
    """The conditions of one cell, row or column: `{system, region, conditions}`.

    Each condition has `{entity, symptoms, red_flags, urgency}`: what it shows there, how many red
    flags it has and the most urgent thing said of one. BadParameter where there is no such row or
    column.
    """
    placed = _placed(index)
    chosen = {known.id: known for known in _systems(index)}
    if system is not None and system not in chosen:
        raise BadParameter(f"system must be one of {', '.join(chosen)}")
    if region is not None and region not in placed:
        raise BadParameter(f"region must be one of {_locals(placed)}")
    there = placed[region] if region else frozenset().union(*placed.values())
    found = there & chosen[system].conditions if system else there
    views = Views(index)
    return {
        "system": chosen[system].label if system else None,
        "region": views.reference(region) if region else None,
        "conditions": [
            _at(index, views, reference, [region] if region else [*placed])
            for reference in views.references(found)
        ],
    }


def _at(index: Index, views: Views, reference: Json, regions: Iterable[str]) -> Json:
    condition, flags = str(reference["id"]), views.red_flags(reference["id"])
    within = frozenset(regions)
    symptoms = {
        symptom
        for one in index.presentations_of.get(condition, ())
        if not within.isdisjoint(one.entailed["region"])
        for symptom in one.recorded["symptom"]
    }
    return {
        "entity": reference,
        "symptoms": views.references(symptoms),
        "red_flags": len(flags),
        "urgency": flags[0]["urgency"] if flags else None,
    }


def _cell(count: int) -> Json:
    return {"count": count, "step": sum(count >= least for least in STEPS)}


@_once
def _placed(index: Index) -> dict[str, frozenset[str]]:
    """Region of REGIONS → the conditions with a presentation entailed in it."""
    return {
        region: index.conditions_with("region", region)
        for region in REGIONS
        if region in index.entities
    }


@_once
def _systems(index: Index) -> list[System]:
    """The groups of the conditions of the map, the largest system first."""
    shown = frozenset().union(*_placed(index).values())
    members: dict[str, set[str]] = defaultdict(set)
    for condition in shown:
        for group in (condition, *index.entities[condition].ancestors):
            members[group].add(condition)
    widest = [group for group in _by_size(members) if _is_widest(index, group)]
    systems = [
        part
        for group in widest
        if len(members[group]) >= LEAST
        for part in _divided(index, group, members)
    ]
    rest = shown.difference(*(system.conditions for system in systems))
    if rest:
        systems.append(System(OTHER, "all other groups", rest))
    return systems


def _divided(index: Index, group: str, members: dict[str, set[str]]) -> list[System]:
    """A group as one row; a large one as a row for each of its parts and one for the rest."""
    below = [part for part in index.children.get(group, ()) if len(members[part]) >= LEAST]
    whole = System(_local(group), index.label(group), members[group])
    if len(members[group]) < DIVIDED or not below:
        return [whole]
    parts = [
        System(_local(part), index.label(part), members[part])
        for part in _by_size({part: members[part] for part in below})
    ]
    rest = members[group].difference(*(part.conditions for part in parts))
    other = System(f"{OTHER}-{whole.id}", f"{OTHER} {whole.label}", rest)
    return [*parts, other] if rest else parts


def _by_size(members: dict[str, set[str]]) -> list[str]:
    return sorted(members, key=lambda group: (-len(members[group]), group))


def _is_widest(index: Index, condition: str) -> bool:
    entity = index.entities[condition]
    return entity.kind == "condition" and not any(one in index.entities for one in entity.parents)


# -- what relieves some and worsens others ----------------------------------------------------


def relief_regions(index: Index) -> list[Json]:
    """The regions that `relief` can be asked about."""
    views = Views(index)
    return [views.reference(region) for region in (LEG, *REGIONS) if region in index.entities]


@_once
def relief(index: Index, region: str) -> Json:
    """`{region, factors, conditions, best, total}`: what eases one condition and worsens another.

    `factors` are those that relieve most conditions with symptoms in the region. `conditions` has
    `{entity, cells}` with one `{state, role, said}` for each factor: `state` of STATES, `said` the
    recorded words behind it, and `role` the relation to ask about. Conditions that differ most
    from others are chosen, and of a condition and its kinds with the same cells the widest; `total`
    is of how many. `best` is the factor that relieves and worsens most of them: `{label, relieves,
    worsens}`. BadParameter for another region.

    Relief by a kind of the factor counts; what worsens only where it is the factor itself: driving
    that worsens a pain does not say that rest worsens it.
    """
    offered = [known["id"] for known in relief_regions(index)]
    if region not in offered:
        raise BadParameter(f"relief must be one of {_locals(offered)}")
    views = Views(index)
    shown: dict[str, list[Presentation]] = defaultdict(list)
    for one in index.presented_with.get(("region", region), ()):
        for condition in one.conditions:
            shown[condition].append(one)
    factors = _factors(index, shown)
    rows = {
        condition: [_recorded(index, presented, factor) for factor in factors]
        for condition, presented in shown.items()
    }
    known = {
        condition: cells
        for condition, cells in rows.items()
        if any(cell["state"] != NOT_RECORDED for cell in cells)
        and not any(
            _states(cells) == _states(rows.get(wider, ()))
            for wider in index.entities[condition].ancestors
        )
    }
    chosen = {condition: known[condition] for condition in _contrasted(known)}
    conditions, places = _arranged(chosen, len(factors))
    places = [
        place
        for place in places
        if any(cells[place]["state"] != NOT_RECORDED for cells in chosen.values())
    ]
    return {
        "region": views.reference(region),
        "factors": [views.reference(factors[place]) for place in places],
        "conditions": [
            {
                "entity": views.reference(condition),
                "cells": [chosen[condition][place] for place in places],
            }
            for condition in conditions
        ],
        "best": _best(index, factors, chosen.values()),
        "total": len(known),
    }


def _factors(index: Index, shown: Mapping[str, Sequence[Presentation]]) -> list[str]:
    """The recorded factors that relieve most of the conditions, and more than one."""
    recorded = {
        factor
        for presented in shown.values()
        for one in presented
        for factor in one.recorded["relieved_by"]
    }
    relieved: dict[str, set[str]] = defaultdict(set)
    for condition, presented in shown.items():
        for one in presented:
            for factor in recorded.intersection(one.entailed["relieved_by"]):
                relieved[factor].add(condition)
    factors: list[str] = []
    for factor in sorted(relieved, key=lambda one: (-len(relieved[one]), index.label(one))):
        wider = index.broader(factor).intersection(factors)
        if len(relieved[factor]) > 1 and all(relieved[factor] != relieved[one] for one in wider):
            factors.append(factor)
    return factors[:FACTORS]


def _recorded(index: Index, presented: Sequence[Presentation], factor: str) -> Json:
    """What presentations of one condition record of a factor: `{state, role, said}`."""
    wider = index.broader(factor)

    def relieves(value: str) -> bool:
        return factor in index.broader(value)

    def denies(value: str) -> bool:
        return not wider.isdisjoint(index.entities[value].contradicts_relief_by)

    def labels(role: str, holds: Callable[[str], bool]) -> list[str]:
        values = {value for one in presented for value in one.recorded[role]}
        return sorted(index.label(value) for value in values if holds(value))

    behind = {
        "relieved_by": labels("relieved_by", relieves),
        "aggravated_by": labels("aggravated_by", factor.__eq__),
        "triggered_by": labels("triggered_by", factor.__eq__),
        "denied_by": labels("quality", denies),
    }
    state = _state(frozenset(role for role, found in behind.items() if found))
    worse = "aggravated_by" if behind["aggravated_by"] else "triggered_by"
    return {
        "state": state,
        "role": worse if state == WORSENS else "relieved_by",
        "said": "; ".join(
            f"{SAID[role]} {', '.join(found)}" for role, found in behind.items() if found
        ),
    }


def _states(cells: Iterable[Json]) -> list[str]:
    return [cell["state"] for cell in cells]


def _state(behind: Set[str]) -> str:
    if "relieved_by" in behind:
        return BOTH if len(behind) > 1 else RELIEVES
    if not behind.isdisjoint(("aggravated_by", "triggered_by")):
        return WORSENS
    return NO_RELIEF if behind else NOT_RECORDED


def _contrasted(rows: dict[str, list[Json]]) -> list[str]:
    """The conditions that differ most from the others in what is recorded of both."""
    columns = [
        Counter(cells[place]["state"] for cells in rows.values())
        for place in range(len(next(iter(rows.values()), ())))
    ]

    def contrasts(condition: str) -> int:
        return sum(
            column.total() - column[cell["state"]] - column[NOT_RECORDED]
            for column, cell in zip(columns, rows[condition], strict=True)
            if cell["state"] != NOT_RECORDED
        )

    def known(condition: str) -> int:
        return sum(cell["state"] != NOT_RECORDED for cell in rows[condition])

    return sorted(rows, key=lambda one: (-contrasts(one), -known(one), one))[:CONTRASTED]


def _arranged(rows: dict[str, list[Json]], width: int) -> tuple[list[str], list[int]]:
    """Conditions and places of factors in an order that puts like beside like.

    The order along the first singular vectors of the table, by power iteration.
    """
    table = {
        condition: [SIGNS[cell["state"]] for cell in cells] for condition, cells in rows.items()
    }
    weights = [1.0 + place / width for place in range(width)]
    along: dict[str, float] = {}
    for _ in range(TURNS):
        along = {
            condition: sum(sign * weight for sign, weight in zip(signs, weights, strict=True))
            for condition, signs in table.items()
        }
        weights = [
            sum(table[condition][place] * value for condition, value in along.items())
            for place in range(width)
        ]
        size = sum(weight * weight for weight in weights) ** 0.5 or 1.0
        weights = [weight / size for weight in weights]
    conditions = sorted(along, key=lambda condition: (-along[condition], condition))
    return conditions, sorted(range(width), key=lambda place: -weights[place])


def _best(index: Index, factors: Sequence[str], rows: Iterable[list[Json]]) -> Json | None:
    counts = [Counter(cell["state"] for cell in column) for column in zip(*rows, strict=True)]
    found: list[Json] = [
        {"label": index.label(factor), RELIEVES: count[RELIEVES], WORSENS: count[WORSENS]}
        for factor, count in zip(factors, counts, strict=False)
        if count[RELIEVES] and count[WORSENS]
    ]
    return max(found, key=lambda one: min(one[RELIEVES], one[WORSENS]), default=None)


# -- red flags and sources --------------------------------------------------------------------


@_once
def urgent_flags(index: Index) -> Json:
    """`{flags, conditions, shown}`: the red flags said to be an emergency in most conditions.

    `shown` has `{entity, count, urgencies}`, where `urgencies` says of how many conditions the
    most urgent thing said is emergency, urgent, see_doctor, or "" for nothing. `flags` and
    `conditions` count all red flags and all conditions that have one.
    """
    claims: dict[str, dict[str, list[Claim]]] = defaultdict(lambda: defaultdict(list))
    for claim in index.claims.values():
        if claim.relation == "has_red_flag":
            for condition in (claim.subject, *claim.heirs):
                claims[claim.value][condition].append(claim)
    views = Views(index)
    flags: list[Json] = [
        {
            "entity": views.reference(flag),
            "count": len(of),
            "urgencies": _urgencies(of.values()),
        }
        for flag, of in claims.items()
    ]
    flags.sort(key=lambda flag: (*(-n for n in flag["urgencies"].values()), flag["entity"]["id"]))
    return {
        "flags": len(flags),
        "conditions": len({condition for of in claims.values() for condition in of}),
        "shown": flags[:FLAGS],
    }


def _urgencies(claims: Iterable[Iterable[Claim]]) -> dict[str, int]:
    found = Counter(
        min((claim.urgency for claim in of), key=lambda said: URGENCY_ORDER[said or None])
        for of in claims
    )
    return {urgency: found[urgency] for urgency in (*URGENCIES, "")}


@_once
def evidence(index: Index) -> Json:
    """`{kinds, statements, grades}`: what kinds of sources state, and how it is graded.

    `kinds` has `{kind, sources, statements, grades}`, the most statements first; `grades` counts
    statements by grade. A statement is counted once for each source that makes it.
    """
    rows: list[Presentation | Claim] = [*index.presentations.values(), *index.claims.values()]
    found = Counter((index.sources[row.source].publisher_kind, row.grade) for row in rows)
    sources = Counter(source.publisher_kind for source in index.sources.values())
    kinds: list[Json] = [
        {
            "kind": kind,
            "sources": sources[kind],
            "statements": sum(found[kind, grade] for grade in GRADES),
            "grades": {grade: found[kind, grade] for grade in GRADES},
        }
        for kind in PUBLISHER_KINDS
        if sources[kind]
    ]
    kinds.sort(key=lambda kind: -int(kind["statements"]))
    return {
        "kinds": kinds,
        "statements": len(rows),
        "grades": {grade: sum(found[kind, grade] for kind in PUBLISHER_KINDS) for grade in GRADES},
    }


# -- what is not recorded ---------------------------------------------------------------------


@_once
def recorded(index: Index) -> Json:
    """What `kg.coverage.coverage` says, and `groups`: `{id, label, kind, count}`, by label.

    The groups are the widest conditions, and the named groups that the reasoner fills.
    """
    found = coverage(index)
    counts = Counter(
        group for row in found["conditions"] for group in _groups_of(index, row["entity"]["id"])
    )
    groups = [
        {
            "id": _local(one["id"]),
            "label": one["label"],
            "kind": one["kind"],
            "count": counts[one["id"]],
        }
        for one in Views(index).references(counts)
    ]
    return {**found, "groups": groups}


def recorded_of(index: Index, group: str | None, order: str) -> list[Json]:
    """The rows of `recorded` of one of its groups, in order of `name`, `missing` or an aspect.

    An aspect puts those that lack it first; a minus before the order turns it round. BadParameter
    for what is no group or order.
    """
    found = recorded(index)
    if group is not None and group not in {known["id"] for known in found["groups"]}:
        raise BadParameter(f"there is no group {group!r}")
    key = order.removeprefix("-")
    if key not in ("name", "missing", *ASPECTS):
        raise BadParameter(f"sort must be name, missing or one of {', '.join(ASPECTS)}")
    rows = [
        row
        for row in found["conditions"]
        if group is None or f"etio:{group}" in _groups_of(index, row["entity"]["id"])
    ]
    rows.sort(key=lambda row: str(row["entity"]["label"]).casefold())
    if key == "missing":
        rows.sort(key=lambda row: -len(row["missing"]), reverse=order.startswith("-"))
    elif key in ASPECTS:
        rows.sort(key=lambda row: int(row["recorded"][key]), reverse=order.startswith("-"))
    elif order.startswith("-"):
        rows.reverse()
    return rows


def _groups_of(index: Index, condition: str) -> list[str]:
    known = (condition, *index.entities[condition].ancestors)
    return [one for one in known if _is_widest(index, one) or index.entities[one].kind == "group"]


def _local(curie: str) -> str:
    return curie.partition(":")[2]


def _locals(curies: Iterable[str]) -> str:
    return ", ".join(map(_local, curies))
