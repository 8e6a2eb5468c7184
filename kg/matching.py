"""Matches findings against what is recorded, with degrees that are never hidden.

entailed      the presentation says what was asked, or something more specific
compatible    it says something more general or overlapping, or the same in a neighbouring role
not_recorded  it says nothing about it: never a "no"
contradicted  the opposite is recorded for this condition: what should relieve makes it worse

A finding must hold within one presentation. Its symptom and region decide whether a presentation
is about the finding at all; the rest may be silent.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from kg.index import Index
from kg.questions import Criterion, Finding
from kg.records import ROLES, Presentation


class Status(IntEnum):
    """How a criterion is met; a higher one is better."""

    CONTRADICTED = 0
    NOT_RECORDED = 1
    COMPATIBLE = 2
    ENTAILED = 3


CORE_ROLES = frozenset({"symptom", "region"})
NEIGHBOURS = {
    "triggered_by": ("aggravated_by",),
    "aggravated_by": ("triggered_by", "timing"),
    "timing": ("aggravated_by", "triggered_by"),
}
"""Roles that say nearly the same: what triggers usually also worsens, and the other way round."""
OPPOSITES = {
    "relieved_by": ("aggravated_by", "triggered_by"),
    "aggravated_by": ("relieved_by",),
    "triggered_by": ("relieved_by",),
}
"""Roles that say the opposite of a role."""


@dataclass(frozen=True, slots=True)
class FindingMatch:
    """How one condition meets one finding, in its best presentation.

    `presentations` are all that meet the finding equally well, the best first; `against` holds
    for each contradicted criterion the presentation that records the opposite.
    """

    finding: Finding
    statuses: tuple[Status, ...]
    presentations: tuple[Presentation, ...]
    against: dict[Criterion, Presentation]

    @property
    def status(self) -> Status:
        """The least status over all criteria."""
        return min(self.statuses)


@dataclass(frozen=True, slots=True)
class _Levels:
    """The presentations (ids) in which a criterion is entailed, and compatible only."""

    entailed: frozenset[str]
    compatible: frozenset[str]

    def status(self, presentation: str) -> Status:
        if presentation in self.entailed:
            return Status.ENTAILED
        return Status.COMPATIBLE if presentation in self.compatible else Status.NOT_RECORDED


class Matcher:
    """Matches findings against the presentations of an index.

    Works on sets of presentations by what stands in a role, so that a finding costs as much as
    there is recorded about it, not as there is in the graph.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._recorded: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._silent: dict[str, set[str]] = defaultdict(set)
        for presentation in index.presentations.values():
            for role in ROLES:
                for value in presentation.recorded[role]:
                    self._recorded[role, value].add(presentation.id)
                if not presentation.recorded[role]:
                    self._silent[role].add(presentation.id)
        self._within: dict[str, set[str]] = defaultdict(set)
        for entity in index.entities.values():
            if entity.kind == "region":
                for whole in index.broader(entity.id):
                    self._within[whole].add(entity.id)
        self._levels = lru_cache(maxsize=2048)(self._find_levels)
        self.matches = lru_cache(maxsize=512)(self._find_matches)
        """Finding → the best match of every condition of which something recorded is about it."""
        self.partial = lru_cache(maxsize=512)(self._find_partial)
        """The same where the place, or the symptom, is another: the rest may still be met."""

    def match(self, condition: str, finding: Finding) -> FindingMatch | None:
        """The best match of a condition (CURIE), or None where nothing recorded is about it."""
        return self.matches(finding).get(condition)

    def _find_matches(self, finding: Finding) -> Mapping[str, FindingMatch]:
        levels = [self._levels(criterion) for criterion in finding.criteria]
        return self._matched(finding, levels, self._about(finding, levels))

    def _find_partial(self, finding: Finding) -> Mapping[str, FindingMatch]:
        levels = [self._levels(criterion) for criterion in finding.criteria]
        core = (
            level.entailed | level.compatible
            for criterion, level in zip(finding.criteria, levels, strict=True)
            if criterion.role in CORE_ROLES
        )
        return self._matched(finding, levels, sorted(set().union(*core)))

    def _matched(
        self, finding: Finding, levels: Sequence[_Levels], presentations: Iterable[str]
    ) -> Mapping[str, FindingMatch]:
        rows: dict[str, list[tuple[tuple[Status, ...], Presentation]]] = defaultdict(list)
        for identifier in presentations:
            presentation = self._index.presentations[identifier]
            statuses = tuple(level.status(identifier) for level in levels)
            for condition in presentation.conditions:
                rows[condition].append((statuses, presentation))
        opposed = [self._opposed(finding, criterion) for criterion in finding.criteria]
        return {
            condition: self._best(condition, finding, rows[condition], opposed)
            for condition in rows
        }

    def conditions_entailing(self, criterion: Criterion) -> set[str]:
        """The conditions that have a presentation in which a criterion is entailed."""
        presentations = self._index.presented_with.get((criterion.role, criterion.value), ())
        return {condition for p in presentations for condition in p.conditions}

    def presentations_entailing(self, finding: Finding) -> frozenset[str]:
        """The presentations (ids) in which every criterion of a finding is entailed."""
        return frozenset.intersection(*(self._levels(c).entailed for c in finding.criteria))

    def about(self, finding: Finding) -> Sequence[str]:
        """The presentations (ids) that are about a finding: its core, more or less exactly."""
        if not finding.criteria:
            return list(self._index.presentations)
        return self._about(finding, [self._levels(criterion) for criterion in finding.criteria])

    def _about(self, finding: Finding, levels: Sequence[_Levels]) -> list[str]:
        """The presentations (ids, in order) that are about a finding at all."""
        met: set[str] = set().union(*(level.entailed | level.compatible for level in levels))
        for criterion, level in zip(finding.criteria, levels, strict=True):
            if criterion.role in CORE_ROLES:
                met &= level.entailed | level.compatible | self._silent[criterion.role]
        return sorted(met)

    def _best(
        self,
        condition: str,
        finding: Finding,
        rows: Sequence[tuple[tuple[Status, ...], Presentation]],
        opposed: Sequence[Set[str]],
    ) -> FindingMatch:
        """The match in the presentations that meet most; of equal ones, the earlier criteria."""
        best = max((statuses for statuses, _ in rows), key=lambda each: (sum(each), each))
        presentations = [presentation for statuses, presentation in rows if statuses == best]
        presentations.sort(key=lambda presentation: presentation.condition != condition)
        against: dict[Criterion, Presentation] = {}
        final = list(best)
        for place, criterion in enumerate(finding.criteria):
            if best[place] is Status.NOT_RECORDED:
                opposite = self._opposite(condition, criterion, opposed[place], presentations)
                if opposite is not None:
                    final[place] = Status.CONTRADICTED
                    against[criterion] = opposite
        return FindingMatch(finding, tuple(final), tuple(presentations), against)

    def _find_levels(self, criterion: Criterion) -> _Levels:
        role, value = criterion.role, criterion.value
        compatible: set[str] = set()
        for wider in self._index.broader(value):
            compatible |= self._recorded.get((role, wider), set())
        if role == "region":
            compatible |= self._overlapping(value)
        for neighbour in NEIGHBOURS.get(role, ()):
            compatible |= self._entailed(neighbour, value)
        entailed = self._entailed(role, value)
        return _Levels(entailed, frozenset(compatible - entailed))

    def _entailed(self, role: str, value: str) -> frozenset[str]:
        return frozenset(p.id for p in self._index.presented_with.get((role, value), ()))

    def _overlapping(self, region: str) -> set[str]:
        """Presentations whose region shares a part with another: muscle and calf, calf muscle."""
        own = self._within.get(region, set())
        found: set[str] = set()
        for (role, other), presentations in self._recorded.items():
            if role == "region" and not own.isdisjoint(self._within.get(other, ())):
                found |= presentations
        return found

    def _opposed(self, finding: Finding, criterion: Criterion) -> Set[str]:
        """The presentations (ids) that record the opposite of a criterion, where the finding is.

        Only what is at least as general as the criterion speaks against it: driving that worsens
        a pain does not say that rest worsens it.
        """
        found: set[str] = set()
        for role in OPPOSITES.get(criterion.role, ()):
            for wider in self._index.broader(criterion.value):
                found |= self._recorded.get((role, wider), set())
        for other in finding.criteria if found else ():
            if other.role == "region":
                level = self._levels(other)
                found &= level.entailed | level.compatible | self._silent["region"]
        return found

    def _opposite(
        self,
        condition: str,
        criterion: Criterion,
        opposed: Set[str],
        matched: Sequence[Presentation],
    ) -> Presentation | None:
        """A presentation of a condition that records the opposite of a criterion.

        What brings on or worsens any symptom of the condition in that region speaks against
        relief; what relieves one symptom says nothing about what worsens another.
        """
        relief = criterion.role == "relieved_by"
        for presentation in self._index.presentations_of[condition] if relief else matched:
            if presentation.id in opposed:
                return presentation
        wider = self._index.broader(criterion.value)
        if relief and all(self._denies(p, wider) for p in matched):
            return matched[0]
        return None

    def _denies(self, presentation: Presentation, wider: frozenset[str]) -> bool:
        """Whether what a presentation is like, such as 'at rest', speaks against relief."""
        return any(
            wider.intersection(self._index.entity(value).contradicts_relief_by)
            for role in ("quality", "timing")
            for value in presentation.recorded[role]
        )
