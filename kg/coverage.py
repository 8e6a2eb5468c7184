"""Says of each condition what is recorded and what is missing: the curators' list of work.

Counts what is stated for the condition itself, not what it inherits.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from kg.index import Index
from kg.records import Claim, Presentation
from kg.views import Json, Views

TRUSTED_GRADES = frozenset({"high", "moderate"})
Presented = Sequence[Presentation]
Claimed = Sequence[Claim]


def _claims(relation: str) -> Callable[[Presented, Claimed], int]:
    return lambda _, claims: sum(claim.relation == relation for claim in claims)


def _presented(role: str) -> Callable[[Presented, Claimed], int]:
    return lambda presented, _: sum(bool(p.recorded[role]) for p in presented)


ASPECTS: dict[str, Callable[[Presented, Claimed], int]] = {
    "presentations": lambda presented, _: len(presented),
    "relief": _presented("relieved_by"),
    "triggers": _presented("triggered_by"),
    "aggravation": _presented("aggravated_by"),
    "treatments": _claims("treated_by"),
    "prevention": _claims("prevented_by"),
    "causes": _claims("has_cause"),
    "risk_factors": _claims("has_risk_factor"),
    "tests": _claims("diagnosed_by"),
    "complications": _claims("has_complication"),
    "red_flags": _claims("has_red_flag"),
    "red_flags_with_urgency": lambda _, claims: sum(bool(claim.urgency) for claim in claims),
    "trusted_statements": lambda presented, claims: (
        sum(p.grade in TRUSTED_GRADES for p in presented)
        + sum(claim.grade in TRUSTED_GRADES for claim in claims)
    ),
}
"""What may be recorded of a condition → how much of it is."""


def coverage(index: Index) -> Json:
    """`{described, mentioned, aspects, conditions}`.

    `described` counts the conditions with a presentation or claim of their own, `mentioned` the
    others; `aspects` how many of those described have each of ASPECTS; `conditions` has, for each
    described one, `{entity, recorded: {aspect: rows}, missing, mapped}`, most missing first.
    """
    views = Views(index)
    rows: list[Json] = []
    conditions = [entity for entity in index.entities.values() if entity.kind == "condition"]
    for entity in conditions:
        presented = [
            p for p in index.presentations_of.get(entity.id, ()) if p.condition == entity.id
        ]
        claims = [c for c in index.claims_about.get(entity.id, ()) if c.subject == entity.id]
        if presented or claims:
            recorded = {name: count(presented, claims) for name, count in ASPECTS.items()}
            rows.append(
                {
                    "entity": views.reference(entity.id),
                    "recorded": recorded,
                    "missing": [name for name, rows_of in recorded.items() if not rows_of],
                    "mapped": bool(entity.mappings),
                }
            )
    rows.sort(key=lambda row: (-len(row["missing"]), row["entity"]["label"]))
    have = Counter(name for row in rows for name, count in row["recorded"].items() if count)
    return {
        "described": len(rows),
        "mentioned": len(conditions) - len(rows),
        "aspects": {name: have[name] for name in ASPECTS},
        "conditions": rows,
    }
