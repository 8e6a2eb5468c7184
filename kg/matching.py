"""Matches findings against what is recorded, with degrees that are never hidden.

entailed      the presentation says what was asked, or something more specific
compatible    it says something more general or overlapping, or the same in a neighbouring role
not_recorded  it says nothing about it: never a "no"
contradicted  the opposite is recorded for this condition: what should relieve makes it worse

A finding must hold within one presentation. Its symptom and region decide whether a presentation
is about the finding at all; the rest may be silent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from kg.index import Index
from kg.questions import Criterion, Finding
from kg.records import Presentation


class Status(IntEnum):
    """How a criterion is met; a higher one is better."""

    CONTRADICTED = 0
    NOT_RECORDED = 1
    COMPATIBLE = 2
    ENTAILED = 3


CORE_ROLES = frozenset({"symptom", "region"})
_NEIGHBOURS = {
    "triggered_by": ("aggravated_by",),
    "aggravated_by": ("triggered_by", "timing"),
    "timing": ("aggravated_by", "triggered_by"),
}
"""Roles that say nearly the same: what triggers usually also worsens, and the other way round."""
_OPPOSITES = {
    "relieved_by": ("aggravated_by", "triggered_by"),
    "aggravated_by": ("relieved_by",),
    "triggered_by": ("relieved_by",),
}


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


class Matcher:
    """Matches findings against the presentations of an index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._within: dict[str, set[str]] = {}
        for entity in index.entities.values():
            if entity.kind == "region":
                for whole in index.broader(entity.id):
                    self._within.setdefault(whole, set()).add(entity.id)

    def match(self, condition: str, finding: Finding) -> FindingMatch | None:
        """The best match of a condition (CURIE), or None where nothing recorded is about it."""
        rows = [
            (statuses, presentation)
            for presentation in self._index.presentations_of[condition]
            if (statuses := self._statuses(presentation, finding)) is not None
        ]
        if not rows:
            return None
        best = max(statuses for statuses, _ in rows)
        presentations = [presentation for statuses, presentation in rows if statuses == best]
        presentations.sort(key=lambda presentation: presentation.conditions[0] != condition)
        against: dict[Criterion, Presentation] = {}
        final = list(best)
        for place, criterion in enumerate(finding.criteria):
            if best[place] is Status.NOT_RECORDED:
                opposite = self._opposite(condition, finding, criterion, presentations)
                if opposite is not None:
                    final[place] = Status.CONTRADICTED
                    against[criterion] = opposite
        return FindingMatch(finding, tuple(final), tuple(presentations), against)

    def _statuses(self, presentation: Presentation, finding: Finding) -> tuple[Status, ...] | None:
        """The status of each criterion, or None if the presentation is about something else."""
        statuses = []
        for criterion in finding.criteria:
            status = self.status(presentation, criterion)
            recorded = presentation.recorded[criterion.role]
            if criterion.role in CORE_ROLES and recorded and status < Status.COMPATIBLE:
                return None
            statuses.append(status)
        if max(statuses) < Status.COMPATIBLE:
            return None
        return tuple(statuses)

    def status(self, presentation: Presentation, criterion: Criterion) -> Status:
        """The status of one criterion in one presentation, its opposites aside."""
        if criterion.value in presentation.entailed[criterion.role]:
            return Status.ENTAILED
        wider = self._index.broader(criterion.value)
        if wider.intersection(presentation.recorded[criterion.role]):
            return Status.COMPATIBLE
        if criterion.role == "region":
            recorded = presentation.recorded["region"]
            if any(self._overlap(criterion.value, region) for region in recorded):
                return Status.COMPATIBLE
        for role in _NEIGHBOURS.get(criterion.role, ()):
            if criterion.value in presentation.entailed[role]:
                return Status.COMPATIBLE
        return Status.NOT_RECORDED

    def _overlap(self, one: str, other: str) -> bool:
        """Whether some known region lies within both: 'muscle' and 'calf' share the calf muscle."""
        return not self._within.get(one, set()).isdisjoint(self._within.get(other, ()))

    def _opposite(
        self,
        condition: str,
        finding: Finding,
        criterion: Criterion,
        matched: Sequence[Presentation],
    ) -> Presentation | None:
        """A presentation that records the opposite of a criterion.

        Only what is at least as general as the criterion speaks against it: driving that worsens
        a pain does not say that rest worsens it. What brings on or worsens any symptom of the
        condition in that region speaks against relief; what relieves one symptom says nothing
        about what worsens another.
        """
        wider = self._index.broader(criterion.value)
        relief = criterion.role == "relieved_by"
        for presentation in self._index.presentations_of[condition] if relief else matched:
            if self._is_near(presentation, finding) and any(
                wider.intersection(presentation.recorded[role])
                for role in _OPPOSITES.get(criterion.role, ())
            ):
                return presentation
        if relief and all(self._denies(p, wider) for p in matched):
            return matched[0]
        return None

    def _denies(self, presentation: Presentation, wider: frozenset[str]) -> bool:
        """Whether a presentation's timing, such as 'at rest', speaks against relief."""
        return any(
            wider.intersection(self._index.entity(value).contradicts_relief_by)
            for value in presentation.recorded["timing"]
        )

    def _is_near(self, presentation: Presentation, finding: Finding) -> bool:
        """Whether a presentation may be in the region of a finding."""
        recorded = presentation.recorded["region"]
        return not recorded or all(
            self.status(presentation, criterion) >= Status.COMPATIBLE
            for criterion in finding.criteria
            if criterion.role == "region"
        )
