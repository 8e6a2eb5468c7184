"""What to ask instead where nothing is found: which criteria conflict, and what a change gives.

To find is what the question's own SPARQL does: every criterion of a finding entailed in one
presentation. A change never asks for more, so that every relaxed question finds what is counted.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from operator import and_, or_

from kg.index import Index
from kg.matching import Matcher
from kg.questions import ROLE_SAID, Criterion, Finding, Question, in_parts, sentence
from kg.ranking import information
from kg.records import Presentation
from kg.structure import to_json
from kg.views import Json, Views

MAX_TRIED = 4096
"""Sets of criteria tried for a conflict: all sets of 12."""
MAX_WIDENINGS = 3
"""Wider values offered in place of one value."""
MAX_CONFLICTS = 20
"""Conflicts written as JSON."""
MAX_RELAXATIONS = 20
"""Relaxations of two or more changes."""

ANSWER_ROLES = {"symptoms": "symptom", "relief": "relieved_by"}
"""What is asked of findings, besides conditions → the role whose values answer it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A criterion, and the finding of the question that it is part of, counted from 1."""

    finding: int
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Change:
    """Drops a criterion (`to` is None), or asks for a wider value in its place."""

    placed: Placed
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Changes, the question that they make, and how many answers are then entailed."""

    changes: tuple[Change, ...]
    question: Question
    count: int
    loss: tuple[float, ...]
    """Orders relaxations: changes, of these drops, steps of widening, bits of information lost."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The smallest sets of criteria that conflict, and relaxations, least loss first.

    `complete` says whether these are all conflicts; it is true for up to 12 criteria.
    """

    conflicts: tuple[tuple[Placed, ...], ...]
    relaxations: tuple[Relaxation, ...]
    complete: bool


NOTHING = Relaxed((), (), complete=True)


def relax(
    question: Question, matcher: Matcher, index: Index, excluded: Collection[str] = ()
) -> Relaxed:
    """What conflicts in a question that finds nothing, and what finds something instead.

    A conflict is a set of criteria that no answer meets, though some answer meets each smaller
    set. A relaxation changes one criterion; two only where none of these helps, more only where
    no two do. A farther step is offered only if it finds more than the nearer ones. `excluded`
    are answers (CURIEs) that something else in the question rules out. NOTHING where something is
    found, or where the question is not about findings.
    """
    finder = _Finder(question, matcher, index, frozenset(excluded))
    if not question.findings or finder.found(question.findings):
        return NOTHING
    searches = [_Search(placed, finder) for placed in _groups(question) if placed]
    relaxer = _Relaxer(question, matcher, index, finder)
    found: list[Relaxation] = []
    for relaxations in (relaxer.one_change, relaxer.two_changes, relaxer.fewest_drops):
        found = found or [each for search in searches for each in relaxations(search)]
    conflicts = [search.placed_in(mask) for search in searches for mask in search.conflicts]
    return Relaxed(
        tuple(sorted(conflicts, key=len)),
        tuple(sorted(found, key=lambda each: each.loss)),
        all(search.complete for search in searches),
    )


def relaxed_json(relaxed: Relaxed, question: Question, index: Index) -> Json:
    """`{conflicts, relaxations, complete}`.

    A conflict is a list of `{finding, role, value}`; a relaxation has its `changes`
    (`{change: drop|widen, finding, criterion: {role, value}, to}`), `count`, `question` as
    `kg.structure` writes it, its `sentence`, and `said`: what changes, in words.
    """
    views = Views(index)
    shown = relaxed.conflicts[:MAX_CONFLICTS]
    return {
        "conflicts": [[_placed(p, views) for p in conflict] for conflict in shown],
        "relaxations": [
            {
                "changes": [_change(change, views) for change in relaxation.changes],
                "count": relaxation.count,
                "question": to_json(relaxation.question, views),
                "sentence": sentence(relaxation.question, index),
                "said": said(relaxation, question, index),
            }
            for relaxation in relaxed.relaxations
        ],
        "complete": relaxed.complete and len(shown) == len(relaxed.conflicts),
    }


