"""Scores answers: one formula, its parts returned beside the sum.

    score = fit · breadth · (0.55 + 0.35 · frequency + 0.10 · evidence)      each part from 0 to 1

fit        the criteria met, each weighted by how informative it is in this graph: the information
           content -log2((n + 1) / (N + 1)) of a criterion that n of N conditions meet (Resnik,
           "Using Information Content to Evaluate Semantic Similarity", IJCAI 1995), times
           ROLE_WEIGHTS. Entailed counts 1, compatible COMPATIBLE_WEIGHT, contradicted
           -CONTRADICTED_WEIGHT, over the sum of all weights. A risk factor of the person counts
           PERSON_WEIGHT of its own information; an age outside of those recorded, and what is
           absent though recorded (as often as it is seen), are taken off likewise
breadth    1 - BREADTH_WEIGHT · log2(1 + n) · (1 - fit) for n recorded presentations: what shows
           itself in many ways meets a part of any question, as a long document has some of any
           words (length normalisation: Robertson and Zaragoza, "The Probabilistic Relevance
           Framework", 2009)
frequency  how often the best presentation is seen
evidence   1 - Π(1 - weight of a publisher's kind) over independent publishers: two sources say
           more than one, and the second adds less

Frequency and evidence come from presentations stated for the condition itself. What it inherits
from a more general condition counts for the fit alone: no source says how often it is seen here.
The constants were set on the development half of benchmarks/cases.tsv; ties are broken by label.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import mul

from kg.matching import Status
from kg.records import Source

COMPATIBLE_WEIGHT = 0.4
CONTRADICTED_WEIGHT = 0.25
PERSON_WEIGHT = 0.5
BREADTH_WEIGHT = 0.1
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
_WORTH = {
    Status.ENTAILED: 1.0,
    Status.COMPATIBLE: COMPATIBLE_WEIGHT,
    Status.NOT_RECORDED: 0.0,
    Status.CONTRADICTED: -CONTRADICTED_WEIGHT,
}


@dataclass(frozen=True, slots=True)
class Score:
    """A score and its parts, each from 0 to 1."""

    fit: float
    breadth: float
    frequency: float
    evidence: float

    @property
    def total(self) -> float:
        return self.fit * self.breadth * (0.55 + 0.35 * self.frequency + 0.10 * self.evidence)


def information(met: int, total: int) -> float:
    """Information content in bits of a criterion that `met` of `total` conditions meet."""
    return -math.log2((met + 1) / (total + 1)) if total > met else 0.0


def gain(statuses: Iterable[Status], weights: Iterable[float]) -> float:
    """What criteria of these weights add to a fit, as they are met."""
    gained: float = sum(map(mul, map(_WORTH.__getitem__, statuses), weights))
    return gained


def fit(gained: float, whole: float) -> float:
    """The share of what could be gained, less what speaks against, from 0 to 1."""
    return min(1.0, max(0.0, gained / whole))


def breadth(presentations: int, fitting: float) -> float:
    """How far it counts that a condition with so many presentations fits so far."""
    return max(0.0, 1.0 - BREADTH_WEIGHT * math.log2(1 + presentations) * (1.0 - fitting))


def evidence(sources: Iterable[Source]) -> float:
    """How well independent publishers support a statement.

    A publisher counts once, and one that copies another's text is not independent of it.
    """
    best: dict[str, float] = {}
    for source in sources:
        weight = PUBLISHER_WEIGHTS[source.publisher_kind]
        best[source.origin] = max(weight, best.get(source.origin, 0.0))
    return 1.0 - math.prod(1.0 - weight for weight in best.values())
