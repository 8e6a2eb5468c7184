"""Three replicas behind nginx under load: one is killed, hangs or is replaced; nothing fails."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacking import Answer, exchange, request
from tests.loading import QUERY, Asked, Load, anything, lookup, until
from tests.replicas import NGINX, Nginx, Replica, stack
from web.gateway import MAX_BODY, MAX_URL

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
PAUSE = 0.04
"""Seconds of a client between two requests: they leave a processor to a replica that starts."""
MARK = "zzyxqmark"
Stack = tuple[Nginx, list[Replica]]


@pytest.fixture(scope="module")
def running(small_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(small_build, tmp_path_factory.mktemp("replicas")) as started:
        yield started


def gentle(nginx: Nginx, make: Callable[[int], Asked] = anything) -> Load:
    return Load(nginx.port, make, pause=PAUSE)


def sent(nginx: Nginx, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """What comes back through nginx."""
    return exchange(nginx.port, request(method, path, headers, body), "127.0.0.1", 60)


def test_a_replica_that_is_killed_fails_no_request_and_serves_again(running: Stack) -> None:
    nginx, (victim, *_) = running
    with gentle(nginx).running() as load:
        before = len(nginx.requests())
        victim.kill()
        load.goes_on()
        victim.start()
        nginx.wait_for(victim)
    assert load.failures == []
    assert nginx.retried(victim, before)


def test_a_query_in_a_replica_that_is_killed_is_answered_by_another(running: Stack) -> None:
    nginx, (_, _, victim) = running
    before = len(nginx.requests())
    victim.signal(signal.SIGSTOP)  # what it is sent now is in flight until it is killed
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(query, nginx, number) for number in range(6)]
        until(lambda: sum(one.done() for one in asked) >= 4, "the others do not answer")
        assert not all(one.done() for one in asked)
        victim.kill()
    assert [one.result() for one in asked] == [str(number) for number in range(6)]
    assert nginx.retried(victim, before)
    victim.start()
    with gentle(nginx).running():
        nginx.wait_for(victim)


def query(nginx: Nginx, number: int) -> str:
    """The number, as a query by POST gives it back."""
    text = f"SELECT ({number} AS ?n) {{}}".encode()
    answer = sent(nginx, "POST", "/sparql", text, content_type=QUERY)
    return str(answer.json["results"]["bindings"][0]["n"]["value"])


def test_replicas_are_replaced_one_by_one_without_a_failed_request(running: Stack) -> None:
    nginx, replicas = running
    with gentle(nginx).running() as load:
        for replica in replicas:
            assert replica.stop() == 0
            replica.start()
            nginx.wait_for(replica)
    assert load.failures == []


def test_what_a_hung_replica_holds_is_answered_by_another(running: Stack) -> None:
    nginx, (_, victim, _) = running
    before = len(nginx.requests())
    with gentle(nginx, lookup).running() as load:
        nginx.wait_for(victim)
        victim.signal(signal.SIGSTOP)
        until(lambda: nginx.retried(victim, before) > 0, "nothing was taken from it")
        load.goes_on()
        victim.signal(signal.SIGCONT)
        nginx.wait_for(victim)
    assert load.failures == []


def test_what_a_client_says_of_itself_does_not_reach_the_service(running: Stack) -> None:
    nginx, _ = running
    answer = sent(
        nginx,
        "GET",
        "/sparql",
        accept="text/turtle",
        host=f"example.org:{nginx.port}",
        x_forwarded_host="evil.example",
        x_forwarded_prefix="/evil",
        x_forwarded_proto="gopher",
        forwarded="host=evil.example",
    )
    assert f"<http://example.org:{nginx.port}/sparql>" in answer.text
    assert "evil" not in answer.text
    assert "gopher" not in answer.text


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/a/../metrics"]
)
def test_metrics_are_refused(running: Stack, path: str) -> None:
    answer = sent(running[0], "GET", path)
    assert (answer.status, answer.json["status"]) == (403, 403)
    assert answer.problem


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/sparql", MAX_BODY, 413),  # by the service, of which a query may have less
        ("/sparql", MAX_BODY + 1, 413),
        (f"/ask?q={'x' * MAX_URL}", 0, 414),  # by the service
        (f"/ask?q={'x' * 2 * MAX_URL}", 0, 414),
    ],
)
def test_what_is_over_a_limit_is_a_problem(
    running: Stack, path: str, size: int, status: int
) -> None:
    method = "POST" if size else "GET"
    answer = sent(running[0], method, path, b"x" * size, content_type=QUERY)
    assert (answer.status, answer.json["status"]) == (status, status)
    assert answer.problem


def test_headers_over_the_limit_are_a_problem(running: Stack) -> None:
    answer = sent(running[0], "GET", "/health", x_long="y" * 30_000)
    assert (answer.status, answer.json["status"]) == (400, 400)
    assert answer.problem


def test_a_client_is_told_to_come_back_when_no_replica_answers(tmp_path: Path) -> None:
    nginx = Nginx([Replica(tmp_path, tmp_path) for _ in range(3)], tmp_path)  # none is started
    nginx.start()
    try:
        answer = sent(nginx, "GET", f"/ask?q={MARK}")
        assert nginx.requests()[-1]["status"] == answer.status == 503
    finally:
        nginx.stop()
    assert int(answer.headers["retry-after"]) > 0
    assert answer.problem
    assert (
        MARK not in nginx.output()
    )  # people's questions are in no log, least of all with an error
