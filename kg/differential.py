"""Tells conditions apart: what is recorded of one and not of another, and what to ask next.

A feature is a symptom, a symptom with one thing more (where, what it is like, what brings it on,
worsens or relieves it), a risk factor or a test. Only values that some row records are features:
nobody is asked for a "sensory symptom". Of features that are recorded of the same candidates, the
most general is the row of the table, because that is the level at which they separate; of shared
features, the most specific. What one records in the calf and another in the leg is shared as leg;
the calf separates nothing there, as the other is compatible with it.

How often a yes is expected: as often as the graph says, where the feature is entailed. Elsewhere a
share (SHARES) of what is expected of the candidate that has it most: half where nothing is recorded
(it is unknown, never a "no"), hardly any where the opposite is. A compatible record without a
frequency, or any that is seen less, never separates more than no record.
The worth of a row (`bits`) is what a yes or no then tells about candidates that were equally
likely before: H(mean) - mean(H). The constants are judgements, not measurements.

A row separates two candidates where one is entailed and the other contradicted ("opposed") or not
recorded ("one_sided"); of what is compatible it says nothing.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from kg.cover import fewest
from kg.errors import BadParameter, UnknownEntity
from kg.features import Feature, Wording, finding_of
from kg.matching import Matcher, Status
from kg.questions import Criterion, Question, in_parts
from kg.ranking import (
    FREQUENCY_WEIGHTS,
    evidence,
    information,
)
from kg.records import ROLES, Claim, Presentation
from kg.structure import from_json
from kg.views import DISCLAIMER, Json, Views

MIN_CANDIDATES, MAX_CANDIDATES = 2, 10
DEFAULT_CANDIDATES = 5
MAX_ROWS = 60
"""How many rows are shown of either kind; those that are asked for are always among them."""
MOST = 0.95
"""How often at most a yes is expected: nothing is always seen, or seen by everyone."""
SHARES = {
    Status.ENTAILED: 1.0,
    Status.COMPATIBLE: 0.75,
    Status.NOT_RECORDED: 0.5,
    Status.CONTRADICTED: 0.05,
}
"""How much of a frequency is expected by how the feature is recorded."""
TRAITS = {"has_risk_factor": "risk_factor", "diagnosed_by": "test"}
"""Relation of claims that tell conditions apart → the kind of the row."""
NOTHING = "etio:NoSymptoms"
"""Recorded as a symptom, but nobody who asks has it."""
Pair = tuple[int, int]
Rank = Callable[[Question], Sequence[str]]
"""The conditions (CURIEs) that answer a question, best first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How one candidate meets a feature, and what says so."""

    status: Status
    presentations: tuple[Presentation, ...] = ()
    claims: tuple[Claim, ...] = ()
    frequency: str | None = None

    @property
    def sources(self) -> list[str]:
        """The sources (CURIEs) of what is behind it."""
        return [p.source for p in self.presentations] + [c.source for c in self.claims]

    @property
    def often(self) -> float:
        """How often it is seen, from 0 to 1."""
        return min(MOST, FREQUENCY_WEIGHTS[self.frequency or "unspecified"])

    @property
    def is_counted(self) -> bool:
        """Whether a source says how often it is seen."""
        return self.frequency not in (None, "unspecified")


@dataclass(frozen=True, slots=True)
class Row:
    """A feature over all candidates; `known` where the question has said it already."""

    feature: Feature
    cells: tuple[Cell, ...]
    known: bool

    @property
    def bits(self) -> float:
        """What an answer is expected to tell; higher separates better."""
        chances = self._chances()
        mean = sum(chances) / len(chances)
        return max(0.0, _entropy(mean) - sum(map(_entropy, chances)) / len(chances))

    def _chances(self) -> list[float]:
        """How often a yes is expected of each candidate."""
        most = max((c.often for c in self.cells if c.status is Status.ENTAILED), default=0.0)
        return [_chance(cell, most) for cell in self.cells]

    def separates(self) -> dict[Pair, str]:
        """The pairs of candidates (by place) told apart → opposed or one_sided."""
        found = {}
        for (i, one), (j, other) in combinations(enumerate(self.cells), 2):
            low, high = sorted((one.status, other.status))
            if high is Status.ENTAILED and low < Status.COMPATIBLE:
                found[i, j] = "opposed" if low is Status.CONTRADICTED else "one_sided"
        return found


class Differential:
    """Tells the conditions of one index apart."""

    def __init__(self, matcher: Matcher, views: Views, version: str, rank: Rank) -> None:
        self._index = index = matcher.index
        self._matcher = matcher
        self._version = version
        self._rank = rank
        self._views = views
        self._wording = Wording(views.index)
        self._recorded: dict[str, set[str]] = defaultdict(set)
        for presentation in index.presentations.values():
            for role in ROLES:
                self._recorded[role].update(presentation.recorded[role])
        self._recorded["symptom"].discard(NOTHING)
        self._implied, self._named = self._definitions()
        for claim in index.claims.values():
            self._recorded[claim.relation].add(claim.value)
        self._wider = lru_cache(maxsize=4096)(self._find_wider)
        self._spread = lru_cache(maxsize=4096)(self._find_spread)

    def tell_apart(self, data: object) -> Json:
        """The payload for `{candidates}` or `{question, limit}`; BadParameter for others."""
        candidates, question = self._read(data)
        rows, shared = self._table(candidates, question)
        chosen, minimal = questions_from([row for row in rows if not row.known])
        shown = [row for at, row in enumerate(rows) if at < MAX_ROWS or row in chosen]
        apart = {pair for row in rows for pair in row.separates()}
        everything = combinations(range(len(candidates)), 2)
        return {
            "candidates": [
                {**self._views.reference(one), "red_flags": self._views.red_flags(one)}
                for one in candidates
            ],
            "questions": [self._asked(row, shown, candidates) for row in chosen],
            "minimal": minimal,
            "inseparable": [
                [self._views.reference(candidates[each]) for each in pair]
                for pair in everything
                if pair not in apart
            ],
            "rows": [self._row(row, candidates) for row in shown],
            "total_rows": len(rows),
            "shared": [self._row(row, candidates) for row in shared[:MAX_ROWS]],
            "total_shared": len(shared),
            "confusions": [self._views.claim(claim) for claim in self._confusions(candidates)],
            "version": self._version,
            "disclaimer": DISCLAIMER,
        }

    # -- what is asked ---------------------------------------------------------------------

    def _read(self, data: object) -> tuple[list[str], Question | None]:
        if not isinstance(data, Mapping) or ("candidates" in data) == ("question" in data):
            raise BadParameter("give an object with either candidates or a question")
        allowed = {"candidates"} if "candidates" in data else {"question", "limit"}
        for key in data:
            if key not in allowed:
                raise BadParameter(f"{key!r} is not one of {', '.join(sorted(allowed))}")
        if "candidates" in data:
            return self._candidates(data["candidates"]), None
        limit = data.get("limit", DEFAULT_CANDIDATES)
        if type(limit) is not int or not MIN_CANDIDATES <= limit <= MAX_CANDIDATES:
            raise BadParameter(f"limit must be from {MIN_CANDIDATES} to {MAX_CANDIDATES}")
        question = from_json(data["question"], self._index)
        if question.ask != "conditions" or not question.findings:
            raise BadParameter("the question must ask for conditions, by findings")
        found = list(self._rank(question))[:limit]
        if len(found) < MIN_CANDIDATES:
            raise BadParameter("fewer than two conditions answer the question")
        return found, question

    def _candidates(self, data: object) -> list[str]:
        """The conditions named, in the order given."""
        bounds = f"candidates must be a list of {MIN_CANDIDATES} to {MAX_CANDIDATES} conditions"
        if not isinstance(data, list) or not MIN_CANDIDATES <= len(data) <= MAX_CANDIDATES:
            raise BadParameter(bounds)
        found = list(dict.fromkeys(map(self._condition, data)))
        if len(found) != len(data):
            raise BadParameter(f"{bounds}, each once")
        return found

    def _condition(self, value: object) -> str:
        text = value.get("id") if isinstance(value, Mapping) else value
        if not isinstance(text, str) or not text.strip():
            raise BadParameter("a candidate must be a CURIE, an IRI or a label")
        try:
            entity = self._index.resolve(text)
        except UnknownEntity as error:
            raise BadParameter(f"candidates: {error}", error.suggestions) from None
        if entity.kind != "condition":
            raise BadParameter(f"{entity.label!r} is a {entity.kind}, not a condition")
        return entity.id

    # -- the table -------------------------------------------------------------------------

    def _table(
        self, candidates: Sequence[str], question: Question | None
    ) -> tuple[list[Row], list[Row]]:
        """What separates the candidates, best first, and what they share."""
        found = self._features(candidates)
        whole = (1 << len(candidates)) - 1

        def rows(features: Iterable[Feature]) -> list[Row]:
            made = [
                Row(one, self._cells(one, candidates), self._is_known(one, question))
                for one in features
            ]
            return sorted(made, key=self._order)

        separating = self._once(candidates, found, self._most_general(found, whole))
        shared = self._once(candidates, found, self._most_specific(found, whole))
        apart = [row for row in rows(separating) if row.bits > 0]
        return apart, sorted(rows(shared), key=lambda row: self._wording.said(row.feature))

    def _order(self, row: Row) -> tuple[float, float, str]:
        """What tells most first; of equals, what is better supported and rarer."""
        sources = {source for cell in row.cells for source in cell.sources}
        support = evidence(self._index.sources[source] for source in sources)
        worth = support * information(self._spread(row.feature), len(self._index.presentations_of))
        return -round(row.bits, 9), -round(worth, 9), self._wording.said(row.feature)

    def _find_spread(self, feature: Feature) -> int:
        """How many conditions of the graph have a feature."""
        if not feature.symptom:
            with_value = self._index.claims_with.get(feature.value, ())
            return len({c.subject for c in with_value if c.relation == feature.role})
        key = (feature.role or "symptom", feature.value or feature.symptom)
        shown = self._index.presented_with.get(key, ())
        having = [p for p in shown if feature.symptom in p.entailed["symptom"]]
        return len({condition for p in having for condition in p.conditions})

    def _features(self, candidates: Sequence[str]) -> dict[Feature, int]:
        """Every feature entailed of a candidate → the candidates, as bits."""
        found: dict[Feature, int] = defaultdict(int)
        for place, candidate in enumerate(candidates):
            for presentation in self._index.presentations_of.get(candidate, ()):
                for feature in self._presented(presentation):
                    found[feature] |= 1 << place
            for claim in self._index.claims_about.get(candidate, ()):
                if claim.relation in TRAITS:
                    for value in self._wider(claim.relation, claim.value):
                        found[Feature("", claim.relation, value)] |= 1 << place
        return found

    def _definitions(self) -> tuple[set[Feature], dict[Feature, str]]:
        """What goes without saying (redness is red); and a feature → the symptom that is it."""
        implied: set[Feature] = set()
        named: dict[Feature, str] = {}
        for symptom in sorted(self._recorded["symptom"]):
            parts = dict(self._index.entity(symptom).defined_as)
            general = parts.pop("symptom", ())
            beside = [(role, value) for role, values in parts.items() for value in values]
            for role, value in beside:
                implied |= {Feature(symptom, role, one) for one in self._index.broader(value)}
            if len(general) == len(beside) == 1:
                named[Feature(general[0], *beside[0])] = symptom
        return implied, named

    def _presented(self, presentation: Presentation) -> Iterator[Feature]:
        beside = [
            (role, value)
            for role in ROLES[1:]
            for value in self._recorded[role].intersection(presentation.entailed[role])
        ]
        for symptom in self._recorded["symptom"].intersection(presentation.entailed["symptom"]):
            yield Feature(symptom, "", "")
            for feature in (Feature(symptom, role, value) for role, value in beside):
                if feature not in self._implied and feature not in self._named:
                    yield feature

    def _find_wider(self, role: str, value: str) -> frozenset[str]:
        """The value and what is broader, as far as some row records it."""
        return self._index.broader(value) & self._recorded[role] | {value}

    def _generalised(self, feature: Feature) -> Iterator[Feature]:
        """Every feature that this one entails, but itself."""
        symptoms = self._wider("symptom", feature.symptom) if feature.symptom else ("",)
        values = self._wider(feature.role, feature.value) if feature.role else ()
        for symptom in symptoms:
            if symptom and feature != (symptom, "", ""):
                yield Feature(symptom, "", "")
            for value in values:
                if feature != (symptom, feature.role, value):
                    yield Feature(symptom, feature.role, value)

    def _most_general(self, found: Mapping[Feature, int], whole: int) -> list[Feature]:
        """Of what is recorded of the same candidates, but not of all, the most general."""
        return [
            feature
            for feature, has in found.items()
            if has != whole and all(found.get(one) != has for one in self._generalised(feature))
        ]

    def _most_specific(self, found: Mapping[Feature, int], whole: int) -> list[Feature]:
        shared = [feature for feature, has in found.items() if has == whole]
        implied = {one for feature in shared for one in self._generalised(feature)}
        return [feature for feature in shared if feature not in implied]

    def _once(
        self,
        candidates: Sequence[str],
        found: Mapping[Feature, int],
        features: Iterable[Feature],
    ) -> Iterable[Feature]:
        """Of features with the same beside them, that of the symptom that most candidates have.

        Whether bending forward relieves the pain or the numbness is one question, not two.
        """
        best: dict[tuple[str, ...], Feature] = {}

        def order(feature: Feature) -> tuple[int, int, str]:
            having = found.get(Feature(feature.symptom, "", ""), 0).bit_count()
            shown = 0
            if feature.symptom:
                shown = self._matcher.count(Criterion("symptom", feature.symptom), candidates)
            return -having, -shown, self._wording.said(feature)

        for feature in sorted(features, key=order):
            same = feature.role in ("", "region", *TRAITS)
            key = feature if same else (feature.role, feature.value, str(found[feature]))
            best.setdefault(key, feature)
        return best.values()

    # -- cells -----------------------------------------------------------------------------

    def _cells(self, feature: Feature, candidates: Sequence[str]) -> tuple[Cell, ...]:
        if not feature.symptom:
            return tuple(self._claimed(feature, one) for one in candidates)
        matches = self._matcher.among(candidates, finding_of(feature))
        cells = []
        for candidate in candidates:
            match = matches.get(candidate)
            if match is None or match.status is Status.NOT_RECORDED:
                cells.append(Cell(Status.NOT_RECORDED))
            elif match.status is Status.CONTRADICTED:
                against = tuple({p.id: p for p in match.against.values()}.values())
                cells.append(Cell(match.status, against))
            else:
                often = _most_often(match.presentations, candidate)
                cells.append(Cell(match.status, match.presentations, (), often))
        return tuple(cells)

    def _claimed(self, feature: Feature, candidate: str) -> Cell:
        wider = self._index.broader(feature.value)
        claims = [
            claim
            for claim in self._index.claims_about.get(candidate, ())
            if claim.relation == feature.role
        ]
        entailed = [c for c in claims if feature.value in self._index.broader(c.value)]
        if entailed:
            return Cell(Status.ENTAILED, (), tuple(entailed))
        compatible = [claim for claim in claims if claim.value in wider]
        if compatible:
            return Cell(Status.COMPATIBLE, (), tuple(compatible))
        return Cell(Status.NOT_RECORDED)

    def _is_known(self, feature: Feature, question: Question | None) -> bool:
        """Whether a question has said yes or no to a feature already."""
        if question is None:
            return False
        if not feature.symptom:
            return self._is_told(feature, question)
        asked = finding_of(feature).criteria
        for finding in question.findings:
            said = in_parts(finding.criteria, self._index)
            if self._entails(asked, said) if finding.absent else self._entails(said, asked):
                return True
        return False

    def _is_told(self, feature: Feature, question: Question) -> bool:
        wider = self._index.broader(feature.value)
        person = question.person
        return (
            any(feature.value in self._index.broader(one) for one in person.risk_factors)
            or (person.age is not None and "etio:Age" in wider)
            or (person.sex is not None and "etio:Sex" in wider)
        )

    def _entails(self, narrow: Iterable[Criterion], wide: Iterable[Criterion]) -> bool:
        has = {(c.role, value) for c in narrow for value in self._index.broader(c.value)}
        return all((c.role, c.value) in has for c in wide)

    # -- words and payload -----------------------------------------------------------------

    def _row(self, row: Row, candidates: Sequence[str]) -> Json:
        feature = row.feature
        kind = TRAITS.get(feature.role) or feature.role or "symptom"
        return {
            "feature": self._wording.said(feature),
            "kind": kind,
            "symptom": self._views.reference(feature.symptom) if feature.symptom else None,
            "value": self._views.reference(feature.value) if feature.value else None,
            "question": self._wording.asked(feature),
            "bits": round(row.bits, 4),
            "known": row.known,
            "cells": [
                self._cell(cell, one) for cell, one in zip(row.cells, candidates, strict=True)
            ],
        }

    def _cell(self, cell: Cell, candidate: str) -> Json:
        return {
            "condition": candidate,
            "status": cell.status.name.lower(),
            "frequency": cell.frequency,
            "presentations": [p.id for p in cell.presentations],
            "claims": [claim.id for claim in cell.claims],
            "sources": self._views.sources(cell.sources),
        }

    def _asked(self, row: Row, shown: Sequence[Row], candidates: Sequence[str]) -> Json:
        """A question, the number of its row from 0, and the pairs that it separates."""
        return {
            "question": self._wording.asked(row.feature),
            "row": shown.index(row),
            "separates": [
                {"pair": [candidates[place] for place in pair], "how": how}
                for pair, how in sorted(row.separates().items())
            ],
        }

    def _confusions(self, candidates: Sequence[str]) -> list[Claim]:
        """What sources say about taking one candidate for another."""
        return [
            claim
            for one in candidates
            for claim in self._index.claims_about.get(one, ())
            if claim.relation == "confused_with" and claim.value in candidates
        ]


def questions_from(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """The fewest rows that separate all pairs that any row does, and whether fewer are impossible.

    Tests are not for asking: they count for pairs that nothing else separates.
    """
    found = [set(row.separates()) for row in rows]
    is_test = [row.feature.role == "diagnosed_by" for row in rows]
    asked = set[Pair]().union(
        *(pairs for pairs, test in zip(found, is_test, strict=True) if not test)
    )
    kept = [pairs - asked if test else pairs for pairs, test in zip(found, is_test, strict=True)]
    bit = {pair: 1 << place for place, pair in enumerate(sorted(set[Pair]().union(*kept)))}
    masks = [sum(bit[pair] for pair in pairs) for pairs in kept]
    chosen, decided = fewest(masks, [round(row.bits, 9) for row in rows])
    return [rows[place] for place in chosen], decided or len(chosen) <= _least(bit)


def _least(pairs: Iterable[Pair]) -> int:
    """How many questions it takes at least: k answers yes or no tell 2^k candidates apart."""
    found = set(pairs)
    several = {place for pair in found for place in pair}
    complete = len(found) == math.comb(len(several), 2)
    return math.ceil(math.log2(len(several))) if found and complete else min(1, len(found))


def _chance(cell: Cell, most: float) -> float:
    """How often a yes is expected, where `most` is how often it is of the one that has it most."""
    share = SHARES[cell.status] * most
    if cell.status is Status.ENTAILED:
        return cell.often if cell.is_counted else max(cell.often, SHARES[Status.COMPATIBLE] * most)
    if cell.status is Status.COMPATIBLE and cell.is_counted:
        return max(SHARES[Status.NOT_RECORDED] * most, SHARES[cell.status] * min(cell.often, most))
    return share


def _most_often(presentations: Iterable[Presentation], condition: str) -> str | None:
    """The frequency that counts: of what is recorded for the condition itself."""
    own = [p.frequency for p in presentations if p.condition == condition]
    return max(own, key=lambda name: FREQUENCY_WEIGHTS[name], default=None)


def _entropy(chance: float) -> float:
    if chance in (0.0, 1.0):
        return 0.0
    return -chance * math.log2(chance) - (1 - chance) * math.log2(1 - chance)
