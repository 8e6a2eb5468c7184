"""How a question can be changed, part by part: without it, wider, narrower, or another instead.

Every change is given as the sentence of the question that it makes; one that would leave nothing to
ask is not given.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from kg.index import Index
from kg.matching import CORE_ROLES
from kg.person import AGES
from kg.questions import (
    RELATION_ASKED,
    Criterion,
    Finding,
    Person,
    Question,
    in_parts,
    sentence,
)
from kg.reading import general_symptoms
from kg.records import ROLES, Presentation
from kg.relaxing import steps_up
from kg.structure import SEXES

MAX_WIDER, MAX_NARROWER, MAX_OTHERS = 3, 6, 4
"""How many values are offered in place of one."""
ASK_SAID = {
    "conditions": "conditions",
    "symptoms": "symptoms",
    "causes": "causes",
    "risk_factors": "risk factors",
    "red_flags": "red flags",
    "tests": "tests",
    "treatments": "treatments",
    "relief": "what relieves it",
    "prevention": "prevention",
    "complications": "complications",
    "structures": "structures affected",
    "confusions": "what it is confused with",
}
"""What can be asked for, as a short name."""
_OLDEST = "older age"


@dataclass(frozen=True, slots=True)
class Change:
    """What a change leads to, in a word or two, and the sentence of the changed question."""

    said: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of a question: its role, what fills it (`label`), and how it can change.

    `without` is the sentence of the question without it; None where that asks nothing. `value` is
    a CURIE, or empty for an age or a sex.
    """

    role: str
    label: str
    value: str
    without: str | None
    changes: Mapping[str, tuple[Change, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """Chips that belong together; `kind` is subject, finding, absent, person or unwanted.

    `flipped` asks the same with a finding that is there taken as absent, or the inverse.
    """

    kind: str
    chips: tuple[Chip, ...]
    flipped: str | None = None


def parts(question: Question, index: Index) -> tuple[Part, ...]:
    """All parts of a question, in the order of its sentence."""
    return _Parts(question, index).all()


def other_asks(question: Question, index: Index) -> tuple[Change, ...]:
    """The same question for other things of which something is recorded."""
    subject = question.subject
    if subject is None:
        asks = [ask for ask in ("conditions", "relief") if ask != question.ask]
    else:
        claimed = {claim.relation for claim in index.claims_about.get(subject, ())}
        shown = index.presentations_of.get(subject, ())
        known = {ask for ask, relation in RELATION_ASKED.items() if relation in claimed}
        known |= {"symptoms"} if shown else set()
        known |= {"relief"} if any(one.recorded["relieved_by"] for one in shown) else set()
        asks = [ask for ask in ASK_SAID if ask in known and ask != question.ask]
    return tuple(
        Change(ASK_SAID[ask], sentence(replace(question, ask=ask, without=()), index))
        for ask in asks
    )


@lru_cache(maxsize=1)
def _recorded(index: Index) -> Mapping[str, frozenset[str]]:
    """Role → the values that rows record in it."""
    found: dict[str, set[str]] = {role: set() for role in ROLES}
    for presentation in index.presentations.values():
        for role in ROLES:
            found[role].update(presentation.recorded[role])
    return {role: frozenset(values) for role, values in found.items()}


@lru_cache(maxsize=1)
def _counts(index: Index) -> Callable[[str, tuple[Criterion, ...]], Mapping[str, int]]:
    """`_counted` over an index, which is given up with it."""
    return lru_cache(maxsize=1024)(partial(_counted, index))


def _counted(index: Index, role: str, about: tuple[Criterion, ...]) -> Mapping[str, int]:
    """What is recorded in a role, of symptoms also what follows, of presentations about these."""
    shown: Iterable[Presentation] = index.presentations.values()
    if about:
        first, *_ = about
        shown = index.presented_with.get((first.role, first.value), ())
    count: Counter[str] = Counter()
    for one in shown:
        if all(criterion.value in one.entailed[criterion.role] for criterion in about):
            count.update((one.entailed if role == "symptom" else one.recorded)[role])
    return count


class _Parts:
    """Makes the parts of one question."""

    def __init__(self, question: Question, index: Index) -> None:
        self._question = question
        self._index = index
        self._now = sentence(question, index)

    def all(self) -> tuple[Part, ...]:
        question = self._question
        found = [Part("subject", (self._subject(question.subject),))] if question.subject else []
        found += [self._finding(place) for place in range(len(question.findings))]
        person = tuple(self._person())
        found += [Part("person", person)] if person else []
        unwanted = tuple(map(self._unwanted, question.without))
        return (*found, Part("unwanted", unwanted)) if unwanted else tuple(found)

    def _said(self, **changed: object) -> str | None:
        """The sentence of the question with some fields changed, if that asks anything new."""
        question = replace(self._question, **changed)  # type: ignore[arg-type]
        if question.subject is None and not question.present:
            return None
        said = sentence(question, self._index)
        return said if said != self._now else None

    def _said_of(self, findings: Sequence[Finding]) -> str | None:
        """The sentence with other findings, if it reads back to them.

        It does not where one stands twice, nor where a denial has two values of a role: 'no pain in
        the bone in the back' denies two things.
        """
        is_once = len(set(findings)) == len(findings)
        is_denied = all(_one_of_a_role(finding) for finding in findings if finding.absent)
        return self._said(findings=tuple(findings)) if is_once and is_denied else None

    def _changes(self, made: Iterable[tuple[str, str | None]]) -> tuple[Change, ...]:
        """Changes by what they are called; of several with the same sentence, the first."""
        first: dict[str, str] = {}
        for said, changed in made:
            if changed is not None:
                first.setdefault(changed, said)
        return tuple(Change(said, changed) for changed, said in first.items())

    # -- findings --------------------------------------------------------------------------

    def _finding(self, place: int) -> Part:
        finding = self._question.findings[place]
        findings = list(self._question.findings)
        findings[place] = self._there(finding) if finding.absent else replace(finding, absent=True)
        return Part(
            "absent" if finding.absent else "finding",
            tuple(self._criterion(place, criterion) for criterion in finding.criteria),
            self._said_of(findings),
        )

    def _there(self, finding: Finding) -> Finding:
        """What was absent as what is there: where what stands before it is, if it has no place."""
        taken = {criterion.role for criterion in finding.criteria}
        general = general_symptoms(self._index)
        regions = [
            criterion
            for other in self._question.present[-1:]
            for criterion in other.criteria
            if criterion.role == "region"
        ]
        if "region" in taken or any(one.value in general for one in finding.criteria):
            regions = []
        return Finding.of((*finding.criteria, *regions))

    def _criterion(self, place: int, criterion: Criterion) -> Chip:
        label = self._index.label(criterion.value)
        return Chip(
            criterion.role,
            label,
            criterion.value,
            self._without(place, criterion),
            {
                kind: self._changes(
                    (self._index.label(value), self._with(place, criterion, value))
                    for value in values
                )
                for kind, values in self._alternatives(place, criterion).items()
            },
        )

    def _without(self, place: int, criterion: Criterion) -> str | None:
        """The sentence without a criterion.

        Of several findings, one that loses its symptom goes whole, as does what is absent, and a
        place goes from all that have it: in a sentence, what has neither takes it from its
        neighbour.
        """
        findings = self._question.findings
        is_absent = findings[place].absent
        if criterion.role == "symptom" and (is_absent or len(self._question.present) > 1):
            return self._said_of((*findings[:place], *findings[place + 1 :]))
        if criterion.role == "region" and not is_absent and len(self._question.present) > 1:
            return self._without_place(criterion)
        return self._with(place, criterion)

    def _without_place(self, region: Criterion) -> str | None:
        findings = [
            replace(finding, criteria=tuple(c for c in finding.criteria if c != region))
            for finding in self._question.findings
        ]
        kept = tuple(finding for finding in findings if finding.criteria)
        is_placed = {
            any(c.role == "region" for c in finding.criteria)
            for finding in kept
            if not finding.absent
        }
        return None if len(is_placed) > 1 else self._said_of(kept)

    def _with(self, place: int, criterion: Criterion, to: str | None = None) -> str | None:
        """The sentence with another value in place of a criterion, or with none."""
        findings = list(self._question.findings)
        finding = findings[place]
        rest = [other for other in finding.criteria if other != criterion]
        if to is not None:
            rest += in_parts([Criterion(criterion.role, to)], self._index)
        if rest:
            findings[place] = Finding.of(in_parts(rest, self._index), absent=finding.absent)
        else:
            del findings[place]
        return self._said_of(findings)

    def _alternatives(self, place: int, criterion: Criterion) -> dict[str, list[str]]:
        role, value = criterion.role, criterion.value
        rest = [c for c in self._question.findings[place].criteria if c != criterion]
        about = tuple(c for c in rest if c.role in CORE_ROLES and c.role != role)
        count = _counts(self._index)(role, about)
        taken = {other.role for other in rest}

        def offered(values: Iterable[str]) -> list[str]:
            fitting = [one for one in values if not taken.intersection(self._roles(one))]
            return sorted(fitting, key=lambda one: (-count[one], self._index.label(one)))

        steps = steps_up(value, self._index)
        wider = [one for one in steps if one in _recorded(self._index)[role]]
        narrower = offered(self._below(value, count))
        entity = self._index.entity(value)
        beside = [one for above in wider or entity.parents for one in self._below(above, count)]
        known = {value, *steps, *narrower}
        others = offered(one for one in dict.fromkeys(beside) if one not in known)
        return {
            "wider": wider[:MAX_WIDER],
            "narrower": narrower[:MAX_NARROWER],
            "instead": others[:MAX_OTHERS],
        }

    def _roles(self, symptom: str) -> set[str]:
        """The roles beside the symptom that a name fills by what it means."""
        return set(self._index.entity(symptom).defined_as) - {"symptom"}

    def _below(self, value: str, count: Mapping[str, int]) -> list[str]:
        """The nearest kinds and parts that some row records."""
        found: dict[str, bool] = {}
        queue = [value]
        while queue:
            one = queue.pop(0)
            for below in (*self._index.children.get(one, ()), *self._index.parts.get(one, ())):
                if below not in found and below in self._index.entities:
                    found[below] = below in count
                    queue += () if found[below] else (below,)
        return [one for one, is_recorded in found.items() if is_recorded]

    # -- subject, person, unwanted ---------------------------------------------------------

    def _subject(self, subject: str) -> Chip:
        index = self._index
        conditions = {
            "wider": [one for one in index.entity(subject).parents if one in index.entities],
            "narrower": index.children.get(subject, []),
        }
        changes = {
            kind: self._changes(
                (index.label(one), self._said(subject=one))
                for one in sorted(values, key=index.label)[:MAX_NARROWER]
                if index.entity(one).kind == "condition"
            )
            for kind, values in conditions.items()
        }
        return Chip("condition", index.label(subject), subject, None, changes)

    def _person(self) -> Iterable[Chip]:
        person = self._question.person
        if person.age is not None:
            said = f"{person.age} years old"
            yield Chip("age", said, "", self._of(replace(person, age=None)), self._ages(person))
        if person.sex is not None:
            others = [(one, self._of(replace(person, sex=one))) for one in SEXES]
            changes = {"instead": self._changes(others)}
            yield Chip("sex", person.sex, "", self._of(replace(person, sex=None)), changes)
        for factor in person.risk_factors:
            rest = tuple(one for one in person.risk_factors if one != factor)
            without = self._of(replace(person, risk_factors=rest))
            yield Chip("risk_factor", self._index.label(factor), factor, without, {})

    def _of(self, person: Person) -> str | None:
        return self._said(person=person)

    def _ages(self, person: Person) -> dict[str, tuple[Change, ...]]:
        """An age of each band, the middle of it but for the oldest."""
        years = {
            band: (low + high) // 2 if band != _OLDEST else low + 10
            for band, (low, high) in AGES.items()
        }
        made = (
            (f"{age} ({band})", self._of(replace(person, age=age)))
            for band, age in years.items()
            if age != person.age
        )
        return {"instead": self._changes(made)}

    def _unwanted(self, value: str) -> Chip:
        rest = tuple(one for one in self._question.without if one != value)
        return Chip("without", self._index.label(value), value, self._said(without=rest), {})


def _one_of_a_role(finding: Finding) -> bool:
    return len({criterion.role for criterion in finding.criteria}) == len(finding.criteria)