def said(relaxation: Relaxation, question: Question, index: Index) -> str:
    """What a relaxation changes: 'drop "worse with cold", widen "in the calf" to "lower leg"'."""
    parts = []
    for change in relaxation.changes:
        criterion, to = change.placed.criterion, change.to
        what = f'"{ROLE_SAID[criterion.role].format(index.label(criterion.value))}"'
        finding = question.findings[change.placed.finding - 1]
        if len(question.findings) > 1 and finding.criteria[0] != criterion:
            what += f' of "{index.label(finding.criteria[0].value)}"'
        parts.append(f"drop {what}" if to is None else f'widen {what} to "{index.label(to)}"')
    return ", ".join(parts)


def _placed(placed: Placed, views: Views) -> Json:
    criterion = placed.criterion
    value = views.reference(criterion.value)
    return {"finding": placed.finding, "role": criterion.role, "value": value}


def _change(change: Change, views: Views) -> Json:
    criterion = change.placed.criterion
    return {
        "change": "drop" if change.to is None else "widen",
        "finding": change.placed.finding,
        "criterion": {"role": criterion.role, "value": views.reference(criterion.value)},
        "to": None if change.to is None else views.reference(change.to),
    }


def _groups(question: Question) -> list[list[Placed]]:
    """The criteria that must hold together: of all findings for conditions, else of each."""
    groups = [
        [Placed(number, criterion) for criterion in finding.criteria]
        for number, finding in enumerate(question.findings, start=1)
        if not finding.absent
    ]
    return groups if question.ask in ANSWER_ROLES else [[p for group in groups for p in group]]


class _Finder:
    """What findings find: the conditions that meet all of them, or the values in any of them."""

    def __init__(
        self, question: Question, matcher: Matcher, index: Index, excluded: frozenset[str]
    ) -> None:
        self._role = ANSWER_ROLES.get(question.ask)
        self._matcher = matcher
        self._index = index
        self._excluded = excluded

    def found(self, findings: Iterable[Finding]) -> frozenset[str]:
        """The entailed answers of a question with these findings."""
        each = [self._met(finding) for finding in findings if not finding.absent]
        if not each:
            return frozenset()
        return frozenset.union(*each) if self._role else frozenset.intersection(*each)

    def entailing(self, criterion: Criterion) -> Sequence[Presentation]:
        """The presentations in which a criterion is entailed."""
        return self._index.presented_with.get((criterion.role, criterion.value), ())

    def answers_in(self, presentation: Presentation) -> list[str]:
        """What a presentation that meets a finding contributes to the answers."""
        role = self._role
        answers = presentation.recorded[role] if role else presentation.conditions
        return [answer for answer in answers if answer not in self._excluded]

    def _met(self, finding: Finding) -> frozenset[str]:
        known = self._index.presentations
        return frozenset(
            answer
            for identifier in self._matcher.presentations_entailing(finding)
            for answer in self.answers_in(known[identifier])
        )


