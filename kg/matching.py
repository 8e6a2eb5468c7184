"""Matches findings against what is recorded, with degrees that are never hidden.

entailed      the presentation says what was asked, or something more specific
compatible    it says something more general or overlapping, or the same in a neighbouring role
not_recorded  it says nothing about it: never a "no"
contradicted  the opposite is recorded for this condition: what should relieve makes it worse

A finding must hold within one presentation. Its symptom and region decide whether a presentation
is about the finding at all; the rest may be silent.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache, reduce
from operator import and_, or_

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
    "symptom": ("quality",),
    "quality": ("symptom",),
    "triggered_by": ("aggravated_by",),
    "aggravated_by": ("triggered_by", "timing"),
    "timing": ("aggravated_by", "triggered_by"),
}
"""Roles that say nearly the same: what triggers usually also worsens; throbbing, throbbing pain."""
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
class Level:
    """The presentations, as bits, in which a criterion is entailed, and compatible only."""

    entailed: int
    compatible: int


_Groups = Sequence[tuple[tuple[Status, ...], int]]
"""Presentations (bits) by how they meet the criteria of a finding, the best first."""


class Matcher:
    """Matches findings against the presentations of an index.

    Sets of presentations are the bits of an integer, in the order of the index: a finding is
    matched for all presentations at once, criterion by criterion, and then for each condition.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._shown = list(index.presentations.values())
        self._bit = {one.id: 1 << place for place, one in enumerate(self._shown)}
        self._having: dict[str, int] = defaultdict(int)
        """Condition → its presentations; in `_stated`, those of its own rows."""
        self._stated: dict[str, int] = defaultdict(int)
        self._recorded: dict[str, dict[str, int]] = {role: defaultdict(int) for role in ROLES}
        self._silent: dict[str, int] = defaultdict(int)
        """Role → the presentations whose row says nothing; `_saying`: something follows in it."""
        self._saying: dict[str, int] = defaultdict(int)
        self._denying: dict[str, int] = defaultdict(int)
        """Factor → the presentations that are such, as 'at rest', that it cannot relieve them."""
        for one in self._shown:
            bit = self._bit[one.id]
            self._stated[one.condition] |= bit
            for condition in one.conditions:
                self._having[condition] |= bit
            for role in ROLES:
                for value in one.recorded[role]:
                    self._recorded[role][value] |= bit
                if not one.recorded[role]:
                    self._silent[role] |= bit
                if one.entailed[role]:
                    self._saying[role] |= bit
            for value in (*one.recorded["quality"], *one.recorded["timing"]):
                for factor in index.entity(value).contradicts_relief_by:
                    self._denying[factor] |= bit
        self.level = lru_cache(maxsize=4096)(self._find_level)
        """Criterion → how the presentations meet it."""
        self.matches = lru_cache(maxsize=512)(self._find_matches)
        """Finding → the best match of every condition of which something recorded is about it."""
        self.partial = lru_cache(maxsize=512)(self._find_partial)
        """The same where the place, or the symptom, is another: the rest may still be met."""
        self.spread = lru_cache(maxsize=4096)(self._find_spread)
        """Criterion → how many conditions have a presentation in which it is entailed."""

    def match(self, condition: str, finding: Finding) -> FindingMatch | None:
        """The best match of a condition (CURIE), or None where nothing recorded is about it."""
        return self.matches(finding).get(condition)

    def among(self, conditions: Iterable[str], finding: Finding) -> Mapping[str, FindingMatch]:
        """The best matches of some conditions."""
        having = {one: self._having[one] for one in conditions if one in self._having}
        return self._matched(finding, self._about(finding), having)

    def count(self, criterion: Criterion, conditions: Iterable[str]) -> int:
        """In how many presentations of some conditions a criterion is entailed."""
        having = reduce(or_, (self._having.get(one, 0) for one in conditions), 0)
        return (self.level(criterion).entailed & having).bit_count()

    def entailing(self, findings: Iterable[Finding]) -> list[Presentation]:
        """The presentations in which every criterion of one of the findings is entailed."""
        return self._presentations(reduce(or_, map(self._entailing, findings), 0))

    def conditions_recording(self, role: str, finding: Finding) -> set[str]:
        """The conditions with a presentation about a finding that says something in a role."""
        about = self._about(finding) & self._saying[role]
        return {condition for condition, having in self._having.items() if having & about}

    def _entailing(self, finding: Finding) -> int:
        return reduce(and_, (self.level(c).entailed for c in finding.criteria))

    def _find_spread(self, criterion: Criterion) -> int:
        entailed = self.level(criterion).entailed
        return sum(1 for having in self._having.values() if having & entailed)

    def _find_matches(self, finding: Finding) -> Mapping[str, FindingMatch]:
        return self._matched(finding, self._about(finding), self._having)

    def _find_partial(self, finding: Finding) -> Mapping[str, FindingMatch]:
        core = (self.level(c) for c in finding.criteria if c.role in CORE_ROLES)
        about = reduce(or_, (level.entailed | level.compatible for level in core), 0)
        return self._matched(finding, about, self._having)

    def _about(self, finding: Finding) -> int:
        """The presentations that are about a finding: its symptom, and one of its places."""
        criteria = finding.criteria
        if not criteria:
            return (1 << len(self._shown)) - 1
        about = reduce(
            or_, (level.entailed | level.compatible for level in map(self.level, criteria))
        )
        for role in CORE_ROLES:
            core = [self._not_against(c) for c in finding.criteria if c.role == role]
            about &= reduce(or_, core, 0) if core else -1
        return about

    def _not_against(self, criterion: Criterion) -> int:
        """The presentations that meet a criterion or say nothing in its role."""
        level = self.level(criterion)
        return level.entailed | level.compatible | self._silent[criterion.role]

    def _matched(
        self, finding: Finding, about: int, by_condition: Mapping[str, int]
    ) -> Mapping[str, FindingMatch]:
        groups = self._grouped(finding, about)
        opposed = [self._opposed(finding, criterion) for criterion in finding.criteria]
        found = {}
        for condition, having in by_condition.items():
            if having & about:
                best, matched = next((s, bits & having) for s, bits in groups if bits & having)
                found[condition] = self._match(condition, finding, best, matched, opposed)
        return found

    def _grouped(self, finding: Finding, about: int) -> _Groups:
        """The presentations that meet most first; of equal ones, the earlier criteria."""
        groups: list[tuple[tuple[Status, ...], int]] = [((), about)]
        for level in map(self.level, finding.criteria):
            groups = [
                ((*statuses, status), both)
                for statuses, bits in groups
                for status, own in (
                    (Status.ENTAILED, level.entailed),
                    (Status.COMPATIBLE, level.compatible),
                    (Status.NOT_RECORDED, ~(level.entailed | level.compatible)),
                )
                if (both := bits & own)
            ]
        return sorted(groups, key=lambda group: (sum(group[0]), group[0]), reverse=True)

    def _match(
        self,
        condition: str,
        finding: Finding,
        best: tuple[Status, ...],
        matched: int,
        opposed: Sequence[int],
    ) -> FindingMatch:
        statuses = list(best)
        against: dict[Criterion, Presentation] = {}
        for place, criterion in enumerate(finding.criteria):
            if best[place] is Status.NOT_RECORDED and criterion.role in OPPOSITES:
                opposite = self._opposite(condition, criterion, opposed[place], matched)
                if opposite:
                    statuses[place] = Status.CONTRADICTED
                    against[criterion] = self._presentations(opposite)[0]
        stated = self._stated[condition]
        own, inherited = matched & stated, matched & ~stated
        presentations = (*self._presentations(own), *self._presentations(inherited))
        return FindingMatch(finding, tuple(statuses), presentations, against)

    def _presentations(self, bits: int) -> list[Presentation]:
        return [self._shown[place] for place in places(bits)]

    def _find_level(self, criterion: Criterion) -> Level:
        role, value = criterion.role, criterion.value
        compatible = 0
        for wider in self.index.broader(value):
            compatible |= self._recorded[role].get(wider, 0)
        if role == "region":
            compatible |= self._overlapping(value)
        for neighbour in NEIGHBOURS.get(role, ()):
            compatible |= self._entailed(neighbour, value)
        entailed = self._entailed(role, value)
        return Level(entailed, compatible & ~entailed)

    def _entailed(self, role: str, value: str) -> int:
        shown = self.index.presented_with.get((role, value), ())
        return reduce(or_, (self._bit[one.id] for one in shown), 0)

    def _overlapping(self, region: str) -> int:
        """Presentations whose region shares a part with another: muscle and calf, calf muscle."""
        recorded = self._recorded["region"].items()
        return reduce(
            or_, (bits for other, bits in recorded if self.index.shared(region, other)), 0
        )

    def _opposed(self, finding: Finding, criterion: Criterion) -> int:
        """The presentations that record the opposite of a criterion, where the finding is.

        Only what is at least as general as the criterion speaks against it: driving that worsens
        a pain does not say that rest worsens it.
        """
        opposed = 0
        for role in OPPOSITES.get(criterion.role, ()):
            for wider in self.index.broader(criterion.value):
                opposed |= self._recorded[role].get(wider, 0)
        for other in finding.criteria if opposed else ():
            if other.role == "region":
                opposed &= self._not_against(other)
        return opposed

    def _opposite(self, condition: str, criterion: Criterion, opposed: int, matched: int) -> int:
        """The presentations of a condition that record the opposite of a criterion.

        What brings on or worsens any symptom of the condition in that region speaks against
        relief; what relieves one symptom says nothing about what worsens another.
        """
        if criterion.role != "relieved_by":
            return matched & opposed
        if found := self._having[condition] & opposed:
            return found
        wider = self.index.broader(criterion.value)
        denying = reduce(or_, (self._denying.get(factor, 0) for factor in wider), 0)
        return 0 if matched & ~denying else matched


def places(bits: int) -> list[int]:
    """The places of the bits that are set, lowest first."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
