"""Finds the fewest sets that together have all that any of them has."""

import math
from collections.abc import Mapping, Sequence

MAX_STEPS = 2000
"""How many choices are looked at before a good one is taken for the best."""


def fewest(
    masks: Sequence[int], worths: Sequence[float], max_steps: int = MAX_STEPS
) -> tuple[list[int], bool]:
    """The fewest sets (bit masks) with the same union as all; of equally few, those worth most.

    By branch and bound, beginning with the greedy choice, which stands, with False, where more
    than `max_steps` branches do not decide it.
    """
    kept = _undominated(masks, worths)
    cover = _Cover({place: masks[place] for place in kept}, worths, max_steps)
    return sorted(cover.best, key=lambda place: (-worths[place], place)), cover.is_decided


def _undominated(masks: Sequence[int], worths: Sequence[float]) -> list[int]:
    """The places of sets of which no other has all elements and as much worth, best first."""
    order = sorted(range(len(masks)), key=lambda at: (-worths[at], -masks[at].bit_count(), at))
    kept: list[int] = []
    for place in order:
        if masks[place] and all(masks[place] & ~masks[other] for other in kept):
            kept.append(place)
    return kept


class _Cover:
    """A search for the fewest sets; `best` holds the places of the best found."""

    def __init__(self, masks: Mapping[int, int], worths: Sequence[float], steps: int) -> None:
        self._masks = masks
        self._worths = worths
        self._steps = steps
        self._widest = max((mask.bit_count() for mask in masks.values()), default=1)
        whole = 0
        for mask in masks.values():
            whole |= mask
        self._having = {
            1 << at: [place for place, mask in masks.items() if mask >> at & 1]
            for at in range(whole.bit_length())
        }
        self.best = self._greedy(whole)
        self._search([], whole)

    @property
    def is_decided(self) -> bool:
        """Whether the search ended by itself."""
        return self._steps >= 0

    def _greedy(self, left: int) -> list[int]:
        chosen = []
        while left:
            place = max(self._masks, key=lambda at: (self._masks[at] & left).bit_count())
            chosen.append(place)
            left &= ~self._masks[place]
        return chosen

    def _value(self, places: Sequence[int]) -> tuple[int, float, list[int]]:
        """What is better is higher: fewer, worth more, earlier; no matter in which order."""
        worth = math.fsum(self._worths[place] for place in places)
        return -len(places), worth, sorted(-place for place in places)[::-1]

    def _search(self, chosen: list[int], left: int) -> None:
        if not left:
            if self._value(chosen) > self._value(self.best):
                self.best = list(chosen)
            return
        self._steps -= 1
        atleast = len(chosen) + -(-left.bit_count() // self._widest)
        if self._steps < 0 or atleast > len(self.best):
            return
        for place in self._hardest(left):
            self._search([*chosen, place], left & ~self._masks[place])

    def _hardest(self, left: int) -> list[int]:
        """The sets for the element that fewest have, those with most of what is left first."""
        elements = (one for one in self._having if left & one)
        rarest = self._having[min(elements, key=lambda one: len(self._having[one]))]
        return sorted(rarest, key=lambda at: -(self._masks[at] & left).bit_count())
