"""Load of the whole service: clients that ask what no cache can answer, and check what they get."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode

FORM, QUERY = "application/x-www-form-urlencoded", "application/sparql-query"
TIMEOUT_SECONDS = 60.0
WAIT_SECONDS = 60.0


def until(holds: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait for it; AssertionError with `what` if it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@dataclass(frozen=True)
class Asked:
    """A request, and what its answer must contain."""

    method: str
    path: str
    expected: str
    body: bytes = b""
    kind: str = ""

    def failure(self, connection: http.client.HTTPConnection) -> str:
        """Ask it; what went wrong, or ''."""
        headers = {"Accept": "application/json", "Content-Type": self.kind}
        try:
            connection.request(self.method, self.path, self.body or None, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"{self.method} {self.path}: {error!r}"
        right = response.status == http.HTTPStatus.OK and self.expected in text
        return "" if right else f"{self.method} {self.path}: {response.status} {text[:300]}"


@dataclass(frozen=True)
class Answered:
    """When a request was sent (monotonic seconds), how many seconds it took, and what failed."""

    sent: float
    seconds: float
    failure: str


def lookup(number: int) -> Asked:
    """What the index answers, of the small graph and of the leg graph."""
    sentence = json.dumps({"sentence": "claudication is relieved by rest"}).encode()
    return (
        Asked("GET", f"/ask?q=calf+cramps&n={number}", "claudication"),
        Asked("POST", f"/api/v1/verify?n={number}", "claudication", sentence, "application/json"),
        Asked("GET", f"/api/v1/search?q=claudication&n={number}", "claudication"),
    )[number % 3]


def anything(number: int) -> Asked:
    """One in four from the index, the others from query workers; half by POST."""
    query = f"SELECT ({number} AS ?n) {{}}"
    found = f'"value":"{number}"'
    return (
        Asked("GET", f"/sparql?query={quote(query)}", found),
        Asked("POST", "/sparql", found, query.encode(), QUERY),
        Asked("POST", "/sparql", found, urlencode({"query": query}).encode(), FORM),
        lookup(number),
    )[number % 4]


class Load:
    """Clients that ask one thing after the other, each over a connection that it keeps.

    `pause` is in seconds, between two requests of one client.
    """

    def __init__(
        self, port: int, make: Callable[[int], Asked] = anything, clients: int = 4, pause: float = 0
    ) -> None:
        self.answered: list[Answered] = []
        self._port = port
        self._make = make
        self._clients = clients
        self._pause = pause
        self._numbers = itertools.count(1)
        self._ended = threading.Event()

    @property
    def failures(self) -> list[str]:
        return [answered.failure for answered in self.answered if answered.failure]

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        while not self._ended.wait(self._pause):
            asked, sent = self._make(next(self._numbers)), time.monotonic()
            failure = asked.failure(connection)
            self.answered.append(Answered(sent, time.monotonic() - sent, failure))
        connection.close()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Load until the end of the block."""
        threads = [threading.Thread(target=self._ask) for _ in range(self._clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def goes_on(self, requests: int = 100) -> None:
        """Until so many more have been answered."""
        wanted = len(self.answered) + requests
        until(lambda: len(self.answered) >= wanted, "the load has stopped")
