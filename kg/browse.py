"""Ways through the graph without a question: trees of terms, facets of conditions, sources."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache

from kg.errors import UnknownEntity
from kg.index import Index
from kg.profile import grouped_rows, told
from kg.records import Claim, Presentation
from kg.reference import reference
from kg.views import Json, Views
from kg.vocabulary import GRADES, PUBLISHER_KINDS

KIND_TITLES = {
    "condition": "Conditions",
    "symptom": "Symptoms",
    "region": "Body regions",
    "risk_factor": "Risk factors",
    "treatment": "Treatments",
    "test": "Diagnostic tests",
    "factor": "Triggers and reliefs",
    "quality": "Qualities",
    "timing": "Timings",
    "process": "Processes of disease",
}
"""Kinds of terms to browse, in order → what they are called together."""
MAIN_KINDS = ("condition", "symptom", "region", "risk_factor", "treatment", "test")
FACETS = {
    "region": "Where",
    "symptom": "Symptom",
    "relieved_by": "Relieved by",
    "grade": "Evidence",
}
"""What conditions can be narrowed by → its title."""
OFTEN = 8
"""How many values a facet shows before the alphabetical list."""
_KIND_ROLES = {
    "symptom": ("symptom",),
    "region": ("region",),
    "factor": ("triggered_by", "aggravated_by", "relieved_by"),
    "quality": ("quality",),
    "timing": ("timing",),
}
_KIND_RELATIONS = {
    "risk_factor": ("has_risk_factor",),
    "treatment": ("treated_by", "prevented_by"),
    "test": ("diagnosed_by",),
    "process": ("has_process",),
}


@lru_cache(maxsize=1)
def catalogue(index: Index) -> "Catalogue":
    """The catalogue of the index that is served."""
    return Catalogue(index)


class Catalogue:
    """Trees, facets and sources of one index; what is counted is counted once."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._views = Views(index)
        self._conditions = [e.id for e in index.entities.values() if e.kind == "condition"]
        self._bit = {condition: 1 << n for n, condition in enumerate(self._conditions)}
        self._mask = {one.id: self._bits(one.conditions) for one in index.presentations.values()}

    def _bits(self, conditions: Iterable[str]) -> int:
        """A set of conditions as the bits of a number."""
        found = 0
        for condition in conditions:
            found |= self._bit.get(condition, 0)
        return found

    # -- trees ---------------------------------------------------------------------------------

    @cached_property
    def kinds(self) -> Mapping[str, Json]:
        """Kind → `{title, definition, count, tree}`, in the order of KIND_TITLES.

        The tree is a list of `{entity, count, recorded, below}`: `count` terms stand below, and
        in `recorded` conditions it is recorded, or something below it; of a condition `recorded`
        counts the ways in which it shows itself.
        """
        found = {kind["kind"]: kind for kind in reference(self._index)["kinds"]}
        return {
            kind: {
                "title": title,
                "definition": found[kind]["definition"],
                "count": found[kind]["count"],
                "tree": self._counted(found[kind]["tree"]),
            }
            for kind, title in KIND_TITLES.items()
            if kind in found
        }

    def _counted(self, nodes: Iterable[Json]) -> list[Json]:
        return [
            {
                **node,
                "recorded": self._recorded(node["entity"]["id"]),
                "below": self._counted(node["below"]),
            }
            for node in nodes
        ]

    def _recorded(self, identifier: str) -> int:
        index, kind = self._index, self._index.entities[identifier].kind
        if kind == "condition":
            return len({one.row for one in index.presentations_of.get(identifier, ())})
        found = 0
        for role in _KIND_ROLES.get(kind, ()):
            for one in index.presented_with.get((role, identifier), ()):
                found |= self._mask[one.id]
        for relation in _KIND_RELATIONS.get(kind, ()):
            found |= self._claimed.get((relation, identifier), 0)
        return found.bit_count()

    @cached_property
    def _claimed(self) -> Mapping[tuple[str, str], int]:
        """Relation and value, or something wider → the conditions of which it is claimed."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for claim in self._index.claims.values():
            mask = self._bits((claim.subject, *claim.heirs))
            for value in self._index.broader(claim.value):
                found[claim.relation, value] |= mask
        for condition in self._conditions:
            for process in self._processes(condition):
                found["has_process", process] |= self._bit[condition]
        return found

    def _processes(self, condition: str) -> set[str]:
        entities = self._index.entities
        lines = (condition, *entities[condition].ancestors)
        stated = [entities[one].related.get("has_process", ()) for one in lines if one in entities]
        return {
            wider for some in stated for process in some for wider in self._index.broader(process)
        }

    # -- facets --------------------------------------------------------------------------------

    def narrowed(self, chosen: Mapping[str, str]) -> Json:
        """Conditions with a presentation that has all that is chosen, and what else there is.

        `chosen` maps some of FACETS to a CURIE or a grade; UnknownEntity for another value. The
        answer is `{chosen, facets, conditions}`: `chosen` has the label of each value, `facets`
        for each of FACETS its `often` and `all`, lists of `{value, label, count}`, where `count`
        conditions are left with that value and the other choices; `conditions` are `{entity,
        urgency, flagged, rows, fitting}`, those that most presentations fit first.
        """
        sets = {facet: self._with(facet, value) for facet, value in chosen.items()}
        fitting = self._all_of(sets.values())
        return {
            "chosen": [
                {"facet": facet, "value": value, "label": self._label(facet, value)}
                for facet, value in chosen.items()
            ],
            "facets": {
                facet: self._values(
                    facet, self._all_of(found for name, found in sets.items() if name != facet)
                )
                for facet in FACETS
            },
            "conditions": self._conditions_of(fitting) if chosen else [],
        }

    def _label(self, facet: str, value: str) -> str:
        return value.replace("_", " ") if facet == "grade" else self._index.label(value)

    def _with(self, facet: str, value: str) -> set[str]:
        """The presentations that have a value of a facet."""
        if facet == "grade":
            if value not in GRADES:
                raise UnknownEntity(f"there is no grade {value!r}", tuple(GRADES))
            presented: Iterable[Presentation] = self._index.presentations.values()
            return {one.id for one in presented if one.grade == value}
        identifier = self._index.entity(value).id
        return {one.id for one in self._index.presented_with.get((facet, identifier), ())}

    def _all_of(self, sets: Iterable[set[str]]) -> Sequence[Presentation]:
        """The presentations in all sets, in the order of the index."""
        wanted = list(sets)
        presented = self._index.presentations
        if not wanted:
            return list(presented.values())
        return [presented[one] for one in sorted(set.intersection(*wanted))]

    def _values(self, facet: str, presentations: Sequence[Presentation]) -> Json:
        masks: dict[str, int] = defaultdict(int)
        recorded: Counter[str] = Counter()
        for one in presentations:
            values = (one.grade,) if facet == "grade" else one.entailed[facet]
            mask = self._mask[one.id]
            for value in values:
                masks[value] |= mask
            recorded.update(values if facet == "grade" else one.recorded[facet])
        if facet == "grade":
            return {"often": [], "all": [self._option(facet, g, masks) for g in GRADES if masks[g]]}
        entities = self._index.entities
        known = {value for value in masks if entities[value].kind != "group"}
        often = [value for value, _ in recorded.most_common(OFTEN) if value in known]
        return {
            "often": [self._option(facet, value, masks) for value in often],
            "all": [
                self._option(facet, value, masks)
                for value in sorted(known, key=lambda one: entities[one].label.casefold())
            ],
        }

    def _option(self, facet: str, value: str, masks: Mapping[str, int]) -> Json:
        return {
            "value": value,
            "label": self._label(facet, value),
            "count": masks[value].bit_count(),
        }

    def _conditions_of(self, presentations: Iterable[Presentation]) -> list[Json]:
        rows: dict[str, set[str]] = defaultdict(set)
        for one in presentations:
            for condition in one.conditions:
                rows[condition].add(one.row)
        found = []
        for item in self._views.references(rows):
            flags = self._views.red_flags(item["id"])
            found.append(
                {
                    "entity": item,
                    "urgency": flags[0]["urgency"] if flags else None,
                    "flagged": len(flags),
                    "rows": self._recorded(item["id"]),
                    "fitting": len(rows[item["id"]]),
                }
            )
        return sorted(found, key=lambda row: -row["fitting"])

    # -- sources -------------------------------------------------------------------------------

    @cached_property
    def _resting(self) -> tuple[Mapping[str, list[Presentation]], Mapping[str, list[Claim]]]:
        presented: dict[str, list[Presentation]] = defaultdict(list)
        claimed: dict[str, list[Claim]] = defaultdict(list)
        for one in self._index.presentations.values():
            presented[one.source].append(one)
        for claim in self._index.claims.values():
            claimed[claim.source].append(claim)
        return presented, claimed

    @cached_property
    def _sources(self) -> list[Json]:
        presented, claimed = self._resting
        found: list[Json] = [
            {
                **self._views.source(source),
                "presentations": len({one.row for one in presented.get(source, ())}),
                "facts": len(claimed.get(source, ())),
            }
            for source in self._index.sources
        ]
        found.sort(key=lambda item: (-item["presentations"] - item["facts"], item["id"]))
        return found

    def sources(self, text: str = "", kind: str = "") -> Json:
        """Sources with all words of a text in title, publisher or address, of a publisher kind.

        `{kinds, sources}`: `kinds` counts by publisher kind what the text finds; sources on which
        most rests come first, each with `presentations` and `facts`.
        """
        words = text.casefold().split()
        found = [item for item in self._sources if _has(item, words)]
        counts = Counter(item["publisher_kind"] for item in found)
        return {
            "kinds": {one: counts[one] for one in PUBLISHER_KINDS if counts[one]},
            "sources": [item for item in found if kind in ("", item["publisher_kind"])],
        }

    def source(self, identifier: str) -> Json:
        """What rests on a source: `{source, rows, facts}`; UnknownEntity if there is none.

        `rows` are as in `kg.profile`; `facts` are `{entity, claims}`, by the subject of the claims.
        """
        if identifier not in self._index.sources:
            raise UnknownEntity(f"there is no source {identifier!r}")
        presented, claimed = self._resting
        facts: dict[str, list[Json]] = defaultdict(list)
        for claim in sorted(claimed.get(identifier, ()), key=lambda claim: told(claim.relation)):
            facts[claim.subject].append(self._views.claim(claim))
        return {
            "source": self._views.source(identifier),
            "rows": grouped_rows(self._views, presented.get(identifier, ())),
            "facts": [
                {"entity": item, "claims": facts[item["id"]]}
                for item in self._views.references(facts)
            ],
        }


def _has(source: Json, words: Iterable[str]) -> bool:
    text = " ".join(
        str(source[part] or "") for part in ("id", "title", "publisher", "copy_of", "url")
    ).casefold()
    return all(word in text for word in words)
