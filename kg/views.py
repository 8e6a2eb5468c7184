"""How records look in a payload: the same JSON for an entity, a source or a claim everywhere."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from kg.index import Index
from kg.records import Claim, Presentation
from kg.vocabulary import URGENCIES, VOCABULARIES, expand

Json = dict[str, Any]
DISCLAIMER = (
    "Etiograph informs; it does not diagnose. It repeats what its sources say and may be "
    "incomplete or wrong. If you are worried about your health, ask a doctor."
)
RELATION_SAID = {
    "treated_by": "may be treated by",
    "prevented_by": "may be prevented by",
    "has_risk_factor": "has the risk factor",
    "has_cause": "may be caused by",
    "has_red_flag": "has the red flag",
    "has_complication": "may lead to",
    "diagnosed_by": "may be diagnosed by",
    "affects_structure": "affects",
    "confused_with": "may be confused with",
    "subtype_of": "is a kind of",
}
"""How each relation of facts.tsv is said."""
URGENCY_SAID = {
    "emergency": "get emergency help",
    "urgent": "get medical help urgently",
    "see_doctor": "see a doctor",
}
"""What a source says to do about a red flag."""
SYNONYM_TYPE_SAID = {
    "lay": "everyday word",
    "abbreviation": "abbreviation",
    "american": "American spelling",
}

URGENCY_ORDER: dict[str | None, int] = {
    urgency: place for place, urgency in enumerate((*URGENCIES, None))
}


class Views:
    """Renders the records of one index, each once: payloads share them, so nothing changes them."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.reference = cache(self._reference)
        """`{id, iri, label, kind}` of an entity (CURIE)."""
        self.source = cache(self._source)
        """`{id, title, publisher, publisher_kind, copy_of, url}` of a source (CURIE).

        `copy_of` is the body whose text the source repeats; it and url may be null.
        """
        self.red_flags = cache(self._red_flags)
        """The red flags of a condition (CURIE): a list of `{entity, urgency, notes, sources}`.

        `urgency` is the most urgent thing that a source says to do, null where none says; the
        most urgent flags come first.
        """
        self._presentations: dict[str, Json] = {}

    def _reference(self, identifier: str) -> Json:
        entity = self.index.entity(identifier)
        return {"id": entity.id, "iri": entity.iri, "label": entity.label, "kind": entity.kind}

    def references(self, identifiers: Iterable[str]) -> list[Json]:
        """Several entities, by label."""
        return sorted(
            map(self.reference, identifiers), key=lambda item: str(item["label"]).casefold()
        )

    def _source(self, identifier: str) -> Json:
        source = self.index.sources[identifier]
        return {
            "id": source.id,
            "title": source.title,
            "publisher": source.publisher,
            "publisher_kind": source.publisher_kind,
            "copy_of": source.copy_of or None,
            "url": source.url or None,
        }

    def sources(self, identifiers: Iterable[str]) -> list[Json]:
        """Several sources, each once, in the order given."""
        return [self.source(identifier) for identifier in dict.fromkeys(identifiers)]

    def _red_flags(self, condition: str) -> list[Json]:
        flags: dict[str, list[Claim]] = {}
        for claim in self.index.claims_about.get(condition, ()):
            if claim.relation == "has_red_flag":
                flags.setdefault(claim.value, []).append(claim)
        found = [
            {
                "entity": self.reference(value),
                "urgency": _most_urgent(claims),
                "notes": sorted({claim.note for claim in claims if claim.note}),
                "sources": self.sources(claim.source for claim in claims),
            }
            for value, claims in sorted(flags.items(), key=lambda item: self.index.label(item[0]))
        ]
        return sorted(found, key=lambda flag: URGENCY_ORDER[flag["urgency"]])

    def presentation(self, presentation: Presentation) -> Json:
        """What a presentation records, role by role, with its frequency and source."""
        known = self._presentations.get(presentation.id)
        if known is None:
            known = self._presentations[presentation.id] = self._presented(presentation)
        return known

    def _presented(self, presentation: Presentation) -> Json:
        return {
            "id": presentation.id,
            "condition": self.reference(presentation.condition),
            **{
                role: [self.reference(value) for value in values]
                for role, values in presentation.recorded.items()
            },
            "frequency": presentation.frequency,
            "grade": presentation.grade,
            "source": self.source(presentation.source),
        }

    def claim(self, claim: Claim) -> Json:
        """A claim with its subject, value, note and source."""
        return {
            "id": claim.id,
            "subject": self.reference(claim.subject),
            "relation": claim.relation,
            "value": self.reference(claim.value),
            "urgency": claim.urgency or None,
            "note": claim.note or None,
            "grade": claim.grade,
            "source": self.source(claim.source),
        }

    def mappings(self, identifier: str) -> list[Json]:
        """Cross-references: `{strength, id, iri, label, vocabulary}`."""
        return [
            {
                "strength": mapping.strength,
                "id": mapping.id,
                "iri": expand(mapping.id),
                "label": mapping.label,
                "vocabulary": VOCABULARIES[mapping.id.partition(":")[0]][0],
            }
            for mapping in self.index.entity(identifier).mappings
        ]


def _most_urgent(claims: Iterable[Claim]) -> str | None:
    said = {claim.urgency for claim in claims}
    return next((urgency for urgency in URGENCIES if urgency in said), None)
