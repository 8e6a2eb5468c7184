"""Reads a question in plain English into a structured `Question`, or says why it cannot.

A fixed grammar over the ontology's own words: no model, no guess. What is recognised is taken with
the span of text behind it; words that are not are listed as ignored, and what could be meant
otherwise as a doubt. A text in which no complaint and no condition is recognised is refused.
"""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from kg.errors import NotUnderstood
from kg.grammar import (
    ADVERBS,
    AFFIRMATIVES,
    AFTERWARDS,
    BACK_TO,
    BARE_HEADS,
    COMES_BACK,
    DENIED_SO,
    EXAMPLES,
    FILLERS,
    GLUE,
    HEADS,
    IS,
    JOINING,
    LISTING,
    MARKERS,
    MUST,
    NEGATIONS,
    NORMAL,
    OPENINGS,
    PRONOUNS,
    RESTARTS,
    SCOPE_ENDS,
    SOFT_MARKERS,
    WELL,
    WHICH,
    WITHOUT,
    WORDS,
)
from kg.index import Index
from kg.lexicon import Lexicon, Match
from kg.passing import passing
from kg.person import Told, read_person
from kg.questions import (
    CONDITION_WORD,
    RELATION_ASKED,
    RISK_WORDS,
    SYMPTOM_WORD,
    Criterion,
    Finding,
    Person,
    Question,
    in_parts,
    sentence,
)
from kg.words import IRREGULAR, Word, fold_word, phrase, words_of

