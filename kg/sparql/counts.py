"""Counts what happens to queries, for whoever looks after a service.

What is counted is named in `Event`, so that a count reads 0 until it happens.
"""

import threading
from collections import Counter
from enum import StrEnum


class Event(StrEnum):
    """What can happen to a query or to its worker."""

    ASKED = "asked"
    """A query asked for its turn."""
    BUSY = "busy"
    """It was refused: all turns were taken."""
    OVER_SHARE = "over_share"
    """It was refused: its client had had its share."""
    LATE = "late"
    """Its worker was killed at the deadline."""
    MADE_WAY = "made_way"
    """Its worker was killed to let others be answered."""
    BROKE = "broke"
    """It needed too much memory, or crashed its worker."""
    RENEWED = "renewed"
    """Its worker had grown, and was replaced after the answer or when idle."""
    LOST = "lost"
    """A worker, or the keeper, was found to have been killed from outside."""


class Counts:
    """How often each event happened since this was made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: Counter[Event] = Counter()

    def add(self, event: Event) -> None:
        with self._lock:
            self._numbers[event] += 1

    def read(self) -> dict[Event, int]:
        """All counts at this moment."""
        with self._lock:
            return {event: self._numbers[event] for event in Event}
