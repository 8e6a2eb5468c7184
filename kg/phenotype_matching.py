"""Scores diseases by phenotypes that are present and absent, by their information content.

Rule: a change here is measured by benchmarks/phenopackets.py, on its development half.

    score = Σ over present terms of gain + Σ over absent terms of gain        in bits

A present term q is met by a disease in one of the degrees of `kg.matching`:

entailed      q or a term below it is recorded: IC(q) + log2 f(q) + RECORDED
compatible    only the superclass a is: IC(a) + log2 f(a) + RECORDED - GENERAL, the best such a
not_recorded  nothing is, or nothing that tells more: 0
contradicted  q or a superclass is recorded as excluded: -CONTRADICTED

No gain of what is recorded is below 0, and none is below what a superclass alone would give.
IC(t) = -log2((n + 1) / (N + 1)) where n of N diseases have
t or a term below it (Resnik, "Using Information Content to Evaluate Semantic Similarity", IJCAI
1995); f is how often it is seen in the disease. IC + log2 f is the logarithm of a likelihood ratio:
how much more often the term is seen in persons with the disease than its share among diseases
(Robinson et al., "Interpretable Clinical Genomics with a Likelihood Ratio Paradigm", AJHG 2020;
LIRICAL). RECORDED says that a term nobody recorded is seen at 1/8 of that share: silence is not
"no". With f = 1, all constants 0 and no degree but these, the sum is that of Phenomizer's
similarity in one direction (Köhler et al., AJHG 2009).

An absent term takes off ABSENT times -log2(2 (1 - SURE f)) where more than half have it; where it
is recorded as excluded it adds ABSENT. Only a present term finds a disease.

The constants were set on the development half of published cases (benchmarks/phenopackets.py),
each ranked without what its own publication gave to the annotations. There every weight for absent
terms costs some ranks: authors write that a feature is absent when others with the same disease
have it. A person who is asked is no such case, so they weigh a little.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kg.matching import Status
from kg.phenotype_arrays import Arrays, Floats, Ints

SURE = 0.95
"""How far a frequency is believed: that all have a term does not rule out one who has not."""
NOTHING, EXCLUDED = -1, -2
"""Instead of the number of the matched term: not recorded, recorded as excluded."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The constants of the score: bits, but `absent` a factor; `frequency` 1 if f counts, or 0."""

    recorded: float = 3.0
    general: float = 4.0
    contradicted: float = 1.0
    absent: float = 0.25
    frequency: float = 1.0


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Match:
    """How every disease meets one term: what it gains, and the number of the term matched."""

    term: int
    absent: bool
    gain: Floats
    matched: Ints

    def degree(self, disease: int) -> Status:
        """How one meets it; an absent term agrees with what is recorded as excluded."""
        matched = self.matched[disease]
        if matched == NOTHING:
            return Status.NOT_RECORDED
        if self.absent or matched == EXCLUDED:
            agrees = self.absent and matched == EXCLUDED
            return Status.ENTAILED if agrees else Status.CONTRADICTED
        return Status.ENTAILED if matched == self.term else Status.COMPATIBLE


class Matcher:
    """Matches terms, by number, with all diseases of the arrays at once."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.above = lru_cache(maxsize=8192)(self._find_above)
        """Term → itself and its superclasses."""

    def _find_above(self, term: int) -> frozenset[int]:
        start = self.arrays.above_start
        return frozenset(self.arrays.above[start[term] : start[term + 1]].tolist())

    def having(self, term: int) -> tuple[Ints, Floats]:
        """The diseases recorded with a term, and how often it is seen in each."""
        own = slice(self.arrays.start[term], self.arrays.start[term + 1])
        return self.arrays.disease[own], self.arrays.frequency[own]

    def _excluding(self, term: int) -> Ints:
        """The diseases of which a term or one above it is recorded as excluded."""
        start = self.arrays.excluded_start
        parts = (self.arrays.excluded[start[one] : start[one + 1]] for one in self.above(term))
        return np.unique(np.concatenate([*parts]))

    def present(self, term: int, weights: Weights) -> Match:
        """How all diseases meet a term that is present."""
        gain = np.zeros(len(self.arrays.diseases), np.float32)
        matched = np.full(len(gain), NOTHING, np.int32)
        for above in sorted(self.above(term) - {term}):
            worth = self.arrays.information[above] + weights.recorded - weights.general
            if worth > 0:
                diseases, frequency = self.having(above)
                gained = _weighed(worth, frequency, weights)
                more = gained > gain[diseases]
                gain[diseases[more]] = gained[more]
                matched[diseases[more]] = above
        diseases, frequency = self.having(term)
        excluding = self._excluding(term)
        gain[excluding], matched[excluding] = -weights.contradicted, EXCLUDED
        # What is recorded both ways is recorded: the exclusion is another source's.
        worth = self.arrays.information[term] + weights.recorded
        gain[diseases] = np.maximum(
            np.maximum(gain[diseases], 0), _weighed(worth, frequency, weights)
        )
        matched[diseases] = term
        return Match(term, False, gain, matched)

    def absent(self, term: int, weights: Weights) -> Match:
        """How all diseases meet a term that is absent."""
        gain = np.zeros(len(self.arrays.diseases), np.float32)
        matched = np.full(len(gain), NOTHING, np.int32)
        excluding = self._excluding(term)
        gain[excluding], matched[excluding] = weights.absent, EXCLUDED
        diseases, frequency = self.having(term)
        gain[diseases] = weights.absent * np.minimum(0, np.log2(2 * (1 - SURE * frequency)))
        matched[diseases] = term
        return Match(term, True, gain, matched)


def _weighed(worth: float, frequency: Floats, weights: Weights) -> Floats:
    if not weights.frequency:
        return np.full(len(frequency), worth, np.float32)
    return np.float32(worth) + np.log2(frequency)