MAX_LENGTH = 500
_LEAST_MISSPELT, _LEAST_MISSPELT_TWICE = 6, 9
"""Letters that a word has at least to be taken for another that is one, or two, letters away."""
_LONGEST_PHRASE = 5
"""Words in the longest phrase of the grammar."""
_NAMED_RISK = re.compile(rf"{RISK_WORDS} [^,]*")
"""A risk factor that is called so, whatever its name says of an age or a sex."""
_FREE_ROLES = ("symptom", "region", "timing", "laterality", "quality")
_BACK, _BODY, _DURATION = "etio:Back", "etio:WholeBody", "etio:Duration"
_SAID_ROLE = {"triggered_by": "what brings it on", "risk_factors": "a risk factor"}


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Words with several meanings: the one that was taken and the others (CURIEs)."""

    text: str
    taken: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the text, and what it was read as: a role and an entity (CURIE) or a value."""

    start: int
    end: int
    role: str
    value: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it was understood, from `text`; `doubts` are sentences for a person."""

    question: Question
    ignored: tuple[str, ...] = ()
    ambiguities: tuple[Ambiguity, ...] = ()
    doubts: tuple[str, ...] = ()
    text: str = ""
    spans: tuple[Span, ...] = ()


@dataclass
class _Draft:
    """A finding being read; `is_list` says that it has several places, each for itself."""

    criteria: list[Criterion] = field(default_factory=list)
    absent: bool = False
    is_list: bool = False

    def has(self, role: str) -> bool:
        return any(criterion.role == role for criterion in self.criteria)


@dataclass
class _State:
    """What has been read so far of a description."""

    text: str
    drafts: list[_Draft] = field(default_factory=list)
    risk_factors: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    ambiguities: list[Ambiguity] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    negated: bool = False
    denied: bool = False
    """Whether something was denied since the negation."""

    def current(self) -> _Draft:
        """The finding that is being described; there is one from now on."""
        for draft in reversed(self.drafts):
            if not draft.absent:
                return draft
        self.drafts.append(_Draft())
        return self.drafts[-1]

    def has_complaint(self) -> bool:
        return any(not draft.absent and draft.criteria for draft in self.drafts)

    def has_symptom(self) -> bool:
        return any(draft.has("symptom") for draft in self.drafts)


class Reader:
    """Reads questions over one index."""

    def __init__(self, index: Index, lexicon: Lexicon) -> None:
        self._index = index
        self._lexicon = lexicon
        self._general = general_symptoms(index)
        self._spelt = _spelt(index)
        self._vocabulary = sorted({word for name in lexicon.names() for word in name})
        self._known = WORDS.union(self._vocabulary)

    def read(self, text: str) -> Reading:
        """The reading of `text`; NotUnderstood, with suggestions, where there is none."""
        plain = " ".join(text.replace("\u2019", "'").split()).strip(" ?.!")
        if not plain:
            raise NotUnderstood("the question is empty", EXAMPLES)
        if len(plain) > MAX_LENGTH:
            raise NotUnderstood(f"a question may have at most {MAX_LENGTH} characters", EXAMPLES)
        lower = "".join(small if len(small := c.lower()) == 1 else c for c in plain)
        for pattern, ask in OPENINGS:
            found = pattern.fullmatch(lower)
            if found:
                return self._read_ask(ask, lower, found.start(1), found.end(1))
        return self._read_bare(lower)

    def _read_ask(self, ask: str, text: str, start: int, end: int) -> Reading:
        """Read what is asked about; 'the condition …' and 'the symptom …' settle which it is."""
        rest = text[start:end]
        condition = self._condition(rest.removeprefix(f"{CONDITION_WORD} "))
        if ask not in ("conditions", "relief"):
            return self._about(ask, rest, condition)
        about = "causes" if ask == "conditions" else ask
        if rest.startswith(f"{CONDITION_WORD} "):
            return self._about(about, rest, condition)
        if rest.startswith(f"{SYMPTOM_WORD} ") or condition is None:
            return self._read_findings(ask, text, start, end)
        both = self._symptom_called(text, start, end, condition) if ask == "conditions" else None
        return both or self._about(about, rest, condition)

    def _symptom_called(self, text: str, start: int, end: int, condition: Match) -> Reading | None:
        """The reading of a condition's name as a symptom, if that leaves nothing over."""
        try:
            reading = self._read_findings("conditions", text, start, end)
        except NotUnderstood:
            return None
        question = reading.question
        if reading.ignored or reading.doubts or not _has_symptom(question):
            return None
        first = question.findings[0].criteria[0].value
        other = Ambiguity(text[start:end], first, (condition.value,))
        return Reading(question, (), (*reading.ambiguities, other), text=text, spans=reading.spans)

    def _read_bare(self, text: str) -> Reading:
        condition = self._condition(text)
        if condition is None:
            return self._read_findings("conditions", text, 0, len(text))
        both = self._symptom_called(text, 0, len(text), condition)
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

    def condition(self, text: str) -> str | None:
        """The condition (CURIE) that a text names, if it does."""
        found = self._condition(text)
        return found.value if found else None

    def _condition(self, text: str) -> Match | None:
        words = phrase(text)
        return self._named(words) or self._named(tuple(map(self._meant, words)))

    def _named(self, words: tuple[str, ...]) -> Match | None:
        return self._lexicon.whole(words, ("condition",))

    # -- about a condition -----------------------------------------------------------------

    def _about(self, ask: str, rest: str, condition: Match | None) -> Reading:
        without: tuple[str, ...] = ()
        if condition is None and ask in RELATION_ASKED:
            condition, without = self._with_exception(rest)
        if condition is None:
            raise NotUnderstood(
                f"{rest!r} is not a condition that is recorded here", self._suggest(ask, rest)
            )
        ambiguities: tuple[Ambiguity, ...] = ()
        if condition.others:
            ambiguities = (Ambiguity(rest, condition.value, condition.others),)
        question = Question(ask, condition.value, without=without)
        doubts: tuple[str, ...] = ()
        if not without and self._named(phrase(rest.removeprefix(f"{CONDITION_WORD} "))) is None:
            doubts = (f"{rest!r} was read as {self._index.label(condition.value)!r}",)
        return Reading(question, (), ambiguities, doubts, text=rest)

    def _with_exception(self, rest: str) -> tuple[Match | None, tuple[str, ...]]:
        """'plantar fasciitis without surgery': the condition, and what is not wanted."""
        found = WITHOUT.fullmatch(rest)
        condition = self._condition(found[1]) if found else None
        if found is None or condition is None:
            return None, ()
        unwanted = []
        for name in re.split(r",? (?:or |and )?without |, | or ", found[2]):
            ranks = self._index.called(phrase(name))
            if not ranks:
                raise NotUnderstood(f"{name.strip()!r} is not known", self._near(phrase(name)))
            unwanted.append(min(ranks, key=lambda one: (ranks[one], one)))
        return condition, tuple(dict.fromkeys(unwanted))

    def _suggest(self, ask: str, rest: str) -> list[str]:
        conditions = {
            entity.label: entity.id
            for entity in self._index.entities.values()
            if entity.kind == "condition" and entity.id in self._index.claims_about
        }
        near = difflib.get_close_matches(rest, conditions, n=3)
        suggestions = [sentence(Question(ask, conditions[label]), self._index) for label in near]
        try:
            reading = self._read_findings("conditions", rest, 0, len(rest))
        except NotUnderstood:
            return suggestions or list(EXAMPLES)
        return [sentence(reading.question, self._index), *suggestions]

    # -- findings --------------------------------------------------------------------------

    def _read_findings(self, ask: str, text: str, start: int, end: int) -> Reading:
        state = _State(text)
        told = read_person(_NAMED_RISK.sub(lambda found: " " * len(found[0]), text))
        words = _outside([w for w in words_of(text) if start <= w.start and w.end <= end], told)
        words = [self._respelt(state, word) for word in _reordered(words)]
        state.spans += [Span(*span, "person", text[slice(*span)]) for span in told.spans]
        place = 0
        while place < len(words):
            place = self._step(state, words, place)
        self._check(state)
        person = Person(told.person.age, told.person.sex, tuple(dict.fromkeys(state.risk_factors)))
        question = Question(ask, findings=self._findings(state), person=person)
        return Reading(
            question,
            tuple(state.ignored),
            tuple(state.ambiguities),
            tuple(dict.fromkeys(state.doubts)),
            text,
            tuple(sorted(state.spans, key=lambda span: (span.start, span.end))),
        )

    def _respelt(self, state: _State, word: Word) -> Word:
        """A word of no name, if it is a letter or two from one word of a label, as that word."""
        meant = self._meant(word.text)
        if meant == word.text:
            return word
        said = state.text[word.start : word.end]
        state.doubts.append(f"{said!r} was read as {meant!r}")
        return replace(word, text=meant)

    def _meant(self, word: str) -> str:
        """The one word of a label that an unknown word is so near to; else the word itself."""
        if len(word) < _LEAST_MISSPELT or word in self._known or not word.isalpha():
            return word
        most = 1 if len(word) < _LEAST_MISSPELT_TWICE else 2
        found = process.extract(word, self._spelt, scorer=OSA.distance, score_cutoff=most, limit=4)
        near = {
            fold_word(text) for text, far, _ in found if far == found[0][1] and text[0] == word[0]
        }
        return near.pop() if len(near) == 1 else word

    def _findings(self, state: _State) -> tuple[Finding, ...]:
        """The findings with their symptoms taken apart, each once, the absent ones last."""
        drafts = [draft for draft in state.drafts if draft.criteria]
        present = [in_parts(d.criteria, self._index) for d in drafts if not d.absent]
        absent = [in_parts(d.criteria, self._index) for d in drafts if d.absent]
        found = [
            *self._spread_regions(present),
            *(Finding.of(each, absent=True) for each in absent),
        ]
        return tuple(dict.fromkeys(found))

    def _spread_regions(self, findings: Sequence[list[Criterion]]) -> list[Finding]:
        """Give a finding without a region that of its neighbour: 'pain and swelling in the calf'.

        A fever is nowhere in particular.
        """
        regions = [[c for c in finding if c.role == "region"] for finding in findings]
        for place in range(len(regions) - 2, -1, -1):
            regions[place] = regions[place] or regions[place + 1]
        for place in range(1, len(regions)):
            regions[place] = regions[place] or regions[place - 1]
        return [
            Finding.of(finding if self._is_general(finding) else [*finding, *region])
            for finding, region in zip(findings, regions, strict=True)
        ]

    def _is_general(self, finding: Sequence[Criterion]) -> bool:
        return any(c.role == "symptom" and c.value in self._general for c in finding)

    def _clause(self, words: Sequence[Word], place: int) -> list[str]:
        """The words from `place` to the end of their clause; names with commas go on beyond it."""
        end = place + 1
        while end < len(words) and not words[end].begins:
            end += 1
        named = self._lexicon.crossing([word.text for word in words[place:]])
        return [word.text for word in words[place : max(end, place + named)]]

    def _step(self, state: _State, words: Sequence[Word], place: int) -> int:
        """Read on from `place`; returns where to go on."""
        word = words[place]
        texts = self._clause(words, place)
        if word.text in SCOPE_ENDS or (word.begins and not self._goes_on(texts)):
            state.negated = False
        if state.denied and word.text in RESTARTS and not _follows(words, place, SOFT_MARKERS):
            state.negated = state.denied = False
        free = self._lexicon.match(texts, 0, _FREE_ROLES)
        marker = self._marker(words, place)
        if marker is not None and (free is None or free.length <= marker[1]):
            return self._read_role(state, words, place, marker[1], marker[0])
        skipped = self._in_passing(words, place, free)
        if skipped:
            return self._skip(state, words, place, skipped)
        factor = self._lexicon.match(texts, 0, ("triggered_by", "risk_factor"))
        if free is not None and (factor is None or factor.length <= free.length):
            return self._take_free(state, words, place, free)
        if word.text in NEGATIONS and (factor is None or factor.length == 1):
            after = texts[1] if len(texts) > 1 else ""
            state.negated = state.negated or after not in AFFIRMATIVES
            state.denied = False
            return place + 1
        if factor is not None:
            return self._take_factor(state, words, place, factor, marked=False)
        return self._pass(state, words, place)

    def _goes_on(self, texts: Sequence[str]) -> bool:
        """Whether a clause goes on with a list of what is denied: 'no fever, redness or rash'."""
        listed = "or" in texts or "nor" in texts
        return listed and self._lexicon.match(texts, 0, ("symptom",)) is not None

    def _pass(self, state: _State, words: Sequence[Word], place: int) -> int:
        """A word that is nothing by itself."""
        word = words[place].text
        if word in MUST and state.has_complaint():
            end = self._had_to(state, words, place)
            if end:
                return end
        if word in NORMAL and self._is_well(state, words, place):
            return self._skip(state, words, place, 1)
        if word in SOFT_MARKERS:
            after = _past_pronoun(words, place + 1)
            if after < len(words):
                texts = self._clause(words, after)
                factor = self._lexicon.match(texts, 0, ("triggered_by", "risk_factor"))
                free = self._lexicon.match(texts, 0, _FREE_ROLES)
                if factor is not None and (free is None or factor.length > free.length):
                    before = word in ("after", "following", "since")  # it may also have made prone
                    return self._take_factor(state, words, after, factor, marked=not before)
        if word == "or" and state.has_complaint() and not state.negated:
            state.doubts.append("'or' was read as 'and'")
        elif word not in GLUE and word not in SCOPE_ENDS:
            if state.negated and not state.denied and word not in DENIED_SO:
                state.negated = False  # it is this that is denied
            return self._skip(state, words, place, 1)
        return place + 1

    @staticmethod
    def _skip(state: _State, words: Sequence[Word], place: int, length: int) -> int:
        """Ignore words."""
        end = place + length
        state.ignored.append(state.text[words[place].start : words[end - 1].end])
        return end

    def _marker(self, words: Sequence[Word], place: int) -> tuple[str, int] | None:
        """The role that the words at `place` give to what follows them, and their number."""
        texts = self._clause(words, place)
        fixed = _longest(texts, 0, MARKERS)
        if fixed:
            return MARKERS[fixed], len(fixed)
        for role, joining in JOINING.items():
            head = _longest(texts, 0, HEADS[role])
            bare = _longest(texts, 0, BARE_HEADS.get(role, ()))
            begin = end = len(max(head, bare, key=len))
            if not begin:
                continue
            while end < len(texts) and texts[end] in ADVERBS:
                end += 1
            skipped = passing(texts[end:], "")
            if skipped and texts[end] in ("after", "within"):  # 'gone after ten minutes of rest'
                return role, end + skipped + (texts[end + skipped : end + skipped + 1] == ["of"])
            end += skipped
            joined = _longest(texts, end, joining)
            if joined:
                return role, end + len(joined)
            if len(head) >= len(bare):
                return role, len(head)
            if bare in WELL and self._lexicon.match(texts, begin, (role,)) is not None:
                return role, begin
        return None

    def _in_passing(self, words: Sequence[Word], place: int, free: Match | None) -> int:
        """How many words at `place` are said in passing; a name that is as long is read."""
        before = words[place - 1].text if place else ""
        skipped = passing(self._clause(words, place), before)
        if free is None:
            return skipped
        if free.value == _BACK and free.length == 1 and not skipped:
            return int(self._is_adverb(words, place))
        if free.length == skipped and _DURATION in self._index.broader(free.value):
            return skipped
        return skipped if skipped > free.length else 0

    @staticmethod
    def _is_adverb(words: Sequence[Word], place: int) -> bool:
        """Whether 'back' is no place: 'then it comes back'."""
        if words[place].is_determined or words[place].begins:
            return False
        after = words[place + 1] if place + 1 < len(words) else None
        goes_on = after is not None and not after.begins and after.text in BACK_TO
        return goes_on or _follows(words, place, COMES_BACK)

    def _had_to(self, state: _State, words: Sequence[Word], place: int) -> int:
        """Past 'I have to stop': what one must do relieves, if it is known to; or 0."""
        after = _past_pronoun(words, place + 1)
        if after == len(words) or (
            after == place + 1 and words[place].text not in ("must", "gotta")
        ):
            return 0
        found = self._lexicon.match(self._clause(words, after), 0, ("relieved_by",))
        if found is None or not self._relieves(found.value):
            return 0
        return self._read_role(state, words, place, after - place, "relieved_by")

    def _relieves(self, factor: str) -> bool:
        """Whether more is recorded that a factor relieves than that it provokes."""
        shown = self._index.presented_with
        provoked = (
            len(shown.get((role, factor), ())) for role in ("triggered_by", "aggravated_by")
        )
        return len(shown.get(("relieved_by", factor), ())) > max(provoked)

    def _is_well(self, state: _State, words: Sequence[Word], place: int) -> bool:
        """Take back a place of which the words say that it has nothing."""
        last = state.spans[-1] if state.spans else None
        if last is None or last.role != "region":
            return False
        between = [word for word in words[:place] if word.start >= last.end]
        if any(word.begins or word.text not in IS for word in between):
            return False
        for draft in state.drafts:
            if draft.criteria and draft.criteria[-1] == Criterion("region", last.value):
                draft.criteria.pop()
                state.spans.pop()
                return True
        return False

    def _take_free(self, state: _State, words: Sequence[Word], place: int, found: Match) -> int:
        """A symptom, or what describes one."""
        criterion = Criterion(found.role, found.value)
        if state.negated:
            self._deny(state, criterion)
        elif found.role == "symptom":
            self._add_symptom(state, criterion)
        elif found.role == "region":
            self._add_region(state, words, place, criterion)
        else:
            if self._leads_to_symptom(words, place) and state.current().has("symptom"):
                state.drafts.append(_Draft())
            state.current().criteria.append(criterion)
        return self._noted(state, words, place, found)

    def _add_symptom(self, state: _State, criterion: Criterion) -> None:
        """A symptom with the place that its name gives, or with each of those said before it."""
        draft = state.current()
        parts = in_parts([criterion], self._index)
        is_placed = draft.has("region") and any(part.role == "region" for part in parts)
        if draft.has("symptom") or is_placed:
            draft = _Draft()
            state.drafts.append(draft)
        regions = self._narrowest(draft.criteria)
        if draft.is_list and len(regions) > 1:  # 'hips and thighs ache': each is a finding
            rest = [other for other in draft.criteria if other.role != "region"]
            state.drafts.remove(draft)
            state.drafts += [_Draft([*rest, region, *parts]) for region in regions]
            return
        draft.criteria += parts

    def _narrowest(self, criteria: Sequence[Criterion]) -> list[Criterion]:
        """The places that hold no other of the places."""
        regions = [criterion for criterion in criteria if criterion.role == "region"]
        wider = {w for r in regions for w in self._index.broader(r.value) - {r.value}}
        return [region for region in dict.fromkeys(regions) if region.value not in wider]

    def _add_region(
        self, state: _State, words: Sequence[Word], place: int, criterion: Criterion
    ) -> None:
        """A second place is another finding, unless one lies within the other."""
        draft = state.current()
        is_described = any(other.role != "region" for other in draft.criteria)
        apart = draft.has("symptom") or (words[place].begins and is_described)
        if apart and self._leads_to_symptom(words, place):
            state.drafts.append(_Draft([criterion]))
            return
        listed = words[place].begins or (place > 0 and words[place - 1].text in LISTING)
        several = len(self._narrowest([*draft.criteria, criterion])) > 1
        draft.is_list = draft.is_list or (listed and several)
        if listed and several and draft.has("symptom"):
            same = [other for other in draft.criteria if other.role == "symptom"]
            state.drafts.append(_Draft([*same, criterion]))
        else:
            draft.criteria.append(criterion)

    def _deny(self, state: _State, criterion: Criterion) -> None:
        """Something that is not there; a place or a trigger that is not, with the symptom."""
        state.denied = True
        if criterion.role == "symptom":
            state.drafts.append(_Draft([criterion], absent=True))
            return
        last = state.drafts[-1] if state.drafts else None
        if last is not None and last.absent and not last.has(criterion.role):
            last.criteria.append(criterion)
            return
        kept = ("symptom",) if criterion.role == "region" else ("symptom", "region")
        same = [c for c in state.current().criteria if c.role in kept]
        state.drafts.append(_Draft([*same, criterion], absent=True))

    def _take_factor(
        self, state: _State, words: Sequence[Word], place: int, found: Match, *, marked: bool
    ) -> int:
        """An activity or a risk factor that no marker places."""
        said = state.text[words[place].start : words[place + found.length - 1].end]
        name = tuple(word.text for word in words[place : place + found.length])
        risk = self._lexicon.whole(name, ("risk_factor",))
        kind = self._index.entity(found.value).kind
        if not marked and risk is not None and kind != "factor":
            found = replace(found, role="risk_factor", value=risk.value)
        if found.role == "triggered_by":
            role, end = self._said_after(words, place + found.length)
            if role is not None and self._lexicon.whole(name, (role,)) is not None:
                self._add(state, Criterion(role, found.value))
                self._noted(state, words, place, found)
                return end
            self._add(state, Criterion("triggered_by", found.value))
            if not marked:
                state.doubts.append(f"{said!r} was read as {_SAID_ROLE['triggered_by']}")
        is_risk = found.role == "risk_factor" or not marked
        if risk is not None and is_risk and not state.negated:
            state.risk_factors.append(risk.value)
            state.spans.append(self._span(words, place, found.length, "risk_factor", risk.value))
            if found.role == "risk_factor":
                return place + found.length
        return self._noted(state, words, place, found)

    def _said_after(self, words: Sequence[Word], place: int) -> tuple[str | None, int]:
        """The role that 'helps' or 'makes it worse' gives to what stands before it, and its end."""
        start = place
        if place < len(words) and not words[place].begins:
            place += passing(self._clause(words, place), "")
        for end in (place, *range(place, len(words))):
            if end == len(words) or words[end].begins:
                break
            texts = self._clause(words, end)
            said = _longest(texts, 0, AFTERWARDS)
            if said:
                return AFTERWARDS[said], end + len(said)
            if texts[0] not in FILLERS:
                break
        return None, start

    def _add(self, state: _State, criterion: Criterion) -> None:
        """What brings on, worsens or relieves what is being described, or does not."""
        if state.negated:
            self._deny(state, criterion)
        else:
            state.current().criteria.append(criterion)

    def _leads_to_symptom(self, words: Sequence[Word], place: int) -> bool:
        """Whether the words from `place` describe a symptom that follows: 'sharp foot pain'."""
        while place < len(words):
            found = self._lexicon.match(self._clause(words, place), 0, _FREE_ROLES)
            if found is None:
                return False
            if found.role == "symptom":
                return True
            place += found.length
        return False

    def _read_role(
        self, state: _State, words: Sequence[Word], place: int, length: int, role: str
    ) -> int:
        """Read what follows a marker such as 'relieved by': one value, or several with 'and'."""
        begin, place = place, place + length
        taken = 0
        while place < len(words):
            found = self._lexicon.match(self._clause(words, place), 0, (role,))
            if found is None:
                place = _past_pronoun(words, place)
                if place == len(words):
                    break
                found = self._lexicon.match(self._clause(words, place), 0, (role,))
            if found is None or (taken and self._begins_symptom(words, place, found)):
                break
            if role == "risk_factor":
                state.risk_factors.append(found.value)
            else:
                self._add(state, Criterion(role, found.value))
            place = self._noted(state, words, place, found)
            taken += 1
            if place + 1 >= len(words) or words[place].text not in ("and", "or"):
                return place
            after = self._clause(words, place + 1)
            if self._marker(words, place + 1) or not self._lexicon.match(after, 0, (role,)):
                return place
            if self._lexicon.match(after, 0, ("symptom",)):
                return place
            place += 1
        if not taken:
            last = min(place, len(words) - 1)
            state.ignored.append(state.text[words[begin].start : words[last].end])
            return begin + length
        return place

    def _begins_symptom(self, words: Sequence[Word], place: int, found: Match) -> bool:
        symptom = self._lexicon.match(self._clause(words, place), 0, ("symptom",))
        return symptom is not None and symptom.length >= found.length

    def _noted(self, state: _State, words: Sequence[Word], place: int, found: Match) -> int:
        """Note where something stood and what else it could have been; returns its end."""
        span = self._span(words, place, found.length, found.role, found.value)
        state.spans.append(span)
        if found.others:
            said = state.text[span.start : span.end]
            state.ambiguities.append(Ambiguity(said, found.value, found.others))
        return place + found.length

    @staticmethod
    def _span(words: Sequence[Word], place: int, length: int, role: str, value: str) -> Span:
        return Span(words[place].start, words[place + length - 1].end, role, value)

    def _check(self, state: _State) -> None:
        told = sum(len(draft.criteria) for draft in state.drafts if not draft.absent)
        if state.has_complaint() and (state.has_symptom() or told > 1 or not state.ignored):
            return
        unknown = ", ".join(map(repr, state.ignored)) or repr(state.text)
        words = [word for said in state.ignored for word in phrase(said)]
        raise NotUnderstood(f"not understood: {unknown}", self._near(words) or list(EXAMPLES))

    def _near(self, words: Sequence[str]) -> list[str]:
        return [
            near
            for word in words
            for near in difflib.get_close_matches(word, self._vocabulary, n=2, cutoff=0.75)
        ]


