"""Every name of the graph, found by what people type: whole, begun, by its words, or misspelt.

Names are kept in the order in which they are shown where they fit equally well, so that a set of
their numbers, sorted, is a ranking.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rapidfuzz import process
from rapidfuzz.distance import OSA

from kg.records import Entity, Synonym
from kg.words import ARTICLES, fold_word, tokens

MIN_PART = 4
"""Letters of a text that is looked for within words."""
MIN_TYPO = 4
"""Letters of a text that may be misspelt."""
MAX_TYPO_WORDS = 10
_SCOPES = {"exact": 1, "narrow": 2, "broad": 3, "related": 4}
_SMALL = ARTICLES | {"in", "of", "on", "at", "to", "with", "and", "for", "from", "by"}
_END = "\U0010ffff"

Distances = Mapping[str, int]
"""A word of the names → the edits that make it of the word that was typed."""


@dataclass(frozen=True, slots=True)
class Name:
    """What an entity is called; `synonym` is None for its label."""

    text: str
    entity: str
    synonym: Synonym | None

    @property
    def place(self) -> tuple[int, int, str, str]:
        """Label before synonym, exact scope before others, shorter first, then by letter."""
        scope = _SCOPES[self.synonym.scope] if self.synonym else 0
        return scope, len(self.text), self.text.lower(), self.entity


@dataclass(frozen=True, slots=True)
class Typed:
    """A text that was typed: folded without articles, and plain.

    `joined` is it without spaces. `words` holds each word that counts, folded and plain. Of a text
    without a letter or digit all are empty.
    """

    starts: tuple[str, ...]
    joined: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    @property
    def letters(self) -> int:
        return sum(len(word[0]) for word in self.words)


def read(text: str) -> Typed:
    """Read a text that was typed, or a name as one."""
    plain = tokens(text)
    if not plain:
        return Typed((), (), ())
    folded = " ".join(map(fold_word, _without(ARTICLES, plain)))
    starts = _once(folded, " ".join(plain))
    words = (_once(fold_word(word), word) for word in _without(_SMALL, plain))
    return Typed(
        starts,
        _once(*(start.replace(" ", "") for start in starts)),
        tuple(dict.fromkeys(words)),
    )


def _once(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _without(left_out: frozenset[str], words: Sequence[str]) -> list[str]:
    """The words that count: the last one always does, for it may be the beginning of another."""
    return [word for word in words[:-1] if word not in left_out] + [words[-1]]


def _singular(word: str) -> str:
    """The word without a plural s that folding keeps for the sake of Latin words (`fascias`)."""
    return word[:-1] if len(word) > 2 and word.endswith("s") and word[-2] != "s" else word


class Names:
    """The names of all entities; each method gives numbers of names."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._names = sorted(_named(entities), key=lambda name: name.place)
        self._whole: dict[str, list[int]] = defaultdict(list)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        starts: list[tuple[str, int]] = []
        joined: list[tuple[str, int]] = []
        self._lengths: list[tuple[int, int]] = []
        for number, name in enumerate(self._names):
            typed = read(name.text)
            self._lengths.append(_lengths(typed))
            joined += [(form, number) for form in typed.joined]
            for form in {*typed.starts, *typed.joined}:
                self._whole[form].append(number)
            starts += [(form, number) for form in typed.starts]
            for word in {form for forms in typed.words for form in forms}:
                self._by_word[word].append(number)
        starts.sort()
        self._starts = [start for start, _ in starts]
        self._started = [number for _, number in starts]
        self._joined = [form for form, _ in joined]
        self._run = [number for _, number in joined]
        self._texts = "\n".join(self._starts)
        self._offsets = list(accumulate((len(start) + 1 for start in self._starts), initial=0))
        self._words = sorted(self._by_word)
        self._beginnings = _beginnings(self._words)

    def __getitem__(self, number: int) -> Name:
        return self._names[number]

    def called(self, typed: Typed) -> set[int]:
        """Names that are the text, whatever the spelling, number, hyphens and spaces."""
        found = {n for form in (*typed.starts, *typed.joined) for n in self._whole.get(form, ())}
        singular = _singular(typed.starts[-1]) if typed.starts else ""
        if len(singular) > 3 or not found:  # PTS is not the plural of PT
            found.update(self._whole.get(singular, ()))
        return found

    def beginning(self, typed: Typed) -> set[int]:
        """Names that begin with the text."""
        return {n for start in typed.starts for n in self._started[_begun(self._starts, start)]}

    def with_words(self, typed: Typed, *, begun: bool) -> set[int]:
        """Names that hold all words in any order; where `begun`, the last may be unfinished."""
        if not typed.words:
            return set()
        last = self._holding(typed.words[-1])
        if begun:
            for word in self._finished(typed.words[-1]):
                last.update(self._by_word[word])
        return last.intersection(*map(self._holding, typed.words[:-1]))

    def with_part(self, typed: Typed) -> set[int]:
        """Names in which the text stands within a word."""
        found: set[int] = set()
        for part in typed.starts:
            if len(part) >= MIN_PART:
                found.update(self._started[line] for line in self._lines(part))
        return found

    def misspelt(self, typed: Typed) -> list[int]:
        """Names that the text misspells, the nearest first.

        Words that are known are taken to be meant, unless nothing is called so.
        """
        if typed.letters < MIN_TYPO or len(typed.words) > MAX_TYPO_WORDS:
            return []
        alone = len(typed.words) == 1
        *before, last = [self._meant(forms, alone) for forms in typed.words]
        forms = typed.words[-1]
        return (
            self._nearest([*before, {**last, **dict.fromkeys(self._finished(forms), 0)}])
            or self._run_together(typed)
            or self._nearest([*before, {**self._near_beginnings(forms[0]), **last}])
            or self._nearest([self._mistaken(forms) for forms in typed.words])
        )

    def _holding(self, forms: Sequence[str]) -> set[int]:
        return {number for form in self._known(forms) for number in self._by_word[form]}

    def _known(self, forms: Sequence[str]) -> list[str]:
        known = [form for form in forms if form in self._by_word]
        return known or [form for form in (_singular(forms[-1]),) if form in self._by_word]

    def _finished(self, forms: Sequence[str]) -> set[str]:
        """Words that begin as one does."""
        return {word for form in forms for word in self._words[_begun(self._words, form)]}

    def _lines(self, part: str) -> Iterator[int]:
        at = self._texts.find(part)
        while at >= 0:
            line = bisect_right(self._offsets, at) - 1
            yield line
            at = self._texts.find(part, self._offsets[line] + len(self._starts[line]))

    def _meant(self, forms: Sequence[str], alone: bool) -> Distances:
        return dict.fromkeys(self._known(forms), 0) or self._near(forms, alone)

    def _mistaken(self, forms: Sequence[str]) -> Distances:
        """Words that a known word may be a slip for: `heal` for `heel`."""
        near = self._near(forms, alone=True)
        known = dict.fromkeys(self._known(forms), 0)
        slips = {word: edits for word, edits in near.items() if word[0] == forms[0][0]}
        return {**slips, **known} if known else near

    def _near(self, forms: Sequence[str], alone: bool) -> Distances:
        found: dict[str, int] = {}
        for word in forms if not _has_digit(forms[0]) else ():
            for place, edits in _close(word, self._words, 2 if len(word) >= 7 else 1):
                other = self._words[place]
                if edits <= _reach(word, other, alone):
                    found[other] = min(edits, found.get(other, edits))
        return found

    def _near_beginnings(self, word: str) -> Distances:
        """Words whose beginning is nearly this one: `clawdi` for `claudication`."""
        found: dict[str, int] = {}
        within = 1 if len(word) < 8 else 2
        for length in range(len(word) - within, len(word) + within + 1) if len(word) > 4 else ():
            starts = self._beginnings.get(length, ())
            for place, edits in _close(word, starts, within):
                for finished in self._words[_begun(self._words, starts[place])]:
                    found[finished] = min(edits, found.get(finished, edits))
        return found

    def _nearest(self, candidates: Sequence[Distances]) -> list[int]:
        """Names that hold one of the candidates for each word, those that hold no more first."""
        letters = sum(len(min(words, key=len)) if words else 0 for words in candidates)
        most = 1 if letters < 7 else 2 if letters < 14 else 3
        edits = self._edits(candidates[0])
        for words in candidates[1:]:
            others = self._edits(words)
            edits = {n: edits[n] + others[n] for n in edits.keys() & others.keys()}
        return sorted(
            (number for number, made in edits.items() if made <= most),
            key=lambda n: (edits[n], self._lengths[n][0] > len(candidates), n),
        )

    def _edits(self, words: Distances) -> dict[int, int]:
        """Name → the fewest edits that give one of its words."""
        found: dict[int, int] = {}
        for word, edits in sorted(words.items(), key=lambda item: item[1]):
            for number in self._by_word.get(word, ()):
                found.setdefault(number, edits)
        return found

    def _run_together(self, typed: Typed) -> list[int]:
        """Names that differ in a space, and by an edit or two: `calfpian`."""
        found: dict[int, int] = {}
        for joined in typed.joined if not _has_digit(typed.joined[0]) else ():
            within = 0 if len(joined) < 5 else 1 if len(joined) < 12 else 2
            for place, edits in _close(joined, self._joined, within):
                number = self._run[place]
                if self._lengths[number] != _lengths(typed):
                    found[number] = min(edits, found.get(number, edits))
        return sorted(found, key=lambda number: (found[number], number))


