"""The records of the lookup index: what the build writes into a snapshot and the service reads.

All ids are CURIEs. `Entity` and its fellows are frozen and hold plain values, so that the index
is one JSON file.
"""

import collections.abc
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

JsonObject = collections.abc.Mapping[str, Any]
_Kind = TypeVar("_Kind")

ROLES = (
    "symptom",
    "region",
    "quality",
    "timing",
    "laterality",
    "triggered_by",
    "aggravated_by",
    "relieved_by",
)
"""The parts of a presentation, in the order in which people say them."""


@dataclass(frozen=True, slots=True)
class Synonym:
    """Another name of an entity.

    `scope` is exact, narrow, broad or related; `type` is lay, abbreviation, american or empty.
    """

    text: str
    scope: str
    type: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """The entity's counterpart in another vocabulary.

    `strength` is exact, close, broad (theirs is broader) or narrow; `id` a CURIE.
    """

    strength: str
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A term: a class of conditions, symptoms, regions, risk factors, treatments, tests, …

    `ancestors` are all superclasses below the top class; `broader` adds every region that a
    region is part of, and what an activity or treatment involves. Both are entailed, not walked
    at run time. `related` holds what the definition relates it to, `equivalent_to` the class
    expression that defines it fully, in Manchester syntax ('' if none does). A symptom so defined
    has in `defined_as` what that puts in each of ROLES: for calf pain, pain and the calf.
    """

    id: str
    iri: str
    label: str
    kind: str
    definition: str
    synonyms: tuple[Synonym, ...]
    mappings: tuple[Mapping, ...]
    parents: tuple[str, ...]
    ancestors: tuple[str, ...]
    wholes: tuple[str, ...]
    broader: tuple[str, ...]
    contradicts_relief_by: tuple[str, ...]
    related: dict[str, tuple[str, ...]]
    equivalent_to: str
    defined_as: dict[str, tuple[str, ...]]

    def names(self) -> collections.abc.Iterator[tuple[str, int]]:
        """Every name with its rank: the label 0, exact synonyms 1, all others 2."""
        yield self.label, 0
        for synonym in self.synonyms:
            yield synonym.text, 1 if synonym.scope == "exact" else 2


@dataclass(frozen=True, slots=True)
class Presentation:
    """One way a condition shows itself, in one region.

    `recorded` holds what the row says for each of ROLES, `entailed` what follows from it (a
    recorded calf is an entailed leg). `conditions` holds the condition of the row first and then
    those that inherit it.
    """

    id: str
    row: str
    conditions: tuple[str, ...]
    recorded: dict[str, tuple[str, ...]]
    entailed: dict[str, tuple[str, ...]]
    frequency: str
    grade: str
    source: str

    @property
    def condition(self) -> str:
        """The condition of the row; the others inherit the presentation."""
        return self.conditions[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of one source: subject, relation (a column name of facts.tsv) and value.

    `urgency` is what the source says to do about a red flag: emergency, urgent, see_doctor, or
    empty where that is not recorded. `grade` is that of the statement over all its sources.
    `heirs` are the conditions below the subject, to which the claim extends.
    """

    id: str
    subject: str
    relation: str
    value: str
    urgency: str
    note: str
    grade: str
    source: str
    heirs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A publication that was read."""

    id: str
    title: str
    publisher: str
    publisher_kind: str
    copy_of: str
    url: str

    @property
    def origin(self) -> str:
        """The body whose text it is: a copy is not independent of what it copies."""
        return self.copy_of or self.publisher


@dataclass(frozen=True, slots=True)
class TopClass:
    """A class of the schema under which the terms of a kind stand."""

    id: str
    label: str
    definition: str
    kind: str


@dataclass(frozen=True, slots=True)
class Property:
    """A relation of the ontology.

    `domain` and `range` are classes ('' for none), `chains` the pairs of properties that lead to
    it (calf part of leg: located in ∘ part of → located in), `mappings` its counterparts.
    """

    id: str
    label: str
    definition: str
    domain: str
    range: str
    parents: tuple[str, ...]
    chains: tuple[str, ...]
    mappings: tuple[Mapping, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """All records of a snapshot."""

    top_classes: tuple[TopClass, ...]
    properties: tuple[Property, ...]
    entities: tuple[Entity, ...]
    presentations: tuple[Presentation, ...]
    claims: tuple[Claim, ...]
    sources: tuple[Source, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: JsonObject) -> "Records":
        """The inverse of `to_json`; TypeError or KeyError for data of another shape."""
        return cls(
            top_classes=tuple(_record(TopClass, item) for item in data["top_classes"]),
            properties=tuple(_mapped(Property, item) for item in data["properties"]),
            entities=tuple(_entity(item) for item in data["entities"]),
            presentations=tuple(_record(Presentation, item) for item in data["presentations"]),
            claims=tuple(_record(Claim, item) for item in data["claims"]),
            sources=tuple(_record(Source, item) for item in data["sources"]),
        )


def _entity(item: JsonObject) -> Entity:
    synonyms = [_record(Synonym, synonym) for synonym in item["synonyms"]]
    return _mapped(Entity, {**item, "synonyms": synonyms})


def _mapped(kind: type[_Kind], item: JsonObject) -> _Kind:
    mappings = [_record(Mapping, mapping) for mapping in item["mappings"]]
    return _record(kind, {**item, "mappings": mappings})


def _record(kind: type[_Kind], item: JsonObject) -> _Kind:
    return kind(**{name: _frozen(value) for name, value in item.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {key: tuple(items) for key, items in value.items()}
    return value
