"""Assesses every condition against a question: each criterion's status, the score, the order.

Criteria are those of the findings, the findings that are absent, and the person. Only a present
finding can find a condition; the others move it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kg.index import Index
from kg.lexicon import RISK_RELATIONS
from kg.matching import FindingMatch, Matcher, Status
from kg.person import People
from kg.questions import Criterion, Finding, Person, Question
from kg.ranking import (
    FREQUENCY_WEIGHTS,
    INHERITED_FREQUENCY,
    PERSON_WEIGHT,
    ROLE_WEIGHTS,
    Part,
    Score,
    evidence,
    fit,
    information,
)
from kg.records import Claim, Presentation

PERSON_ROLE = "risk_factor"
"""The role of a criterion that is a risk factor of the person."""
AGE = "etio:Age"
"""Stands for an age where none is recorded."""


@dataclass(frozen=True, slots=True)
class Met:
    """One criterion and how a condition meets it.

    `finding` counts the question's findings from 1; it is 0 for the person. An absent finding is
    one criterion, its first. `claims` are those of a risk factor.
    """

    finding: int
    criterion: Criterion
    status: Status
    match: FindingMatch | None = None
    absent: bool = False
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessed:
    """A condition with its score and what the score is made from."""

    condition: str
    score: Score
    met: tuple[Met, ...]
    presentations: tuple[Presentation, ...]

    @property
    def match(self) -> Status:
        """The least status over the criteria of present findings."""
        return min(item.status for item in self.met if item.finding and not item.absent)


class Assessor:
    """Assesses conditions over one index."""

    def __init__(self, index: Index, matcher: Matcher) -> None:
        self._index = index
        self._matcher = matcher
        self._presented = len(index.presentations_of)
        self._people = People(index)
        self._risks: dict[str, dict[str, list[Claim]]] = {}
        bearers: dict[str, set[str]] = {}
        for condition, claims in index.claims_about.items():
            for claim in claims:
                if claim.relation in RISK_RELATIONS:
                    self._risks.setdefault(condition, {}).setdefault(claim.value, []).append(claim)
                    bearers.setdefault(claim.value, set()).add(condition)
        self._bearers = bearers

    def assess(self, question: Question) -> list[Assessed]:
        """All conditions of which something recorded is about a present finding, best first."""
        found = [self._matcher.matches(finding) for finding in question.findings]
        weights = [[self._weight(c) for c in f.criteria] for f in question.findings]
        factors = self._factors(question.person)
        age = question.person.age
        age_weight = 0.0 if age is None else self._age_weight(age)
        partials = [
            None if f.absent or len(question.present) == 1 else self._matcher.partial(f)
            for f in question.findings
        ]
        conditions = self._candidates(found, partials, question.findings)
        assessed = []
        for condition in conditions:
            matches = [
                each.get(condition) or (partial.get(condition) if partial else None)
                for each, partial in zip(found, partials, strict=True)
            ]
            met, parts = self._met(question.findings, matches, weights)
            for criterion, weight in factors:
                item, part = self._risk(condition, criterion, weight)
                met.append(item)
                parts.append(part)
            if age is not None:
                item, part = self._age(condition, age, age_weight)
                met.append(item)
                parts.append(part)
            assessed.append(self._assessed(condition, met, parts))
        return sorted(
            assessed, key=lambda item: (-item.score.total, self._index.label(item.condition))
        )

    @staticmethod
    def _candidates(
        found: Sequence[Mapping[str, FindingMatch]],
        partials: Sequence[Mapping[str, FindingMatch] | None],
        findings: Sequence[Finding],
    ) -> list[str]:
        """What a present finding finds; of several findings, a part of one will do."""
        candidates: set[str] = set()
        for finding, matches, partial in zip(findings, found, partials, strict=True):
            if not finding.absent:
                candidates.update(matches, partial or ())
        return sorted(candidates)

    def _met(
        self,
        findings: Sequence[Finding],
        matches: Sequence[FindingMatch | None],
        weights: Sequence[Sequence[float]],
    ) -> tuple[list[Met], list[Part]]:
        met: list[Met] = []
        parts: list[Part] = []
        for number, (finding, match) in enumerate(zip(findings, matches, strict=True), start=1):
            if finding.absent:
                item, part = self._absence(number, finding, match, weights[number - 1])
                met.append(item)
                parts.append(part)
                continue
            for place, criterion in enumerate(finding.criteria):
                status = match.statuses[place] if match else Status.NOT_RECORDED
                met.append(Met(number, criterion, status, match))
                parts.append(Part(status, weights[number - 1][place]))
        return met, parts

    def _absence(
        self, number: int, finding: Finding, match: FindingMatch | None, weights: Sequence[float]
    ) -> tuple[Met, Part]:
        """What is absent speaks against a condition as often as that has it."""
        is_recorded = match is not None and match.status is Status.ENTAILED
        status = Status.CONTRADICTED if is_recorded else Status.NOT_RECORDED
        often = 0.0
        if is_recorded and match is not None:
            often = max(FREQUENCY_WEIGHTS[p.frequency] for p in match.presentations)
        item = Met(number, finding.criteria[0], status, match, absent=True)
        return item, Part(status, max(weights), often * PERSON_WEIGHT, whole=0.0)

    def _factors(self, person: Person) -> list[tuple[Criterion, float]]:
        return [
            (Criterion(PERSON_ROLE, factor), self._weight_of_risk(factor))
            for factor in sorted(self._people.factors(person))
            if factor in self._bearers or factor in person.risk_factors
        ]

    def _weight_of_risk(self, factor: str) -> float:
        return information(len(self._bearers.get(factor, ())), self._presented)

    def _risk(self, condition: str, criterion: Criterion, weight: float) -> tuple[Met, Part]:
        recorded = self._risks.get(condition, {})
        claims = tuple(
            claim
            for wider in sorted(self._index.broader(criterion.value))
            for claim in recorded.get(wider, ())
        )
        status = Status.ENTAILED if claims else Status.NOT_RECORDED
        part = Part(status, weight, PERSON_WEIGHT, whole=PERSON_WEIGHT)
        return Met(0, criterion, status, claims=claims), part

    def _age(self, condition: str, age: int, weight: float) -> tuple[Met, Part]:
        """The ages that are recorded as risk factors: the person's is one, or outside of all."""
        recorded = {
            one: claims
            for one, claims in self._risks.get(condition, {}).items()
            if one in self._people.ages
        }
        within = [one for one in recorded if self._people.covers(one, age)]
        known = min(within or recorded, key=self._people.width, default=AGE)
        status = Status.NOT_RECORDED
        if recorded:
            status = Status.ENTAILED if within else Status.CONTRADICTED
        met = Met(0, Criterion(PERSON_ROLE, known), status, claims=tuple(recorded.get(known, ())))
        return met, Part(status, weight, PERSON_WEIGHT, whole=PERSON_WEIGHT)

    def _age_weight(self, age: int) -> float:
        """How informative an age is: as its most informative term."""
        bands = [one for one in self._people.ages if self._people.covers(one, age)]
        return max(
            (self._weight_of_risk(one) for one in bands if one in self._bearers), default=0.0
        )

    def _assessed(self, condition: str, met: Sequence[Met], parts: Sequence[Part]) -> Assessed:
        presentations = _unique(met)
        own = [p for p in presentations if p.condition == condition]
        score = Score(
            fit(parts),
            max((FREQUENCY_WEIGHTS[p.frequency] for p in own), default=INHERITED_FREQUENCY),
            evidence(self._index.sources[p.source] for p in own),
        )
        return Assessed(condition, score, tuple(met), presentations)

    def _weight(self, criterion: Criterion) -> float:
        """How informative a criterion is among the conditions that have presentations."""
        met = len(self._matcher.conditions_entailing(criterion))
        return information(met, self._presented) * ROLE_WEIGHTS[criterion.role]


def _unique(met: Sequence[Met]) -> tuple[Presentation, ...]:
    """The presentations behind the present findings, each once."""
    found: dict[str, Presentation] = {}
    for item in met:
        if item.match is not None and not item.absent:
            for presentation in item.match.presentations:
                found.setdefault(presentation.id, presentation)
    return tuple(found.values())