def _reordered(words: Sequence[Word]) -> list[Word]:
    """'back of both heels' as 'both back of heels', so that the name of the place is whole."""
    ordered = list(words)
    for place in range(1, len(ordered) - 1):
        if ordered[place].text == "of" and ordered[place + 1].text in WHICH:
            which = replace(ordered[place + 1], begins=ordered[place - 1].begins)
            head = replace(ordered[place - 1], begins=False)
            ordered[place - 1 : place + 2] = [which, head, ordered[place]]
    return ordered


def _outside(words: Sequence[Word], told: Told) -> list[Word]:
    """The words that do not tell of the person."""
    return [
        word
        for word in words
        if not any(start < word.end and word.start < end for start, end in told.spans)
    ]


def _longest(
    texts: Sequence[str], place: int, known: Collection[tuple[str, ...]]
) -> tuple[str, ...]:
    """The longest known phrase at a place, or ()."""
    for length in range(min(_LONGEST_PHRASE, len(texts) - place), 0, -1):
        candidate = tuple(texts[place : place + length])
        if candidate in known:
            return candidate
    return ()


def _follows(words: Sequence[Word], place: int, known: Collection[str]) -> bool:
    """Whether a word follows one of these in its clause."""
    return place > 0 and not words[place].begins and words[place - 1].text in known


def _past_pronoun(words: Sequence[Word], place: int) -> int:
    """Past a 'when I …' that a factor may follow."""
    while place < len(words) and words[place].text in PRONOUNS:
        place += 1
    return place


def _has_symptom(question: Question) -> bool:
    return any(c.role == "symptom" for finding in question.findings for c in finding.criteria)


def _spelt(index: Index) -> list[str]:
    """The words of the labels, folded, and those that are folded as exceptions."""
    labels = (phrase(entity.label) for entity in index.entities.values())
    words = {word for label in labels for word in label}.union(IRREGULAR)
    return sorted(word for word in words if len(word) >= _LEAST_MISSPELT)


@lru_cache(maxsize=1)
def general_symptoms(index: Index) -> frozenset[str]:
    """The symptoms (CURIEs) that more rows record without a place, or of the body, than with one.

    Such as a fever.
    """
    count: Counter[str] = Counter()
    for presentation in index.presentations.values():
        placed = set(presentation.recorded["region"]) - {_BODY}
        for symptom in presentation.entailed["symptom"]:
            count[symptom] += 1 if placed else -1
    return frozenset(symptom for symptom, more in count.items() if more < 0)
