"""What an operator relies on: settings, readiness, metrics, logs without people's words, limits."""

import asyncio
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.middleware.proxy_fix import ProxyFix

from kg.builder.run import build
from kg.errors import DataError, SnapshotError
from kg.sparql.pool import PoolSettings
from kg.sparql.processes import Keeper
from kg.sparql.turns import Shares
from server import SETTINGS, Settings, create_app
from tests.attacking import Running, children
from tests.conftest import ROOT, quietly, small_root
from tests.test_attacks_faults import note
from tests.test_gateway import Protocol, Scope
from web import logs
from web.clients import address_of, network_of
from web.gateway import Gateway
from web.limiting import Limiter
from web.logs import Entry, Writer, as_json, as_text, frames_of, install, pieces
from web.operation import Observer
from web.settings import table

MARKER = "zxqvmarker"
Answered = tuple[int, dict[str, str], Any]


def sent(
    gateway: Gateway,
    path: str,
    query: str = "",
    method: str = "GET",
    body: bytes = b"",
    peer: str = "127.0.0.9:1234",
    **headers: str,
) -> Answered:
    """What the gateway answers to a request from a peer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = Scope(method, path, query, {"host": "example.org", **named})
    scope.client = peer
    protocol = Protocol([body] if body else [], 0.0)
    asyncio.run(gateway.__rsgi__(scope, protocol))
    [answer] = protocol.answered
    return answer


# -- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ETIOGRAPH_WORKER", "2", "no setting ETIOGRAPH_WORKER; did you mean ETIOGRAPH_WORKERS?"),
        ("ETIOGRAPH_XYZZY", "2", "no setting ETIOGRAPH_XYZZY$"),
        ("ETIOGRAPH_WORKERS", "0", "ETIOGRAPH_WORKERS must be a number from 1, not '0'"),
        ("ETIOGRAPH_RATE", "-1", "ETIOGRAPH_RATE must be a number from 0"),
        ("ETIOGRAPH_QUERY_TIMEOUT", "inf", "ETIOGRAPH_QUERY_TIMEOUT must be a number"),
        ("ETIOGRAPH_QUERY_WAIT", "nan", "ETIOGRAPH_QUERY_WAIT must be a number"),
        ("ETIOGRAPH_LOG", "xml", "ETIOGRAPH_LOG must be one of auto, json, text, off, not 'xml'"),
    ],
)
def test_an_unknown_key_and_a_wrong_value_are_named(name: str, value: str, said: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(said).replace(r"\$", "$")):
        Settings.read({name: value})


def test_what_is_not_set_has_the_default() -> None:
    read = Settings.read({"ETIOGRAPH_RATE": "", "UNRELATED": "x"})
    assert read == Settings.read({})
    assert (read.workers, read.rate, read.log_questions) == (1, 0, False)


def test_the_readme_s_table_is_that_of_the_settings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*) \| (.*) \|$", readme, re.MULTILINE)
    assert rows == [(s.name, s.shown or str(s.default), s.help) for s in SETTINGS]


def test_the_settings_are_printed_without_secrets() -> None:
    environment = {
        "ETIOGRAPH_RATE": "60",
        "ETIOGRAPH_SPARQL_ENDPOINT": f"http://user:{MARKER}@127.0.0.1/sparql",
        "ETIOGRAPH_SPARQL_PASSWORD": MARKER,
    }
    lines = list(table(environment))
    assert len(lines) == len(SETTINGS) + 1
    row = next(line for line in lines if line.startswith("ETIOGRAPH_RATE "))
    assert row.split()[1:3] == ["60", "0"]
    assert MARKER not in "\n".join(lines)


@pytest.mark.parametrize(("name", "status"), [("ETIOGRAPH_RATE", 0), ("ETIOGRAPH_RAT", 1)])
def test_the_command_shows_the_settings_or_refuses_them(name: str, status: int) -> None:
    ended = subprocess.run(
        [sys.executable, "server.py", "--settings"],
        cwd=ROOT,
        env={**os.environ, name: "60"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status
    assert ("ETIOGRAPH_RATE" in ended.stdout) is (status == 0)
    assert ("did you mean ETIOGRAPH_RATE?" in ended.stderr) is (status == 1)


# -- whose request it is -------------------------------------------------------------------

FORWARDED = st.lists(
    st.lists(st.sampled_from(["10.0.0.1", "2001:db8::1", "", " 8.8.8.8 ", '"quoted, one"']),
             max_size=3).map(",".join),
    max_size=3,
)  # fmt: skip


@given(FORWARDED, st.integers(0, 4))
def test_gateway_and_flask_agree_on_the_client(forwarded: list[str], proxies: int) -> None:
    seen: dict[str, str] = {}

    def application(environ: dict[str, Any], _: object) -> list[bytes]:
        seen["address"] = environ["REMOTE_ADDR"]
        return []

    fixed = ProxyFix(cast(Any, application), x_for=proxies)
    joined = ",".join(forwarded)
    environ = {"REMOTE_ADDR": "127.0.0.9", "HTTP_X_FORWARDED_FOR": joined}
    fixed(cast(Any, environ), cast(Any, None))
    assert address_of("127.0.0.9", forwarded, proxies) == seen["address"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


# -- limits --------------------------------------------------------------------------------


class Nothing:
    """What is served where it does not matter."""

    serving = object()


def limited(rate: int, burst: int, proxies: int = 0) -> Gateway:
    app = Flask(__name__)
    for path in ("/x", "/health", "/ready", "/metrics", "/static/y"):
        app.add_url_rule(path, path, lambda: "done")
    return Gateway(app, cast(Any, Nothing()), 0, limiter=Limiter(rate, burst, proxies))


def test_a_client_over_its_rate_is_told_when_to_come_back() -> None:
    gateway = limited(2, 50)
    first = sent(gateway, "/x")
    assert first[1]["ratelimit-policy"] == '"burst";q=2;w=1, "minute";q=2;w=60'
    assert re.fullmatch(r'"burst";r=1;t=1, "minute";r=1;t=(60|59)', first[1]["ratelimit"])
    assert sent(gateway, "/x")[0] == 200
    status, headers, body = sent(gateway, "/x")
    assert (status, headers["content-type"]) == (429, "application/problem+json")
    assert 1 <= int(headers["retry-after"]) <= 60
    assert '"minute";r=0' in headers["ratelimit"]
    assert json.loads(body)["status"] == 429
    assert sent(gateway, "/x", peer="127.0.0.8:1")[0] == 200


def test_a_burst_is_over_after_a_second() -> None:
    gateway = limited(1000, 1)
    answers = [sent(gateway, "/x") for _ in range(8)]
    refused = [headers for status, headers, _ in answers if status == 429]
    assert refused
    assert {headers["retry-after"] for headers in refused} == {"1"}


def test_what_watches_the_service_is_free() -> None:
    gateway = limited(1, 1)
    for path in ("/health", "/ready", "/metrics", "/static/y"):
        assert [sent(gateway, path)[0] for _ in range(3)] == [200, 200, 200]


def test_a_forged_header_does_not_escape_the_limit() -> None:
    alone, behind = limited(1, 1), limited(1, 1, proxies=1)
    for gateway in (alone, behind):
        assert sent(gateway, "/x", x_forwarded_for="1.1.1.1, 9.9.9.9")[0] == 200
        assert sent(gateway, "/x", x_forwarded_for="2.2.2.2, 9.9.9.9")[0] == 429
    assert sent(behind, "/x", x_forwarded_for="2.2.2.2, 9.9.9.8")[0] == 200
    assert sent(alone, "/x", x_forwarded_for="2.2.2.2, 9.9.9.8")[0] == 429


def test_the_addresses_of_one_ipv6_network_share_a_limit() -> None:
    gateway = limited(1, 1)
    assert sent(gateway, "/x", peer="[2001:db8::1]:99")[0] == 200
    assert sent(gateway, "/x", peer="[2001:db8::ffff:2]:99")[0] == 429
    assert sent(gateway, "/x", peer="[2001:db8:0:1::1]:99")[0] == 200


# -- metrics, readiness and logs of the application ----------------------------------------


class Watched:
    """The application over the small graph, with a gateway, and the entries of its log."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(folder=folder, **settings)
        self.app = create_app(self.settings)
        self.current = self.app.extensions["etiograph"]
        self.entries: list[Entry] = []
        metrics = self.app.extensions["etiograph.metrics"]
        observer = Observer(metrics, self.current, self.entries.append, self.settings)
        rate, burst = self.settings.rate, self.settings.burst
        limiter = Limiter(rate, burst, self.settings.proxies) if rate else None
        self.gateway = Gateway(self.app, self.current, 1_000_000, observer, limiter)

    def metrics(self) -> dict[str, float]:
        """Every sample by its name and labels."""
        text = sent(self.gateway, "/metrics")[2].decode()
        return {
            f"{sample.name}{sorted(sample.labels.values())}": sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def lines(self) -> str:
        return b"".join(map(as_json, self.entries)).decode()


@pytest.fixture
def watched(small_build: Path) -> Iterator[Watched]:
    one = Watched(small_build)
    one.current.serving.pool.ready()
    yield one
    one.current.serving.pool.close()


@pytest.fixture
def logged(watched: Watched) -> Iterator[None]:
    """What is logged by name goes among the entries."""
    logger = logging.getLogger(logs.NAME)
    before = logger.handlers[:], logger.level, logger.propagate
    install("json", watched.entries.append, open_words=watched.settings.log_questions)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def test_requests_are_counted_by_route_and_answers_kept_too(watched: Watched) -> None:
    for _ in range(3):
        assert sent(watched.gateway, "/ask", "q=calf+cramps")[0] == 200
    sent(watched.gateway, "/api/v1/entities/etio:Calf")
    sent(watched.gateway, f"/{MARKER}")
    sent(watched.gateway, "/ask", "q=hello", method=MARKER.upper())
    found = watched.metrics()
    assert found["etiograph_requests_total['/ask', '200', 'GET']"] == 3
    assert found["etiograph_requests_total['/api/v1/entities/<curie>', '200', 'GET']"] == 1
    assert found["etiograph_requests_total['(none)', '404', 'GET']"] == 1
    assert found["etiograph_requests_total['(none)', '405', 'other']"] == 1
    assert found["etiograph_request_duration_seconds_count['/ask']"] == 3
    assert found["etiograph_cache_hits_total[]"] == 2
    assert not any(MARKER in name.lower() for name in found)


def test_what_goes_wrong_is_counted(watched: Watched) -> None:
    endless = "query=SELECT(COUNT(*)AS+?n){?a+?b+?c.?d+?e+?f.?g+?h+?i.?j+?k+?l.?m+?n1+?o}"
    assert sent(watched.gateway, "/sparql", f"{endless}&timeout=0.2")[0] == 503
    assert sent(watched.gateway, "/ask", "q=hello")[0] == 422
    found = watched.metrics()
    assert found["etiograph_query_timeouts_total[]"] == 1
    assert found["etiograph_query_workers_replaced_total['late']"] == 1
    assert found["etiograph_queries_total[]"] == 1
    assert found["etiograph_problems_total['QueryTimeout']"] == 1
    assert found["etiograph_problems_total['NotUnderstood']"] == 1


def test_requests_over_the_rate_are_counted(small_build: Path) -> None:
    one = Watched(small_build, rate=1)
    assert [sent(one.gateway, "/ask", "q=calf+cramps")[0] for _ in range(3)] == [200, 429, 429]
    found = one.metrics()
    assert found["etiograph_rate_limited_total[]"] == 2
    assert found["etiograph_requests_total['(refused)', '429', 'GET']"] == 2
    one.current.serving.pool.close()


def test_refusals_of_queries_and_reloads_are_counted(small_build: Path) -> None:
    shares = Shares(seconds=1e-9)
    one = Watched(small_build, pool=PoolSettings(shares=shares))
    assert sent(one.gateway, "/sparql", "query=ASK{}")[0] == 200
    assert sent(one.gateway, "/sparql", "query=ASK{?s+?p+?o}")[0] == 429
    before = one.current.serving
    one.current._replace()
    assert one.current.serving is not before
    one.current.load = lambda: open_nothing()
    one.current._replace()
    found = one.metrics()
    assert found["etiograph_queries_refused_total['over_share']"] == 1
    assert found["etiograph_reloads_total[]"] == 1
    assert found["etiograph_reloads_refused_total[]"] == 1
    one.current.serving.pool.close()
    before.pool.close()


def open_nothing() -> Any:
    raise SnapshotError("there is none")


def test_the_metrics_tell_what_is_served(watched: Watched) -> None:
    found = watched.metrics()
    version = watched.current.serving.version
    assert found[f"etiograph_snapshot_info['{version}']"] == 1
    manifest = watched.current.serving.service.snapshot.manifest
    assert found["etiograph_snapshot_triples[]"] == manifest["counts"]["triples"]
    assert 0 <= found["etiograph_snapshot_age_seconds[]"] < 3600
    assert found["etiograph_memory_bytes['web']"] > 10_000_000
    assert found["etiograph_ready[]"] == 1


def test_it_is_ready_until_it_drains(watched: Watched) -> None:
    status, headers, body = sent(watched.gateway, "/ready")
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert json.loads(body)["version"] == watched.current.serving.version
    assert "does not diagnose" in json.loads(body)["disclaimer"]
    watched.current.drain()
    status, headers, body = sent(watched.gateway, "/ready")
    assert (status, headers["content-type"]) == (503, "application/problem+json")
    assert int(headers["retry-after"]) > 0
    assert "about to end" in json.loads(body)["detail"]
    assert sent(watched.gateway, "/ask", "q=calf+cramps")[0] == 200


def test_pages_are_answered_before_the_graph_is_loaded_for_sparql(
    small_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()
    wait = Keeper.wait
    monkeypatch.setattr(Keeper, "wait", lambda *told: may_load.wait(20) and wait(*told))
    one = Watched(small_build)
    status, _, body = sent(one.gateway, "/ready")
    assert status == 503
    assert "is being loaded for SPARQL" in json.loads(body)["detail"]
    assert sent(one.gateway, "/ask", "q=calf+cramps")[0] == 200
    assert sent(one.gateway, "/sparql", accept="text/html")[0] == 200
    threading.Timer(0.2, may_load.set).start()
    assert sent(one.gateway, "/sparql", "query=ASK{}")[0] == 200
    assert sent(one.gateway, "/ready")[0] == 200
    one.current.serving.pool.close()


def test_a_graph_that_cannot_be_loaded_for_sparql_leaves_the_pages(
    small_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("the graph took more memory than is allowed")

    monkeypatch.setattr(Keeper, "wait", refuse)
    one = Watched(small_build)
    assert within(5, lambda: bool(one.current.serving.damage))
    status, _, body = sent(one.gateway, "/ready")
    assert status == 503
    assert json.loads(body)["detail"] == "the graph took more memory than is allowed"
    assert json.loads(sent(one.gateway, "/health")[2])["status"] == "degraded"
    for accept in ("application/json", "text/html"):
        status, _, body = sent(one.gateway, "/sparql", "query=ASK{}", accept=accept)
        assert status == 503
        assert b"more memory than is allowed" in body
    assert sent(one.gateway, "/ask", "q=calf+cramps")[0] == 200
    one.current.serving.pool.close()


def test_it_is_not_ready_while_the_remote_engine_is_down(small_build: Path) -> None:
    endpoint = {"endpoint": "http://127.0.0.1:1/sparql", "user": "", "password": ""}
    one = Watched(small_build, endpoint=endpoint)
    status, _, body = sent(one.gateway, "/ready")
    assert status == 503
    assert "cannot be reached" in json.loads(body)["detail"]
    assert sent(one.gateway, "/health")[0] == 200
    one.current.serving.pool.close()


def ask_everywhere(watched: Watched) -> list[int]:
    """Send the marker by each way in, and into a failure."""

    known: dict[str, str] = {}

    @watched.app.get("/broken/<text>")
    def broken(text: str) -> str:
        try:
            return known[text]
        except KeyError as error:
            raise ValueError(f"nothing for {text}") from error

    form = "application/x-www-form-urlencoded"
    answers = [
        sent(watched.gateway, "/ask", f"q=calf+cramps+{MARKER}"),
        sent(watched.gateway, "/sparql", f"query=ASK+{{+?s+?p+'{MARKER}'+}}"),
        sent(watched.gateway, "/sparql", "", "POST", f"query={MARKER}".encode(), content_type=form),
        sent(watched.gateway, "/api/v1/search", f"q={MARKER}"),
        sent(watched.gateway, f"/{MARKER}"),
        sent(watched.gateway, f"/broken/{MARKER}"),
        sent(watched.gateway, "/ask", f"q={MARKER}" * 5000),
        sent(watched.gateway, "/ask", "", MARKER.upper(), user_agent=MARKER, referer=MARKER),
    ]
    return [status for status, _, _ in answers]


@pytest.mark.usefixtures("logged")
def test_no_word_of_a_question_is_logged(watched: Watched) -> None:
    assert ask_everywhere(watched) == [200, 200, 400, 200, 404, 500, 414, 405]
    assert MARKER not in watched.lines().lower()
    requests = [entry for entry in watched.entries if entry["event"] == "request"]
    assert [entry["route"] for entry in requests] == [
        "/ask", "/sparql", "/sparql", "/api/v1/search", "(none)", "/broken/<text>", "(refused)",
        "(none)",
    ]  # fmt: skip
    assert not any("client" in entry or "question" in entry for entry in requests)
    [failure] = [entry for entry in watched.entries if entry["event"] == "failure"]
    assert failure["route"] == "/broken/<text>"
    assert any("test_operation.py" in line and "broken" in line for line in failure["traceback"])
    assert {"ValueError", "KeyError"} <= set(failure["traceback"])


def test_questions_and_clients_are_logged_where_that_is_asked_for(small_build: Path) -> None:
    one = Watched(small_build, log_questions=True, log_clients=True, proxies=1)
    sent(one.gateway, "/ask", "q=calf%20cramps", x_forwarded_for="1.1.1.1, 9.9.9.9")
    sent(one.gateway, "/sparql", "", "POST", b"ASK {}", content_type="application/sparql-query")
    assert [entry["question"] for entry in one.entries] == [
        "/ask?q=calf cramps", "/sparql ASK {}"
    ]  # fmt: skip
    assert [entry["client"] for entry in one.entries] == ["9.9.9.9", "127.0.0.9"]
    one.current.serving.pool.close()


# -- the log -------------------------------------------------------------------------------


def entry(**more: Any) -> Entry:
    return {"time": 0.25, "level": "info", "event": "request", **more}


def test_an_entry_is_a_line_of_json_or_of_text() -> None:
    line = as_json(entry(status=200))
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250Z", "level": "info", "event": "request", "status": 200
    }  # fmt: skip
    assert line.count(b"\n") == 1
    text = as_text(entry(status=200)).decode()
    assert text == "1970-01-01T00:00:00.250Z level=info event=request status=200\n"


def test_lines_are_written_in_pieces_that_stay_whole() -> None:
    lines = [b"x" * 1500 + b"\n"] * 5 + [b"y" * 9000 + b"\n"]
    found = list(pieces(lines))
    assert b"".join(found) == b"".join(lines)
    assert all(piece.endswith(b"\n") for piece in found)
    assert max(map(len, found[:-1])) <= logs.PIECE


def test_a_log_that_nobody_reads_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING", 100)
    monkeypatch.setattr(logs, "END_SECONDS", 0.1)
    released = threading.Event()
    written: list[bytes] = []

    def stuck(piece: bytes) -> None:
        released.wait()
        written.append(piece)

    writer = Writer(as_json, stuck)
    writer.put(entry())
    time.sleep(logs.GATHER_SECONDS * 2)  # it is writing now
    for _ in range(500):
        writer.put(entry())
    assert writer.dropped == 400
    writer.close()
    released.set()
    writer._thread.join()
    assert b"".join(written).count(b"\n") == 101


def test_what_led_to_an_exception_is_told_without_a_message() -> None:
    try:
        try:
            int(MARKER)
        except ValueError as error:
            raise RuntimeError(MARKER) from error
    except RuntimeError as error:
        lines = frames_of(error)
    assert "RuntimeError" in lines
    assert "ValueError" in lines
    assert MARKER not in "\n".join(lines)


# -- processes -----------------------------------------------------------------------------


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold in time."""
    until = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < until:
        time.sleep(0.05)
    return held


def counted(running: Running, name: str) -> float:
    """The value of a sample, by the beginning of its line."""
    lines = running.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def serves(pid: int, folder: Path) -> bool:
    """Whether a worker has come so far as to count."""
    return any(folder.glob(f"etiograph-*/*_{pid}.db"))


@pytest.mark.service
def test_a_worker_that_is_killed_is_replaced_and_what_it_counted_remains(
    small_build: Path, tmp_path: Path
) -> None:
    settings = {"ETIOGRAPH_WORKERS": 2, "TMPDIR": tmp_path, "ETIOGRAPH_LOG": "json"}
    with Running(small_build, **settings) as running:
        asked = 'etiograph_requests_total{method="GET",route="/api/v1/search"'
        workers = children(running.process.pid)
        assert len(workers) == 2
        assert within(20, lambda: all(serves(pid, tmp_path) for pid in workers))
        for number in range(40):
            assert running.get(f"/api/v1/search?q=calf&limit={number + 1}").status == 200
        assert counted(running, asked) == 40
        os.kill(workers[0], signal.SIGKILL)
        assert within(20, lambda: len(set(children(running.process.pid)) - {workers[0]}) == 2)
        [added] = set(children(running.process.pid)) - set(workers)
        assert within(20, lambda: serves(added, tmp_path))
        for number in range(40):
            assert running.get(f"/api/v1/search?q=calf&limit={number + 1}").status == 200
        assert counted(running, asked) == 80
        assert list(tmp_path.glob("etiograph-*"))
        running.process.send_signal(signal.SIGTERM)
        _, written = running.process.communicate(timeout=20)
        assert running.process.returncode == 0
    assert not list(tmp_path.iterdir())
    entries = [json.loads(line) for line in written.splitlines()]
    events = Counter(entry["event"] for entry in entries)
    assert events["respawn"] == 1
    assert 2 <= events["start"] <= 3  # a process that is killed takes its last lines with it
    [set_here] = {
        entry["settings"]["ETIOGRAPH_WORKERS"] for entry in entries if "settings" in entry
    }
    assert set_here == 2
    logged = sum(entry.get("route") == "/api/v1/search" for entry in entries)
    assert 40 <= logged <= 80  # for the same reason


@pytest.mark.service
def test_all_workers_serve_what_is_new(tmp_path: Path) -> None:
    root = small_root(tmp_path / "root")
    first = build(root / "build", root, reasoner=False, say=quietly)["version"]
    with Running(root / "build", ETIOGRAPH_WORKERS=2) as running:

        def versions() -> set[str]:
            return {running.health()["version"] for _ in range(30)}

        assert versions() == {first}
        note(root, "A new title")
        second = build(root / "build", root, reasoner=False, say=quietly)["version"]
        assert within(20, lambda: versions() == {second})
        assert within(10, lambda: counted(running, "etiograph_reloads_total") == 2)
        os.kill(running.process.pid, signal.SIGHUP)
        assert within(20, lambda: counted(running, "etiograph_reloads_total") == 4)
        assert running.stop() == 0


@pytest.mark.service
def test_it_is_not_ready_for_a_while_before_it_ends(small_build: Path) -> None:
    with Running(small_build, ETIOGRAPH_DRAIN=1.5, ETIOGRAPH_WORKERS=2) as running:
        assert running.get("/ready").status == 200
        running.process.send_signal(signal.SIGTERM)
        assert within(1, lambda: running.get("/ready").status == 503)
        assert running.get("/ask?q=calf+cramps").status == 200
        running.process.communicate(timeout=20)
        assert running.process.returncode == 0


@pytest.mark.service
def test_what_cannot_be_served_is_said_and_not_tried_again(
    small_build: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "build"
    shutil.copytree(small_build, folder)
    for manifest in folder.glob("*/manifest.json"):
        manifest.write_text("{}")
    running = Running(folder)
    _, written = running.process.communicate(timeout=30)
    assert running.process.returncode == 1
    assert written.count(b"error: ") == 1
