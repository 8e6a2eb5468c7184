"""Whose query runs next: a bounded queue in which no client can keep the others from theirs."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from kg.errors import ServiceBusy, TooManyRequests

WINDOW = 60.0
"""Seconds over which a client's query time is counted."""
SLICE = 1.0
"""Seconds that a query runs, or another client waits, before one may be stopped for the other."""
TICK = 0.1


@dataclass(frozen=True, slots=True)
class Shares:
    """Limits on clients: queries at once (running and waiting) and query seconds in a minute.

    `queue` is how many queries may wait, `wait` for how many seconds.
    """

    running: int = 5
    seconds: float = 60.0
    queue: int = 16
    wait: float = 2.0


@dataclass(eq=False)
class Turn:
    """One query's place: waiting, then running since `started` (monotonic seconds).

    `stop` ends the query for the sake of others; `stopped` says that this was done.
    """

    client: str
    asked: float = field(default_factory=time.monotonic)
    started: float = 0.0
    granted: threading.Event = field(default_factory=threading.Event)
    refused: bool = False
    stopped: bool = False
    stop: Callable[[], None] = lambda: None


_now = time.monotonic


class _Use:
    """The query time of a client in the last minute."""

    def __init__(self) -> None:
        self._parts: deque[tuple[float, float]] = deque()
        self._total = 0.0

    def add(self, now: float, seconds: float) -> None:
        self._parts.append((now, seconds))
        self._total += seconds

    def seconds(self, now: float) -> float:
        while self._parts and self._parts[0][0] < now - WINDOW:
            self._total -= self._parts.popleft()[1]
        return self._total if self._parts else 0.0

    def eases_in(self, now: float) -> float:
        """Seconds until the oldest of it is forgotten."""
        return self._parts[0][0] + WINDOW - now


class Turns:
    """Hands out `places` turns at a time."""

    def __init__(self, places: int, shares: Shares) -> None:
        self._places = places
        self._shares = shares
        self._share = max(1, places - 1)
        self._lock = threading.Lock()
        self._waiting: list[Turn] = []
        self._running: list[Turn] = []
        self._uses: dict[str, _Use] = {}

    def take(self, client: str) -> Turn:
        """Wait for a turn. ServiceBusy or TooManyRequests if there is none within the limits."""
        turn = Turn(client)
        with self._lock:
            self._check_budget(turn)
            self._make_room(turn)
            self._waiting.append(turn)
            self._hand_out()
        while not turn.granted.wait(min(TICK, max(0.0, turn.asked + self._shares.wait - _now()))):
            with self._lock:
                if not turn.granted.is_set():
                    self._wait_on(turn)
        return turn

    def give_back(self, turn: Turn) -> None:
        """End a turn, and count its time."""
        with self._lock:
            now = _now()
            self._running.remove(turn)
            self._uses.setdefault(turn.client, _Use()).add(now, now - turn.started)
            self._hand_out()

    def _hand_out(self) -> None:
        """Give the free places away."""
        while len(self._running) < self._places and (turn := self._next()) is not None:
            self._waiting.remove(turn)
            turn.started = _now()
            self._running.append(turn)
            turn.granted.set()

    def _wait_on(self, turn: Turn) -> None:
        """What to do for a turn that has not come yet: give it up, or end another for it."""
        if turn.refused or _now() >= turn.asked + self._shares.wait:
            refusal = self._refusal(turn)
            self._waiting.remove(turn)
            raise refusal
        self._stop_one_for(turn)

    @property
    def are_taken(self) -> bool:
        """Whether any turn runs or is waited for."""
        return bool(self._running or self._waiting)

    def _check_budget(self, turn: Turn) -> None:
        if self._used(turn.client, turn.asked) < self._shares.seconds:
            return
        raise TooManyRequests(
            f"this client's queries took more than {self._shares.seconds:g} s of the last minute",
            retry_after=self._uses[turn.client].eases_in(turn.asked),
        )

    def _used(self, client: str, now: float) -> float:
        """Query seconds of a client in the last minute; a client without any is forgotten."""
        if client not in self._uses:
            return 0.0
        seconds = self._uses[client].seconds(now)
        if not seconds:
            del self._uses[client]
        return seconds

    def _make_room(self, turn: Turn) -> None:
        """In a full queue, the last one of who fills it most, or has used most, gives way."""
        if len(self._waiting) < self._shares.queue:
            return
        counts = Counter(other.client for other in self._waiting)
        weights = {
            client: (count, self._taken(client, turn.asked)) for client, count in counts.items()
        }
        own = (counts[turn.client] + 1, self._taken(turn.client, turn.asked))
        heaviest, most = max(weights.items(), key=itemgetter(1), default=("", own))
        if most <= own:
            raise self._refusal(turn)
        last = [other for other in self._waiting if other.client == heaviest][-1]
        last.refused = True

    def _refusal(self, turn: Turn) -> ServiceBusy | TooManyRequests:
        others = (*self._running, *self._waiting)
        if sum(other.client == turn.client for other in others) > self._shares.running:
            return TooManyRequests(
                f"this client has more than {self._shares.running} queries running or waiting"
            )
        return ServiceBusy("all query workers are busy; try again soon")

    def _taken(self, client: str, now: float) -> float:
        """Query seconds of a client in the last minute, with those of what is still running."""
        running = (now - turn.started for turn in self._running if turn.client == client)
        return self._used(client, now) + sum(running)

    def _next(self) -> Turn | None:
        """The one to run next: of the client with least running, then with least time used.

        One client does not have all places; and the last is for who has not used a slice lately.
        """
        now = _now()
        is_last = len(self._running) == self._places - 1 > 0
        counts = Counter(other.client for other in self._running)
        ready = [
            (counts[turn.client], used, turn.asked, place)
            for place, turn in enumerate(self._waiting)
            if not turn.refused
            and counts[turn.client] < self._share
            and ((used := self._used(turn.client, now)) <= SLICE or not is_last)
        ]
        return self._waiting[min(ready)[3]] if ready else None

    def _stop_one_for(self, turn: Turn) -> None:
        """End a long query of a client that has used more, if this one has waited long enough."""
        now = _now()
        if now - turn.asked < SLICE:
            return
        if len(self._running) < self._places or any(other.stopped for other in self._running):
            return
        used = {
            other: self._used(other.client, now) + now - other.started
            for other in self._running
            if now - other.started > SLICE and other.client != turn.client
        }
        longest = max(used, key=lambda other: used[other], default=None)
        if longest is not None and used[longest] > self._used(turn.client, now):
            longest.stopped = True
            longest.stop()
