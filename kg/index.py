"""The lookup index in memory: every record by id, and the directions that questions walk.

Everything is computed once from the records; a lookup is a dictionary access.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

from kg.errors import UnknownEntity
from kg.records import ROLES, Claim, Entity, Presentation, Records, Source
from kg.vocabulary import compress, is_curie, is_iri
from kg.words import phrase


class Index:
    """All entities, presentations, claims and sources of a snapshot."""

    def __init__(self, records: Records) -> None:
        self.top_classes = records.top_classes
        self.properties = records.properties
        self.entities: dict[str, Entity] = {e.id: e for e in records.entities}
        self.presentations: dict[str, Presentation] = {p.id: p for p in records.presentations}
        self.claims: dict[str, Claim] = {c.id: c for c in records.claims}
        self.sources: dict[str, Source] = {s.id: s for s in records.sources}
        self.children: dict[str, list[str]] = _reversed(records.entities, "parents")
        self.parts: dict[str, list[str]] = _reversed(records.entities, "wholes")
        self._within = _within(records.entities)
        presentations_of: dict[str, list[Presentation]] = defaultdict(list)
        presented_with: dict[tuple[str, str], list[Presentation]] = defaultdict(list)
        for presentation in records.presentations:
            for condition in presentation.conditions:
                presentations_of[condition].append(presentation)
            for role in ROLES:
                for value in presentation.entailed[role]:
                    presented_with[role, value].append(presentation)
        self.presentations_of = dict(presentations_of)
        self.presented_with = dict(presented_with)
        """Role and entity → the presentations in which the entity is entailed in that role."""
        claims_about: dict[str, list[Claim]] = defaultdict(list)
        claims_with: dict[str, list[Claim]] = defaultdict(list)
        for claim in records.claims:
            claims_with[claim.value].append(claim)
            for subject in (claim.subject, *claim.heirs):
                claims_about[subject].append(claim)
        self.claims_about = dict(claims_about)
        self.claims_with = dict(claims_with)
        self.named = _named(records.entities)
        """A name, folded by `kg.words.phrase` → the entities called so, each with its rank."""
        self._by_mapping = {
            mapping.id: entity.id
            for entity in records.entities
            for mapping in entity.mappings
            if mapping.strength == "exact"
        }
        self.members = _members(records.entities)
        """Defined class → the terms that the reasoner finds below it."""

    def __contains__(self, identifier: str) -> bool:
        """Whether a CURIE names an entity, a presentation, a claim or a source."""
        return any(
            identifier in known
            for known in (self.entities, self.presentations, self.claims, self.sources)
        )

    def is_schema(self, identifier: str) -> bool:
        """Whether a CURIE names a top class or a property."""
        classes = any(known.id == identifier for known in self.top_classes)
        return classes or any(known.id == identifier for known in self.properties)

    def label(self, identifier: str) -> str:
        return self.entities[identifier].label

    def entity(self, identifier: str) -> Entity:
        """The entity with this CURIE; UnknownEntity if there is none."""
        try:
            return self.entities[identifier]
        except KeyError:
            raise UnknownEntity(f"there is no entity {identifier!r}") from None

    def resolve(self, text: str) -> Entity:
        """The entity that a CURIE, an IRI, a label or an unambiguous synonym names.

        A CURIE of another vocabulary names the entity that means exactly the same.
        """
        text = text.strip().removeprefix("<").removesuffix(">")
        identifier = compress(text) if is_iri(text) else text
        if identifier in self.entities:
            return self.entities[identifier]
        if identifier in self._by_mapping:
            return self.entities[self._by_mapping[identifier]]
        if is_curie(identifier):
            raise UnknownEntity(f"there is no entity {identifier!r}", self._near(identifier))
        ranks = self.called(phrase(text))
        named = sorted(one for one in ranks if ranks[one] == min(ranks.values()))
        if len(named) == 1:
            return self.entities[named[0]]
        if named:
            labels = [self.label(one) for one in named]
            raise UnknownEntity(f"{text!r} may mean {' or '.join(labels)}", labels)
        raise UnknownEntity(f"no entity is called {text!r}", self._near(text))

    def called(self, words: tuple[str, ...]) -> Mapping[str, int]:
        """The entities with a name that `kg.words.phrase` folds to `words`, with its rank."""
        return self.named.get(words, {})

    def broader(self, identifier: str) -> frozenset[str]:
        """The entity itself, all that it is a kind of and all that it is part of."""
        return frozenset((identifier, *self.entities[identifier].broader))

    def conditions_with(self, role: str, value: str) -> frozenset[str]:
        """The conditions that have a presentation in which an entity is entailed in a role."""
        shown = self.presented_with.get((role, value), ())
        return frozenset(condition for one in shown for condition in one.conditions)

    def shared(self, region: str, other: str) -> Set[str]:
        """The regions that lie in both of two regions: muscle and calf share the calf muscle."""
        return self._within.get(region, frozenset()) & self._within.get(other, frozenset())

    def _near(self, text: str) -> list[str]:
        wanted = text.partition(":")[2] or text
        labels = [e.label for e in self.entities.values()]
        return difflib.get_close_matches(wanted, labels, n=3)


def _named(entities: Iterable[Entity]) -> dict[tuple[str, ...], dict[str, int]]:
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for entity in entities:
        for name, rank in entity.names():
            ranks = found[phrase(name)]
            ranks[entity.id] = min(rank, ranks.get(entity.id, rank))
    return dict(found)


def _within(entities: Iterable[Entity]) -> dict[str, set[str]]:
    """Region → itself and the regions within it."""
    found: dict[str, set[str]] = defaultdict(set)
    for entity in entities:
        if entity.kind == "region":
            for whole in (entity.id, *entity.broader):
                found[whole].add(entity.id)
    return dict(found)


def _members(entities: Iterable[Entity]) -> dict[str, list[str]]:
    groups = {entity.id for entity in entities if entity.kind == "group"}
    found: dict[str, list[str]] = defaultdict(list)
    for entity in entities:
        for group in groups.intersection(entity.ancestors):
            found[group].append(entity.id)
    return found


def _reversed(entities: Iterable[Entity], field: str) -> dict[str, list[str]]:
    """Entity → the entities that name it in `field`."""
    found: dict[str, list[str]] = defaultdict(list)
    for entity in entities:
        for other in getattr(entity, field):
            found[other].append(entity.id)
    return found
