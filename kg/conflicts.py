"""Finds which criteria of a question conflict: the smallest sets that nothing recorded meets.

To find is what the question's own SPARQL does: every criterion of a finding entailed in one
presentation. Sets of presentations, of answers and of criteria are the bits of an integer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import and_, or_

from kg.matching import Matcher, places
from kg.questions import ANSWER_ROLES, Criterion, Question

MAX_TRIED = 4096
"""Sets of criteria tried for a conflict: all sets of 12."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A criterion, and the finding of the question that it is part of, counted from 1."""

    finding: int
    criterion: Criterion


def groups(question: Question) -> list[list[Placed]]:
    """The criteria that must hold together: of all findings for conditions, else of each."""
    found = [
        [Placed(number, criterion) for criterion in finding.criteria]
        for number, finding in enumerate(question.findings, start=1)
        if not finding.absent
    ]
    return found if question.ask in ANSWER_ROLES else [[p for group in found for p in group]]


class Finder:
    """What findings find: the conditions that meet all of them, or the values in any of them."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._masks = cache(self._find_masks)
        self._answers_of = cache(self._find_answers)

    def found(self, question: Question) -> int:
        """The entailed answers, as bits."""
        each = [self.meeting(f.criteria, question.ask) for f in question.present]
        if not each:
            return 0
        return reduce(or_ if question.ask in ANSWER_ROLES else and_, each)

    def meeting(self, criteria: Sequence[Criterion], ask: str) -> int:
        """The answers, as bits, of presentations in which all the criteria are entailed."""
        if len(criteria) == 1:
            return self._answers_of(criteria[0], ask)
        level = self._matcher.level
        return self._answers(reduce(and_, (level(each).entailed for each in criteria)), ask)

    def _find_answers(self, criterion: Criterion, ask: str) -> int:
        return self._answers(self._matcher.level(criterion).entailed, ask)

    def _answers(self, presentations: int, ask: str) -> int:
        masks = self._masks(ask)
        return reduce(or_, map(masks.__getitem__, places(presentations)), 0)

    def _find_masks(self, ask: str) -> Sequence[int]:
        """What each presentation that meets a finding contributes to the answers."""
        role = ANSWER_ROLES.get(ask)
        bits: dict[str, int] = {}
        return [
            reduce(
                or_,
                (
                    bits.setdefault(answer, 1 << len(bits))
                    for answer in (one.recorded[role] if role else one.conditions)
                ),
                0,
            )
            for one in self._matcher.index.presentations.values()
        ]


class Search:
    """Finds the smallest conflicts among criteria.

    Level by level as Apriori does (Agrawal and Srikant, VLDB 1994): a set is tried only if all
    that it has but one criterion are met, so that what fails is smallest.
    """

    def __init__(self, placed: Sequence[Placed], finder: Finder, ask: str) -> None:
        self.placed = placed
        self.conflicts: list[int] = []
        self.largest: list[int] = [0]
        """The largest sets that are met, of those tried."""
        self.complete = True
        self._finder = finder
        self._ask = ask
        self._own = [
            reduce(or_, (1 << n for n, one in enumerate(placed) if one.finding == number))
            for number in dict.fromkeys(one.finding for one in placed)
        ]
        self._known: dict[int, int] = {}
        self._find()
        self.conflicts = sorted(self.conflicts, key=_fewest_first) or [self._shrunk()]

    def placed_in(self, mask: int) -> tuple[Placed, ...]:
        """The criteria of a set."""
        return tuple(self.placed[place] for place in places(mask))

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
                if all(wider ^ 1 << other in level for other in places(mask)):
                    yield wider

    def _met(self, mask: int) -> bool:
        """Whether an answer meets a set: of each finding its part, in one presentation."""
        parts = (mask & own for own in self._own)
        return reduce(and_, (self._meeting(part) for part in parts if part)) != 0

    def _meeting(self, part: int) -> int:
        """The answers that meet criteria of one finding."""
        if part not in self._known:
            criteria = [one.criterion for one in self.placed_in(part)]
            self._known[part] = self._finder.meeting(criteria, self._ask)
        return self._known[part]


def _fewest_first(mask: int) -> tuple[int, list[int]]:
    return mask.bit_count(), places(mask)
