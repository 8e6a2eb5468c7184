"""Reads a question in plain English into a structured `Question`, or says why it cannot.

A fixed grammar over the ontology's own words: no model, no guess. Whatever would change the
meaning if it were dropped (a symptom, a relieving factor, a negation) is refused when it is not
understood; other unknown words are ignored and listed.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from kg.errors import NotUnderstood
from kg.grammar import EXAMPLES, GLUE, MARKERS, NEGATIONS, OPENINGS, PRONOUNS, SOFT_MARKERS
from kg.index import Index
from kg.lexicon import Lexicon, Match
from kg.questions import (
    CONDITION_WORD,
    SYMPTOM_WORD,
    Criterion,
    Finding,
    Question,
    in_parts,
    sentence,
)
from kg.words import phrase

MAX_LENGTH = 500
_LONGEST_MARKER = max(map(len, MARKERS))
_FREE_ROLES = ("symptom", "region", "timing", "laterality", "quality")


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Words with several meanings: the one that was taken and the others (CURIEs)."""

    text: str
    taken: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it was understood."""

    question: Question
    ignored: tuple[str, ...] = ()
    ambiguities: tuple[Ambiguity, ...] = ()


@dataclass
class _Findings:
    """What has been read so far of a description."""

    findings: list[list[Criterion]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ambiguities: list[Ambiguity] = field(default_factory=list)

    def add(self, role: str, value: str) -> None:
        if not self.findings:
            self.findings.append([])
        self.findings[-1].append(Criterion(role, value))

    def has_symptom_now(self) -> bool:
        """Whether the finding being read already has its symptom."""
        return bool(self.findings) and any(c.role == "symptom" for c in self.findings[-1])

    def has(self, role: str) -> bool:
        return any(criterion.role == role for finding in self.findings for criterion in finding)


class Reader:
    """Reads questions over one index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lexicon = Lexicon(index)
        self._vocabulary = sorted({word for name in self._lexicon.names() for word in name})

    def read(self, text: str) -> Reading:
        """The reading of `text`; NotUnderstood, with suggestions, where there is none."""
        plain = " ".join(text.lower().replace("\u2019", "'").split()).strip(" ?.!")
        if not plain:
            raise NotUnderstood("the question is empty", EXAMPLES)
        if len(plain) > MAX_LENGTH:
            raise NotUnderstood(f"a question may have at most {MAX_LENGTH} characters", EXAMPLES)
        for pattern, ask in OPENINGS:
            found = pattern.fullmatch(plain)
            if found:
                return self._read_ask(ask, found[1])
        return self._read_bare(plain)

    def _read_ask(self, ask: str, rest: str) -> Reading:
        """Read what is asked about; 'the condition …' and 'the symptom …' settle which it is."""
        condition = self._condition(rest.removeprefix(f"{CONDITION_WORD} "))
        if ask not in ("conditions", "relief"):
            return self._about(ask, rest, condition)
        about = "causes" if ask == "conditions" else ask
        if rest.startswith(f"{CONDITION_WORD} "):
            return self._about(about, rest, condition)
        if rest.startswith(f"{SYMPTOM_WORD} ") or condition is None:
            return self._read_findings(ask, rest)
        both = self._symptom_called(rest, condition) if ask == "conditions" else None
        return both or self._about(about, rest, condition)

    def _symptom_called(self, text: str, condition: Match) -> Reading | None:
        """The reading of a condition's name as a symptom, if that leaves nothing over."""
        try:
            reading = self._read_findings("conditions", text)
        except NotUnderstood:
            return None
        question = reading.question
        if reading.ignored or not _has_symptom(question):
            return None
        other = Ambiguity(text, question.findings[0].criteria[0].value, (condition.value,))
        return Reading(question, (), (*reading.ambiguities, other))

    def _read_bare(self, plain: str) -> Reading:
        condition = self._condition(plain)
        if condition is None:
            return self._read_findings("conditions", plain)
        both = self._symptom_called(plain, condition)
        if both is not None:
            return both
        label = self._index.label(condition.value)
        raise NotUnderstood(
            f"{label!r} is a condition; say what you want to know about it",
            [
                sentence(Question(ask, condition.value), self._index)
                for ask in ("symptoms", "causes", "treatments", "risk_factors", "red_flags")
            ],
        )

    def _condition(self, text: str) -> Match | None:
        return self._lexicon.whole(phrase(text), ("condition",))

    def _about(self, ask: str, rest: str, condition: Match | None) -> Reading:
        if condition is None:
            raise NotUnderstood(
                f"{rest!r} is not a condition that is recorded here", self._suggest(ask, rest)
            )
        ambiguities: tuple[Ambiguity, ...] = ()
        if condition.others:
            ambiguities = (Ambiguity(rest, condition.value, condition.others),)
        return Reading(Question(ask, condition.value), (), ambiguities)

    def _suggest(self, ask: str, rest: str) -> list[str]:
        conditions = {
            entity.label: entity.id
            for entity in self._index.entities.values()
            if entity.kind == "condition" and entity.id in self._index.claims_about
        }
        near = difflib.get_close_matches(rest, conditions, n=3)
        suggestions = [sentence(Question(ask, conditions[label]), self._index) for label in near]
        try:
            reading = self._read_findings("conditions", rest)
        except NotUnderstood:
            return suggestions or list(EXAMPLES)
        return [sentence(reading.question, self._index), *suggestions]

    # -- findings --------------------------------------------------------------------------

    def _read_findings(self, ask: str, text: str) -> Reading:
        state = _Findings()
        words = phrase(text)
        place = 0
        while place < len(words):
            place = self._step(state, words, place)
        self._check(state, text)
        findings = [in_parts(finding, self._index) for finding in state.findings]
        question = Question(ask, findings=_spread_regions(findings))
        return Reading(question, tuple(state.unknown), tuple(state.ambiguities))

    def _step(self, state: _Findings, words: Sequence[str], place: int) -> int:
        """Read on from `place`; returns where to go on."""
        free = self._lexicon.match(words, place, _FREE_ROLES)
        marker = _marker(words, place)
        if marker is not None and (free is None or free.length <= len(marker)):
            return self._read_role(state, words, place + len(marker), MARKERS[marker])
        if free is not None:
            if state.has_symptom_now() and self._leads_to_symptom(words, place):
                state.findings.append([])
            return self._take(state, words, place, free)
        word = words[place]
        if word in SOFT_MARKERS:
            after = _past_pronoun(words, place + 1)
            factor = self._lexicon.match(words, after, ("triggered_by",))
            if factor is not None and self._index.entity(factor.value).kind == "factor":
                return self._take(state, words, after, factor)
        if word in NEGATIONS:
            raise NotUnderstood(
                f"{word!r}: what is absent cannot be asked for yet; ask for what is there"
            )
        if word == "or":
            raise NotUnderstood("'or' is not understood yet; ask for one thing at a time")
        if word not in GLUE:
            self._refuse_bare_factor(state, words, place)
            state.unknown.append(word)
        return place + 1

    def _refuse_bare_factor(self, state: _Findings, words: Sequence[str], place: int) -> None:
        """A factor without a marker, as in 'shin pain running', would be a guess or a loss."""
        found = self._lexicon.match(words, place, ("triggered_by",))
        if found is None or self._index.entity(found.value).kind != "factor":
            return
        label = self._index.label(found.value)
        suggestions = []
        for role in ("triggered_by", "aggravated_by", "relieved_by") if state.findings else ():
            told = [*state.findings[-1], Criterion(role, found.value)]
            question = Question("conditions", findings=(Finding.of(told),))
            suggestions.append(sentence(question, self._index))
        raise NotUnderstood(
            f"say how {label!r} matters: triggered by it, worse with it, relieved by it?",
            suggestions,
        )

    def _leads_to_symptom(self, words: Sequence[str], place: int) -> bool:
        """Whether the words from `place` describe a symptom that follows: 'sharp foot pain'."""
        while found := self._lexicon.match(words, place, _FREE_ROLES):
            if found.role == "symptom":
                return True
            place += found.length
        return False

    def _read_role(self, state: _Findings, words: Sequence[str], place: int, role: str) -> int:
        """Read what follows a marker such as 'relieved by': one value, or several with 'and'."""
        while True:
            found = self._lexicon.match(words, place, (role,))
            if found is None:
                place = _past_pronoun(words, place)
                found = self._lexicon.match(words, place, (role,))
            if found is None:
                said = " ".join(words[place : place + 3])
                raise NotUnderstood(
                    f"{said!r} is not known as something a symptom is {role.replace('_', ' ')}"
                    if said
                    else f"something is missing after {words[place - 1]!r}",
                    self._near(words[place : place + 1]),
                )
            place = self._take(state, words, place, found)
            if place + 1 >= len(words) or words[place] != "and":
                return place
            after = place + 1
            if _marker(words, after) or not self._lexicon.match(words, after, (role,)):
                return place
            if self._lexicon.match(words, after, ("symptom",)):
                return place
            place = after

    def _take(self, state: _Findings, words: Sequence[str], place: int, found: Match) -> int:
        end = place + found.length
        state.add(found.role, found.value)
        if found.others:
            text = " ".join(words[place:end])
            state.ambiguities.append(Ambiguity(text, found.value, found.others))
        return end

    def _check(self, state: _Findings, text: str) -> None:
        if not state.findings or (state.unknown and not state.has("symptom")):
            unknown = ", ".join(map(repr, state.unknown)) or repr(text)
            raise NotUnderstood(
                f"not understood: {unknown}", self._near(state.unknown) or list(EXAMPLES)
            )

    def _near(self, words: Sequence[str]) -> list[str]:
        return [
            near
            for word in words
            for near in difflib.get_close_matches(word, self._vocabulary, n=2, cutoff=0.75)
        ]


def _marker(words: Sequence[str], place: int) -> tuple[str, ...] | None:
    for length in range(_LONGEST_MARKER, 0, -1):
        candidate = tuple(words[place : place + length])
        if candidate in MARKERS:
            return candidate
    return None


def _past_pronoun(words: Sequence[str], place: int) -> int:
    """Past a 'when I …' that a factor may follow."""
    while place < len(words) and words[place] in PRONOUNS:
        place += 1
    return place


def _has_symptom(question: Question) -> bool:
    return any(c.role == "symptom" for finding in question.findings for c in finding.criteria)


def _spread_regions(findings: Sequence[list[Criterion]]) -> tuple[Finding, ...]:
    """Give a finding without a region that of its neighbour: 'pain and swelling in the calf'."""
    regions = [[c for c in finding if c.role == "region"] for finding in findings]
    for place in range(len(regions) - 2, -1, -1):
        regions[place] = regions[place] or regions[place + 1]
    for place in range(1, len(regions)):
        regions[place] = regions[place] or regions[place - 1]
    return tuple(
        Finding.of([*finding, *region]) for finding, region in zip(findings, regions, strict=True)
    )
