"""Ranks diseases by phenotypes that are present and absent, and says how each is met.

Rule: how a term is met, and what that adds to a score, is in `kg.phenotype_matching`; here is what
may be asked and what is answered.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from kg.errors import BadParameter
from kg.phenotype_arrays import Arrays, Ints
from kg.phenotype_matching import EXCLUDED, WEIGHTS, Match, Matcher, Weights
from kg.views import DISCLAIMER, Json

ROOT = "HP:0000118"
"""Phenotypic abnormality: only it and what is below can be asked for."""
MOST_TERMS = 200
MOST_LINES = 5
MAX_LENGTH = 100
"""How much of an unknown term is looked at and repeated."""
_SUGGESTED = 3
_ALIKE = 75
_DIGITS = 7
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Terms by number, in order; `implied` are the present ones that others say more exactly."""

    present: tuple[int, ...]
    absent: tuple[int, ...]
    implied: tuple[int, ...]


class Phenotypes:
    """The diseases of one table of annotations, with their phenotypes."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self._root = self._place(ROOT)
        self._matcher = Matcher(arrays)
        self._above = self._matcher.above
        self._term = lru_cache(maxsize=8192)(self._find_term)
        """Term (number) → `{id, label, information}`: payloads share them, nothing changes them."""

    @classmethod
    def open(cls, folder: Path) -> "Phenotypes":
        """Open what the import wrote; SnapshotError names a file that is missing or damaged."""
        return cls(Arrays.open(folder))

    def rank(self, present: Sequence[str], absent: Sequence[str] = (), limit: int = 20) -> Json:
        """The diseases that fit best, with how each term is met.

        `{present, absent, implied, whole, found, diseases, ranking, disclaimer}`: `whole` is the
        score of a disease in which every present term is always seen, `found` how many diseases
        have anything of them, `ranking` the best `limit`: `{rank, id, label, score, terms}`. Each
        of `terms` is `{id, label, absent, degree, gain, information, matched, frequency,
        annotations, annotations_total}`, where `annotations` are lines of the table:
        `{row, id, label, frequency, excluded}`, the most informative first.
        """
        if limit < 1:
            raise BadParameter(f"limit is {limit}; it must be 1 or more")
        asked = self._asked(present, absent)
        matches = self._matches(asked, WEIGHTS)
        scores = _sum(matches)
        finding = np.logical_or.reduce([one.matched >= 0 for one in matches if not one.absent])
        found = np.flatnonzero(finding)
        best = _best(found, scores, limit)
        information = self.arrays.information[list(asked.present)]
        return {
            "present": [self._term(term) for term in asked.present],
            "absent": [self._term(term) for term in asked.absent],
            "implied": [self._term(term) for term in asked.implied],
            "whole": _bits((information + WEIGHTS.recorded).sum()),
            "found": len(found),
            "diseases": len(self.arrays.diseases),
            "ranking": [
                self._ranked(place, int(disease), float(scores[disease]), matches)
                for place, disease in enumerate(best, 1)
            ],
            "disclaimer": DISCLAIMER,
        }

    def scores(
        self, present: Sequence[str], absent: Sequence[str] = (), weights: Weights = WEIGHTS
    ) -> Scores:
        """The score of every disease, in the order of `arrays.diseases`."""
        return _sum(self._matches(self._asked(present, absent), weights))

    def above(self, term: str) -> set[str]:
        """A term (id) and its superclasses; BadParameter if it is unknown or no phenotype."""
        return {self.arrays.terms[one].decode() for one in self._above(self._number(term))}

    def information(self, term: str) -> float | None:
        """The information content of a phenotype (id) in bits; None for what is no phenotype."""
        number = self._place(term)
        if number is None or self._root not in self._above(number):
            return None
        return _bits(self.arrays.information[number])

    # -- what is asked -------------------------------------------------------------------------

    def _asked(self, present: Sequence[str], absent: Sequence[str]) -> _Asked:
        if not present:
            raise BadParameter("no phenotype is present; give at least one, such as HP:0003394")
        if len(present) + len(absent) > MOST_TERMS:
            raise BadParameter(
                f"{len(present) + len(absent)} phenotypes are more than the {MOST_TERMS} allowed"
            )
        having = {self._number(term) for term in present}
        lacking = {self._number(term) for term in absent}
        implied = {above for term in having for above in self._above(term) if above != term}
        if denied := sorted((having | implied) & lacking):
            raise BadParameter(
                f"{self._named(denied[0])} is said to be absent, but it or a kind of it is present"
            )
        return _Asked(
            tuple(sorted(having - implied)),
            tuple(sorted(term for term in lacking if not (self._above(term) - {term}) & lacking)),
            tuple(sorted(having & implied)),
        )

    def _number(self, term: str) -> int:
        """The number of a phenotype; BadParameter where it is unknown, or another kind of term."""
        number = self._place(term)
        if number is None:
            raise BadParameter(
                f"{term[:MAX_LENGTH]!r} is no known term of HPO",
                self._suggestions(term[:MAX_LENGTH]),
            )
        if self._root not in self._above(number):
            raise BadParameter(
                f"{self._named(number)} is no phenotypic abnormality: how a disease is inherited, "
                "how it goes on or how often something is seen cannot be asked for"
            )
        return number

    def _place(self, term: str) -> int | None:
        wanted, terms = term.encode(errors="replace"), self.arrays.terms
        place = int(np.searchsorted(terms, np.array(wanted, terms.dtype)))
        return place if place < len(terms) and terms[place] == wanted else None

    def _suggestions(self, text: str) -> list[str]:
        """Ids that may be meant: the digits filled up with zeros, or terms named alike."""
        if re.fullmatch(r"(?i)(hp[:_]?)?\d+", text.strip()):
            filled = "HP:" + re.sub(r"\D", "", text).zfill(_DIGITS)
            return [filled] if self._place(filled) is not None else []
        labels = [label.decode() for label in self.arrays.term_labels]
        alike = process.extract(
            text.lower(), labels, scorer=fuzz.ratio, processor=str.lower, limit=_SUGGESTED,
            score_cutoff=_ALIKE,
        )  # fmt: skip
        return [self.arrays.terms[place].decode() for _, _, place in alike]

    def _matches(self, asked: _Asked, weights: Weights) -> list[Match]:
        return [
            *(self._matcher.present(term, weights) for term in asked.present),
            *(self._matcher.absent(term, weights) for term in asked.absent),
        ]

    # -- what is said --------------------------------------------------------------------------

    def _find_term(self, term: int) -> Json:
        return {
            "id": self.arrays.terms[term].decode(),
            "label": self.arrays.term_labels[term].decode(),
            "information": _bits(self.arrays.information[term]),
        }

    def _named(self, term: int) -> str:
        return "{id} ({label})".format(**self._term(term))

    def _ranked(self, place: int, disease: int, score: float, matches: Sequence[Match]) -> Json:
        matched = {one.term: int(one.matched[disease]) for one in matches}
        recorded, excluded = self._behind(disease, matched)
        behind = {
            term: excluded[term] if by == EXCLUDED else recorded[by] for term, by in matched.items()
        }
        return {
            "rank": place,
            "id": self.arrays.diseases[disease].decode(),
            "label": self.arrays.disease_labels[disease].decode(),
            "score": _bits(score),
            "terms": [self._met(disease, one, behind[one.term]) for one in matches],
        }

    def _met(self, disease: int, match: Match, lines: Sequence[int]) -> Json:
        matched = int(match.matched[disease])
        return {
            **self._term(match.term),
            "absent": match.absent,
            "degree": match.degree(disease).name.lower(),
            "gain": _bits(match.gain[disease]),
            "matched": self._term(matched) if matched >= 0 else None,
            "frequency": self._frequency(disease, matched) if matched >= 0 else None,
            "annotations": [self._line(line) for line in lines[:MOST_LINES]],
            "annotations_total": len(lines),
        }

    def _frequency(self, disease: int, term: int) -> float:
        diseases, frequency = self._matcher.having(term)
        return round(float(frequency[bisect_left(diseases, disease)]), 3)

    def _lines(self, disease: int) -> Iterable[tuple[int, int, bool]]:
        """The annotations of a disease: their numbers, their terms', whether excluded."""
        a = self.arrays
        start, end = a.line_start[disease : disease + 2].tolist()
        own = slice(start, end)
        return zip(
            range(start, end), a.line_term[own].tolist(), a.line_excluded[own].tolist(), strict=True
        )

    def _behind(
        self, disease: int, matched: Mapping[int, int]
    ) -> tuple[Mapping[int, list[int]], Mapping[int, list[int]]]:
        """The annotations (numbers) that a disease's matches rest on: by term matched, by denied.

        `matched` is the number of the term matched for each term asked.
        """
        denied = {term for term, by in matched.items() if by == EXCLUDED}
        wanted = set(matched.values())
        recorded: dict[int, list[int]] = defaultdict(list)
        excluded: dict[int, list[int]] = defaultdict(list)
        for line, annotated, is_excluded in self._lines(disease):
            if not is_excluded:
                for term in wanted & self._above(annotated):
                    recorded[term].append(line)
                continue
            for term in denied:
                if annotated in self._above(term):
                    excluded[term].append(line)
        return recorded, excluded

    def _line(self, line: int) -> Json:
        term = self._term(int(self.arrays.line_term[line]))
        return {
            "row": int(self.arrays.line_row[line]),
            "id": term["id"],
            "label": term["label"],
            "frequency": self.arrays.line_frequency[line].decode(),
            "excluded": bool(self.arrays.line_excluded[line]),
        }


def _best(found: Ints, scores: Scores, limit: int) -> Ints:
    """The best `limit` of the diseases found; equal ones in the order of the arrays."""
    if len(found) > limit:
        least = np.partition(scores[found], -limit)[-limit]
        found = found[scores[found] >= least]
    return found[np.argsort(-scores[found], kind="stable")[:limit]]


def _sum(matches: Iterable[Match]) -> Scores:
    """Sums in one order, so that it does not matter in which the terms were given."""
    total: Scores = np.sum([one.gain for one in matches], axis=0, dtype=np.float64)
    return total


def _bits(value: float) -> float:
    return round(float(value), 3) + 0.0
