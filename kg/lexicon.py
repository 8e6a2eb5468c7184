"""The words of the ontology: which entities a phrase can name, and in which role.

Built from labels and synonyms alone, so a term added to the ontology is understood at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from kg.grammar import GLUE
from kg.index import Index
from kg.words import BREAKS, fold_word, phrase

RISK_RELATIONS = ("has_risk_factor", "has_cause")
"""Relations whose values a person may have: what makes a condition likelier, or brings it about."""
_ROLE_KINDS = {
    "symptom": {"symptom"},
    "region": {"region"},
    "quality": {"quality"},
    "timing": {"timing"},
    "laterality": {"laterality"},
    "triggered_by": {"factor"},
    "aggravated_by": {"factor"},
    "relieved_by": {"factor", "treatment"},
    "condition": {"condition"},
    "risk_factor": {"risk_factor"},
}


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase read as an entity in a role; `others` are entities it could name just as well."""

    role: str
    value: str
    length: int
    others: tuple[str, ...]


class Lexicon:
    """Finds the longest phrase at a place in a text that names an entity in a wanted role."""

    def __init__(self, index: Index) -> None:
        self._phrases: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
        for name, ranks in index.named.items():
            for identifier, rank in ranks.items():
                if GLUE.issuperset(name):  # 'AS' is an abbreviation, and 'as' a word
                    continue
                for words in _forms(name, index.entity(identifier).kind):
                    known = self._phrases[words].get(identifier, rank)
                    self._phrases[words][identifier] = min(known, rank)
        self._crossing = {
            phrase(name)
            for entity in index.entities.values()
            for name, _ in entity.names()
            if any(sign in name for sign in BREAKS)
        }
        self._longest = max(map(len, self._phrases), default=0)
        self._fits = {role: _fitting(index, role) for role in _ROLE_KINDS}

    def match(self, words: Sequence[str], start: int, roles: Sequence[str]) -> Match | None:
        """The longest match at `words[start:]` (folded, without articles) in one of `roles`.

        Of equally long ones an earlier role wins, then a label over an exact synonym over others.
        """
        for length in range(min(self._longest, len(words) - start), 0, -1):
            named = self._phrases.get(tuple(words[start : start + length]))
            if named is None:
                continue
            for role in roles:
                candidates = {i: rank for i, rank in named.items() if i in self._fits[role]}
                if candidates:
                    return _best(role, candidates, length)
        return None

    def crossing(self, words: Sequence[str]) -> int:
        """How many of the words are a name that has a comma or the like within; 0 if none."""
        for length in range(min(self._longest, len(words)), 1, -1):
            if tuple(words[:length]) in self._crossing:
                return length
        return 0

    def whole(self, words: Sequence[str], roles: Sequence[str]) -> Match | None:
        """The match of all the words together, if there is one."""
        found = self.match(words, 0, roles) if words else None
        return found if found is not None and found.length == len(words) else None

    def names(self) -> Iterable[tuple[str, ...]]:
        """Every phrase that is known, folded."""
        return self._phrases.keys()


def _forms(words: tuple[str, ...], kind: str) -> Iterator[tuple[str, ...]]:
    """A phrase and, for an activity that begins with '-ing', how a verb says it: 'I walk'."""
    yield words
    first = words[0] if words else ""
    if kind == "factor" and first.endswith("ing") and len(first) > 5:
        stem = first[:-3]
        for verb in {stem, f"{stem}e", stem[:-1] if stem[-1] == stem[-2] else stem}:
            yield (fold_word(verb), *words[1:])


def _best(role: str, candidates: dict[str, int], length: int) -> Match:
    best = min(candidates.values())
    ranked = sorted(candidates, key=lambda identifier: (candidates[identifier], identifier))
    same = tuple(i for i in ranked[1:] if candidates[i] == best)
    return Match(role, ranked[0], length, same)


def _fitting(index: Index, role: str) -> Collection[str]:
    """The entities that can stand in a role: by kind, or because a presentation says so."""
    fitting = {e.id for e in index.entities.values() if e.kind in _ROLE_KINDS[role]}
    fitting.update(value for stands_in, value in index.presented_with if stands_in == role)
    if role == "risk_factor":
        fitting.update(c.value for c in index.claims.values() if c.relation in RISK_RELATIONS)
    return fitting