class _Search:
    """Finds the smallest conflicts among criteria; sets of criteria and of answers are bits.

    Level by level as Apriori does (Agrawal and Srikant, VLDB 1994): a set is tried only if all
    that it has but one criterion are met, so that what fails is smallest.
    """

    def __init__(self, placed: Sequence[Placed], finder: _Finder) -> None:
        self.placed = placed
        self.conflicts: list[int] = []
        self.largest: list[int] = [0]
        """The largest sets that are met, of those tried."""
        self.complete = True
        self._profiles = _profiles(placed, finder)
        self._known: dict[tuple[int, int], int] = {}
        self._find()
        self.conflicts = sorted(self.conflicts, key=_fewest_first) or [self._shrunk()]

    def placed_in(self, mask: int) -> tuple[Placed, ...]:
        """The criteria of a set."""
        return tuple(self.placed[place] for place in _places(mask))

    def grown(self, mask: int) -> int:
        """A set that is met with all that it can take on, the earlier criteria first."""
        for place in range(len(self.placed)):
            if self._met(mask | 1 << place):
                mask |= 1 << place
        return mask

    def _shrunk(self) -> int:
        """One smallest conflict of many criteria, by leaving out what it does not need."""
        mask = (1 << len(self.placed)) - 1
        for place in range(len(self.placed)):
            if not self._met(mask ^ 1 << place):
                mask ^= 1 << place
        return mask

    def _find(self) -> None:
        tried = 0
        level = {0}
        while level:
            self.largest = sorted(level)
            wider: set[int] = set()
            for mask in self._candidates(level):
                if tried == MAX_TRIED:
                    self.complete = False
                    return
                tried += 1
                if self._met(mask):
                    wider.add(mask)
                else:
                    self.conflicts.append(mask)
            level = wider

    def _candidates(self, level: set[int]) -> Iterator[int]:
        for mask in self.largest:
            for place in range(mask.bit_length(), len(self.placed)):
                wider = mask | 1 << place
                if all(wider ^ 1 << other in level for other in _places(mask)):
                    yield wider

    def _met(self, mask: int) -> bool:
        """Whether an answer meets a set: of each finding its part, in one presentation."""
        parts = enumerate(mask & own for own, _ in self._profiles)
        return reduce(and_, (self._meeting(number, part) for number, part in parts if part)) != 0

    def _meeting(self, number: int, part: int) -> int:
        """The answers that meet a part of a finding."""
        if (number, part) not in self._known:
            profile = self._profiles[number][1]
            found = (profile[met] for met in profile if met & part == part)
            self._known[number, part] = reduce(or_, found, 0)
        return self._known[number, part]


def _profiles(placed: Sequence[Placed], finder: _Finder) -> list[tuple[int, dict[int, int]]]:
    """For each finding its criteria, and the answers by which of these a presentation meets."""
    own: dict[int, int] = defaultdict(int)
    met: dict[tuple[int, str], int] = defaultdict(int)
    known: dict[str, Presentation] = {}
    for place, item in enumerate(placed):
        own[item.finding] |= 1 << place
        for presentation in finder.entailing(item.criterion):
            known[presentation.id] = presentation
            met[item.finding, presentation.id] |= 1 << place
    bits: dict[str, int] = {}
    profiles: dict[int, dict[int, int]] = {finding: defaultdict(int) for finding in own}
    for (finding, identifier), mask in met.items():
        for answer in finder.answers_in(known[identifier]):
            profiles[finding][mask] |= bits.setdefault(answer, 1 << len(bits))
    return [(mask, profiles[finding]) for finding, mask in own.items()]


