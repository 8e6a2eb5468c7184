"""What to ask instead where nothing is found: which criteria conflict, and what a change gives.

A change never asks for more, so that every relaxed question finds what is counted.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from operator import and_

from kg.conflicts import Finder, Placed, Search, groups
from kg.index import Index
from kg.matching import Matcher, places
from kg.questions import ROLE_SAID, Criterion, Finding, Question, in_parts, sentence
from kg.ranking import information
from kg.structure import to_json
from kg.views import Json, Views

MAX_WIDENINGS = 3
"""Wider values offered in place of one value."""
MAX_CONFLICTS = 20
"""Conflicts written as JSON."""
MAX_RELAXATIONS = 20
"""Relaxations of two or more changes."""


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


class Relaxer:
    """Makes relaxations of questions over one index."""

    def __init__(self, matcher: Matcher, views: Views) -> None:
        self._matcher = matcher
        self._index = matcher.index
        self._views = views
        self._finder = Finder(matcher)
        self._total = len(matcher.index.presentations_of)
        self._steps_up = cache(lambda value: steps_up(value, matcher.index))
        self._information = cache(self._find_information)

    def relax(self, question: Question) -> Relaxed:
        """What conflicts in a question that finds nothing, and what finds something instead.

        A conflict is a set of criteria that no answer meets, though some answer meets each smaller
        set. A relaxation changes one criterion; two only where none of these helps, more only where
        no two do. A farther step is offered only if it finds more than the nearer ones. NOTHING
        where something is found, or where the question is not about findings.
        """
        if not question.findings or self._finder.found(question):
            return NOTHING
        searches = [
            Search(placed, self._finder, question.ask) for placed in groups(question) if placed
        ]
        found: list[Relaxation] = []
        for relaxations in (self._one_change, self._two_changes, self._fewest_drops):
            found = found or [each for search in searches for each in relaxations(question, search)]
        conflicts = [search.placed_in(mask) for search in searches for mask in search.conflicts]
        return Relaxed(
            tuple(sorted(conflicts, key=len)),
            tuple(sorted(found, key=lambda each: each.loss)),
            all(search.complete for search in searches),
        )

    def next_steps(self, question: Question) -> Json:
        """What `relax` finds, as `{conflicts, relaxations, complete}`.

        A conflict is a list of `{finding, role, value}`; a relaxation has its `changes`
        (`{change: drop|widen, finding, criterion: {role, value}, to}`), `count`, `question` as
        `kg.structure` writes it, its `sentence`, and `said`: what changes, in words.
        """
        relaxed = self.relax(question)
        shown = relaxed.conflicts[:MAX_CONFLICTS]
        return {
            "conflicts": [[self._placed(p) for p in conflict] for conflict in shown],
            "relaxations": [
                {
                    "changes": [self._change(change) for change in relaxation.changes],
                    "count": relaxation.count,
                    "question": to_json(relaxation.question, self._views),
                    "sentence": sentence(relaxation.question, self._index),
                    "said": said(relaxation, question, self._index),
                }
                for relaxation in relaxed.relaxations
            ],
            "complete": relaxed.complete and len(shown) == len(relaxed.conflicts),
        }

    def _placed(self, placed: Placed) -> Json:
        criterion = placed.criterion
        value = self._views.reference(criterion.value)
        return {"finding": placed.finding, "role": criterion.role, "value": value}

    def _change(self, change: Change) -> Json:
        criterion = change.placed.criterion
        return {
            "change": "drop" if change.to is None else "widen",
            "finding": change.placed.finding,
            "criterion": {"role": criterion.role, "value": self._views.reference(criterion.value)},
            "to": None if change.to is None else self._views.reference(change.to),
        }

    def _one_change(self, question: Question, search: Search) -> list[Relaxation]:
        """Only a criterion that is part of every conflict helps by itself."""
        relaxations = []
        for placed in search.placed_in(reduce(and_, search.conflicts)):
            most = offered = 0
            for change in (*self._widenings(question, placed), Change(placed)):
                if change.to is not None and offered == MAX_WIDENINGS:
                    continue
                relaxation = self._try(question, change)
                if relaxation and relaxation.count > most:
                    relaxations.append(relaxation)
                    most = relaxation.count
                    offered += 1
        return relaxations

    def _two_changes(self, question: Question, search: Search) -> list[Relaxation]:
        """The best for each two criteria of which every conflict has one; widened by one step."""
        relaxations = []
        tried = set()
        for first in places(search.conflicts[0]):
            others = [mask for mask in search.conflicts if not mask >> first & 1]
            for second in places(reduce(and_, others)) if others else ():
                pair = 1 << first | 1 << second
                if pair not in tried:
                    relaxations += self._best_of_two(question, *search.placed_in(pair))
                tried.add(pair)
        return sorted(relaxations, key=lambda each: each.loss)[:MAX_RELAXATIONS]

    def _fewest_drops(self, question: Question, search: Search) -> list[Relaxation]:
        """The largest sets of criteria that something meets, without all the others."""
        largest = search.largest[: MAX_RELAXATIONS if search.complete else 1]
        kept = dict.fromkeys(map(search.grown, largest))
        whole = (1 << len(search.placed)) - 1
        drops = [map(Change, search.placed_in(whole ^ mask)) for mask in kept]
        return [relaxation for changes in drops if (relaxation := self._try(question, *changes))]

    def _best_of_two(self, question: Question, first: Placed, second: Placed) -> list[Relaxation]:
        found = [
            relaxation
            for one in (*self._widenings(question, first, steps=1), Change(first))
            for other in (*self._widenings(question, second, steps=1), Change(second))
            if (relaxation := self._try(question, one, other))
        ]
        return [min(found, key=lambda each: each.loss)] if found else []

    def _try(self, question: Question, *changes: Change) -> Relaxation | None:
        """The relaxation by these changes, if it finds anything."""
        changed = replace(question, findings=self._changed(question, changes))
        count = self._finder.found(changed).bit_count()
        return Relaxation(changes, changed, count, self._loss(changes)) if count else None

    def _changed(self, question: Question, changes: Iterable[Change]) -> tuple[Finding, ...]:
        to = {change.placed: change.to for change in changes}
        findings = []
        for number, finding in enumerate(question.findings, start=1):
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

    def _widenings(
        self, question: Question, placed: Placed, steps: int | None = None
    ) -> Iterator[Change]:
        """To each wider value, nearest first; not what another criterion asks for anyway."""
        criterion = placed.criterion
        asked = set().union(
            *(
                self._index.broader(other.value)
                for other in question.findings[placed.finding - 1].criteria
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
        return information(self._matcher.spread(criterion), self._total)


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
