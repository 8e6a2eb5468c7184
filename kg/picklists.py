"""Lists to pick the parts of a question from, and the question that the picks make."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from kg.errors import BadParameter
from kg.index import Index
from kg.questions import Question
from kg.structure import MAX_AGE, from_json
from kg.views import Json

OTHER = "other"
SMALLEST_GROUP = 2
"""Fewer values than this go with the others."""
SEGMENTS = {
    "etio:Hip": "hip, groin and buttock",
    "etio:Groin": "hip, groin and buttock",
    "etio:HipGirdle": "hip, groin and buttock",
    "etio:Thigh": "thigh",
    "etio:Knee": "knee",
    "etio:LowerLeg": "lower leg",
    "etio:AchillesTendon": "ankle and foot",
    "etio:Ankle": "ankle and foot",
    "etio:Foot": "ankle and foot",
    "etio:Leg": "whole leg, or a side of it",
    "etio:Trunk": "head, trunk and arms",
    "etio:Arm": "head, trunk and arms",
    "etio:Head": "head, trunk and arms",
    "etio:MainBodyPart": "head, trunk and arms",
    "etio:SkeletalFrame": "head, trunk and arms",
    "etio:StructureOfTheBody": "tissue",
}
"""Region → the group of those within it; the first that fits counts."""


class PickList(NamedTuple):
    """A part of the question: its role, the words that ask for it, and how many values it lists."""

    role: str
    asked: str
    length: int


PICK_LISTS = (
    PickList("symptom", "What is wrong", 60),
    PickList("region", "Where", 60),
    PickList("quality", "What it is like", 50),
    PickList("timing", "When", 50),
    PickList("triggered_by", "What brings it on", 50),
    PickList("aggravated_by", "What makes it worse", 50),
    PickList("relieved_by", "What relieves it", 50),
)
PERSON_KEYS = ("age", "sex")
_ROLES = tuple(known.role for known in PICK_LISTS)


@lru_cache(maxsize=1)
def pick_lists(index: Index) -> list[Json]:
    """`{role, asked, groups: [{label, options: [{id, label}]}]}` for each of PICK_LISTS.

    The values are those most often recorded; groups stand in the order of their best, options in
    that of the alphabet.
    """
    return [
        {"role": known.role, "asked": known.asked, "groups": _groups(index, known)}
        for known in PICK_LISTS
    ]


def _groups(index: Index, known: PickList) -> list[Json]:
    counts = Counter(
        value
        for presentation in index.presentations.values()
        for value in presentation.recorded[known.role]
    )
    groups: dict[str, list[str]] = defaultdict(list)
    for value, _ in counts.most_common(known.length):
        groups[_group(index, value)].append(value)
    small = [name for name, values in groups.items() if len(values) < SMALLEST_GROUP]
    others = [value for name in small for value in groups.pop(name)] + groups.pop(OTHER, [])
    if others:
        groups[OTHER] = others
    return [
        {
            "label": name,
            "options": [
                {"id": value, "label": index.label(value)}
                for value in sorted(values, key=lambda value: index.label(value).casefold())
            ],
        }
        for name, values in groups.items()
    ]


def _group(index: Index, value: str) -> str:
    if index.entity(value).kind == "region":
        broader = index.broader(value)
        return next((name for region, name in SEGMENTS.items() if region in broader), OTHER)
    return min(index.label(root) for root in _roots(index, value))


def _roots(index: Index, value: str) -> Iterator[str]:
    """The broadest terms that a term is a kind of."""
    parents = [parent for parent in index.entity(value).parents if parent in index.entities]
    if not parents:
        yield value
    for parent in parents:
        yield from _roots(index, parent)


def picked(index: Index, picks: Mapping[str, str]) -> Question:
    """The question that picks make, role → value and `age` and `sex`; a blank value is no pick.

    BadParameter if nothing that hurts is picked, or a value is none of its list.
    """
    unknown = [name for name in picks if name not in (*_ROLES, *PERSON_KEYS)]
    if unknown:
        known = (*_ROLES, *PERSON_KEYS)
        raise BadParameter(f"there is no pick {unknown[0]!r}; there are {', '.join(known)}", known)
    chosen = {name: value.strip() for name, value in picks.items() if value.strip()}
    criteria = [{"role": role, "value": chosen[role]} for role in _ROLES if role in chosen]
    if not criteria:
        raise BadParameter("pick at least one thing: a symptom, a place, or what changes it")
    person = {name: _person_value(name, chosen[name]) for name in PERSON_KEYS if name in chosen}
    question = from_json({"findings": [criteria], "person": person}, index)
    for criterion in question.findings[0].criteria:
        if (criterion.role, criterion.value) not in index.presented_with:
            label = index.label(criterion.value)
            raise BadParameter(f"{criterion.role}: nothing is recorded with {label!r} there")
    return question


def _person_value(name: str, text: str) -> str | int:
    if name == "sex":
        return text
    if not (text.isascii() and text.isdecimal()):
        raise BadParameter(f"age must be a whole number of years from 0 to {MAX_AGE}, not {text!r}")
    return int(text)