def _named(entities: Iterable[Entity]) -> Iterator[Name]:
    for entity in entities:
        yield Name(entity.label, entity.id, None)
        for synonym in entity.synonyms:
            yield Name(synonym.text, entity.id, synonym)


def _lengths(typed: Typed) -> tuple[int, int]:
    """How many words count, and how many there are."""
    return len(typed.words), typed.starts[-1].count(" ") + 1 if typed.starts else 0


def _begun(ordered: Sequence[str], start: str) -> slice:
    """Where in an ordered list stand those that begin so."""
    return slice(bisect_left(ordered, start), bisect_left(ordered, start + _END))


def _beginnings(words: Sequence[str]) -> dict[int, list[str]]:
    """Length → the beginnings of that length that words have."""
    found: dict[int, set[str]] = defaultdict(set)
    for word in words:
        for length in range(4, len(word) + 1):
            found[length].add(word[:length])
    return {length: sorted(starts) for length, starts in found.items()}


def _close(word: str, others: Sequence[str], within: int) -> list[tuple[int, int]]:
    """The places of those that are at most `within` edits away, each with its edits.

    An edit is a letter that is left out, put in or another one, or two that are swapped.
    """
    close = process.extract(word, others, scorer=OSA.distance, score_cutoff=within, limit=None)
    return [(place, edits) for _, edits, place in close]


def _has_digit(text: str) -> bool:
    """Another number is another thing, not a slip."""
    return any(letter.isdigit() for letter in text)


def _reach(word: str, other: str, alone: bool) -> int:
    """How many edits apart two words may be: short ones differ by a letter and mean another thing.

    Beside other words a short one may be misspelt too, for these tell what is meant.
    """
    shorter, longer = sorted((len(word), len(other)))
    if shorter >= 7:
        return 2
    if longer >= 6 or not alone:
        return 1
    swapped = word[:2] == other[1::-1]
    return 1 if longer >= 4 and (word[0] == other[0] or swapped) else 0
