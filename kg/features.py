"""What tells conditions apart, one thing at a time, and how each is said and asked."""

from typing import NamedTuple

from kg.index import Index
from kg.questions import Criterion, Finding

SAID = {
    "": ("{s}", "{Is} there any {s}?"),
    "region": ("{s} in the {v}", "{Is} there any {s} in the {v}?"),
    "quality": ("{s} described as {v}", "Can the {s} be described as \u201c{v}\u201d?"),
    "timing": ("{s} timed as {v}", "Can the {s} be described as \u201c{v}\u201d?"),
    "laterality": ("{s}, {v}", "{Is} the {s} {v}?"),
    "triggered_by": ("{s} triggered by {v}", "{Is} the {s} brought on by {v}?"),
    "aggravated_by": ("{s} worse with {v}", "{Is} the {s} worse with {v}?"),
    "relieved_by": ("{s} relieved by {v}", "{Is} the {s} relieved by {v}?"),
    "has_risk_factor": ("risk factor: {v}", "Does this apply to the person: {v}?"),
    "diagnosed_by": ("test: {v}", "What does this test show: {v}?"),
}
"""How a feature is said and asked, by what is beside the symptom."""
WHEN = ("at", "in", "during", "after", "on", "before", "while", "when")
DEMOGRAPHIC = {"etio:Age": "Is the person of {v}?", "etio:Sex": "Is the person of {v}?"}


class Feature(NamedTuple):
    """A symptom and what is beside it (a role of ROLES, or ''); or a trait, without a symptom."""

    symptom: str
    role: str
    value: str


def finding_of(feature: Feature) -> Finding:
    """What must hold in one presentation for a feature that has a symptom."""
    criteria = [Criterion("symptom", feature.symptom)]
    if feature.role:
        criteria.append(Criterion(feature.role, feature.value))
    return Finding.of(criteria)


class Wording:
    """Says and asks features in English, over one index."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def said(self, feature: Feature) -> str:
        """The feature as a phrase: pain relieved by rest."""
        return self._worded(feature, SAID[feature.role][0])

    def asked(self, feature: Feature) -> str:
        """The feature as a plain question: Is the pain relieved by rest?"""
        if feature.role == "timing":
            when = self._adverbial(feature.value)
            if when is not None:
                return f"Does the {self._index.label(feature.symptom)} come {when}?"
        pattern = SAID[feature.role][1]
        if feature.role == "has_risk_factor":
            wider = self._index.broader(feature.value)
            pattern = next((DEMOGRAPHIC[one] for one in DEMOGRAPHIC if one in wider), pattern)
        return self._worded(feature, pattern)

    def _worded(self, feature: Feature, pattern: str) -> str:
        symptom = self._index.label(feature.symptom) if feature.symptom else ""
        value = self._index.label(feature.value) if feature.value else ""
        if feature.role == "laterality":
            value = self._adverbial(feature.value) or value
        many = symptom.endswith("s") and not symptom.endswith(("ss", "us", "is"))
        return pattern.format(s=symptom, v=value, Is="Are" if many else "Is")

    def _adverbial(self, value: str) -> str | None:
        """The first name that says when or where: at night."""
        names = (name for name, _ in self._index.entity(value).names())
        return next((name for name in names if name.partition(" ")[0] in WHEN), None)
