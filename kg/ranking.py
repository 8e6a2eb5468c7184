"""Scores answers: one formula, its parts returned beside the sum.

    score = fit · (0.70 + 0.20 · frequency + 0.10 · evidence)          each part from 0 to 1

fit        the criteria met, each weighted by how informative it is in this graph: the information
           content -log2((n + 1) / (N + 1)) of a criterion that n of N conditions meet (Resnik,
           "Using Information Content to Evaluate Semantic Similarity", IJCAI 1995), times
           ROLE_WEIGHTS. Entailed counts 1, compatible COMPATIBLE_WEIGHT, contradicted
           -CONTRADICTED_WEIGHT, over the sum of all weights. A risk factor of the person counts
           PERSON_WEIGHT of its own information; an age outside of those recorded, and what is
           absent though recorded (as often as it is seen), are taken off likewise
frequency  how often the best presentation is seen
evidence   1 - Π(1 - weight of a publisher's kind) over independent publishers: two sources say
           more than one, and the second adds less

Frequency and evidence come from presentations stated for the condition itself. What it inherits
from a more general condition counts for the fit alone: no source says how often it is seen here.
The constants were set on the development half of benchmarks/cases.tsv; ties are broken by label.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kg.matching import Status
from kg.records import Source

COMPATIBLE_WEIGHT = 0.4
CONTRADICTED_WEIGHT = 0.25
PERSON_WEIGHT = 0.35
FREQUENCY_WEIGHTS: Mapping[str, float] = {
    "typical": 1.0,
    "common": 0.8,
    "unspecified": 0.5,
    "uncommon": 0.3,
    "rare": 0.1,
}
INHERITED_FREQUENCY = FREQUENCY_WEIGHTS["unspecified"]
PUBLISHER_WEIGHTS: Mapping[str, float] = {
    "government": 0.6,
    "medical_society": 0.6,
    "hospital": 0.5,
    "university": 0.5,
    "reference": 0.5,
    "charity": 0.4,
    "other": 0.2,
}
ROLE_WEIGHTS: dict[str, float] = {
    "symptom": 1.5,
    "region": 1.0,
    "quality": 1.0,
    "timing": 1.0,
    "laterality": 1.0,
    "triggered_by": 0.5,
    "aggravated_by": 1.0,
    "relieved_by": 1.0,
}
"""How far each role of a criterion counts, beside how informative its value is."""
_STATUS_WEIGHTS = {
    Status.ENTAILED: 1.0,
    Status.COMPATIBLE: COMPATIBLE_WEIGHT,
    Status.NOT_RECORDED: 0.0,
    Status.CONTRADICTED: -CONTRADICTED_WEIGHT,
}


@dataclass(frozen=True, slots=True)
class Part:
    """A criterion of a fit: how it is met, how informative it is, and how far it counts.

    `share` scales what a status is worth, `whole` is what the criterion adds to the whole: 1 for
    what is asked, PERSON_WEIGHT for a risk factor of the person, 0 for what can only speak against.
    """

    status: Status
    weight: float
    share: float = 1.0
    whole: float = 1.0

    @property
    def value(self) -> float:
        """From -1 to 1: how far the criterion is met."""
        return _STATUS_WEIGHTS[self.status] * self.share


@dataclass(frozen=True, slots=True)
class Score:
    """A score and its parts, each from 0 to 1."""

    fit: float
    frequency: float
    evidence: float

    @property
    def total(self) -> float:
        return self.fit * (0.70 + 0.20 * self.frequency + 0.10 * self.evidence)


def information(met: int, total: int) -> float:
    """Information content in bits of a criterion that `met` of `total` conditions meet."""
    return -math.log2((met + 1) / (total + 1)) if total > met else 0.0


def fit(parts: Sequence[Part]) -> float:
    """The weighted share of criteria that are met, less what speaks against, from 0 to 1."""
    whole = sum(part.weight * part.whole for part in parts)
    if whole == 0:  # criteria that every condition meets tell nothing apart
        parts = [replace(part, weight=1.0) for part in parts]
        whole = sum(part.whole for part in parts) or 1.0
    return min(1.0, max(0.0, sum(part.weight * part.value for part in parts) / whole))


def evidence(sources: Iterable[Source]) -> float:
    """How well independent publishers support a statement.

    A publisher counts once, and one that copies another's text is not independent of it.
    """
    best: dict[str, float] = {}
    for source in sources:
        weight = PUBLISHER_WEIGHTS[source.publisher_kind]
        best[source.origin] = max(weight, best.get(source.origin, 0.0))
    return 1.0 - math.prod(1.0 - weight for weight in best.values())