class _Relaxer:
    """Makes relaxations of one question; each that it gives finds something."""

    def __init__(self, question: Question, matcher: Matcher, index: Index, finder: _Finder) -> None:
        self._question = question
        self._matcher = matcher
        self._index = index
        self._finder = finder
        self._total = len(index.presentations_of)
        self._steps_up = cache(lambda value: steps_up(value, index))
        self._information = cache(self._find_information)

    def one_change(self, search: _Search) -> list[Relaxation]:
        """Only a criterion that is part of every conflict helps by itself."""
        relaxations = []
        for placed in search.placed_in(reduce(and_, search.conflicts)):
            most = offered = 0
            for change in (*self._widenings(placed), Change(placed)):
                if change.to is not None and offered == MAX_WIDENINGS:
                    continue
                relaxation = self._try(change)
                if relaxation and relaxation.count > most:
                    relaxations.append(relaxation)
                    most = relaxation.count
                    offered += 1
        return relaxations

    def two_changes(self, search: _Search) -> list[Relaxation]:
        """The best for each two criteria of which every conflict has one; widened by one step."""
        relaxations = []
        tried = set()
        for first in _places(search.conflicts[0]):
            others = [mask for mask in search.conflicts if not mask >> first & 1]
            for second in _places(reduce(and_, others)) if others else ():
                pair = 1 << first | 1 << second
                if pair not in tried:
                    relaxations += self._best_of_two(*search.placed_in(pair))
                tried.add(pair)
        return sorted(relaxations, key=lambda each: each.loss)[:MAX_RELAXATIONS]

    def fewest_drops(self, search: _Search) -> list[Relaxation]:
        """The largest sets of criteria that something meets, without all the others."""
        largest = search.largest[: MAX_RELAXATIONS if search.complete else 1]
        kept = dict.fromkeys(map(search.grown, largest))
        whole = (1 << len(search.placed)) - 1
        drops = [map(Change, search.placed_in(whole ^ mask)) for mask in kept]
        return [relaxation for changes in drops if (relaxation := self._try(*changes))]

    def _best_of_two(self, first: Placed, second: Placed) -> list[Relaxation]:
        found = [
            relaxation
            for one in (*self._widenings(first, steps=1), Change(first))
            for other in (*self._widenings(second, steps=1), Change(second))
            if (relaxation := self._try(one, other))
        ]
        return [min(found, key=lambda each: each.loss)] if found else []

    def _try(self, *changes: Change) -> Relaxation | None:
        """The relaxation by these changes, if it finds anything."""
        findings = self._changed(changes)
        count = len(self._finder.found(findings))
        if not count:
            return None
        return Relaxation(
            changes, replace(self._question, findings=findings), count, self._loss(changes)
        )

    def _changed(self, changes: Iterable[Change]) -> tuple[Finding, ...]:
        to = {change.placed: change.to for change in changes}
        findings = []
        for number, finding in enumerate(self._question.findings, start=1):
            criteria: list[Criterion] = []
            for criterion in finding.criteria:
                value = to.get(Placed(number, criterion), criterion.value)
                if value == criterion.value:
                    criteria.append(criterion)
                elif value is not None:
                    criteria += in_parts([Criterion(criterion.role, value)], self._index)
            if criteria:
                findings.append(Finding.of(criteria, absent=finding.absent))
        return tuple(findings)

    def _widenings(self, placed: Placed, steps: int | None = None) -> Iterator[Change]:
        """To each wider value, nearest first; not what another criterion asks for anyway."""
        criterion = placed.criterion
        asked = set().union(
            *(
                self._index.broader(other.value)
                for other in self._question.findings[placed.finding - 1].criteria
                if other.role == criterion.role and other != criterion
            )
        )
        for value, step in self._steps_up(criterion.value).items():
            if steps is not None and step > steps:
                return
            if value not in asked:
                yield Change(placed, value)

    def _loss(self, changes: Sequence[Change]) -> tuple[float, ...]:
        drops = sum(change.to is None for change in changes)
        steps = sum(
            self._steps_up(change.placed.criterion.value)[change.to]
            for change in changes
            if change.to is not None
        )
        return len(changes), drops, steps, sum(map(self._bits_lost, changes))

    def _bits_lost(self, change: Change) -> float:
        criterion = change.placed.criterion
        before = self._information(criterion)
        to = change.to
        return before - (0.0 if to is None else self._information(Criterion(criterion.role, to)))

    def _find_information(self, criterion: Criterion) -> float:
        return information(len(self._matcher.conditions_entailing(criterion)), self._total)


def steps_up(identifier: str, index: Index) -> dict[str, int]:
    """What is broader than an entity → how many steps up, nearest first.

    A kind of region counts as two steps: people widen a calf to the lower leg that it is part of,
    not to "area of the lower leg". Classes that the reasoner fills are left out: they name
    questions, not values.
    """
    steps: dict[str, int] = {}
    queue = [(0, 0, identifier)]
    while queue:
        step, place, one = heapq.heappop(queue)
        if one not in steps:
            steps[one] = step
            entity = index.entity(one)
            kind_of = 2 if entity.kind == "region" else 1
            above = [(1, other) for other in entity.wholes]
            above += [(kind_of, other) for other in entity.parents]
            above += [(1, other) for other in entity.related.get("involves", ())]
            for far, other in above:
                if other in index.entities:
                    heapq.heappush(queue, (step + far, place + len(queue), other))
    return {one: n for one, n in steps.items() if n and index.entity(one).kind != "group"}


def _fewest_first(mask: int) -> tuple[int, list[int]]:
    return mask.bit_count(), _places(mask)


def _places(mask: int) -> list[int]:
    """The places of the bits that are set, lowest first."""
    return [place for place in range(mask.bit_length()) if mask >> place & 1]
