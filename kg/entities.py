"""Describes one entity: what it is, what is recorded about it, and what refers to it."""

from collections.abc import Iterable
from dataclasses import asdict

from kg.index import Index
from kg.records import ROLES, Claim, Presentation
from kg.views import DISCLAIMER, Json, Views
from kg.vocabulary import TERM_RELATIONS


def describe(index: Index, identifier: str, version: str) -> Json:
    """The payload of `/api/v1/entities/{curie}`; UnknownEntity if there is none.

    `relations` are claims about the entity by relation, `inverse_relations` claims whose value it
    is. `members` are the terms that the reasoner finds below a defined class. `presentations` are
    those of a condition; `presented_in` those in which a symptom, region or modifier is recorded,
    or something more specific, by role.
    """
    views = Views(index)
    entity = index.entity(identifier)
    return {
        **views.reference(identifier),
        "definition": entity.definition,
        "synonyms": [synonym.text for synonym in entity.synonyms],
        "synonym_details": [asdict(synonym) for synonym in entity.synonyms],
        "equivalent_to": entity.equivalent_to or None,
        "mappings": views.mappings(identifier),
        "parents": views.references(entity.parents),
        "children": views.references(index.children.get(identifier, ())),
        "part_of": views.references(entity.wholes),
        **{
            relation: views.references(entity.related.get(relation, ()))
            for relation in TERM_RELATIONS
        },
        "members": views.references(index.members.get(identifier, ())),
        "parts": views.references(index.parts.get(identifier, ())),
        "red_flags": views.red_flags(identifier),
        "presentations": [
            {
                **views.presentation(presentation),
                "inherited": presentation.condition != identifier,
            }
            for presentation in index.presentations_of.get(identifier, ())
        ],
        "relations": _by_relation(views, index.claims_about.get(identifier, ())),
        "inverse_relations": _by_relation(views, index.claims_with.get(identifier, ())),
        "presented_in": {
            role: _conditions(views, index.presented_with[role, identifier])
            for role in ROLES
            if (role, identifier) in index.presented_with
        },
        "version": version,
        "disclaimer": DISCLAIMER,
    }


def _by_relation(views: Views, claims: Iterable[Claim]) -> dict[str, list[Json]]:
    relations: dict[str, list[Json]] = {}
    for claim in claims:
        relations.setdefault(claim.relation, []).append(views.claim(claim))
    return {relation: relations[relation] for relation in sorted(relations)}


def _conditions(views: Views, presentations: Iterable[Presentation]) -> list[Json]:
    """The conditions of presentations, each with the ids of its own."""
    rows: dict[str, list[str]] = {}
    for presentation in presentations:
        rows.setdefault(presentation.condition, []).append(presentation.id)
    return [
        {**reference, "presentations": rows[str(reference["id"])]}
        for reference in views.references(rows)
    ]
