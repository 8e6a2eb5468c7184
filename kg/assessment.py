"""Assesses every condition against a question: each criterion's status, the score, the order.

Criteria are those of the findings, the findings that are absent, and the person. Only a present
finding can find a condition; the others move it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kg.lexicon import RISK_RELATIONS
from kg.matching import FindingMatch, Matcher, Status
from kg.person import People
from kg.questions import Criterion, Finding, Person, Question
from kg.ranking import (
    FREQUENCY_WEIGHTS,
    INHERITED_FREQUENCY,
    PERSON_WEIGHT,
    ROLE_WEIGHTS,
    Score,
    breadth,
    evidence,
    fit,
    gain,
    information,
)
from kg.records import Claim, Presentation

PERSON_ROLE = "risk_factor"
"""The role of a criterion that is a risk factor of the person."""
DESCRIPTION = 4
"""Criteria of findings from which on a condition may meet them with the place or symptom amiss."""
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
    """A condition with its score and what the score is made from.

    `matches` has one for each of the question's `findings`, None where nothing recorded is about
    it; `person` is what is asked of the person.
    """

    condition: str
    score: Score
    findings: tuple[Finding, ...]
    matches: tuple[FindingMatch | None, ...]
    person: tuple[Met, ...]

    @property
    def match(self) -> Status:
        """The least status over the criteria of present findings."""
        return min(
            match.status if match else Status.NOT_RECORDED
            for finding, match in zip(self.findings, self.matches, strict=True)
            if not finding.absent
        )

    @property
    def met(self) -> list[Met]:
        """Every criterion and how it is met, in the order of the question."""
        met: list[Met] = []
        for number, (finding, match) in enumerate(zip(self.findings, self.matches, strict=True), 1):
            if finding.absent:
                status = Status.CONTRADICTED if _is_recorded(match) else Status.NOT_RECORDED
                met.append(Met(number, finding.criteria[0], status, match, absent=True))
                continue
            for place, criterion in enumerate(finding.criteria):
                status = match.statuses[place] if match else Status.NOT_RECORDED
                met.append(Met(number, criterion, status, match))
        return [*met, *self.person]

    @property
    def presentations(self) -> tuple[Presentation, ...]:
        """The presentations behind the present findings, each once."""
        return tuple(_behind(self.findings, self.matches).values())


@dataclass(frozen=True, slots=True)
class _Weights:
    """How far each criterion of a question counts; `whole` is what meeting all of them gives."""

    findings: Sequence[tuple[float, ...]]
    factors: Sequence[tuple[Criterion, float]]
    age: float
    whole: float


@dataclass(frozen=True, slots=True)
class _Share:
    """What one finding adds to the score of a condition.

    `frequency` is the highest of what is stated for the condition itself, 0 if nothing is;
    `sources` are those of it.
    """

    match: FindingMatch | None
    gained: float
    frequency: float = 0.0
    sources: frozenset[str] = frozenset()


_NOTHING = _Share(None, 0.0)


class Assessor:
    """Assesses conditions over one index."""

    def __init__(self, matcher: Matcher) -> None:
        index = matcher.index
        self._index = index
        self._matcher = matcher
        self._presented = len(index.presentations_of)
        self._people = People(index)
        self._evidence = lru_cache(maxsize=4096)(self._find_evidence)
        self._shares = lru_cache(maxsize=512)(self._find_shares)
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
        findings = question.findings
        weights = self._weights(question)
        is_description = sum(len(f.criteria) for f in question.present) >= DESCRIPTION
        shares = [
            self._shares(finding, own, is_description)
            for finding, own in zip(findings, weights.findings, strict=True)
        ]
        found = (s for s, finding in zip(shares, findings, strict=True) if not finding.absent)
        assessed = []
        for condition in set().union(*found):
            own = [each.get(condition, _NOTHING) for each in shares]
            person = tuple(self._met_by_person(condition, question.person, weights))
            gained = sum(share.gained for share in own)
            gained += sum(PERSON_WEIGHT * gain((met.status,), (weight,)) for met, weight in person)
            score = self._score(condition, fit(gained, weights.whole), own)
            matches = tuple(share.match for share in own)
            met = tuple(met for met, _ in person)
            assessed.append(Assessed(condition, score, findings, matches, met))
        return sorted(
            assessed, key=lambda item: (-item.score.total, self._index.label(item.condition))
        )

    def _find_shares(
        self, finding: Finding, weights: Sequence[float], is_description: bool
    ) -> Mapping[str, _Share]:
        """What a finding adds for each condition; of a description, a part of one will do."""
        matches = dict(self._matcher.matches(finding))
        if finding.absent:
            return {
                condition: _Share(match, _absence(match, weights))
                for condition, match in matches.items()
            }
        if is_description:
            matches = {**self._matcher.partial(finding), **matches}
        return {
            condition: _share(condition, match, weights) for condition, match in matches.items()
        }

    def _weights(self, question: Question) -> _Weights:
        """The weights; all alike where every condition meets all that is asked."""
        person = question.person
        findings = [tuple(self._weight(c) for c in f.criteria) for f in question.findings]
        factors = self._factors(person)
        age = 0.0 if person.age is None else self._age_weight(person.age)
        present = [own for own, f in zip(findings, question.findings, strict=True) if not f.absent]

        def whole() -> float:
            return sum(map(sum, present)) + PERSON_WEIGHT * (age + sum(w for _, w in factors))

        if whole() == 0:
            present = [(1.0,) * len(own) for own in present]
            findings = [(1.0,) * len(own) for own in findings]
            factors = [(criterion, 1.0) for criterion, _ in factors]
            age = 0.0 if person.age is None else 1.0
        return _Weights(findings, factors, age, whole())

    def _met_by_person(
        self, condition: str, person: Person, weights: _Weights
    ) -> Iterator[tuple[Met, float]]:
        """The risk factors and the age of the person, each with its weight."""
        for criterion, weight in weights.factors:
            yield self._risk(condition, criterion), weight
        if person.age is not None and self._people.ages:
            yield self._age(condition, person.age), weights.age

    def _factors(self, person: Person) -> list[tuple[Criterion, float]]:
        return [
            (Criterion(PERSON_ROLE, factor), self._weight_of_risk(factor))
            for factor in sorted(self._people.factors(person))
            if factor in self._bearers or factor in person.risk_factors
        ]

    def _weight_of_risk(self, factor: str) -> float:
        return information(len(self._bearers.get(factor, ())), self._presented)

    def _risk(self, condition: str, criterion: Criterion) -> Met:
        recorded = self._risks.get(condition, {})
        claims = tuple(
            claim
            for wider in sorted(self._index.broader(criterion.value))
            for claim in recorded.get(wider, ())
        )
        status = Status.ENTAILED if claims else Status.NOT_RECORDED
        return Met(0, criterion, status, claims=claims)

    def _age(self, condition: str, age: int) -> Met:
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
        return Met(0, Criterion(PERSON_ROLE, known), status, claims=tuple(recorded.get(known, ())))

    def _age_weight(self, age: int) -> float:
        """How informative an age is: as its most informative term."""
        bands = [one for one in self._people.ages if self._people.covers(one, age)]
        return max(
            (self._weight_of_risk(one) for one in bands if one in self._bearers), default=0.0
        )

    def _score(self, condition: str, fitting: float, shares: Sequence[_Share]) -> Score:
        return Score(
            fitting,
            breadth(len(self._index.presentations_of[condition]), fitting),
            max(share.frequency for share in shares) or INHERITED_FREQUENCY,
            self._evidence(frozenset().union(*(share.sources for share in shares))),
        )

    def _find_evidence(self, sources: frozenset[str]) -> float:
        return evidence(map(self._index.sources.__getitem__, sources))

    def _weight(self, criterion: Criterion) -> float:
        """How informative a criterion is among the conditions that have presentations."""
        return (
            information(self._matcher.spread(criterion), self._presented)
            * ROLE_WEIGHTS[criterion.role]
        )


def _behind(
    findings: Sequence[Finding], matches: Sequence[FindingMatch | None]
) -> dict[str, Presentation]:
    """The presentations, by id, that are behind the present findings."""
    return {
        presentation.id: presentation
        for finding, match in zip(findings, matches, strict=True)
        if match is not None and not finding.absent
        for presentation in match.presentations
    }


def _share(condition: str, match: FindingMatch, weights: Sequence[float]) -> _Share:
    own = [p for p in match.presentations if p.condition == condition]
    return _Share(
        match,
        gain(match.statuses, weights),
        max((FREQUENCY_WEIGHTS[p.frequency] for p in own), default=0.0),
        frozenset(p.source for p in own),
    )


def _is_recorded(match: FindingMatch | None) -> bool:
    """Whether a condition has all of a finding that is absent."""
    return match is not None and match.status is Status.ENTAILED


def _absence(match: FindingMatch, weights: Sequence[float]) -> float:
    """What is absent speaks against a condition as often as that has it."""
    if not _is_recorded(match):
        return 0.0
    often = max(FREQUENCY_WEIGHTS[p.frequency] for p in match.presentations)
    return often * PERSON_WEIGHT * gain((Status.CONTRADICTED,), (max(weights),))
